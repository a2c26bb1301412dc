//! The heartbeat is sent while readings are received, evaluated and stored and alarms are notified, and stops otherwise.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::Connection;

use crate::fixture::{FINE, HOT, ReadingPublisher, config, webhook};
use crate::support::http::Answer;
use crate::support::{
    Client, Daemon, Home, HttpServer, Mosquitto, SOON, SmallDisk, eventually, let_run, names,
    require, run_vigie, skip,
};

const HELD: &str = "No heartbeat";
const GOES_ON: &str = "The heartbeat goes on";

/// Timeout for the heartbeat to stop after a fault.
const STOPS: Duration = Duration::from_secs(30);

const INTERVAL: Duration = Duration::from_secs(1);

/// Capacity of a Linux pipe, in bytes.
const PIPE_BYTES: usize = 64 << 10;

fn heartbeat(server: &HttpServer, keys: &str) -> String {
    format!("[heartbeat]\nurl = \"{}\"\ninterval = \"1s\"\n{keys}\n", server.url("/ping/uuid"))
}

fn wait_beats(server: &HttpServer, more: usize) {
    let count = server.requests().len() + more;
    server.wait_taken(count, SOON);
}

/// After the log line with the reason, no heartbeat is sent until the fault ends.
fn stays_away(server: &HttpServer, daemon: &mut Daemon, why: &str, heal: impl FnOnce()) {
    let line = daemon.wait_line(HELD, STOPS);
    assert!(line.contains(why), "{line}");
    let before = server.requests().len();
    let_run(3 * INTERVAL);
    assert_eq!(server.requests().len(), before, "beats while it was held back");
    heal();
    daemon.wait_line(GOES_ON, SOON);
    wait_beats(server, 1);
    assert_eq!(daemon.lines_with(HELD).len(), 1, "said once");
}

