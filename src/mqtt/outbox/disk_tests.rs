use std::collections::BTreeSet;
use std::fs;

use chrono::DateTime;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::Outbox;
use super::*;
use crate::domain::{Location, Quantity, SensorId, Unit, Value};

fn reading(number: u32, location: &str) -> Reading {
    Reading {
        sensor_id: SensorId::new("T").unwrap(),
        location: Location::new(location),
        quantity: Quantity::temperature(),
        value: Value::new(f64::from(number)).unwrap(),
        unit: Unit::new("celsius"),
        timestamp: DateTime::UNIX_EPOCH,
    }
}

fn readings(numbers: std::ops::Range<u32>) -> Vec<Reading> {
    numbers.map(|number| reading(number, "")).collect()
}

/// Each of some 60 KB: 140 of them fill a segment.
fn big(numbers: std::ops::Range<u32>) -> Vec<Reading> {
    numbers.map(|number| reading(number, &"x".repeat(60_000))).collect()
}

fn open(folder: &Path) -> (Disk, Left) {
    Disk::open(folder, Durability::Process).unwrap()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // as they were made above
fn numbers(readings: &[Taken]) -> Vec<u32> {
    readings.iter().map(|taken| taken.reading.value.get() as u32).collect()
}

fn keep(disk: &mut Disk, readings: Vec<Reading>) -> Vec<Position> {
    let (taken, news) = disk.keep(readings);
    assert!(news.is_none(), "{news:?}");
    taken.into_iter().map(|taken| taken.place.unwrap()).collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "journal")).collect();
    files.sort();
    files
}

#[test]
fn what_waits_is_there_after_each_start() {
    let home = TempDir::new().unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let folder = home.path().join(format!("{durability:?}"));
        let (mut disk, left) = Disk::open(&folder, durability).unwrap();
        assert!(left.readings.is_empty());
        let places = keep(&mut disk, readings(0..5));
        drop(disk);
        let (mut disk, left) = Disk::open(&folder, durability).unwrap();
        assert_eq!(numbers(&left.readings), [0, 1, 2, 3, 4]);
        let found: Vec<_> = left.readings.iter().filter_map(|taken| taken.place).collect();
        assert_eq!(found, places);
        keep(&mut disk, readings(5..6));
        assert!(disk.mark(Some(places[3])).is_none());
        drop(disk);
        let (mut disk, left) = Disk::open(&folder, durability).unwrap();
        assert_eq!(numbers(&left.readings), [3, 4, 5]);
        assert!(disk.mark(None).is_none());
        drop(disk);
        let (_, left) = Disk::open(&folder, durability).unwrap();
        assert_eq!(numbers(&left.readings), Vec::<u32>::new());
        assert_eq!((left.recovery.missing, left.strange), (Vec::new(), 0));
    }
}

#[test]
fn what_is_known_to_be_done_is_not_written_again() {
    let home = TempDir::new().unwrap();
    let (mut disk, _) = open(home.path());
    let places = keep(&mut disk, readings(0..3));
    for oldest in [Some(places[2]), None] {
        let before = disk.journal.last();
        disk.mark(oldest);
        disk.mark(oldest);
        assert_eq!(disk.journal.last(), before + 1, "once");
    }
}

#[test]
fn segments_that_are_done_go_and_nobody_misses_them() {
    let home = TempDir::new().unwrap();
    let (mut disk, _) = open(home.path());
    let places = keep(&mut disk, big(0..500));
    assert!(segments(home.path()).len() >= 4, "a test of several segments");
    disk.mark(Some(places[498]));
    assert_eq!(segments(home.path()).len(), 1);
    drop(disk);
    let (mut disk, left) = open(home.path());
    assert_eq!(numbers(&left.readings), [498, 499]);
    assert_eq!(left.recovery.missing, []);
    disk.mark(None);
    // Starts alone leave no files behind.
    drop(disk);
    for _ in 0..5 {
        drop(open(home.path()));
    }
    assert!(segments(home.path()).len() <= 2, "{:?}", segments(home.path()));
}

