//! The log, on a real disk.

use tempfile::TempDir;

use super::super::record::{Body, IncomingMessage};
use super::*;
use crate::ingest::journal::{Reader, Record};

const TOPIC: &str = "factory/sensors/temperature";

struct Bench {
    folder: TempDir,
    cursors: Arc<Cursors>,
    log: Arc<Log>,
}

impl Bench {
    fn new(durability: Durability, limit_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cursors = Arc::<Cursors>::default();
        let settings = LogSettings {
            folder: folder.path().join("journal"),
            durability,
            max_payload_bytes: 100,
        };
        let resume = LogResume { cursors: cursors.clone(), ..LogResume::default() };
        let (log, _) = Log::open_with(settings, resume, limit_bytes).unwrap();
        Self { folder, cursors, log: Arc::new(log) }
    }

    fn on_disk(&self) -> Vec<Record> {
        Reader::new(&self.folder.path().join("journal"), 0).read(10_000).unwrap()
    }
}

#[test]
fn an_accepted_record_is_on_disk() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    for number in 0..100 {
        bench.log.accept_message(TOPIC, format!("{number}").as_bytes());
        assert_eq!(bench.on_disk().len(), number + 1);
    }
    let records = bench.on_disk();
    let Some((_, Body::Message(message))) = record::decode(&records[42].payload) else { panic!() };
    assert_eq!((message.topic, message.payload), (TOPIC, &b"42"[..]));
    assert_eq!((bench.log.last(), bench.log.uncommitted()), (100, 100));
    bench.cursors.evaluation.advance(60);
    assert_eq!(bench.log.uncommitted(), 40);
}

#[test]
fn a_full_backlog_refuses_records_until_the_daemon_stops() {
    let bench = Bench::new(Durability::Process, 0);
    let callback = |text: &'static [u8]| {
        let log = bench.log.clone();
        std::thread::spawn(move || log.accept_message(TOPIC, text))
    };
    let blocked = callback(b"1");
    while !bench.log.stall.lock().unwrap().is_active() {
        std::thread::yield_now();
    }
    assert!(bench.on_disk().is_empty() && !bench.log.is_accepting());
    bench.log.stop_backpressure();
    blocked.join().unwrap();
    assert!(bench.log.is_accepting());
    callback(b"2").join().unwrap();
    assert_eq!(bench.on_disk().len(), 2);
}

#[test]
fn a_failed_disk_stalls_the_intake_until_it_works_again() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    let folder = bench.folder.path().join("journal");
    bench.log.accept_message(TOPIC, b"0");
    bench.log.lock().as_mut().unwrap().abandon_segment();
    let away = bench.folder.path().join("away");
    std::fs::rename(&folder, &away).unwrap();
    let blocked = std::thread::spawn({
        let log = bench.log.clone();
        move || log.accept_message(TOPIC, b"1")
    });
    while !bench.log.stall.lock().unwrap().is_active() {
        std::thread::yield_now();
    }
    assert_eq!(bench.log.last(), 1);
    std::fs::rename(&away, &folder).unwrap();
    blocked.join().unwrap();
    assert_eq!(bench.on_disk().len(), 2);
    assert!(!bench.log.stall.lock().unwrap().is_active());
}

#[actix::test]
async fn concurrent_appends_share_a_sync() {
    let bench = Bench::new(Durability::Power, LIMIT_BYTES);
    let all = (0..200).map(|number| {
        let log = bench.log.clone();
        actix_rt::spawn(async move {
            let payload = format!("{number}");
            let message = IncomingMessage::live(Ingress::Remote, TOPIC, payload.as_bytes(), 1);
            log.accept_async(&message).await;
        })
    });
    let all: Vec<_> = all.collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(bench.on_disk().len(), 200);
    assert_eq!(*bench.log.slow_device().await, 200);
    bench.log.accept_message(TOPIC, b"and the other door");
    assert_eq!(bench.on_disk().len(), 201);
}

#[actix::test]
async fn a_later_sync_does_not_prove_an_earlier_one_that_failed() {
    let bench = Bench::new(Durability::Power, LIMIT_BYTES);
    let first = bench.log.try_append(b"a", |_| ()).unwrap();
    bench.log.sync.doubt(bench.log.lock().as_mut().unwrap());
    let second = bench.log.try_append(b"b", |_| ()).unwrap();
    assert!(bench.log.is_synced(second).await);
    assert!(!bench.log.is_synced(first).await, "it is to be appended again");
}

#[test]
fn nothing_is_deleted_before_the_database_is_verified_after_its_commit() {
    for (verified, has_database_fault) in [(9, false), (10, true), (10, false)] {
        let bench = Bench::new(Durability::Process, LIMIT_BYTES);
        for _ in 0..10 {
            bench.log.accept_message(TOPIC, b"x");
        }
        bench.cursors.evaluation.advance(10);
        bench.cursors.verified.advance(verified);
        bench.cursors.has_database_fault.store(has_database_fault, Ordering::Relaxed);
        bench.log.close();
        let expected = if has_database_fault || verified < 10 { 10 } else { 0 };
        assert_eq!(bench.on_disk().len(), expected, "{verified} {has_database_fault}");
    }
}

#[test]
fn a_missing_database_stalls_the_intake_until_it_is_back_or_the_daemon_stops() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    bench.log.accept_message(TOPIC, b"0");
    for ends_by_stop in [false, true] {
        bench.cursors.has_database_fault.store(true, Ordering::Relaxed);
        assert!(!bench.log.is_accepting());
        let last = bench.log.last();
        let blocked = std::thread::spawn({
            let log = bench.log.clone();
            move || log.accept_message(TOPIC, b"1")
        });
        while !bench.log.stall.lock().unwrap().is_active() {
            std::thread::yield_now();
        }
        assert_eq!(bench.log.last(), last);
        assert!(
            bench.log.append_time_mark().is_some(),
            "there is room for what the daemon needs itself"
        );
        if ends_by_stop {
            bench.log.stop_backpressure();
        } else {
            bench.cursors.has_database_fault.store(false, Ordering::Relaxed);
        }
        blocked.join().unwrap();
        assert_eq!(bench.log.last(), last + 2);
    }
}

#[test]
fn the_next_start_resumes_after_the_committed_records() {
    let bench = Bench::new(Durability::Process, LIMIT_BYTES);
    for _ in 0..10 {
        bench.log.accept_message(TOPIC, b"x");
    }
    bench.cursors.evaluation.advance(7);
    let Bench { folder, log, cursors } = bench;
    let settings = log.settings.clone();
    log.close();
    let resume = LogResume { cursors: cursors.clone(), ..LogResume::default() };
    let (log, recovery) = Log::open(settings.clone(), resume.clone()).unwrap();
    assert_eq!((recovery.records, log.last()), (3, 10));
    cursors.evaluation.advance(10);
    cursors.verified.advance(10);
    log.close();
    // Only the lock is left.
    assert_eq!(std::fs::read_dir(folder.path().join("journal")).unwrap().count(), 1);
    let (log, recovery) = Log::open(settings, resume).unwrap();
    assert_eq!((recovery.records, log.last()), (0, 10));
}
