//! Own readings stay in the journal until the broker has acknowledged them, however the daemon ends. They are evaluated and
//! stored meanwhile.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::readings::timestamp;
use crate::support::{
    Client, Daemon, Home, Mosquitto, Received, SOON, names, require, run_vigie, time,
};

const UNAVAILABLE: i32 = 69;

/// Timeout for some ten thousand readings, by a debug build on a busy machine.
const ALL_SENT: Duration = Duration::from_secs(120);

/// Value of a run's own sensor, published after everything pending.
const LAST: &str = "LAST";

/// Value of row `n` of a recording.
fn value(n: usize) -> f64 {
    format!("{n}.25").parse().expect("a number")
}

/// A sensor that replays `rows` rows, one a second in the recording.
fn replay(home: &Home, id: &str, rows: usize, speed: &str) -> String {
    let mut csv = String::from("timestamp,value\n");
    for n in 0..rows {
        writeln!(csv, "{},{:?}", timestamp(n), value(n)).expect("writing to memory");
    }
    let file = home.write(&format!("{id}.csv"), &csv);
    format!(
        "[[sensors]]\nid = \"{id}\"\nlocation = \"Hall 1\"\n\
         source = {{ type = \"replay\", file = \"{}\", speed = {speed} }}\n",
        file.display()
    )
}

fn base(broker: &Mosquitto) -> String {
    format!("language = \"en\"\n{}", broker.access().mqtt_table("the broker", ""))
}

/// Values that a sensor published, in order of receipt, each with its own time.
fn values(messages: &[Received], id: &str) -> Vec<f64> {
    let json = messages.iter().map(Received::json).filter(|json| json["sensor_id"] == id);
    let value = |json: serde_json::Value| {
        let value = json["temperature"].as_f64().expect("a number");
        let carried = time(json["timestamp"].as_str().expect("text"));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // as `self::value` made it
        let row = value.trunc() as usize;
        assert_eq!(carried, time(&timestamp(row)), "{json}");
        assert_eq!((&json["location"], &json["unit"]), (&"Hall 1".into(), &"celsius".into()));
        value
    };
    json.map(value).collect()
}

/// `lag.NAME` in the daemon's status.
fn lag(home: &Home, name: &str) -> usize {
    let config = home.path("vigie.toml");
    let output = run_vigie(home, &["status", "--json", "-c", config.to_str().expect("text")]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    report["lag"][name].as_u64().and_then(|count| count.try_into().ok()).unwrap_or(0)
}

/// Starts the daemon with one sensor that publishes [`LAST`], waits for it, and stops; returns all pending readings that
/// were published.
fn rest(home: &Home, broker: &Mosquitto) -> Vec<Received> {
    let listener = Client::listening(&broker.access(), &[names::READINGS]);
    let mut daemon = home.start(&format!("{}{}", base(broker), replay(home, LAST, 1, "\"max\"")));
    listener.wait_for("its last reading", ALL_SENT, |messages| {
        // Nothing follows it. Checking all messages each time would be quadratic.
        messages.last().filter(|message| message.json()["sensor_id"] == LAST).map(drop)
    });
    assert_eq!(daemon.stop(), 0);
    listener.received_on(names::READINGS)
}

fn segments(home: &Home) -> Vec<String> {
    let folder = home.path(names::LOG);
    let files = std::fs::read_dir(folder).expect("the log's folder");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        file.expect("an entry").file_name().into_string().expect("text")
    };
    files.map(name).filter(|name| name.ends_with(".journal")).collect()
}

/// Checks that the values are the first rows of the recording, in order and once each, and at least `at_least`.
fn assert_prefix(values: &[f64], at_least: usize) {
    let expected: Vec<f64> = (0..values.len()).map(value).collect();
    assert_eq!(values, expected);
    assert!(values.len() >= at_least, "{} of at least {at_least}", values.len());
}

#[test]
fn a_kill_without_a_broker_loses_no_reading() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new();
    let home = Home::new();
    let sensors = ["A", "B"].map(|id| replay(&home, id, 4000, "200.0")).concat();
    let mut daemon = home.start(&format!("{}{sensors}", base(&broker)));
    let mut sensed = 0;
    daemon.wait_until("a thousand readings sensed", SOON, || {
        sensed = lag(&home, "unpublished");
        sensed >= 1000
    });
    daemon.kill();

    broker.start();
    let received = rest(&home, &broker);
    let (a, b) = (values(&received, "A"), values(&received, "B"));
    assert!(a.len() + b.len() >= sensed, "{} and {} of {sensed}", a.len(), b.len());
    assert_prefix(&a, 1);
    assert_prefix(&b, 1);
}

