//! What MQTT has an answer for gets that answer, to the letter.

use super::clients::Version;
use super::raw::{DISCONNECT, Raw};
use super::{DEADLINE, Running};

/// Sends something in an accepted connection of MQTT 5; the reason it is ended with.
fn reason_for(broker: &Running, kind: u8, body: &[u8]) -> u8 {
    let mut rude = Raw::connect_as(broker.addr(), "rude", Version::V5);
    rude.send(kind, body);
    let (kind, answer) = rude.receive().expect("an answer");
    assert_eq!(kind, DISCONNECT, "{answer:?}");
    assert!(rude.is_closed());
    answer[0]
}

#[test]
fn what_mqtt_5_forbids_ends_the_connection_with_its_reason() {
    let broker = Running::new();
    let connect = b"\0\x04MQTT\x05\x02\0\0\0\0\x04rude";
    for (what, kind, body, reason) in [
        ("a wildcard in a topic", 0x32, &b"\0\x03a/#\0\x01\0"[..], 0x90),
        ("U+0000 in a topic", 0x32, b"\0\x03a\0b\0\x01\0", 0x81),
        ("no topic and no alias", 0x30, b"\0\0\0x", 0x82),
        ("an alias that was not offered", 0x30, b"\0\x01a\x03\x23\xff\xff", 0x94),
        ("an alias that is not known", 0x30, b"\0\0\x03\x23\0\x01", 0x82),
        ("QoS 3", 0x36, b"\0\x01a\0\x01\0", 0x81),
        ("packet id 0", 0x32, b"\0\x01a\0\0\0", 0x81),
        ("a SUBSCRIBE without a filter", 0x82, b"\0\x01\0", 0x82),
        ("subscription identifier 0", 0x82, b"\0\x01\x02\x0b\0\0\x01a\0", 0x81),
        ("a second CONNECT", 0x10, connect, 0x82),
        ("a CONNACK", 0x20, b"\0\0\0", 0x82),
        ("a packet type that is none", 0x00, b"", 0x81),
        ("text that is not UTF-8", 0x32, b"\0\x02\xc0\xaf\0\x01\0", 0x81),
    ] {
        assert_eq!(reason_for(&broker, kind, body), reason, "{what}");
    }
    let mut rude = Raw::connect_as(broker.addr(), "rude", Version::V5);
    rude.publish("big", &vec![0; 3 * 1024 * 1024], 1);
    assert_eq!(rude.receive(), Some((DISCONNECT, vec![0x95, 0])));
}

#[test]
fn a_connect_that_cannot_be_accepted_is_answered() {
    let broker = Running::new();
    let answer = |body: &[u8]| {
        let mut raw = Raw::open(broker.addr());
        raw.send(0x10, body);
        raw.receive().map(|(kind, answer)| (kind, answer[1]))
    };
    assert_eq!(answer(b"\0\x04MQTT\x06\x02\0\0\0\0\x01a"), Some((0x20, 1)), "protocol level 6");
    assert_eq!(answer(b"\0\x04MQTT\x04\0\0\0\0\0"), Some((0x20, 2)), "a session without an id");
    let method = b"\0\x04MQTT\x05\x02\0\0\x05\x15\0\x02xy\0\x01a";
    assert_eq!(answer(method), Some((0x20, 0x8C)), "another way to authenticate");
    let long = [b"\0\x04MQTT\x05\x02\0\0\0\x01\x01", &[b'x'; 257][..]].concat();
    assert_eq!(answer(&long), Some((0x20, 0x85)), "257 bytes of client id");
    let will = b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\0\0\x01#\0\x01x";
    assert_eq!(answer(will), Some((0x20, 0x90)), "a will to a wildcard");
}

#[test]
fn a_client_that_was_taken_over_or_fell_silent_is_told() {
    let broker = Running::new();
    let mut old = Raw::connect_as(broker.addr(), "one", Version::V5);
    let _new = Raw::connect_as(broker.addr(), "one", Version::V5);
    assert_eq!(old.receive(), Some((DISCONNECT, vec![0x8E, 0])));

    let mut silent = Raw::open(broker.addr());
    silent.send(0x10, b"\0\x04MQTT\x05\x02\0\x01\0\0\x01s");
    assert!(matches!(silent.receive(), Some((0x20, _))));
    assert_eq!(silent.receive(), Some((DISCONNECT, vec![0x8D, 0])));
}

