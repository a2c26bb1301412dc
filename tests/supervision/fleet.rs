//! A large fleet of which a small part fails all the time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use actix::prelude::*;
use vigie::supervisor::{ChildState, GroupSpec, Health, Mailbox, TARGET, Tree, install_panic_hook};

use crate::fixture::*;

const SENSORS: usize = 10_000;
const SECONDS: usize = 10;
const PANICS_A_SECOND: usize = SENSORS / 100;

/// Counts the log lines of the supervisor and the panic hook.
struct LineCount;

static LINES: AtomicU64 = AtomicU64::new(0);

impl log::Log for LineCount {
    fn enabled(&self, line: &log::Metadata<'_>) -> bool {
        line.target() == TARGET && line.level() <= log::Level::Warn
    }

    fn log(&self, line: &log::Record<'_>) {
        if self.enabled(line.metadata()) {
            LINES.fetch_add(1, Relaxed);
            let text = line.args().to_string();
            if text.starts_with("panic on thread") {
                eprintln!("{text}");
            }
        }
    }

    fn flush(&self) {}
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("has it");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn a_fleet_of_which_one_percent_panics_each_second_carries_on() {
    install_panic_hook();
    log::set_logger(&LineCount).expect("the only logger here");
    log::set_max_level(log::LevelFilter::Warn);
    run_alone(chaos());
    log::set_max_level(log::LevelFilter::Off);
    let lines = LINES.load(Relaxed);
    println!("{lines} log lines");
    // Log limits: 20 lines a second each for the supervisor and the hook, plus their summaries.
    assert!(lines >= 100 && lines <= (SECONDS as u64 + 5) * 44, "{lines} lines");
}

async fn chaos() {
    let (book, helped) = (Recorder::new(), Recorder::new());
    let script = Script { ticks_every: Some(Duration::from_secs(1)), ..Script::default() };
    let (specs, addrs): (Vec<_>, Vec<_>) =
        (0..SENSORS).map(|n| sensor(&format!("S_{n}"), &book, script)).unzip();
    let (helper, help) = critical("helper", &helped, Script::default());
    let began = Instant::now();
    let tree = Tree::new().child(helper).group(GroupSpec::new("fleet").phase(1).children(specs));
    let run = Run::start(tree);
    until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
    println!("{SENSORS} up in {:?}", began.elapsed());

    // Warm-up: the same for a second, with other sensors.
    let before = SECONDS * PANICS_A_SECOND;
    panic_for_a_second(&addrs[before..before + PANICS_A_SECOND], &help).await;
    until_all_are_back(&run.health, &book, PANICS_A_SECOND).await;
    let (resident, ticks) = (resident_kib(), book.ticks.load(Relaxed));

    let mut round_trips = Vec::new();
    for second in addrs[..before].chunks(PANICS_A_SECOND) {
        round_trips.extend(panic_for_a_second(second, &help).await);
    }
    until_all_are_back(&run.health, &book, before + PANICS_A_SECOND).await;
    // A tenth of this test's memory alone; beside other tests the process is larger.
    let (now, allowed) = (resident_kib(), (resident / 10).min(3_200));

    let children = run.health.group_children("fleet");
    let restarted: HashSet<usize> =
        (0..SENSORS).filter(|n| children[*n].incarnation != 1).collect();
    let victims: HashSet<usize> = (0..before + PANICS_A_SECOND).collect();
    let wrong: Vec<_> = restarted.symmetric_difference(&victims).collect();
    assert!(wrong.is_empty(), "restarted without a panic, or not after one: {wrong:?}");
    assert!(children.iter().all(|child| child.incarnation <= 2));
    assert_eq!(run.restarts("helper"), 0);
    // The 8,900 sensors that never failed tick once a second.
    let ticked = book.ticks.load(Relaxed) - ticks;
    assert!(
        ticked >= (SENSORS - before - PANICS_A_SECOND) as u64 * (SECONDS as u64 - 1),
        "{ticked}"
    );

    round_trips.sort_unstable();
    let (p50, p99) =
        (round_trips[round_trips.len() / 2], round_trips[round_trips.len() * 99 / 100]);
    println!("RSS {resident} -> {now} KiB; round trip p50 {p50:?}, p99 {p99:?}");
    assert!(now.abs_diff(resident) < allowed, "RSS {resident} -> {now} KiB");
    assert!(p50 < MS(20), "{p50:?}");
    run.stop_cleanly().await;
}

/// Makes each of these panic once, spread over a second, and queries the helper meanwhile.
async fn panic_for_a_second(victims: &[Addr<Probe>], help: &Addr<Probe>) -> Vec<Duration> {
    let mut round_trips = Vec::new();
    let mut beat = tokio::time::interval(
        Duration::from_secs(1) / u32::try_from(victims.len()).expect("a few"),
    );
    for victim in victims {
        beat.tick().await;
        victim.do_send(Fault::Panic);
        let asked = Instant::now();
        help.send(Add).await.expect("the helper is up");
        round_trips.push(asked.elapsed());
    }
    round_trips
}

/// Start counts distinguish sensors that have not failed yet from restarted ones.
async fn until_all_are_back(health: &Health, book: &Recorder, panics: usize) {
    until("all are back", || {
        book.births() as usize == SENSORS + panics && health.report().groups[0].states.up == SENSORS
    })
    .await;
}

#[test]
fn a_hundred_thousand_start_and_stop_in_seconds() {
    run_alone(async {
        const MANY: usize = 100_000;
        let book = Recorder::new();
        let before = resident_kib();
        let specs = (0..MANY).map(|n| {
            let factory = probe(&book, Script::default());
            vigie::supervisor::ChildSpec::sensor(
                Arc::from(format!("S_{n}")),
                Mailbox::new(),
                factory,
            )
        });
        let tree = Tree::new().group(GroupSpec::new("fleet").children(specs));
        let began = Instant::now();
        let run = Run::start(tree);
        until("the fleet is up", || run.state("fleet") == ChildState::Up).await;
        let up = began.elapsed();
        let bytes = (resident_kib() - before) * 1024 / MANY as u64;
        let asked = Instant::now();
        assert_eq!(run.health.report().groups[0].states.up, MANY);
        println!("{MANY} up in {up:?}, {bytes} bytes each, report in {:?}", asked.elapsed());
        let began = Instant::now();
        run.stop_cleanly().await;
        println!("stopped in {:?}", began.elapsed());
        assert!(up < Duration::from_secs(20));
    });
}
