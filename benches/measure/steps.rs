//! What the steps of a reading's way cost: appending its message to a journal, decoding it, judging it
//! by two rules, committing it. Each beside the parsing of the message's JSON and nothing else.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use vigie::alarms::engine::Engine;
use vigie::config::{AlertsConfig, Announce, Durability, Limits, ReadingTopic, Thresholds};
use vigie::domain::{Ingress, Quantity, Reading};
use vigie::ingest::formats::{Format, Message, OriginJson};
use vigie::ingest::journal::Journal;
use vigie::messages::{AlertsStored, ConfirmCommitted, Judged, Store};
use vigie::store::{self, Settings, Writer};
use vigie::supervisor::{ChildSpec, Mailbox, Readiness, Route, Tree};
use vigie::wire::Topics;

use crate::figures::{Table, median};

const TOPIC: &str = "factory/sensors/temperature";
const PAYLOAD: &str = r#"{"sensor_id":"TEMP_001","location":"Atelier Production","temperature":24.5,"timestamp":"2024-08-14T10:30:00.123456+00:00","unit":"celsius"}"#;

const ROUNDS: usize = 15;
const TIMES_A_ROUND: u32 = 20_000;
/// The rows that make a commit worth its price to the writer.
const BATCH: u32 = 500;
const BATCHES_A_ROUND: u32 = 20;
const AT_MOST: Duration = Duration::from_secs(20);

pub fn measure(table: &mut Table) {
    eprintln!("steps");
    let format = OriginJson::new(Topics::new("factory", ReadingTopic::Shared), chrono_tz::UTC);
    let mut engine = engine();
    let reading = decode(&format);
    let folder = tempfile::tempdir().expect("a temp folder");
    let (mut journal, _) = Journal::open(&folder.path().join("journal"), 0).expect("a journal");

    let baseline = time(|| serde_json::from_str::<serde_json::Value>(PAYLOAD).ok());
    let appending = time(|| {
        let position = journal.append(PAYLOAD.as_bytes()).expect("room on the disk");
        journal.delete_through(position); // as the daemon does, once all is committed
    });
    let decoding = time(|| decode(&format));
    let judging = time(|| {
        let mut outcomes = Vec::new();
        engine.judge(&reading, Ingress::Own, &mut outcomes);
        outcomes
    });
    let committing = commit(&reading);
    for (step, nanos) in [
        ("a step, beside parsing the JSON alone: append to the journal", appending),
        ("… decode", decoding),
        ("… judge by two rules", judging),
        ("… commit, in batches of 500", committing),
    ] {
        let (beside, ratio) = (format!("{baseline:.0} ns"), format!("{:.2}", nanos / baseline));
        table.add(step, format!("{nanos:.0} ns"), beside, ratio, "");
    }
}

fn engine() -> Engine {
    let limits = Limits { high: Some(35.0), low: Some(10.0) };
    let thresholds = Thresholds { default: limits, ..Thresholds::default() };
    let thresholds = [(Quantity::temperature(), thresholds)].into();
    let config = AlertsConfig {
        announce: Announce::Transitions,
        thresholds,
        is_strict: false,
        chattering: None,
        flood: None,
    };
    Engine::new(vigie::evaluator::short_form(&config), chrono_tz::UTC)
}

/// Nanoseconds of one call, the median of several rounds.
fn time<T>(mut step: impl FnMut() -> T) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for _ in 0..TIMES_A_ROUND {
            black_box(step());
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES_A_ROUND)
    });
    median(rounds)
}

fn decode(format: &OriginJson) -> Reading {
    let received_at = DateTime::UNIX_EPOCH;
    let message =
        Message { topic: TOPIC, payload: PAYLOAD.as_bytes(), received_at, is_replayed: false };
    match format.decode(&message, &mut Vec::new()) {
        Ok(mut decoded) if !decoded.measurements.is_empty() => {
            decoded.measurements.remove(0).reading
        }
        other => panic!("the example is a reading: {other:?}"),
    }
}

/// Nanoseconds a row, from the batch's hand-over to the writer until it says that all is committed.
fn commit(reading: &Reading) -> f64 {
    let folder = tempfile::tempdir().expect("a temp folder");
    let settings = Settings {
        path: folder.path().join("sensor_data.db"),
        durability: Durability::Process,
        rejected_keep: 0,
        naive: false,
        retention: None,
    };
    let prepared = store::prepare(settings, &[]).expect("a database");
    let mailbox = Mailbox::<Writer>::default();
    let store = mailbox.route::<Store>(BATCHES_A_ROUND as usize);
    let committed = mailbox.route::<ConfirmCommitted>(1);
    let (told, figure) = std::sync::mpsc::channel();
    actix::System::new().block_on(async move {
        let writer = ChildSpec::critical(
            "storage",
            mailbox,
            Writer::factory(prepared, None, Arc::default(), AlertsStored::default()),
        )
        .readiness(Readiness::Signalled { at_most: AT_MOST });
        let tree = Tree::new().child(writer).start().expect("a tree");
        let rounds = commit_rounds(reading, &store, &committed);
        let work = async { told.send(rounds.await).expect("a listener") };
        tree.run_until(work, AT_MOST).await;
    });
    figure.recv().expect("a figure")
}

async fn commit_rounds(
    reading: &Reading,
    store: &Route<Store>,
    committed: &Route<ConfirmCommitted>,
) -> f64 {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let first = u32::try_from(round).unwrap_or(0) * BATCHES_A_ROUND;
        let batches: Vec<_> = (first..first + BATCHES_A_ROUND).map(|n| batch(reading, n)).collect();
        let start = Instant::now();
        for batch in batches {
            store.send(batch, AT_MOST).await.expect("room");
        }
        // Answered when all that was sent before is committed.
        let answer = committed.request(ConfirmCommitted, AT_MOST).await;
        answer.expect("an answer").expect("a commit");
        let rows = f64::from(BATCH * BATCHES_A_ROUND);
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / rows);
    }
    median(rounds.into_iter())
}

/// The `n`th batch of readings, each a millisecond after the one before.
fn batch(reading: &Reading, n: u32) -> Store {
    let readings = (n * BATCH..(n + 1) * BATCH).map(|number| {
        let timestamp = reading.timestamp + TimeDelta::milliseconds(i64::from(number));
        Judged { reading: Reading { timestamp, ..reading.clone() }, alert_triggered: Some(false) }
    });
    let number = u64::from(n) + 1;
    Store { number, through: number, readings: readings.collect(), ..Store::default() }
}
