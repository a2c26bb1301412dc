//! A publisher and a reader that keep to the letter of QoS 2, over kills of the process anywhere.

use super::*;

/// A publisher that keeps to the letter of QoS 2.
#[derive(Default)]
struct Publisher {
    last: u16,
    /// Under way, each with whether it is released.
    under_way: BTreeMap<u16, bool>,
}

/// A reader that keeps to the letter of QoS 2.
#[derive(Default)]
struct Reader {
    got: Vec<u16>,
    /// Ids that may not be those of another message.
    held: Vec<NonZeroU16>,
}

impl Publisher {
    fn publish(&mut self, bench: &mut Bench, conn: ConnId) {
        self.last += 1;
        self.under_way.insert(self.last, false);
        Self::send(bench, conn, self.last);
    }

    fn send(bench: &mut Bench, conn: ConnId, number: u16) {
        let message = message("a", &number.to_string(), 2, number);
        if bench.hub.admit(conn, &message) == Ok(Admission::Accepted) {
            bench.hub.publish(bench.now, conn, &message, Standing::PassedOn);
        }
    }

    fn release(bench: &mut Bench, conn: ConnId, packet_id: NonZeroU16) {
        let release = Packet::PublishRelease(completion(packet_id));
        bench.hub.packet(conn, release).expect("goes on");
    }

    /// Begins where the last connection has ended.
    fn resume(&self, bench: &mut Bench, conn: ConnId) {
        for (number, is_released) in &self.under_way {
            if *is_released {
                Self::release(bench, conn, id(*number));
            } else {
                Self::send(bench, conn, *number);
            }
        }
    }

    fn react(&mut self, bench: &mut Bench, conn: ConnId) {
        for packet in bench.take(conn) {
            match packet {
                Packet::PublishReceived(ack) => {
                    self.under_way.insert(ack.packet_id.get(), true);
                    Self::release(bench, conn, ack.packet_id);
                }
                Packet::PublishComplete(ack) => drop(self.under_way.remove(&ack.packet_id.get())),
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Reader {
    fn react(&mut self, bench: &mut Bench, conn: ConnId) {
        for packet in bench.take(conn) {
            let answer = match packet {
                Packet::Publish(message) => {
                    let packet_id = message.packet_id.expect("of QoS 2");
                    if !self.held.contains(&packet_id) {
                        self.held.push(packet_id);
                        let text = std::str::from_utf8(&message.payload).expect("text");
                        self.got.push(text.parse().expect("a number"));
                    }
                    Packet::PublishReceived(acked(packet_id.get()))
                }
                Packet::PublishRelease(release) => {
                    self.held.retain(|it| *it != release.packet_id);
                    Packet::PublishComplete(completion(release.packet_id))
                }
                other => panic!("{other:?}"),
            };
            bench.hub.packet(conn, answer).expect("goes on");
        }
    }
}

/// The same for a seed, always.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.0 = self.0.wrapping_mul(FACTOR).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Wherever the process is killed, what is acknowledged is delivered, in order, and at QoS 2 once.
#[test]
fn acknowledged_messages_survive_a_kill_anywhere() {
    for seed in 0..500 {
        let (publisher, reader) = killed_anywhere(seed);
        let all: Vec<_> = (1..=publisher.last).collect();
        assert_eq!(reader.got, all, "seed {seed}");
        assert_eq!((publisher.under_way.len(), reader.held.len()), (0, 0), "seed {seed}");
    }
}

fn killed_anywhere(seed: u64) -> (Publisher, Reader) {
    let mut random = Random(seed);
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let (mut publisher, mut reader) = (Publisher::default(), Reader::default());
    let connect =
        |bench: &mut Bench| ["publisher", "reader"].map(|name| bench.connect(&persistent(name)));
    let [mut publishing, mut reading] = connect(&mut bench);
    bench.subscribe(reading, "a", 2);
    bench.write(&mut disk);
    for _ in 0..80 {
        match random.below(10) {
            0 | 1 if publisher.under_way.len() < 3 => publisher.publish(&mut bench, publishing),
            2..=4 => bench.write(&mut disk),
            5 => {
                bench = disk.restart(bench.now);
                [publishing, reading] = connect(&mut bench);
                publisher.resume(&mut bench, publishing);
            }
            6 | 7 => publisher.react(&mut bench, publishing),
            _ => reader.react(&mut bench, reading),
        }
        bench.assert_counted();
    }
    for _ in 0..20 {
        bench.write(&mut disk);
        publisher.react(&mut bench, publishing);
        reader.react(&mut bench, reading);
    }
    (publisher, reader)
}
