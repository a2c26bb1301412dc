//! How long an alert takes: from the publishing of a reading that breaks a limit to the receipt of its
//! alert at QoS 2 by the same client. Beside it the broker's own round trip: the same client and
//! load, and an echo that sends the same readings back at QoS 2. Both in turns, at one broker.

use std::cell::RefCell;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::bare;
use crate::figures::{Pairs, Table, percentile};
use crate::load;
use crate::support::{Access, Client, HiveMq, Home, Mosquitto, SOON, names, require};

const RATE: u32 = 2000;
/// Long enough for some checkpoints of the database, and for one alert in a hundred to be several.
const SECONDS: usize = 30;
const MESSAGES: usize = RATE as usize * SECONDS;
/// Each so-many-th reading breaks the limit; the next of its sensor is within it again.
const EVERY: usize = 50;
const PAIRS: usize = 4;
/// Away from the daemon's topics, so that it has no part in the echo's rounds.
const ECHO_FROM: &str = "echo/readings";
const ECHO_TO: &str = "echo/alerts";

/// Milliseconds of each alert's way.
type Ways = Vec<f64>;

pub fn measure(table: &mut Table) {
    let broker = Mosquitto::running();
    measure_at(&broker.access(), "a breaking reading to its alert", table);
}

/// The same at the broker of the origin's kind.
pub fn measure_at_hivemq(table: &mut Table) {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    let mut broker = HiveMq::new();
    broker.start();
    measure_at(&broker.access(), "a breaking reading to its alert, at HiveMQ", table);
}

fn measure_at(access: &Access, what: &str, table: &mut Table) {
    eprintln!("{what}: {PAIRS} times {SECONDS} s at {RATE} readings/s for each side");
    let mut rounds = Vec::new();
    for pair in 0..PAIRS {
        rounds.push(if pair % 2 == 0 {
            let vigie = daemon(access);
            (vigie, echo(access))
        } else {
            let echo = echo(access);
            (daemon(access), echo)
        });
    }
    let median = format!("{what}, median");
    for (part, what, aim) in [(0.5, median.as_str(), ""), (0.99, "… 99 % are within", "≤ 2")] {
        let of = |ways: &Ways| percentile(ways.iter().copied(), part);
        let pairs = rounds.iter().map(|(vigie, echo)| (of(vigie), of(echo))).collect();
        table.pairs(what, "ms", 2, &Pairs(pairs), aim);
    }
}

fn daemon(access: &Access) -> Ways {
    let home = Home::new();
    let mut daemon = home.start(&load::config(access));
    daemon.wait_line(names::CONNECTED, SOON);
    let ways = round(access, names::READINGS, names::ALERTS);
    assert_eq!(daemon.stop(), 0);
    ways
}

fn echo(access: &Access) -> Ways {
    let home = Home::new();
    let echo = bare::echo(&home, access, ECHO_FROM, ECHO_TO, EVERY);
    let ways = round(access, ECHO_FROM, ECHO_TO);
    bare::end(echo);
    ways
}

/// Publishes the load on `from` and times what comes back on `to`.
fn round(access: &Access, from: &str, to: &str) -> Ways {
    let client = Client::listening(access, &[to]);
    let sent = RefCell::new(Vec::with_capacity(MESSAGES / EVERY));
    client.publish_all(load::paced(RATE, MESSAGES, |n| {
        if n % EVERY != 0 {
            return (from.to_owned(), load::normal(n));
        }
        let payload = load::breaking(n);
        sent.borrow_mut().push(Utc::now());
        (from.to_owned(), payload)
    }));
    let sent = sent.into_inner();
    let ways = |came: &[(usize, DateTime<Utc>)]| -> Ways {
        came.iter().filter_map(|(n, at)| milliseconds(*at - sent[*n / EVERY])).collect()
    };
    let came = client.wait_for("all alerts", Duration::from_secs(30), |messages| {
        // Those that tell of an end carry a value within the limits.
        let came: Vec<_> =
            messages.iter().filter_map(|m| Some((number(&m.json())?, m.at))).collect();
        (came.len() >= sent.len()).then_some(came)
    });
    assert_eq!(came.len(), sent.len(), "each alert once");
    client.disconnect();
    ways(&came)
}

fn number(alert: &serde_json::Value) -> Option<usize> {
    load::number_of(alert["temperature"].as_f64()?)
}

fn milliseconds(way: chrono::TimeDelta) -> Option<f64> {
    Some(way.num_microseconds()? as f64 / 1e3)
}
