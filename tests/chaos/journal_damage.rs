//! A journal that was damaged while the daemon was dead: it starts, says what is lost, and loses
//! nothing else.
//!
//! The database is held by another program, so that what comes in stays in the journal; readings
//! are long, so that they fill several of its segments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vigie::ingest::journal::{Journal, Reader, Record};

use super::counting::{Deeds, conclude, missing, settle};
use super::storage::lock;
use super::support::numbered::{Plan, Published, payload};
use super::support::{Daemon, Home, SOON, free_port, names};

/// Bytes that make a reading as long as a message may be, or nearly.
const PADDING: usize = 60_000;

/// Some 24 MB in segments of 8 MiB.
const READINGS: usize = 420;

/// What comes before a reading's number.
const NUMBER: &[u8] = b"\"temperature\":";

/// What a frame begins with; its length follows.
const MARKER: &[u8] = &[0xF7, b'V', b'G', b'J'];

/// The places that were hit, and the readings that lay there.
struct Hit {
    /// One of these must be in the log.
    named: Vec<String>,
    numbers: BTreeSet<usize>,
}

#[test]
fn a_truncated_segment_costs_only_what_is_cut() {
    damaged("tail cut off", cut_short);
}

#[test]
fn a_flipped_byte_costs_one_record() {
    damaged("a byte flipped", flip);
}

/// A frame that claims to reach beyond its segment must not hide those behind it.
#[test]
fn a_wrong_length_hides_no_later_record() {
    damaged("a length made wrong", stretch);
}

#[test]
fn a_missing_segment_costs_only_its_records() {
    damaged("a segment removed", remove);
}

fn cut_short(segments: &[PathBuf]) -> Hit {
    let last = segments.last().expect("a segment");
    let bytes = fs::read(last).expect("read a segment");
    let numbers = numbers(&bytes);
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("a frame");
    fs::write(last, &bytes[..end - 100]).expect("write a segment");
    Hit {
        named: vec![name(last)],
        numbers: numbers.last().map(|last| last.1).into_iter().collect(),
    }
}

fn flip(segments: &[PathBuf]) -> Hit {
    let middle = &segments[segments.len() / 2];
    let mut bytes = fs::read(middle).expect("read a segment");
    let numbers = numbers(&bytes);
    let half = bytes.len() / 2;
    // In the padding of the reading before the half.
    let (at, number) = *numbers.iter().rfind(|found| found.0 < half).expect("a reading");
    bytes[at + 1_000] ^= 1;
    fs::write(middle, bytes).expect("write a segment");
    Hit { named: vec![name(middle)], numbers: [number].into() }
}

fn stretch(segments: &[PathBuf]) -> Hit {
    let middle = &segments[segments.len() / 2];
    let mut bytes = fs::read(middle).expect("read a segment");
    let numbers = numbers(&bytes);
    let (at, number) = numbers[numbers.len() - 3];
    let marker = bytes[..at].windows(MARKER.len()).rposition(|window| window == MARKER);
    // Half a megabyte more, where three readings are left.
    bytes[marker.expect("a frame") + 6] ^= 8;
    fs::write(middle, bytes).expect("write a segment");
    Hit { named: vec![name(middle)], numbers: [number].into() }
}

fn remove(segments: &[PathBuf]) -> Hit {
    let middle = &segments[segments.len() / 2];
    let numbers = numbers(&fs::read(middle).expect("read a segment"));
    fs::remove_file(middle).expect("remove a segment");
    // By its name, or by the position it begins with.
    let name = name(middle);
    let first = name.trim_start_matches('0').split('.').next().expect("a position").to_owned();
    Hit { named: vec![name, first], numbers: numbers.into_iter().map(|found| found.1).collect() }
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
        seed: None,
        done: format!("{} readings hit", hit.numbers.len()),
    };
    let outcome = conclude(&home.db(), &published, &deeds);
    let told: Vec<_> = log.lines().filter(|line| tells_of(line, &hit)).collect();
    println!("{}", told.join("\n"));
    let lost: BTreeSet<_> = missing(&home.db().numbers(), &published).into_iter().collect();
    assert!(lost.is_subset(&hit.numbers), "lost {lost:?}, though only {:?} were hit", hit.numbers);
    assert!(!told.is_empty(), "the log says nothing of {:?}", hit.named);
    assert_eq!(outcome.duplicates, 0);
}

/// Whether a line of the log names what was hit. A number in its timestamp doesn't count.
fn tells_of(line: &str, hit: &Hit) -> bool {
    let Some((head, message)) = line.split_once("] ") else { return false };
    let is_loud = head.contains("WARN") || head.contains("ERROR");
    is_loud && hit.named.iter().any(|name| message.contains(name.as_str()))
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
    segments_in(&home.path(&format!("{}.journal", names::DATABASE)))
}

fn segments_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "journal");
    let mut segments: Vec<_> = paths.filter(is_segment).collect();
    segments.sort();
    segments
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The damage does what these tests think it does: by the journal's own reader.
#[test]
fn the_test_damage_hits_the_intended_records() {
    for damage in [cut_short, flip, stretch, remove] {
        let folder = tempfile::tempdir().expect("a temp folder");
        write_journal(folder.path());
        let hit = damage(&segments_in(folder.path()));
        assert!(!hit.numbers.is_empty());
        let (readable, notes) = read_journal(folder.path());
        let lost = |number: &usize| !readable.contains(number);
        let lost: BTreeSet<_> = (0..READINGS).filter(lost).collect();
        assert_eq!(lost, hit.numbers, "{:?}", hit.named);
        assert!(notes > 0, "the journal noticed nothing of {:?}", hit.named);
    }
}

fn write_journal(folder: &Path) {
    let (mut journal, _) = Journal::open(folder, 0).expect("open a journal");
    for number in 0..READINGS {
        journal.append(payload(number, 0, PADDING).as_bytes()).expect("append");
    }
}

/// The numbers that can be read, and how many things are said to be wrong.
fn read_journal(folder: &Path) -> (BTreeSet<usize>, usize) {
    let (_, recovery) = Journal::open(folder, 0).expect("open a journal");
    let records = Reader::new(folder, 0).read(READINGS).expect("read a journal");
    let number = |record: &Record| numbers(&record.payload)[0].1;
    let notes = recovery.damages.len() + recovery.missing.len();
    (records.iter().map(number).collect(), notes)
}

/// Where in a segment which reading lies.
fn numbers(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes[at..].windows(NUMBER.len()).position(|window| window == NUMBER) {
        at += next + NUMBER.len();
        let digits: String = bytes[at..]
            .iter()
            .map(|byte| char::from(*byte))
            .take_while(char::is_ascii_digit)
            .collect();
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
