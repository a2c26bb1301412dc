//! A journal that was damaged while the daemon was dead: it starts, says what is lost, and loses
//! nothing else.
//!
//! The database is held by another program, so that what comes in stays in the journal; readings
//! are long, so that they fill several of its segments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::counting::{Deeds, conclude, missing, settle};
use super::scale::Moments;
use super::storage::lock;
use super::support::numbered::{Plan, Published};
use super::support::{Daemon, Home, SOON, free_port, names};

/// Bytes that make a reading as long as a message may be, or nearly.
const PADDING: usize = 60_000;

/// Some 24 MB in segments of 8 MiB.
const READINGS: usize = 420;

/// What comes before a reading's number.
const NUMBER: &[u8] = b"\"temperature\":";

/// The places that were hit, and the readings that lay there.
struct Hit {
    /// One of these must be in the log.
    named: Vec<String>,
    numbers: BTreeSet<usize>,
}

#[test]
fn the_last_segment_is_cut_short() {
    damaged("tail cut off", |segments| {
        let last = segments.last().expect("a segment");
        let bytes = fs::read(last).expect("read a segment");
        let numbers = numbers(&bytes);
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("a frame");
        fs::write(last, &bytes[..end - 100]).expect("write a segment");
        Hit { named: vec![name(last)], numbers: numbers.last().map(|last| last.1).into_iter().collect() }
    });
}

#[test]
fn a_byte_is_flipped() {
    damaged("a byte flipped", |segments| {
        let middle = &segments[segments.len() / 2];
        let mut bytes = fs::read(middle).expect("read a segment");
        let numbers = numbers(&bytes);
        let half = bytes.len() / 2;
        // In the padding of the reading before the half.
        let (at, number) = *numbers.iter().rfind(|found| found.0 < half).expect("a reading");
        bytes[at + 1_000] ^= 1;
        fs::write(middle, bytes).expect("write a segment");
        Hit { named: vec![name(middle)], numbers: [number].into() }
    });
}

#[test]
fn a_segment_is_gone() {
    damaged("a segment removed", |segments| {
        let middle = &segments[segments.len() / 2];
        let numbers = numbers(&fs::read(middle).expect("read a segment"));
        fs::remove_file(middle).expect("remove a segment");
        // By its name, or by the position it begins with.
        let name = name(middle);
        let first = name.trim_start_matches('0').split('.').next().expect("a position").to_owned();
        Hit { named: vec![name, first], numbers: numbers.into_iter().map(|found| found.1).collect() }
    });
}

fn damaged(what: &str, damage: impl FnOnce(&[PathBuf]) -> Hit) {
    let port = free_port();
    let config = format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    let home = Home::new();
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let published = pile_up(&home, &mut daemon, port);
    let hit = damage(&segments(&home));
    let mut daemon = home.start(&config);
    settle_but(&home, &published, &mut daemon, &hit);
    let log = daemon.log();
    assert_eq!(daemon.stop(), 0);
    let deeds = Deeds {
        name: &format!("journal: {what}"),
        moments: &Moments::new(),
        done: format!("{} readings hit", hit.numbers.len()),
    };
    let outcome = conclude(&home.db(), &published, &deeds);
    let told = |line: &&str| {
        (line.contains("WARN") || line.contains("ERROR"))
            && hit.named.iter().any(|name| line.contains(name.as_str()))
    };
    let told: Vec<_> = log.lines().filter(told).collect();
    println!("{}", told.join("\n"));
    let lost: BTreeSet<_> = missing(&home.db().numbers(), &published).into_iter().collect();
    assert!(lost.is_subset(&hit.numbers), "lost {lost:?}, though only {:?} were hit", hit.numbers);
    assert!(!told.is_empty(), "the log says nothing of {:?}", hit.named);
    assert_eq!(outcome.duplicates, 0);
}

/// Fills the journal while nothing can be stored, and kills the daemon.
fn pile_up(home: &Home, daemon: &mut Daemon, port: u16) -> Published {
    let lock = lock(home.db().path());
    let plan = Plan::new(port, READINGS);
    let plan = Plan { padding_bytes: PADDING, window: 10, rate: None, ..plan };
    // The broker may stop acknowledging when nothing is stored: then what it has must be enough.
    let published = Plan { at_most: Duration::from_secs(15), ..plan }.start().finish();
    daemon.kill();
    drop(lock);
    let segments = segments(home);
    assert!(segments.len() > 2, "3 segments are needed, these are there: {segments:?}");
    published
}

fn segments(home: &Home) -> Vec<PathBuf> {
    let folder = home.path(&format!("{}.journal", names::DATABASE));
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "journal");
    let mut segments: Vec<_> = paths.filter(is_segment).collect();
    segments.sort();
    segments
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// Where in a segment which reading lies.
fn numbers(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].windows(NUMBER.len()).position(|window| window == NUMBER) {
        at += next + NUMBER.len();
        let digits: String =
            bytes[at..].iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
        found.push((at, digits.parse().expect("a number")));
    }
    found
}

/// What was hit is not waited for.
fn settle_but(home: &Home, published: &Published, daemon: &mut Daemon, hit: &Hit) {
    let mut acknowledged = published.acknowledged.clone();
    hit.numbers.iter().for_each(|number| acknowledged[*number] = false);
    let rest = Published { acknowledged, ..*published };
    settle(&home.db(), &rest, daemon);
}
