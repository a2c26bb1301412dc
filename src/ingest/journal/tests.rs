//! The journal on a real disk.

use std::io::Write;

use proptest::prelude::*;

use super::super::{Frame, Journal, Reader, Record, Recovery};
use super::*;

fn append(journal: &mut Journal, count: u64) {
    for _ in 0..count {
        let position = journal.last() + 1;
        assert_eq!(journal.append(&payload(position)).unwrap(), position);
    }
}

fn payload(position: Position) -> Vec<u8> {
    format!("record {position}").into_bytes()
}

fn records(positions: impl IntoIterator<Item = Position>) -> Vec<Record> {
    positions.into_iter().map(|position| Record { position, payload: payload(position) }).collect()
}

fn read_all(folder: &Path, after: Position) -> Vec<Record> {
    let mut reader = Reader::new(folder, after);
    let mut all = Vec::new();
    loop {
        let some = reader.read(7).unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

/// Segments of some five records.
const SMALL: u64 = 150;

fn open(folder: &Path, done: Position) -> (Journal, Recovery) {
    Journal::open_with(folder, done, SMALL).unwrap()
}

fn read_through(reader: &mut Reader, at_most: usize, through: Position) -> Vec<Record> {
    let mut records = Vec::new();
    let each = |Frame { position, payload }: Frame<'_>| {
        records.push(Record { position, payload: payload.to_vec() });
    };
    let num_read = reader.read_through(at_most, through, each).unwrap();
    assert_eq!(records.len(), num_read);
    records
}

#[test]
fn records_are_read_in_order_across_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, recovery) = open(folder.path(), 0);
    assert_eq!(recovery, Recovery::default());
    append(&mut journal, 23);
    assert!(journal.num_segments() > 3);
    drop(journal);
    let (mut journal, recovery) = open(folder.path(), 9);
    assert_eq!(recovery, Recovery { records: 14, ..Recovery::default() });
    append(&mut journal, 7);
    assert_eq!(read_all(folder.path(), 9), records(10..=30));
}

#[test]
fn a_reader_follows_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    let mut reader = Reader::new(folder.path(), 0);
    let mut seen = Vec::new();
    for round in 0..20 {
        append(&mut journal, round % 4);
        seen.extend(reader.read(100).unwrap());
        assert_eq!(seen.len() as u64, journal.last(), "it has caught up");
        journal.delete_through(reader.position());
    }
    assert_eq!(seen, records(1..=30));
    assert!(journal.num_segments() <= 2);
}

#[test]
fn done_records_are_deleted_by_whole_segments() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    journal.delete_through(12);
    let left = read_all(folder.path(), 0);
    assert_eq!(left.last(), records([23]).last());
    assert!((8..=12).contains(&(left[0].position - 1)), "{}", left[0].position);
    journal.delete_through(23);
    assert_eq!(journal.num_segments(), 1, "the open one stays");
}

#[test]
fn positions_go_on_when_everything_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    drop(journal);
    let (journal, _) = open(folder.path(), 23);
    assert_eq!((journal.last(), journal.num_segments()), (23, 1));
    drop(journal);
    // The database has the position, even if all files are gone.
    fs::remove_dir_all(folder.path()).unwrap();
    let (mut journal, recovery) = open(folder.path(), 23);
    assert_eq!(recovery, Recovery::default());
    append(&mut journal, 1);
    assert_eq!(read_all(folder.path(), 23), records([24]));
}

#[test]
fn a_torn_tail_is_reported_and_written_past() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    let path = journal_path(&journal);
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let (mut journal, recovery) = open(folder.path(), 0);
    assert_eq!(recovery.records, 22);
    assert!(matches!(&recovery.damages[..], [(at, Damage { is_tail: true, .. })] if *at == path));
    append(&mut journal, 2);
    assert_eq!(read_all(folder.path(), 0), records(1..=24));
}

/// Killed, the version before left zeros behind its records.
#[test]
fn zeros_behind_the_last_record_are_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    let path = journal_path(&journal);
    drop(journal);
    let mut killed = fs::read(&path).unwrap();
    killed.resize(killed.len() + 5000, 0);
    fs::write(&path, killed).unwrap();
    let (mut journal, recovery) = open(folder.path(), 0);
    assert_eq!(recovery, Recovery { records: 23, ..Recovery::default() });
    append(&mut journal, 2);
    assert_eq!(read_all(folder.path(), 0), records(1..=25));
}

/// Killed in the midst of a record, it left half of it, and then zeros.
#[test]
fn half_a_record_before_the_zeros_is_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    let path = journal_path(&journal);
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    let whole = bytes.len();
    bytes[whole - 3..].fill(0);
    bytes.resize(whole + 5000, 0);
    fs::write(&path, bytes).unwrap();
    let (mut journal, recovery) = open(folder.path(), 0);
    assert_eq!(recovery.records, 22);
    let [(at, damage)] = &recovery.damages[..] else { panic!("{recovery:?}") };
    assert_eq!((at, damage.is_tail), (&path, true));
    assert!(damage.bytes < 30, "of the record: {damage:?}");
    append(&mut journal, 2);
    assert_eq!(read_all(folder.path(), 0), records(1..=24));
}