#[test]
fn damage_costs_what_it_covers_and_is_reported() {
    let home = TempDir::new().unwrap();
    let (mut disk, _) = open(home.path());
    let places = keep(&mut disk, readings(0..10));
    drop(disk);
    let file = segments(home.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let frame = bytes.len() / 10;
    bytes[frame * 4 + 30] ^= 1;
    bytes.truncate(bytes.len() - 3);
    fs::write(&file, &bytes).unwrap();

    let (mut disk, left) = open(home.path());
    assert_eq!(numbers(&left.readings), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(left.recovery.missing, [(places[4], places[4])]);
    let damages: Vec<_> = left.recovery.damages.iter().map(|(_, damage)| damage.is_tail).collect();
    assert_eq!(damages, [false, true]);
    assert_eq!(left.strange, 0);
    keep(&mut disk, readings(9..10));
    drop(disk);
    assert_eq!(numbers(&open(home.path()).1.readings), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
}

/// A frame that claims to be longer than the file looks like a torn end.
#[test]
fn a_damaged_length_hides_nothing_behind_it() {
    let home = TempDir::new().unwrap();
    let (mut disk, _) = open(home.path());
    keep(&mut disk, readings(0..10));
    drop(disk);
    let file = segments(home.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let frame = bytes.len() / 10;
    bytes[frame * 4 + 5] ^= 0x10;
    fs::write(&file, &bytes).unwrap();
    let (_, left) = open(home.path());
    assert_eq!(numbers(&left.readings), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    assert_eq!((left.recovery.damages.len(), left.strange), (1, 0));
}

#[test]
fn what_another_version_wrote_is_counted() {
    let home = TempDir::new().unwrap();
    let (mut disk, _) = open(home.path());
    keep(&mut disk, readings(0..1));
    let strange = disk.journal.append(b"\x09 what is this").unwrap();
    keep(&mut disk, readings(1..2));
    drop(disk);
    let (mut disk, left) = open(home.path());
    assert_eq!((numbers(&left.readings), left.strange), (vec![0, 1], 1));
    disk.mark(Some(strange + 1));
    drop(disk);
    assert_eq!(open(home.path()).1.strange, 0, "done with");
}

#[test]
fn one_process_has_it() {
    let home = TempDir::new().unwrap();
    let (disk, _) = open(home.path());
    let refused = Disk::open(home.path(), Durability::Process).unwrap_err().to_string();
    assert!(refused.contains("another process"), "{refused}");
    drop(disk);
    open(home.path());
}

/// The disk fails where a new segment would begin.
#[test]
fn a_disk_that_takes_nothing_is_said_and_tried_again() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("outbox");
    let (mut disk, _) = open(&folder);
    fs::remove_dir_all(&folder).unwrap();
    let (taken, news) = disk.keep(big(0..200));
    let Some(News::Trouble(trouble)) = news else { panic!("{news:?}") };
    assert!(trouble.to_string().contains("outbox"), "{trouble}");
    assert_eq!(numbers(&taken), (0..200).collect::<Vec<_>>(), "none is lost");
    let kept = taken.iter().take_while(|taken| taken.place.is_some()).count();
    assert!((100..200).contains(&kept), "{kept}");
    assert!(taken[kept..].iter().all(|taken| taken.place.is_none()));
    assert!(matches!(disk.mark(taken[1].place), Some(News::Trouble(_))));

    fs::create_dir(&folder).unwrap();
    let (taken, news) = disk.keep(readings(200..201));
    assert!(matches!(news, Some(News::Over)) && taken[0].place.is_some(), "{news:?}");
    assert!(disk.keep(readings(201..202)).1.is_none(), "said once");
    drop(disk);
    // The first segment went with the folder, which is what the test did to it.
    assert_eq!(numbers(&open(&folder).1.readings), [200, 201]);
}

/// As when the open segment is what fills the disk: what is done makes room for itself.
#[test]
fn when_nothing_waits_it_begins_anew() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("outbox");
    let (mut disk, _) = open(&folder);
    fs::remove_dir_all(&folder).unwrap();
    let (taken, news) = disk.keep(big(0..200));
    assert!(matches!(news, Some(News::Trouble(_))), "{news:?}");
    assert!(matches!(disk.mark(None), Some(News::Over)));
    let places = keep(&mut disk, readings(200..201));
    assert!(taken.iter().all(|before| before.place < Some(places[0])), "{places:?}");
    drop(disk);
    let left = open(&folder).1;
    assert_eq!((numbers(&left.readings), left.recovery.missing), (vec![200], Vec::new()));
}

#[derive(Debug, Clone)]
enum Step {
    Accept(u32),
    Dispatch,
    Acknowledge(prop::sample::Index),
    Refuse(prop::sample::Index),
    Lose,
    Mark,
    Kill,
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_u32..4).prop_map(Step::Accept),
        4 => Just(Step::Dispatch),
        3 => any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        1 => any::<prop::sample::Index>().prop_map(Step::Refuse),
        1 => Just(Step::Lose),
        2 => Just(Step::Mark),
        1 => Just(Step::Kill),
        1 => Just(Step::Stop),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Over any number of ends, clean or not: what was accepted and is not done with comes back, in
    /// order and once; after a clean one, nothing comes back that lies before it.
    #[test]
    fn nothing_that_waits_is_ever_done(steps in steps()) {
        const CAPACITY: usize = 8;
        let home = TempDir::new().unwrap();
        let (mut disk, _) = open(home.path());
        let mut outbox = Outbox::<()>::new(CAPACITY);
        let mut next = 0;
        let mut waiting: BTreeSet<u32> = BTreeSet::new();
        let mut flying: Vec<(u64, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Accept(count) => {
                    let taken = disk.keep(readings(next..next + count)).0;
                    waiting.extend(next..next + count);
                    next += count;
                    for _ in 0..outbox.accept(taken, None, None) {
                        let flown = |number: &u32| flying.iter().any(|(_, flown)| flown == number);
                        let oldest = waiting.iter().find(|number| !flown(number)).copied();
                        waiting.remove(&oldest.unwrap());
                    }
                }
                Step::Dispatch => {
                    if let Some(sent) = outbox.dispatch() {
                        let taken = [Taken { reading: sent.reading.clone(), place: None }];
                        flying.push((sent.sequence, numbers(&taken)[0]));
                    }
                }
                Step::Acknowledge(index) | Step::Refuse(index) if !flying.is_empty() => {
                    let (sequence, number) = flying.remove(index.index(flying.len()));
                    waiting.remove(&number);
                    match step {
                        Step::Refuse(_) => outbox.refuse(sequence),
                        _ => outbox.acknowledge(sequence),
                    }
                }
                Step::Acknowledge(_) | Step::Refuse(_) => {}
                Step::Lose => {
                    flying.clear();
                    outbox.rewind();
                    prop_assert_eq!(outbox.take_over(), 0);
                }
                Step::Mark => prop_assert!(
                    disk.mark(outbox.oldest_place()).is_none()
                ),
                Step::Kill | Step::Stop => {
                    let clean = matches!(step, Step::Stop);
                    if clean {
                        disk.mark(outbox.oldest_place());
                    }
                    drop(disk);
                    let left;
                    (disk, left) = open(home.path());
                    prop_assert_eq!(&left.recovery.missing, &[]);
                    let found = numbers(&left.readings);
                    let expected: Vec<u32> = (found.first().copied().unwrap_or(next)..next).collect();
                    prop_assert_eq!(&found, &expected, "in order, once, without a gap");
                    prop_assert!(waiting.iter().all(|number| found.contains(number)));
                    if clean {
                        prop_assert_eq!(found.first(), waiting.first());
                    }
                    outbox = Outbox::new(CAPACITY);
                    let dropped = outbox.accept(left.readings, None, None);
                    waiting = found.into_iter().skip(dropped).collect();
                    flying.clear();
                }
            }
            prop_assert_eq!(outbox.len(), waiting.len());
        }
    }
}
