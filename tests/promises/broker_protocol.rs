//! The embedded broker answers unusual and invalid packets as the MQTT specification demands, compared with Mosquitto in
//! the same run.
//!
//! Each answer of the embedded broker is fixed here. Where only one of the two brokers keeps the connection, the row has
//! the reason.

use crate::support::raw_packets::{Conversation, connect, converse, packet, text};
use crate::support::{Home, Mosquitto, SOON, free_port, names, require};

/// Packets sent, the embedded broker's answer (with `alive` if the connection survives), and why Mosquitto may differ;
/// empty if it must not.
struct Row {
    name: &'static str,
    said: Vec<u8>,
    ours: &'static str,
    differs: &'static str,
}

fn row(name: &'static str, level: u8, after: &[Vec<u8>], ours: &'static str) -> Row {
    let said = [connect(level, b"odd"), after.concat()].concat();
    Row { name, said, ours, differs: "" }
}

fn differs(mut row: Row, why: &'static str) -> Row {
    row.differs = why;
    row
}

fn publish5(topic: &[u8], flags: u8, properties: &[u8]) -> Vec<u8> {
    let id: &[u8] = if flags & 6 == 0 { &[] } else { &[0, 7] };
    let count = u8::try_from(properties.len()).expect("few");
    packet(0x30 | flags, &[&text(topic), id, &[count], properties, b"x"].concat())
}

fn publish4(topic: &[u8], flags: u8) -> Vec<u8> {
    packet(0x30 | flags, &[&text(topic)[..], &[0, 7], b"x"].concat())
}

fn subscribe5(filter: &[u8], options: u8) -> Vec<u8> {
    packet(0x82, &[&[0, 1, 0][..], &text(filter), &[options]].concat())
}

fn subscribe4(filter: &[u8]) -> Vec<u8> {
    packet(0x82, &[&[0, 1][..], &text(filter), &[1]].concat())
}

