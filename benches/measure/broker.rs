//! The embedded broker beside Mosquitto: messages from one client to another at QoS 0, 1 and 2, as fast as they are taken
//! and at a steady rate; and what connected devices and kept sessions take in memory.

mod wire;

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::wire::{Message, Peer, Reader};
use crate::figures::{Pairs, Table, percentile};
use crate::process::memory_mib;
use crate::support::{Home, Mosquitto, SOON, free_port, names, require};

/// Rounds of each kind.
const PAIRS: usize = 6;

/// Messages of a round as fast as they are taken, by QoS.
const FAST: [usize; 3] = [300_000, 100_000, 50_000];

/// Messages of a round at a steady rate, and the rate.
const STEADY: usize = 20_000;
const STEADY_PER_S: f64 = 4_000.0;

/// Unacknowledged messages of the publisher.
const WINDOW: usize = 500;

/// Padding of a message: as long as a reading.
const PADDING: [u8; 127] = [b'x'; 127];

const TOPIC: &str = "load/t";

const DEVICES: usize = 10_000;
const SESSIONS: usize = 20_000;

/// What a round took.
struct Round {
    per_s: f64,
    /// From sending to receipt, in ms.
    ways: Vec<f64>,
}

pub fn measure(table: &mut Table) {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    raise_file_limit();
    let mosquitto = Mosquitto::new().with_endless_queues().with_line("max_inflight_messages 1000");
    // As ours: without it, its answers wait for one another.
    let mut mosquitto = mosquitto.with_line("set_tcp_nodelay true");
    mosquitto.start();
    let (home, port) = (Home::new(), free_port());
    let config = format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let ports = [port, mosquitto.port()];
    for (qos, aim) in [(0, ""), (1, "≥ 1.0"), (2, "≥ 1.2")] {
        let rounds = in_turns(ports, |port| round(port, qos, FAST[usize::from(qos)], None));
        let pairs = rounds.iter().map(|(ours, theirs)| (ours.per_s, theirs.per_s)).collect();
        let what = format!("messages from a client to another at QoS {qos}, Mosquitto");
        table.pairs(&what, "/s", 0, &Pairs(pairs), aim);
    }
    for qos in [1, 2] {
        let rounds = in_turns(ports, |port| round(port, qos, STEADY, Some(STEADY_PER_S)));
        let of = |round: &Round| percentile(round.ways.iter().copied(), 0.99);
        let pairs = rounds.iter().map(|(ours, theirs)| (of(ours), of(theirs))).collect();
        let what = format!("99 % are there within, at QoS {qos} and {STEADY_PER_S} a second");
        table.pairs(&what, "ms", 2, &Pairs(pairs), "");
    }
    let pids = [daemon.pid(), mosquitto.pid()];
    memory(table, ports, pids);
    assert_eq!(daemon.stop(), 0);
}

fn in_turns(ports: [u16; 2], round: impl Fn(u16) -> Round) -> Vec<(Round, Round)> {
    let [ours, theirs] = ports;
    let mut rounds = Vec::new();
    for pair in 0..PAIRS {
        rounds.push(if pair % 2 == 0 {
            let first = round(ours);
            (first, round(theirs))
        } else {
            let first = round(theirs);
            (round(ours), first)
        });
    }
    rounds
}

fn round(port: u16, qos: u8, count: usize, per_s: Option<f64>) -> Round {
    let began = Instant::now();
    let (mut peer, reader) = Peer::connect(port, "subscriber", true);
    peer.subscribe(TOPIC, qos);
    let mut reader = reader;
    reader.expect(0x90);
    let subscriber = thread::spawn(move || receive(peer, reader, count, began));
    let (peer, reader) = Peer::connect(port, "publisher", true);
    let first = Instant::now();
    send(peer, reader, (qos, count, per_s), began);
    let ways = subscriber.join().expect("all of them");
    Round { per_s: count as f64 / first.elapsed().as_secs_f64(), ways }
}

