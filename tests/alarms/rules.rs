//! Alarms of `[[rules]]` in the running daemon: they are raised when they should be, and a `kill -9` changes nothing of
//! their history.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::{Connection, OpenFlags, Row};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Home, Mosquitto, SOON, let_run, names, require};

/// Kinds that depend on the reading, on another sensor, and on delays that run between readings.
const RULES: &str = r#"
[[rules]]
name = "warm"
kind = "high"
sensors = ["T_*"]
limit = 24.0
deadband = 1.0
on_delay = "3s"
off_delay = "2s"
priority = "critical"
message = "{sensor} at {location}: {value}{unit}, limit {limit}{unit}"

[[rules]]
name = "hot"
kind = "high"
locations = ["Atel?er*"]
limit = 26.0

[[rules]]
name = "cold"
kind = "low"
sensors = ["T_0", "T_1"]
limit = 16.0
deadband = 0.5
off_delay = "4s"
priority = "low"

[[rules]]
name = "apart"
kind = "difference"
sensors = ["T_2"]
other = "T_3"
limit = 6.0
deadband = 1.0

[[rules]]
name = "odd"
kind = "expression"
sensors = ["T_4"]
when = "value > 22.0 && sensor(\"T_5\").value < 20.0"
on_delay = "2s"
"#;

const SENSORS: usize = 6;
const READINGS: usize = 10_200;
const KILLS: usize = 30;
const RATE: u32 = 1200;

fn config(broker: &Mosquitto) -> String {
    format!("language = \"en\"\n{}{RULES}", broker.access().mqtt_table("the broker", ""))
}

/// Six sensors with random walks around 20 degrees, a reading a second each.
fn script() -> Vec<(String, Vec<u8>)> {
    let mut random = StdRng::seed_from_u64(7);
    let mut values = [20.0_f64; SENSORS];
    (0..READINGS)
        .map(|n| {
            let value = &mut values[n % SENSORS];
            *value += random.random_range(-2.0..2.0) + (20.0 - *value) * 0.05;
            let rounded = (*value * 10.0).round() / 10.0;
            let sensor = format!("T_{}", n % SENSORS);
            let payload = reading(&sensor, rounded, &timestamp(n / SENSORS));
            (names::READINGS.to_owned(), payload.into_bytes())
        })
        .collect()
}

/// Event of an alarm.
struct Event {
    line: String,
    alert_id: String,
}

/// History of every alarm, a line an event.
fn history(home: &Home) -> Vec<Event> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(home.db().path(), flags).expect("the database");
    let sql = "SELECT concat_ws(' ', sensor_id, rule, severity, state, value, threshold, timestamp,
                                announced, message), alert_id
               FROM alerts ORDER BY sensor_id, rule, id";
    let mut query = db.prepare(sql).expect("the table of alerts");
    let event = |row: &Row<'_>| Ok(Event { line: row.get(0)?, alert_id: row.get(1)? });
    let events = query.query_map([], event).expect("run a query");
    events.map(|event| event.expect("an event")).collect()
}

/// Plays the script to a daemon that is killed `kills` times.
fn play(kills: usize) -> Vec<Event> {
    let (broker, home) = (Mosquitto::running(), Home::new());
    let config = config(&broker);
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let access = broker.access();
    let publishing = std::thread::spawn(move || {
        let start = Instant::now();
        let paced = (0..).zip(script()).map(|(n, message)| {
            let due = start + Duration::from_secs(1) / RATE * n;
            let_run(due.saturating_duration_since(Instant::now()));
            message
        });
        Client::connect(&access).publish_all(paced);
    });
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..kills {
        let_run(Duration::from_millis(random.random_range(50..250)));
        daemon.kill();
        daemon = home.start(&config);
    }
    publishing.join().expect("all published");
    daemon.wait_until("all readings", Duration::from_secs(60), || home.db().count() == READINGS);
    assert_eq!(daemon.stop(), 0);
    history(&home)
}

#[test]
fn kills_change_nothing_of_the_alarm_history() {
    if !require(&["mosquitto"]) {
        return;
    }
    let whole = play(0);
    assert!(whole.len() >= 500, "{} transitions", whole.len());
    for rule in ["warm", "hot", "cold", "apart", "odd"] {
        assert!(
            whole.iter().any(|event| event.line.contains(&format!(" {rule} "))),
            "none of {rule}"
        );
    }
    let killed = play(KILLS);
    eprintln!("{} transitions, beside {} with {KILLS} kills", whole.len(), killed.len());
    assert_eq!(killed.len(), whole.len());
    // Alert ids derive from journal positions, and each start appends a time mark, so the ids of two runs differ.
    let (mut ids, mut used) = (HashMap::new(), HashSet::new());
    for (killed, whole) in killed.iter().zip(&whole) {
        assert_eq!(killed.line, whole.line);
        let id = ids.entry(&whole.alert_id).or_insert_with(|| {
            assert!(used.insert(&killed.alert_id), "{} names two alerts", killed.alert_id);
            &killed.alert_id
        });
        assert_eq!(*id, &killed.alert_id, "{}", whole.line);
    }
}

#[test]
fn silence_raises_an_alarm_and_a_reading_ends_it() {
    if !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let rule =
        "[[rules]]\nname = \"dead\"\nkind = \"stale\"\nafter = \"1s\"\npriority = \"medium\"\n";
    let table = broker.access().mqtt_table("the broker", "");
    let mut daemon = home.start(&format!("language = \"en\"\n{table}{rule}"));
    daemon.wait_line(names::CONNECTED, SOON);
    let client = Client::listening(&broker.access(), &[names::ALERTS]);
    client.publish(names::READINGS, reading("T_1", 21.5, &timestamp(0)), 1);
    let raised = client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!(raised["alert_type"], "STALE_TEMPERATURE");
    assert_eq!(raised["severity"], "MEDIUM");
    assert_eq!(raised["message"], "Temperature: no reading for 1 s, the last one: 21.5°C");
    assert_eq!(raised["timestamp"], "2024-08-14T00:00:01.000000+00:00", "when it was due");
    client.publish(names::READINGS, reading("T_1", 21.6, &timestamp(60)), 1);
    let told = client.wait_count(names::ALERTS, 2, SOON);
    let resolved = told[1].json();
    assert_eq!(
        (&resolved["state"], &resolved["alert_id"]),
        (&"resolved".into(), &raised["alert_id"])
    );
    assert_eq!(daemon.stop(), 0);
}
