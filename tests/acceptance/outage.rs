//! Promise 7: an alarm needs no uplink. Mosquitto is away for a minute while own sensors run and break a limit:
//! each alarm is stored, and told to a webhook, within a second of its reading. Once the broker is back, own
//! readings and alerts arrive in their order.
//!
//! Runs with `VIGIE_ACCEPT=outage`.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{Connection, OpenFlags};

use crate::own;
use crate::scale;
use crate::support::{
    Client, Daemon, Home, HttpServer, Mosquitto, Received, SOON, let_run, names, require, time,
};

const SENSORS: [&str; 4] = ["OWN_1", "OWN_2", "OWN_3", "OWN_4"];
const AWAY: Duration = Duration::from_secs(60);

/// Readings of each sensor, one a second: from before the outage to after it.
const ROWS: usize = 90;

const WITHIN: TimeDelta = TimeDelta::seconds(1);

const SESSION: &str = "outage-listener";

/// Breaks the limit of 35 for two seconds in ten, each sensor at another time.
fn values(number: usize) -> Vec<f64> {
    let value = |n: usize| if (n + 3 * number) % 10 < 2 { 40.0 } else { 20.0 };
    let fraction = |n: usize| f64::from(u32::try_from(n).expect("few")) / 1000.0;
    (0..ROWS).map(|n| value(n) + fraction(n)).collect()
}

/// An alarm that was raised: sensor, and the reading's time.
type Raised = (String, DateTime<Utc>);

fn raised(home: &Home) -> Vec<Raised> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(home.db().path(), flags).expect("the database");
    let sql = "SELECT sensor_id, timestamp FROM alerts WHERE transition = 'raised' ORDER BY id";
    let mut query = db.prepare(sql).expect("the table of alerts");
    let rows = query.query_map([], |row| Ok((row.get(0)?, time(&row.get::<_, String>(1)?))));
    rows.expect("run a query").map(|row| row.expect("a row")).collect()
}

/// What the webhook was told of, and when.
fn told(server: &HttpServer) -> BTreeMap<Raised, DateTime<Utc>> {
    let (now, instant) = (Utc::now(), Instant::now());
    let mut told = BTreeMap::new();
    for request in server.requests() {
        let at = now - (instant - request.at);
        for alert in request.json()["alerts"].as_array().expect("a list") {
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            let key = (text(&alert["labels"]["sensor"]), time(&text(&alert["startsAt"])));
            told.entry(key).or_insert(at);
        }
    }
    told
}

/// Looks on for the time of the outage: when each alarm was first seen in the table.
fn look_on(home: &Home, until: Instant) -> BTreeMap<Raised, DateTime<Utc>> {
    let mut seen = BTreeMap::new();
    while Instant::now() < until {
        for alarm in raised(home) {
            seen.entry(alarm).or_insert_with(Utc::now);
        }
        let_run(Duration::from_millis(20));
    }
    seen
}

/// Whether each of the alarms due in a period came within a second; the slowest.
fn assert_in_time(what: &str, due: &[Raised], delays: &BTreeMap<Raised, TimeDelta>) {
    let missing = due.iter().filter(|alarm| !delays.contains_key(alarm)).count();
    let slowest = due.iter().filter_map(|alarm| delays.get(alarm)).max();
    eprintln!("{what}: {} alarms due, {missing} never seen, the slowest {slowest:?}", due.len());
    assert_eq!(missing, 0, "{what}: alarms that were never seen in the outage");
    assert!(slowest.is_some_and(|slowest| *slowest <= WITHIN), "{what}: {slowest:?}");
}

