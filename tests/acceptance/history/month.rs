//! A month under `max_size`, in ten minutes.
//!
//! Always: the file stops growing, and the buckets of an hour go back to the month's first day.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::scale;
use crate::support::clock::FastClock;
use crate::support::numbered::Plan;
use crate::support::{Home, SOON, free_port, names, time};

/// A month in ten minutes.
const SPEED: u32 = 4320;
const RATE: u32 = 2000;
const SENSORS: usize = 50;
const READINGS: usize = 1_200_000;
/// The smallest that `check` takes: half of what half a month would have without a bound.
const MAX_SIZE_MB: u64 = 64;

const HALF: Duration = Duration::from_secs(600);

fn size_mib(home: &Home) -> f64 {
    let bytes = std::fs::metadata(home.path(names::DATABASE)).expect("the database").len();
    bytes as f64 / f64::from(1 << 20)
}

#[test]
fn the_file_stops_growing_under_its_largest_size() {
    if !scale::wants("month") {
        return;
    }
    let begin = time("2026-06-01T00:10:00Z");
    let Some(clock) = FastClock::start(begin, SPEED) else { return };
    let (mut home, port) = (Home::new(), free_port());
    let config = format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         [storage.retention]\nraw = \"forever\"\nminute = \"forever\"\nquarter = \"forever\"\n\
         hour = \"forever\"\nmax_size = \"{MAX_SIZE_MB}MB\"\n"
    );
    let mut daemon = clock.run(&mut home, &config);
    daemon.wait_line(names::CONNECTED, SOON);
    // Six hours late, since the daemon's clock goes on in steps of more than one: a reading from more than five minutes
    // ahead of it would get the time of its receipt.
    let base = (begin - TimeDelta::hours(6)).timestamp_micros();
    let apart = 1_000_000 * i64::from(SPEED) / i64::from(RATE);
    let publishers = Plan {
        rate: Some(RATE),
        connections: 1,
        sensors: SENSORS,
        at_most: 2 * HALF,
        micros: Arc::new(move |number| base + apart * i64::try_from(number).expect("small")),
        ..Plan::new(port, READINGS)
    }
    .start();
    let half = READINGS / 2;
    daemon.wait_until("half a month", HALF, || publishers.acknowledged() >= half);
    let middle = size_mib(&home);
    let published = publishers.finish();
    let end = size_mib(&home);
    assert_eq!(published.count(), READINGS, "acknowledged");
    let first = "SELECT min(t) FROM hour_rollups";
    let since_begin_ms = home.db().number(first) - base / 1000;
    let rows = home.db().count();
    assert_eq!(daemon.stop(), 0);
    eprintln!(
        "after half a month {middle:.1} MiB, after a month {end:.1} MiB; {rows} raw rows left of {READINGS}"
    );
    assert!(
        since_begin_ms < 3_600_000,
        "buckets of an hour begin {since_begin_ms} ms after the first reading"
    );
    assert!(end < middle * 1.05, "it grew from {middle:.1} to {end:.1} MiB");
    let most = MAX_SIZE_MB as f64 * 1.1;
    assert!(end < most, "{end:.1} MiB, and {MAX_SIZE_MB} MB are asked for");
}
