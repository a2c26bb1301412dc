//! What the embedded broker keeps for its clients outlives the daemon: a subscriber's queue, messages at QoS 2 once, and
//! the last retained message.
//!
//! Publishers bring numbers over, one after another at QoS 2, and tell the last of each ten by a retained message at
//! QoS 1. A subscriber comes and goes. All of them keep to the letter of MQTT over each SIGKILL of the daemon.

use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::daemon_killed::kill_often;
use super::scale::{Moments, pick};
use super::support::{Home, RawClient, SOON, Version, eventually, free_port, let_run, names};

const PUBLISHERS: u32 = 4;

/// Between two tries to connect, while the daemon is down.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// A subscriber that hears nothing for so long has all there is.
const QUIET: Duration = Duration::from_secs(2);

fn connect(addr: &str, id: &str) -> RawClient {
    eventually("a connection", SOON, || {
        let connected = RawClient::connect(addr, id, Version::V3_1_1).ok();
        if connected.is_none() {
            thread::sleep(TRY_AGAIN);
        }
        connected
    })
}

/// How far a publisher is with a number.
#[derive(Clone, Copy)]
enum Step {
    Publish,
    Release,
    Tell,
}

struct Publisher {
    addr: String,
    name: u32,
    /// The number that is under way.
    number: u32,
    step: Step,
    /// The last number told by a retained message that was acknowledged.
    told: u32,
}

impl Publisher {
    /// Brings numbers over until it is told to stop; then the one under way is the last.
    fn run(mut self, is_over: &AtomicBool) -> Self {
        let id = format!("publisher-{}", self.name);
        loop {
            let mut connection = connect(&self.addr, &id);
            // An error means that the daemon was killed.
            while self.go_on(&mut connection).is_ok() {
                if matches!(self.step, Step::Publish) && is_over.load(Ordering::Relaxed) {
                    return self;
                }
            }
        }
    }

    fn go_on(&mut self, connection: &mut RawClient) -> Result<()> {
        let text = self.number.to_string();
        match self.step {
            Step::Publish => {
                let topic = format!("plant/{}", self.name);
                connection.publish(2, 1, &topic, text.as_bytes())?;
                wait_for(connection, 0x50)?;
                self.step = Step::Release;
            }
            Step::Release => {
                connection.send(0x62, &[0, 1])?;
                wait_for(connection, 0x70)?;
                self.step = Step::Tell;
            }
            Step::Tell => {
                if self.number.is_multiple_of(10) {
                    let topic = format!("last/{}", self.name);
                    let name = [
                        &u16::try_from(topic.len()).expect("short").to_be_bytes(),
                        topic.as_bytes(),
                    ];
                    let body = [&name.concat(), &[0, 2][..], text.as_bytes()].concat();
                    connection.send(0x33, &body)?; // QoS 1, retained
                    wait_for(connection, 0x40)?;
                    self.told = self.number;
                }
                self.number += 1;
                self.step = Step::Publish;
            }
        }
        Ok(())
    }
}

/// Waits for an answer; what comes of an earlier connection's exchange is passed over.
fn wait_for(connection: &mut RawClient, wanted: u8) -> Result<()> {
    loop {
        if connection.receive()?.0 == wanted {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Subscriber {
    /// What came of each publisher, in the order of its coming.
    got: Vec<Vec<u32>>,
    /// Packet ids of messages that are not released.
    held: Vec<[u8; 2]>,
}

impl Subscriber {
    /// Reads until nothing comes for some time, or the connection ends.
    fn read(&mut self, connection: &mut RawClient) {
        while self.read_one(connection).is_ok() {}
    }

    fn read_one(&mut self, connection: &mut RawClient) -> Result<()> {
        let (kind, body) = connection.receive()?;
        match kind & 0xf0 {
            0x30 => {
                let end = 2 + usize::from(body[1]);
                let id = [body[end], body[end + 1]];
                if !self.held.contains(&id) {
                    self.held.push(id);
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
                    let topic = text(&body[2..end]);
                    let name: usize = topic["plant/".len()..].parse().expect("a name");
                    self.got[name].push(text(&body[end + 2..]).parse().expect("a number"));
                }
                connection.send(0x50, &id)
            }
            0x60 => {
                self.held.retain(|id| id[..] != body[..2]);
                connection.send(0x70, &body[..2])
            }
            other => panic!("packet {other:#x}"),
        }
    }
}

/// Comes, reads for a while, and goes, until it is told to stop.
fn come_and_go(addr: String, is_over: Arc<AtomicBool>) -> JoinHandle<Subscriber> {
    thread::spawn(move || {
        let got = vec![Vec::new(); PUBLISHERS as usize];
        let mut subscriber = Subscriber { got, ..Subscriber::default() };
        let mut moments = Moments::new();
        while !is_over.load(Ordering::Relaxed) {
            let mut connection = connect(&addr, "subscriber");
            connection.set_patience(moments.between(10, 300));
            subscriber.read(&mut connection);
            drop(connection);
            let_run(moments.between(0, 500));
        }
        subscriber
    })
}

#[test]
fn queues_and_retained_messages_survive_kills() {
    let port = free_port();
    let addr = format!("127.0.0.1:{port}");
    let config = format!("language = \"en\"\n[broker]\nlisten = \"{addr}\"\n");
    let home = Home::new();
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    connect(&addr, "subscriber").subscribe("plant/+").expect("granted");
    let is_over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|name| {
            let (addr, is_over) = (addr.clone(), is_over.clone());
            let publisher = Publisher { addr, name, number: 1, step: Step::Publish, told: 0 };
            thread::spawn(move || publisher.run(&is_over))
        })
        .collect();
    let subscriber = come_and_go(addr.clone(), is_over.clone());
    let (mut moments, kills) = (Moments::new(), pick(4, 40));
    kill_often(&home, &config, &mut daemon, kills, &mut moments);
    is_over.store(true, Ordering::Relaxed);
    let publishers: Vec<_> =
        publishers.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    let mut subscriber = subscriber.join().expect("no panic");
    let mut connection = connect(&addr, "subscriber");
    connection.set_patience(QUIET);
    subscriber.read(&mut connection);

    let mut total = 0;
    for publisher in &publishers {
        let all: Vec<_> = (1..publisher.number).collect();
        assert_eq!(subscriber.got[publisher.name as usize], all, "seed {}", moments.seed);
        total += all.len();
        let mut fresh = connect(&addr, &format!("fresh-{}", publisher.name));
        fresh.subscribe(&format!("last/{}", publisher.name)).expect("granted");
        if publisher.told > 0 {
            let (_, body) = fresh.receive().expect("the retained message");
            let told = publisher.told.to_string();
            assert!(body.ends_with(told.as_bytes()), "{told}: {body:?}");
        }
    }
    println!(
        "CHAOS embedded broker, subscribers: {kills} kills, {total} messages at QoS 2, 0 lost, 0 doubled, in order \
         (seed {})",
        moments.seed
    );
    assert!(total > 100, "{total}");
    assert_eq!(daemon.stop(), 0);
}