#[test]
fn a_group_shares_its_messages() {
    let broker = Running::new();
    let mut members: Vec<_> = ["one", "two"].map(|id| Raw::connect(broker.addr(), id, true)).into();
    for member in &mut members {
        member.subscribe("$share/group/n", 1);
    }
    Raw::connect(broker.addr(), "publisher", true).publish_numbers("n", 1..=100);
    let mut numbers = Vec::new();
    for member in &mut members {
        for _ in 0..50 {
            let message = member.next(DEADLINE).expect("its share");
            member.acknowledge(message.packet_id);
            numbers.push(message.number());
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn who_publishes_without_reading_is_not_cut_off() {
    let broker = Running::new();
    let mut both = Raw::connect(broker.addr(), "both", true);
    both.subscribe("n", 0);
    // More than the sockets hold, both ways.
    const MESSAGES: u32 = 20_000;
    let padding = [b'0'; 990];
    for number in 1..=MESSAGES {
        both.publish_at(
            0,
            false,
            "n",
            &[&padding[..], format!("{number:010}").as_bytes()].concat(),
        );
    }
    assert_eq!(both.next(DEADLINE).expect("the first").number(), 1);
    for number in 2..=MESSAGES {
        assert_eq!(both.next(DEADLINE).expect("the next").number(), number);
    }
}

#[test]
fn topics_and_packets_come_whole_however_they_are_cut() {
    let broker = Running::new();
    let mut listener = Raw::connect(broker.addr(), "listener", true);
    listener.subscribe("#", 0);
    // Its length, and the text behind it, look like a header of their own.
    let topic = format!("Ü{}", "a".repeat(190));
    let mut device = Raw::connect(broker.addr(), "device", true);
    for number in ["1", "2"] {
        device.publish_at(0, false, &topic, number.as_bytes());
    }
    assert_eq!(listener.next(DEADLINE).expect("the first").number(), 1);
    assert_eq!(listener.next(DEADLINE).expect("the second").number(), 2);
}

#[test]
fn a_window_of_acknowledgements_at_once_does_not_stop_anything() {
    let broker = Running::new();
    let mut both = Raw::connect(broker.addr(), "both", true);
    both.subscribe("n", 1);
    Raw::connect(broker.addr(), "publisher", true).publish_numbers("n", 1..=1000);
    let ids: Vec<_> =
        (0..1000).map(|_| both.next(DEADLINE).expect("a message").packet_id).collect();
    let mut acks: Vec<u8> = Vec::new();
    for id in ids {
        acks.extend([0x40, 2]);
        acks.extend(id.to_be_bytes());
    }
    acks.extend([0xC0, 0]);
    both.send_bytes(&acks);
    assert_eq!(both.receive(), Some((0xD0, Vec::new())));
}

/// Sends a frame as a browser does, masked.
fn send_frame(stream: &mut std::net::TcpStream, opcode: u8, payload: &[u8]) {
    use std::io::Write;
    let length = u8::try_from(payload.len()).expect("below 126");
    let mask = [1, 2, 3, 4];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let frame = [opcode, 0x80 | length].into_iter().chain(mask).chain(masked);
    stream.write_all(&frame.collect::<Vec<_>>()).expect("sent");
}

#[test]
fn a_browser_speaks_by_websocket_in_frames_cut_anywhere() {
    use std::io::{Read, Write};
    let broker = super::Running::new();
    let address = broker.0.as_ref().expect("running").websocket.expect("it listens");
    let mut browser = std::net::TcpStream::connect(address).expect("connected");
    browser.set_read_timeout(Some(super::DEADLINE)).expect("a timeout");
    let head = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    browser.write_all(head.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        browser.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    // A CONNECT in three parts with a ping between them, then a message at QoS 1.
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01w";
    send_frame(&mut browser, 0x02, &connect[..3]);
    send_frame(&mut browser, 0x00, &connect[3..9]);
    send_frame(&mut browser, 0x89, b"here");
    send_frame(&mut browser, 0x80, &connect[9..]);
    send_frame(&mut browser, 0x82, b"\x32\x06\0\x01t\0\x07x");
    let mut read = |bytes: usize| {
        let mut got = vec![0; bytes];
        browser.read_exact(&mut got).expect("more");
        got
    };
    assert_eq!(read(6), b"\x8a\x04here");
    assert_eq!(read(6), b"\x82\x04\x20\x02\0\0");
    assert_eq!(read(6), b"\x82\x04\x40\x02\0\x07");
    send_frame(&mut browser, 0x81, b"text");
    assert_eq!(browser.read(&mut [0]).unwrap_or(0), 0, "text ends it");
}
