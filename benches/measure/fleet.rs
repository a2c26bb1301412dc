//! Large fleets of simulated sensors on the embedded broker: how soon they are up, what they cost,
//! and whether every reading is taken in as it falls due.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::figures::Table;
use crate::load::Stored;
use crate::process;
use crate::support::{Daemon, Home, eventually, let_run, names, run_vigie};

const START_AT_MOST: Duration = Duration::from_secs(120);
/// Once up, the first readings are let pass before anything is measured.
const SETTLE: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_secs(60);

struct Fleet {
    name: &'static str,
    ids: &'static str,
    sensors: f64,
    interval_seconds: f64,
    /// 400 MB, where there is an aim.
    memory_aim: &'static str,
}

const FLEETS: [Fleet; 2] = [
    Fleet {
        name: "100,000 sensors, one reading a minute each",
        ids: "S_{000001..100000}",
        sensors: 100_000.0,
        interval_seconds: 60.0,
        memory_aim: "< 381 MiB",
    },
    Fleet {
        name: "10,000 sensors, one each 5 s",
        ids: "S_{00001..10000}",
        sensors: 10_000.0,
        interval_seconds: 5.0,
        memory_aim: "",
    },
];

pub fn measure(table: &mut Table) {
    for fleet in &FLEETS {
        eprintln!("fleet: {}", fleet.name);
        watch(fleet, table);
    }
}

fn watch(fleet: &Fleet, table: &mut Table) {
    let home = Home::new();
    let config = config(fleet);
    let start = Instant::now();
    let mut daemon = home.spawn(&config);
    // Not `wait_ready`, whose patience is for a handful of sensors.
    eventually("ready", START_AT_MOST, || home.path("ready-1.json").exists().then_some(()));
    let ready_seconds = start.elapsed().as_secs_f64();
    let_run(SETTLE);
    let stored = Stored::open(&home).expect("a database");
    let look = || {
        let rows = stored.highest_id().expect("a number of rows");
        (Instant::now(), process::cpu_seconds(daemon.pid()), rows, lag(&home))
    };
    let (began, cpu_before, rows_before, lag_before) = look();
    let_run(WATCHED);
    let (ended, cpu_after, rows_after, lag_after) = look();
    let seconds = (ended - began).as_secs_f64();
    let share = (cpu_after - cpu_before) / seconds * 100.0;
    let rate = (rows_after - rows_before) as f64 / seconds;
    let due = fleet.sensors / fleet.interval_seconds;
    let memory = process::memory_mib(daemon.pid());
    stop(&mut daemon);
    table.alone(&format!("{}: up after", fleet.name), format!("{ready_seconds:.1} s"), "");
    table.alone("… memory", format!("{memory:.0} MiB"), fleet.memory_aim);
    table.alone("… processor time", format!("{share:.0} % of a core"), "");
    table.add(
        "… readings stored, beside those due",
        format!("{rate:.0} /s"),
        format!("{due:.0} /s"),
        format!("{:.2}", rate / due),
        "1.00",
    );
    let lags = format!("{lag_after}, a minute before {lag_before}");
    table.alone("… messages on their way", lags, "doesn't grow");
}

fn config(fleet: &Fleet) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
         [[sensors]]\nid = \"{}\"\ninterval = \"{}s\"\n\
         source = {{ type = \"simulated\", mean = 24.0, spread = 6.0, noise = 0.3, seed = 1 }}\n\
         [alerts.temperature]\nhigh = 35.0\nlow = 10.0\n[storage]\npath = \"{}\"\n",
        fleet.ids,
        fleet.interval_seconds,
        names::DATABASE
    )
}

fn stop(daemon: &mut Daemon) {
    daemon.terminate();
    assert_eq!(daemon.exit_code(Duration::from_secs(30)), 0);
}

/// All that `vigie status` says is behind, on whatever stretch of the way.
fn lag(home: &Home) -> u64 {
    let config = home.path("vigie.toml");
    let args = ["status", "--json", "-c", config.to_str().expect("a path of text")];
    let output = run_vigie(home, &args);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let lags = report["lag"].as_object().expect("the lag");
    lags.values().filter_map(Value::as_u64).sum()
}
