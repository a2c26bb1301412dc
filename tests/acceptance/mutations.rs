//! Packets that are broken at random, from a seed, sent by two at once to the embedded broker and to Mosquitto.
//!
//! Always: no panic; a well-behaved device beside them is acknowledged, and stored. Prints where one of the two brokers goes
//! on and the other ends the connection, by the kind of packet, for a person to judge.
//!
//! A few at each run; 20,000 with `VIGIE_ACCEPT=mutations`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::scale;
use crate::support::raw_packets::{connect, converse, packet, text};
use crate::support::{
    Home, Mosquitto, RawClient, SOON, Version, free_port, let_run, names, require,
};

const SEED: u64 = 20_240_814;
const FEW: usize = 300;
const MANY: usize = 20_000;

/// Sound packets of MQTT 5, each with its name.
fn sound(id: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let publish = |flags: u8| {
        let id: &[u8] = if flags & 6 == 0 { &[] } else { &[0, 7] };
        let properties = [&[0x02, 0, 0, 0, 60, 0x26][..], &text(b"k"), &text(b"v")].concat();
        let count = [u8::try_from(properties.len()).expect("few")];
        let body = [&text(b"site/a"), id, &count, &properties, b"payload"].concat();
        packet(0x30 | flags, &body)
    };
    let will = [
        b"\0\x04MQTT\x05\x0e\0\x3c",
        &[5, 0x11, 0, 0, 0, 60][..],
        &text(id),
        &[5, 0x18, 0, 0, 0, 5],
        &text(b"site/w"),
        &text(b"gone"),
    ];
    vec![
        ("CONNECT", packet(0x10, &will.concat())),
        ("PUBLISH 0", publish(0)),
        ("PUBLISH 1", publish(2)),
        ("PUBLISH 2", publish(5)),
        (
            "SUBSCRIBE",
            packet(0x82, &[&[0, 1, 2, 0x0B, 5][..], &text(b"site/+/x"), &[0x2D]].concat()),
        ),
        ("UNSUBSCRIBE", packet(0xA2, &[&[0, 2, 0][..], &text(b"site/#")].concat())),
        ("PUBACK", packet(0x40, &[0, 7, 0, 0])),
        ("PUBREL", packet(0x62, &[0, 7, 0, 0])),
        ("DISCONNECT", packet(0xE0, &[4, 5, 0x11, 0, 0, 0, 1])),
    ]
}

fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes.insert(at, random.random()),
            3 if bytes.len() > 2 => drop(bytes.remove(at)),
            4 => bytes.truncate(at.max(1)),
            _ => bytes.extend_from_within(at..),
        }
    }
}

/// Differences by the kind of packet, what ours answered, and what Mosquitto did: how many, and one of them.
type Differences = Mutex<BTreeMap<(&'static str, String, String), (usize, Vec<u8>)>>;

fn send(ports: [u16; 2], seed: u64, count: usize, differences: &Differences) {
    let mut random = StdRng::seed_from_u64(seed);
    for trial in 0..count {
        // Each is another client: a CONNACK waits for what it ends of an earlier session, and these hang up at once.
        let id = format!("{seed}-{trial}").into_bytes();
        let sound = sound(&id);
        let (name, bytes) = &sound[random.random_range(0..sound.len())];
        let mut bytes = bytes.clone();
        mutate(&mut bytes, &mut random);
        let first = if *name == "CONNECT" { Vec::new() } else { connect(5, &id) };
        let said = [first, bytes.clone()].concat();
        let [ours, theirs] = ports.map(|port| converse(port, &said));
        if ours.is_alive != theirs.is_alive {
            let last = |answers: &[String]| answers.last().cloned().unwrap_or_default();
            let key = (*name, last(&ours.answers), last(&theirs.answers));
            let mut differences = differences.lock().expect("no panic");
            differences.entry(key).or_insert_with(|| (0, bytes)).0 += 1;
        }
    }
}

#[test]
fn broken_packets_harm_no_other_client() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let count = if scale::is_asked("mutations") { MANY } else { FEW };
    let mosquitto = Mosquitto::running();
    let (home, port) = (Home::new(), free_port());
    let mut daemon =
        home.start(&format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n"));
    daemon.wait_line(names::CONNECTED, SOON);
    let (is_over, differences) = (Arc::new(AtomicBool::new(false)), Differences::default());
    let device = {
        let is_over = is_over.clone();
        thread::spawn(move || {
            let addr = format!("127.0.0.1:{port}");
            let mut device = RawClient::connect(&addr, "device", Version::V5).expect("connected");
            let mut number = 0_usize;
            while !is_over.load(Ordering::Relaxed) {
                let reading = format!("{{\"sensor_id\":\"D\",\"temperature\":{number}}}");
                device.publish(1, 1, names::READINGS, reading.as_bytes()).expect("sent");
                device.acknowledgement().expect("acknowledged");
                number += 1;
                let_run(Duration::from_millis(20));
            }
            number
        })
    };
    let ports = [port, mosquitto.port()];
    thread::scope(|scope| {
        for seed in [SEED, SEED + 1] {
            let differences = &differences;
            scope.spawn(move || send(ports, seed, count / 2, differences));
        }
    });
    is_over.store(true, Ordering::Relaxed);
    let taken = device.join().expect("acknowledged throughout");
    assert!(daemon.is_running(), "{}", daemon.log());
    let db = home.db();
    daemon.wait_until("the device's readings", SOON, || db.count() >= taken);
    assert!(daemon.lines_with(names::PANIC_IN).is_empty(), "{}", daemon.log());
    let differences = differences.into_inner().expect("no panic");
    let total: usize = differences.values().map(|(count, _)| count).sum();
    println!(
        "MUTATIONS {count} from two at once, seed {SEED}: {total} differences, {taken} readings beside them"
    );
    for ((name, ours, theirs), (count, example)) in &differences {
        println!(
            "MUTATIONS {count:5} {name}: ours {ours:?}, Mosquitto {theirs:?}, such as {example:02x?}"
        );
    }
    assert_eq!(daemon.stop(), 0);
}