#[test]
fn a_stop_without_a_broker_loses_no_reading() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    const ROWS: usize = 700;
    let mut broker = Mosquitto::new();
    let home = Home::new();
    let sensors = ["A", "B"].map(|id| replay(&home, id, ROWS, "1e9")).concat();
    let mut daemon = home.start(&format!("{}{sensors}", base(&broker)));
    daemon.wait_lines("the recording has ended", 2, SOON);
    assert_eq!(daemon.stop(), 0);
    let left = daemon.wait_line("1400 readings", SOON);
    assert!(left.contains(names::LOG) && left.contains("next start"), "{left}");

    // Once more, without new readings: they stay pending.
    let mut daemon = home.start(&base(&broker));
    daemon.wait_line("1400 readings of an earlier run", SOON);
    assert_eq!(daemon.stop(), 0);

    broker.start();
    let received = rest(&home, &broker);
    for id in ["A", "B"] {
        let values = values(&received, id);
        assert_prefix(&values, ROWS);
        assert_eq!(values.len(), ROWS);
    }
}

#[test]
fn acknowledged_readings_are_not_published_again() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    // Not a multiple of a batch size: the last few must be persisted at the stop.
    const ROWS: usize = 577;
    let broker = Mosquitto::running();
    let home = Home::new();
    let listener = Client::listening(&broker.access(), &[names::READINGS]);
    let mut daemon =
        home.start(&format!("{}{}", base(&broker), replay(&home, "A", ROWS, "\"max\"")));
    listener.wait_count(names::READINGS, ROWS, ALL_SENT);
    daemon.wait_line("the recording has ended", SOON);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.lines_with("next start"), Vec::<String>::new());
    assert_eq!(values(&rest(&home, &broker), "A"), Vec::<f64>::new());
    assert!(segments(&home).len() <= 2, "{:?}", segments(&home));
}

#[test]
fn beyond_the_limit_the_oldest_pending_readings_are_skipped_and_counted() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    const TOO_MANY: usize = 1_500;
    const ROWS: usize = names::PUBLICATION_CAPACITY + TOO_MANY;
    let mut broker = Mosquitto::new();
    let home = Home::new();
    let mut daemon = home.start(&format!("{}{}", base(&broker), replay(&home, "A", ROWS, "1e9")));
    daemon.wait_line("the recording has ended", ALL_SENT);
    daemon.wait_until("as many as it holds", SOON, || {
        lag(&home, "unpublished") == names::PUBLICATION_CAPACITY
    });
    daemon.wait_line("the oldest are skipped", SOON);
    daemon.wait_line(&format!("the oldest are skipped, {TOO_MANY} so far"), SOON);
    assert_eq!(daemon.stop(), 0);

    broker.start();
    let values = values(&rest(&home, &broker), "A");
    let expected: Vec<f64> = (TOO_MANY..ROWS).map(value).collect();
    assert_eq!(values.len(), expected.len());
    assert_eq!(values, expected);
}

#[test]
fn a_daemon_without_its_journal_folder_does_not_start() {
    let home = Home::new();
    let in_the_way = home.write(names::LOG, "a file");
    let mut daemon = home.spawn("[broker]\nlisten = \"127.0.0.1:0\"\n");
    assert_eq!(daemon.exit_code(SOON), UNAVAILABLE);
    let lines = daemon.lines_with(names::LOG);
    assert_eq!(lines.len(), 1, "{}", daemon.log());
    assert!(lines[0].contains("ERROR") && in_the_way.is_file(), "{}", lines[0]);
}

#[test]
fn a_second_daemon_on_the_same_files_does_not_start() {
    let home = Home::new();
    let config = "[broker]\nlisten = \"127.0.0.1:0\"\n";
    let mut first = home.start(config);
    let mut second: Daemon = home.spawn(config);
    assert_eq!(second.exit_code(SOON), UNAVAILABLE);
    let lines = second.lines_with("another process has it open");
    assert!(lines.len() == 1 && lines[0].contains("ERROR"), "{}", second.log());
    assert_eq!(first.stop(), 0);
}