/// Sends messages that say when they were sent, and sees each through.
fn send(mut peer: Peer, mut reader: Reader, plan: (u8, usize, Option<f64>), began: Instant) {
    let (qos, count, per_s) = plan;
    let first = Instant::now();
    let (mut sent, mut done) = (0, 0);
    while done < count {
        while sent < count && (qos == 0 || sent - done < WINDOW) {
            let due = per_s.map(|per_s| first + Duration::from_secs_f64(sent as f64 / per_s));
            if let Some(wait) = due.and_then(|due| due.checked_duration_since(Instant::now())) {
                peer.flush();
                if qos > 0 && sent > done {
                    break;
                }
                thread::sleep(wait);
            }
            let id = u16::try_from(sent % 65_535 + 1).expect("an id");
            let nanos = u64::try_from(began.elapsed().as_nanos()).expect("not for ever");
            let payload = [&nanos.to_be_bytes()[..], &PADDING].concat();
            peer.publish(qos, id, TOPIC, &payload);
            sent += 1;
            done += usize::from(qos == 0);
        }
        peer.flush();
        while qos > 0 && done < sent {
            match reader.next() {
                Message::Other(0x50, body) => peer.send(0x62, &body[..2]),
                Message::Other(0x40 | 0x70, _) => done += 1,
                other => panic!("{other:?}"),
            }
            if !reader.has_more() {
                break;
            }
        }
    }
}

/// Receives messages and acknowledges them; their ways in ms.
fn receive(mut peer: Peer, mut reader: Reader, count: usize, began: Instant) -> Vec<f64> {
    let mut ways = Vec::with_capacity(count);
    let mut unreleased = 0;
    while ways.len() < count || unreleased > 0 {
        match reader.next() {
            Message::Publish { qos, id, payload } => {
                let sent = u64::from_be_bytes(payload[..8].try_into().expect("a time"));
                ways.push((began.elapsed().as_nanos() as f64 - sent as f64) / 1e6);
                match qos {
                    0 => {}
                    1 => peer.send(0x40, &id),
                    _ => {
                        unreleased += 1;
                        peer.send(0x50, &id);
                    }
                }
            }
            Message::Other(0x62, body) => {
                unreleased -= 1;
                peer.send(0x70, &body[..2]);
            }
            other @ Message::Other(..) => panic!("{other:?}"),
        }
        if !reader.has_more() {
            peer.flush();
        }
    }
    ways
}

/// Of devices that are connected and silent, and of sessions whose clients are away.
fn memory(table: &mut Table, ports: [u16; 2], pids: [u32; 2]) {
    let of_each = |look: &dyn Fn(u16, u32) -> f64| {
        let [ours, theirs] =
            [0, 1].map(|place| format!("{:.0} MiB", look(ports[place], pids[place])));
        (ours, theirs)
    };
    let (ours, theirs) = of_each(&|_, pid| memory_mib(pid));
    table.add("memory before, Mosquitto", ours, theirs, String::new(), "");
    let (ours, theirs) = of_each(&|port, pid| {
        let connect = |number| Peer::connect(port, &format!("device-{number}"), true).0.idle();
        let devices: Vec<_> = (0..DEVICES).map(connect).collect();
        let memory = memory_mib(pid);
        drop(devices);
        memory
    });
    let what = format!("memory with {DEVICES} devices connected, Mosquitto");
    table.add(&what, ours, theirs, String::new(), "");
    let (ours, theirs) = of_each(&|port, pid| {
        for number in 0..SESSIONS - 1 {
            let (mut peer, mut reader) = Peer::connect(port, &format!("session-{number}"), false);
            peer.subscribe(&format!("session/{number}/+"), 1);
            reader.expect(0x90);
        }
        memory_mib(pid)
    });
    let what = format!("memory with {SESSIONS} sessions kept, Mosquitto");
    table.add(&what, ours, theirs, String::new(), "");
}

/// A socket a device.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("its own limit");
}
