//! The way in, on a real disk.

use tempfile::TempDir;

use super::*;
use crate::ingest::journal::{Reader, Record};

const TOPIC: &str = "factory/sensors/temperature";

struct Bench {
    folder: TempDir,
    committed: Arc<Committed>,
    intake: Arc<Intake>,
}

impl Bench {
    fn new(durability: Durability, limit_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let committed = Arc::<Committed>::default();
        let settings =
            Settings { folder: folder.path().join("journal"), durability, max_payload_bytes: 100 };
        let (intake, _) = Intake::open_with(settings, committed.clone(), limit_bytes).unwrap();
        Self { folder, committed, intake: Arc::new(intake) }
    }

    fn on_disk(&self) -> Vec<Record> {
        Reader::new(&self.folder.path().join("journal"), 0).read(10_000).unwrap()
    }
}

#[test]
fn what_was_accepted_is_on_disk() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    for number in 0..100 {
        bench.intake.accept(TOPIC, format!("{number}").as_bytes());
        assert_eq!(bench.on_disk().len(), number + 1);
    }
    let records = bench.on_disk();
    let arrival = record::decode(&records[42].payload).unwrap();
    assert_eq!((arrival.topic, arrival.payload), (TOPIC, &b"42"[..]));
    assert_eq!((bench.intake.last(), bench.intake.uncommitted()), (100, 100));
    bench.committed.advance(60);
    assert_eq!(bench.intake.uncommitted(), 40);
}

#[test]
fn past_the_limit_nothing_gets_in_until_storage_gets_on_or_the_daemon_stops() {
    let bench = Bench::new(Durability::Process, 0);
    let callback = |text: &'static [u8]| {
        let intake = bench.intake.clone();
        std::thread::spawn(move || intake.accept(TOPIC, text))
    };
    let blocked = callback(b"1");
    while bench.intake.trouble.lock().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert!(bench.on_disk().is_empty() && !bench.intake.is_taking());
    bench.intake.open_wide();
    blocked.join().unwrap();
    assert!(bench.intake.is_taking());
    callback(b"2").join().unwrap();
    assert_eq!(bench.on_disk().len(), 2);
}

#[test]
fn a_disk_that_fails_stops_the_intake_until_it_is_mended() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    let folder = bench.folder.path().join("journal");
    bench.intake.accept(TOPIC, b"0");
    bench.intake.lock().as_mut().unwrap().abandon_segment();
    let away = bench.folder.path().join("away");
    std::fs::rename(&folder, &away).unwrap();
    let blocked = std::thread::spawn({
        let intake = bench.intake.clone();
        move || intake.accept(TOPIC, b"1")
    });
    while bench.intake.trouble.lock().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(bench.intake.last(), 1);
    std::fs::rename(&away, &folder).unwrap();
    blocked.join().unwrap();
    assert_eq!(bench.on_disk().len(), 2);
    assert!(bench.intake.trouble.lock().unwrap().is_none());
}

#[actix::test]
async fn many_at_once_share_a_wait_for_the_device() {
    let bench = Bench::new(Durability::Power, LIMIT_BYTES);
    let all = (0..200).map(|number| {
        let intake = bench.intake.clone();
        actix_rt::spawn(async move {
            intake.accept_async(TOPIC, format!("{number}").as_bytes()).await;
        })
    });
    let all: Vec<_> = all.collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(bench.on_disk().len(), 200);
    assert_eq!(*bench.intake.synced.lock().await, 200);
    bench.intake.accept(TOPIC, b"and the other door");
    assert_eq!(bench.on_disk().len(), 201);
}

#[actix::test]
async fn what_a_failed_sync_covered_is_not_taken_for_synced_by_a_later_one() {
    let bench = Bench::new(Durability::Power, LIMIT_BYTES);
    let first = bench.intake.try_append(b"a").unwrap();
    bench.intake.doubt(bench.intake.lock().as_mut().unwrap());
    let second = bench.intake.try_append(b"b").unwrap();
    assert!(bench.intake.synced(second).await);
    assert!(!bench.intake.synced(first).await, "it is to be appended again");
}

#[test]
fn the_next_start_takes_up_what_is_not_committed() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    for _ in 0..10 {
        bench.intake.accept(TOPIC, b"x");
    }
    bench.committed.advance(7);
    let Bench { folder, intake, committed } = bench;
    let settings = intake.settings.clone();
    intake.close();
    let (intake, recovery) = Intake::open(settings.clone(), committed.clone()).unwrap();
    assert_eq!((recovery.records, intake.last()), (3, 10));
    committed.advance(10);
    intake.close();
    // Only the lock is left.
    assert_eq!(std::fs::read_dir(folder.path().join("journal")).unwrap().count(), 1);
    let (intake, recovery) = Intake::open(settings, committed).unwrap();
    assert_eq!((recovery.records, intake.last()), (0, 10));
}