#[test]
fn a_flipped_byte_and_a_missing_segment_cost_what_they_cover() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 30);
    drop(journal);
    let segments = list(folder.path()).unwrap();
    let damaged = segment::path(folder.path(), segments[1]);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[25] ^= 0x10;
    fs::write(&damaged, &bytes).unwrap();
    fs::remove_file(segment::path(folder.path(), segments[3])).unwrap();

    let (_, recovery) = open(folder.path(), 0);
    let lost = (segments[1], segments[1]);
    let missing = (segments[3], segments[4] - 1);
    assert_eq!(recovery.missing, [lost, missing]);
    assert_eq!(recovery.damages.len(), 1);
    let expected = (1..=30).filter(|at| *at != lost.0 && !(missing.0..=missing.1).contains(at));
    assert_eq!(read_all(folder.path(), 0), records(expected));
}

/// A failed append writes and truncates half a record while a reader is at the end.
#[test]
fn a_reader_of_half_a_record_reads_the_record_that_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), 0).unwrap();
    let mut reader = Reader::new(folder.path(), 0);
    append(&mut journal, 3);
    let path = journal_path(&journal);
    let whole = fs::metadata(&path).unwrap().len();
    let mut half = Vec::new();
    frame::write(&mut half, 4, b"a record that the disk has no room for");
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&half[..30]).unwrap();
    assert_eq!(read_through(&mut reader, 2, 3), records(1..=2));
    assert_eq!(read_through(&mut reader, 9, 3), records([3]));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(whole).unwrap();
    append(&mut journal, 2);
    assert_eq!(read_through(&mut reader, 9, 5), records(4..=5));
}

/// The same in a segment without a complete record.
#[test]
fn a_reader_of_a_cleared_segment_reads_its_new_records() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), 0).unwrap();
    let mut reader = Reader::new(folder.path(), 0);
    assert_eq!(reader.read(9).unwrap(), []);
    let path = journal_path(&journal);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"half").unwrap();
    assert_eq!(reader.read(9).unwrap(), []);
    journal.abandon_segment();
    append(&mut journal, 2);
    assert_eq!(read_through(&mut reader, 9, 2), records(1..=2));
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), 0);
    let error = Journal::open(folder.path(), 0).unwrap_err().to_string();
    assert!(error.contains("another process has it open"), "{error}");
    drop(first);
    open(folder.path(), 0);
}

#[test]
fn a_journal_closed_with_everything_done_leaves_no_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path(), 0);
    append(&mut journal, 23);
    journal.close(22);
    assert_eq!(read_all(folder.path(), 22), records([23]));
    let (journal, _) = open(folder.path(), 23);
    journal.close(23);
    assert!(list(folder.path()).unwrap().is_empty());
}

fn journal_path(journal: &Journal) -> PathBuf {
    segment::path(&journal.folder, *journal.segments.back().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One flipped byte in any segment costs the record that contains it, even if it makes a record look longer than its
    /// segment.
    #[test]
    fn a_reader_passes_over_one_damaged_record(count in 6..40_u64, at: prop::sample::Index, flip in 1..=255_u8) {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path(), 0);
        append(&mut journal, count);
        drop(journal);
        let segments = list(folder.path()).unwrap();
        let path = segment::path(folder.path(), segments[at.index(segments.len())]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        // Opening it begins a new segment, without which the last one might yet grow.
        let (mut journal, recovery) = open(folder.path(), 0);
        append(&mut journal, 1);
        prop_assert_eq!(recovery.damages.len(), 1);
        let read = read_all(folder.path(), 0);
        prop_assert_eq!(read.len() as u64, recovery.records + 1);
        prop_assert_eq!(recovery.records, count - 1);
    }

    /// Records of any size, across the reader's chunks, written while it reads.
    #[test]
    fn a_reader_follows_records_larger_than_it_reads_at_a_time(sizes in prop::collection::vec(0..400_000_usize, 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open_with(folder.path(), 0, 700_000).unwrap();
        let mut reader = Reader::new(folder.path(), 0);
        let mut seen = Vec::new();
        for pair in sizes.chunks(2) {
            for size in pair {
                journal.append(&vec![7; *size]).unwrap();
            }
            seen.extend(reader.read(1).unwrap().into_iter().map(|record| record.payload.len()));
        }
        while let [record] = &reader.read(1).unwrap()[..] {
            seen.push(record.payload.len());
        }
        prop_assert_eq!(seen, sizes);
    }

    /// After a cut anywhere in the last segment, the complete records before the cut are recovered.
    #[test]
    fn any_cut_keeps_everything_before_it(count in 1..40_u64, at: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path(), 0);
        append(&mut journal, count);
        let path = journal_path(&journal);
        drop(journal);
        let bytes = fs::read(&path).unwrap();
        let cut = &bytes[..at.index(bytes.len() + 1)];
        fs::write(&path, cut).unwrap();
        let mut whole = 0;
        segment::scan(cut, |_| whole += 1);
        let kept = segment::first_position(&path).unwrap() - 1 + whole;

        let (mut journal, recovery) = open(folder.path(), 0);
        prop_assert_eq!(recovery.records, kept);
        prop_assert_eq!(journal.last(), kept);
        append(&mut journal, 3);
        prop_assert_eq!(read_all(folder.path(), 0), records(1..=kept + 3));
    }
}