/// Where the sensors' readings break the limit after they didn't, within a period.
fn due(first: DateTime<Utc>, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Raised> {
    let mut due = Vec::new();
    for (number, id) in SENSORS.iter().enumerate() {
        let values = values(number);
        for n in 1..ROWS {
            let at = first + TimeDelta::seconds(i64::try_from(n).expect("few"));
            if values[n] > 35.0 && values[n - 1] < 35.0 && (from..to).contains(&at) {
                due.push(((*id).to_owned(), at));
            }
        }
    }
    due
}

/// The first copies, and how many more there were.
fn firsts<T: Clone + Eq + Hash>(all: &[T]) -> (Vec<T>, Vec<T>) {
    let mut seen = HashSet::new();
    all.iter().cloned().partition(|one| seen.insert(one.clone()))
}

/// Everything arrives in order; twice only what was in flight when the broker went.
fn assert_arrived(home: &Home, messages: &[Received], stopped: DateTime<Utc>) {
    let (readings, again) = firsts(&own::published(messages, "OWN"));
    assert_eq!(readings, own::stored(home, "OWN"), "own readings, in order");
    let after = again.iter().filter(|(_, at, _)| *at > stopped + WITHIN).count();
    let alert = |message: &Received| {
        let alert = message.json();
        let text = |key: &str| alert[key].as_str().expect("text").to_owned();
        (text("alert_id"), text("state"))
    };
    let alerts = messages.iter().filter(|message| message.topic == names::ALERTS);
    let (alerts, alerts_again) = firsts(&alerts.map(alert).collect::<Vec<_>>());
    eprintln!(
        "{} readings, {} twice ({after} of them measured later); {} alerts, {} twice",
        readings.len(),
        again.len(),
        alerts.len(),
        alerts_again.len()
    );
    assert_eq!(after, 0, "twice, though not in flight when the broker went");
    let sql = "SELECT concat_ws(' ', alert_id, state) FROM alerts WHERE announced ORDER BY id";
    let alerts: Vec<_> = alerts.iter().map(|(id, state)| format!("{id} {state}")).collect();
    assert_eq!(alerts, home.db().texts(sql), "alerts, in order");
}

fn start(home: &Home, broker: &Mosquitto, server: &HttpServer) -> Daemon {
    let sensors = SENSORS
        .iter()
        .enumerate()
        .map(|(number, id)| own::sensor(home, id, &values(number), "speed = 1.0, times = \"now\""));
    let receiver = format!(
        "[[receivers]]\nname = \"on-call\"\ntype = \"webhook\"\nurl = \"{}\"\ngroup_by = [\"sensor\"]\n\
         group_wait = \"0s\"\ngroup_interval = \"1s\"\n",
        server.url("/")
    );
    let table = broker.access().mqtt_table("the broker", "");
    let limit = "[alerts.temperature]\nhigh = 35.0\n";
    let sensors: String = sensors.collect();
    home.start(&format!("language = \"en\"\n{table}{limit}{receiver}{sensors}"))
}

/// The harness itself: with the broker there, all of it holds.
#[test]
fn alarms_arrive_within_a_second_with_an_uplink() {
    scenario(false);
}

#[test]
fn alarms_arrive_within_a_second_without_an_uplink() {
    scenario(true);
}

fn listen(broker: &Mosquitto) -> Client {
    Client::resume(&broker.access(), SESSION).expect("connect")
}

fn scenario(goes_away: bool) {
    if !scale::wants("outage") || !require(&["mosquitto"]) {
        return;
    }
    let mut broker = Mosquitto::new().with_persistence();
    broker.start();
    let mut listener = listen(&broker);
    listener.subscribe(names::READINGS);
    listener.subscribe(names::ALERTS);
    let (home, server) = (Home::new(), HttpServer::new());
    let mut daemon = start(&home, &broker, &server);
    daemon
        .wait_until("five seconds", SOON, || own::stored(&home, "OWN").len() >= 5 * SENSORS.len());
    let first = own::stored(&home, "OWN")[0].1;
    if goes_away {
        broker.stop();
    }
    let stopped = Utc::now();
    let seen = look_on(&home, Instant::now() + AWAY);
    let period = (stopped, Utc::now());
    let notified = told(&server);
    let mut before = Vec::new();
    if goes_away {
        before = listener.received();
        broker.start();
        listener = listen(&broker);
    }
    let after = all_of_it(&home, &mut daemon, &listener, &before);
    let messages = [before, after].concat();
    assert_arrived(&home, &messages, stopped);
    check(first, period, (&seen, &notified));
}

/// Waits until everything is stored and has come, and stops the daemon.
fn all_of_it(
    home: &Home,
    daemon: &mut Daemon,
    listener: &Client,
    before: &[Received],
) -> Vec<Received> {
    let total = SENSORS.len() * ROWS;
    daemon.wait_until("all readings", Duration::from_secs(90), || {
        own::stored(home, "OWN").len() >= total
    });
    own::barrier(home, daemon, listener);
    listener.wait_for("the last reading", SOON, |now| {
        let all = [before, now].concat();
        (firsts(&own::published(&all, "OWN")).0.len() >= total).then_some(())
    });
    let waiting = "SELECT count(*) FROM alerts WHERE announced AND published_at IS NULL";
    daemon.wait_until("all alerts", SOON, || home.db().number(waiting) == 0);
    assert_eq!(daemon.stop(), 0);
    listener.received()
}

type Seen = BTreeMap<Raised, DateTime<Utc>>;

fn check(
    first: DateTime<Utc>,
    (stopped, back): (DateTime<Utc>, DateTime<Utc>),
    (seen, notified): (&Seen, &Seen),
) {
    // By sensor and second, since each sensor began a moment after the other.
    let delays = |seen: &Seen| -> BTreeMap<Raised, TimeDelta> {
        let nearest = |at: &DateTime<Utc>| {
            let seconds = (*at - first + TimeDelta::milliseconds(500)).num_seconds();
            first + TimeDelta::seconds(seconds)
        };
        seen.iter().map(|((id, at), seen)| ((id.clone(), nearest(at)), *seen - *at)).collect()
    };
    let due = due(first, stopped, back - WITHIN * 2);
    assert!(due.len() > 15, "{} alarms due", due.len());
    assert_in_time("stored", &due, &delays(seen));
    assert_in_time("told to the webhook", &due, &delays(notified));
}