fn rows() -> Vec<Row> {
    let deep = |levels: usize| vec!["a"; levels].join("/").into_bytes();
    let first = |said: Vec<u8>, name, ours| Row { name, said, ours, differs: "" };
    let alias = |topic: &[u8], alias: u16| {
        publish5(topic, 2, &[&[0x23][..], &alias.to_be_bytes()].concat())
    };
    let will =
        [b"\0\x04MQTT\x05", &[0x06, 0, 60, 0][..], &text(b"odd"), &[0], &text(b"a/#"), &text(b"w")];
    vec![
        row(
            "shared subscription, 5",
            5,
            &[subscribe5(b"$share/g/sh/t", 1), publish5(b"sh/t", 2, &[])],
            "SUBACK 01, PUBACK 00, PUBLISH, alive",
        ),
        row(
            "shared subscription, 3.1.1",
            4,
            &[subscribe4(b"$share/g/sh/t"), publish4(b"sh/t", 2)],
            "SUBACK 01, PUBACK 00, PUBLISH, alive",
        ),
        row("shared subscription of nothing", 5, &[subscribe5(b"$share/g", 1)], "SUBACK 8F, alive"),
        row("unknown alias", 5, &[alias(b"", 5)], "DISCONNECT 82"),
        row("empty topic", 5, &[publish5(b"", 2, &[])], "DISCONNECT 82"),
        row("alias 0", 5, &[alias(b"a", 0)], "DISCONNECT 81"),
        row("alias beyond what was offered", 5, &[alias(b"a", 65_535)], "DISCONNECT 94"),
        row(
            "alias that was set",
            5,
            &[alias(b"a", 3), alias(b"", 3)],
            "PUBACK 10, PUBACK 10, alive",
        ),
        row("# in a topic", 5, &[publish5(b"a/#", 2, &[])], "DISCONNECT 90"),
        row("+ in a topic", 4, &[publish4(b"a/+", 2)], ""),
        row("on $SYS", 5, &[publish5(b"$SYS/broker/version", 3, &[])], "PUBACK 87, alive"),
        differs(
            row("on $SYS, 3.1.1", 4, &[publish4(b"$SYS/broker/version", 3)], ""),
            "Mosquitto acknowledges it, and drops it",
        ),
        row("NUL in a topic", 5, &[publish5(b"a\0b", 2, &[])], "DISCONNECT 81"),
        differs(
            row("NUL in a filter", 5, &[subscribe5(b"a\0b", 1)], "SUBACK 8F, alive"),
            "Mosquitto ends the connection",
        ),
        first(connect(5, b"a\0b"), "NUL in a client id", "CONNACK 85"),
        row("not UTF-8 in a topic", 5, &[publish5(b"a\xFF", 2, &[])], "DISCONNECT 81"),
        row("surrogate in a topic", 5, &[publish5(b"a\xED\xA0\x80", 2, &[])], "DISCONNECT 81"),
        row("overlong UTF-8 in a topic", 5, &[publish5(b"a\xC0\xAF", 2, &[])], "DISCONNECT 81"),
        row("QoS 3", 5, &[publish5(b"a", 6, &[])], "DISCONNECT 81"),
        row("packet id 0", 5, &[packet(0x32, b"\0\x01a\0\0\0x")], "DISCONNECT 81"),
        differs(
            row("DUP at QoS 0", 5, &[publish5(b"a", 8, &[])], "DISCONNECT 81"),
            "MQTT-3.3.1-2; Mosquitto takes it",
        ),
        row("empty SUBSCRIBE", 5, &[packet(0x82, &[0, 1, 0])], "DISCONNECT 82"),
        row(
            "SUBSCRIBE with wrong flags",
            5,
            &[packet(0x80, &[0, 1, 0, 0, 1, b'a', 1])],
            "DISCONNECT 81",
        ),
        row("subscription at QoS 3", 5, &[subscribe5(b"a", 3)], "DISCONNECT 81"),
        row(
            "subscription id 0",
            5,
            &[packet(0x82, &[0, 1, 2, 0x0B, 0, 0, 1, b'a', 1])],
            "DISCONNECT 81",
        ),
        differs(
            row("# in the middle of a filter", 5, &[subscribe5(b"a/#/b", 1)], "SUBACK 8F, alive"),
            "Mosquitto ends the connection",
        ),
        row("second CONNECT", 5, &[connect(5, b"odd")], "DISCONNECT 82"),
        row("second CONNECT, 3.1.1", 4, &[connect(4, b"odd")], ""),
        first(publish4(b"a", 2), "PUBLISH first", ""),
        first(connect(6, b"odd"), "protocol level 6", "CONNACK 01"),
        first(packet(0x10, b"\0\x04HTTP\x04\x02\0\x3c\0\x01a"), "another protocol", "CONNACK 01"),
        first(packet(0x10, b"\0\x04MQTT\x04\x03\0\x3c\0\x01a"), "reserved flag of CONNECT", ""),
        first(connect(5, b"a\xFF"), "client id not UTF-8", "CONNACK 81"),
        differs(
            first(connect(5, &[b'i'; 257]), "client id of 257 bytes", "CONNACK 85"),
            "Mosquitto takes ids of any length",
        ),
        first(packet(0x10, &will.concat()), "wildcard in a will's topic", "CONNACK 90"),
        row("256 MiB announced", 5, &[vec![0x32, 0xFF, 0xFF, 0xFF, 0x7F]], "DISCONNECT 95"),
        row("length in five bytes", 5, &[vec![0x32, 0xFF, 0xFF, 0xFF, 0xFF, 1]], "DISCONNECT 81"),
        row("128 levels", 5, &[subscribe5(&deep(128), 1)], "SUBACK 01, alive"),
        differs(
            row("129 levels", 5, &[subscribe5(&deep(129), 1)], "SUBACK 8F, alive"),
            "Mosquitto takes 200 levels",
        ),
        row("PUBREL of nothing", 5, &[packet(0x62, &[0, 9])], "PUBCOMP 92, alive"),
        row("PUBACK of nothing", 5, &[packet(0x40, &[0, 9])], "alive"),
        row("UNSUBSCRIBE of nothing", 5, &[packet(0xA2, b"\0\x09\0\0\x01a")], "UNSUBACK, alive"),
        row("reserved type 0", 5, &[packet(0x00, &[])], "DISCONNECT 81"),
        row("AUTH", 5, &[packet(0xF0, &[])], "DISCONNECT 82"),
        row("a CONNACK from a client", 5, &[packet(0x20, &[0, 0, 0])], "DISCONNECT 82"),
    ]
}

fn shown(heard: &Conversation) -> String {
    let mut parts = heard.answers.clone();
    parts.extend(heard.is_alive.then(|| "alive".to_owned()));
    parts.join(", ")
}

#[test]
fn odd_packets_are_answered_to_the_letter() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mosquitto = Mosquitto::running();
    let (home, port) = (Home::new(), free_port());
    let config = format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let mut wrong = Vec::new();
    for Row { name, said, ours, differs } in rows() {
        let [vigie, other] = [port, mosquitto.port()].map(|port| converse(port, &said));
        let answer = shown(&vigie).replace("CONNACK 00, ", "").replace("CONNACK 00", "");
        println!("{name} | {answer} | {} | {differs}", shown(&other));
        let is_wrong = answer != ours;
        let is_unexplained = vigie.is_alive != other.is_alive && differs.is_empty();
        if is_wrong || is_unexplained {
            wrong.push(format!(
                "{name}: {answer:?}, wanted {ours:?}; Mosquitto {:?}",
                shown(&other)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(daemon.stop(), 0);
}