#[test]
fn the_heartbeat_keeps_its_interval_and_stops_with_a_frozen_daemon() {
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = home.start(&config("en", &heartbeat(&server, "")));
    wait_beats(&server, 3);
    let beat = server.requests().remove(0);
    assert_eq!((beat.method.as_str(), beat.path.as_str()), ("GET", "/ping/uuid"));
    let begun = Instant::now();
    daemon.freeze(Duration::from_secs(4));
    let ended = Instant::now();
    wait_beats(&server, 2);
    let while_frozen = server.requests().into_iter().filter(|beat| {
        // One request may have been in flight.
        beat.at > begun + Duration::from_secs(1) && beat.at < ended
    });
    assert_eq!(while_frozen.count(), 0);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_stops_while_nothing_can_be_stored() {
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = home.start(&config("en", &heartbeat(&server, "")));
    wait_beats(&server, 2);
    let locked = Connection::open(home.path(names::DATABASE)).expect("the database");
    locked.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    stays_away(&server, &mut daemon, "not judged and stored within 10 s", || {
        locked.execute_batch("ROLLBACK").expect("free again");
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_stops_while_the_journal_is_full() {
    let (home, server) = (Home::new(), HttpServer::new());
    let Some(disk) = SmallDisk::mount(home.path("small"), 8) else {
        skip("can't mount a small tmpfs: it takes root");
        return;
    };
    let storage = "[storage]\npath = \"small/sensor_data.db\"\n";
    let mut daemon = home.start(&config("en", &format!("{storage}{}", heartbeat(&server, ""))));
    wait_beats(&server, 2);
    disk.fill();
    stays_away(&server, &mut daemon, "No heartbeat", || disk.free());
    assert_eq!(daemon.stop(), 0);
}

/// The alerts file is a pipe that is not read, so evaluation blocks.
#[test]
fn the_heartbeat_stops_while_evaluation_is_stuck() {
    let (home, server) = (Home::new(), HttpServer::new());
    let pipe = home.path("alerts.pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("run mkfifo");
    assert!(made.success(), "mkfifo");
    // Opened for reading and writing, so that neither end waits for the other.
    let mut ends = File::options().read(true).write(true).open(&pipe).expect("the pipe");
    let log = "[log]\nalerts_file = \"alerts.pipe\"\n";
    let mut daemon = home.start(&config("en", &format!("{log}{}", heartbeat(&server, ""))));
    wait_beats(&server, 2);
    ends.write_all(&vec![b' '; PIPE_BYTES]).expect("filled");
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    stays_away(&server, &mut daemon, "not judged and stored within 10 s", || {
        let mut some = vec![0; PIPE_BYTES];
        ends.read_exact(&mut some).expect("what filled it");
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_stops_while_the_database_is_missing() {
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = home.start(&config("en", &heartbeat(&server, "")));
    wait_beats(&server, 2);
    let (database, away) = (home.path(names::DATABASE), home.path("away.db"));
    std::fs::rename(&database, &away).expect("moved away");
    stays_away(&server, &mut daemon, "No heartbeat", || {
        std::fs::rename(&away, &database).expect("moved back");
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_stops_while_an_alarm_cant_be_notified() {
    let (home, server, receiver) = (Home::new(), HttpServer::new(), HttpServer::new());
    receiver.always(Answer::Status(503));
    let tables = webhook("on-call", &receiver.url("/")) + &heartbeat(&server, "");
    let mut daemon = home.start(&config("en", &tables));
    wait_beats(&server, 2);
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    stays_away(&server, &mut daemon, "receiver on-call can't be notified of an alarm", || {
        receiver.always(Answer::Status(200));
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_stops_while_an_active_alarm_is_refused() {
    let (home, server, receiver) = (Home::new(), HttpServer::new(), HttpServer::new());
    receiver.always(Answer::Status(400));
    let tables = webhook("on-call", &receiver.url("/")) + &heartbeat(&server, "");
    let mut daemon = home.start(&config("en", &tables));
    wait_beats(&server, 2);
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    stays_away(&server, &mut daemon, "receiver on-call can't be notified of an alarm", || {
        publisher.publish("A", "Hall", FINE, 60);
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn with_needs_broker_the_heartbeat_stops_without_a_broker() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (home, server, other) = (Home::new(), HttpServer::new(), HttpServer::new());
    let mut broker = Mosquitto::running();
    let table = broker.access().mqtt_table("the broker", "");
    let with = format!("language = \"en\"\n{table}{}", heartbeat(&server, "needs_broker = true"));
    let mut daemon = home.start(&with);
    daemon.wait_line(names::CONNECTED, SOON);
    wait_beats(&server, 1);
    let second_home = Home::new();
    let mut unasked = second_home.start(&format!(
        "language = \"en\"\n{table}client_id = \"other\"\n{}",
        heartbeat(&other, "")
    ));
    broker.stop();
    stays_away(&server, &mut daemon, "no connection to the broker", || broker.start());
    wait_beats(&other, 1);
    assert!(unasked.lines_with(HELD).is_empty());
    assert_eq!((daemon.stop(), unasked.stop()), (0, 0));
}

#[test]
fn a_heartbeat_that_cant_be_sent_is_a_problem() {
    let (home, server) = (Home::new(), HttpServer::new());
    server.always(Answer::Status(404));
    let mut daemon = home.start(&config("en", &heartbeat(&server, "")));
    daemon.wait_line(
        "The heartbeat can't be sent: it answers with HTTP status 404; check its address",
        SOON,
    );
    let status = eventually("the problem", SOON, || {
        let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        text.contains("the heartbeat can't be sent").then_some(text)
    });
    assert!(status.contains("answers with HTTP status 404"), "{status}");
    server.always(Answer::Status(200));
    daemon.wait_line(GOES_ON, SOON);
    assert_eq!(daemon.lines_with("can't be sent").len(), 1, "said once");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn the_heartbeat_by_mqtt_stops_in_the_same_way() {
    const TOPIC: &str = "factory/heartbeat";
    let home = Home::new();
    let table = format!("[heartbeat]\ntopic = \"{TOPIC}\"\ninterval = \"1s\"\n");
    let mut daemon = home.start(&config("en", &table));
    let watcher = Client::connect(&daemon.embedded_broker());
    watcher.subscribe(TOPIC);
    let beats = watcher.wait_count(TOPIC, 2, SOON);
    let beat = beats[0].json();
    assert_eq!(beat["client_id"], "vigie");
    let time: chrono::DateTime<chrono::Utc> =
        beat["timestamp"].as_str().expect("a text").parse().expect("a time");
    assert!((chrono::Utc::now() - time).num_seconds().abs() < 60, "{time}");
    let locked = Connection::open(home.path(names::DATABASE)).expect("the database");
    locked.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    let line = daemon.wait_line(HELD, STOPS);
    assert!(line.contains("not judged and stored within 10 s"), "{line}");
    let before = watcher.received_on(TOPIC).len();
    let_run(3 * INTERVAL);
    assert_eq!(watcher.received_on(TOPIC).len(), before, "beats while it was held back");
    locked.execute_batch("ROLLBACK").expect("free again");
    watcher.wait_count(TOPIC, before + 1, SOON);
    assert_eq!(daemon.stop(), 0);
    assert!(
        watcher.received_on(TOPIC).iter().all(|beat| !beat.retained),
        "nobody is told of an old one"
    );
}
