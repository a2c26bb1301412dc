use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::domain::{AlertEvent, AlertState, Fingerprint, StandingAlert};
use crate::messages::{GatewayLink, Judged, LoadResumePoint, PushReport, ResumePoint};
use crate::store::fixtures::{
    CommitFn, Hooked, Lock, alerts, at, event, fill_disk, io_error, locked, number, readings,
    rejected, settings, temperature, texts,
};
use crate::store::ledger::{LedgerError, Settings, Work};
use crate::store::sqlite::database::Database;
use crate::supervisor::testing::{self, Exits};
use crate::supervisor::{Mailbox, RequestError};

mod failures;
mod grouping;
mod pushing;

/// No wait of these tests takes so long unless something is broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// A writer under a small supervisor, and the ways to it.
struct Bench {
    folder: TempDir,
    path: PathBuf,
    addr: Addr<Writer>,
    store: Route<Store>,
    resume: Route<LoadResumePoint>,
    report: Route<PushReport>,
    cursors: Arc<Cursors>,
    exits: Exits,
    life: actix_rt::task::JoinHandle<()>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Arc::new(commit), None)
    }

    fn with(commit: CommitFn, gateway: Option<Route<PushAlerts>>) -> Self {
        Self::with_durability(Durability::Process, commit, gateway)
    }

    fn with_durability(
        durability: Durability,
        commit: CommitFn,
        gateway: Option<Route<PushAlerts>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let settings = Settings { durability, ..settings(&path) };
        let prepared = crate::store::prepare(settings.clone(), &[]).unwrap();
        let prepared = Prepared { backend: Arc::new(Hooked { settings, commit }), ..prepared };
        let mailbox = Mailbox::<Writer>::new();
        let exits = Exits::default();
        let cursors = Arc::<Cursors>::default();
        Self {
            folder,
            cursors: cursors.clone(),
            addr: mailbox.addr(),
            store: mailbox.route(100),
            resume: mailbox.route(4),
            report: mailbox.route(4),
            life: actix_rt::spawn(testing::run(
                mailbox,
                Writer::factory(prepared, gateway, cursors.clone(), AlertsStored::default()),
                exits.clone(),
            )),
            exits,
            path,
        }
    }

    async fn send(&self, store: Store) {
        self.store.send(store, DEADLINE).await.unwrap();
    }

    /// Reports as the gateway's first incarnation, by its n-th connection.
    async fn report(&self, connection: u32, delivered: &[u64]) {
        let link = GatewayLink { incarnation: 1, connection };
        let report = PushReport { link, delivered: delivered.to_vec(), refused: Vec::new() };
        self.report.request(report, DEADLINE).await.unwrap();
    }

    async fn standing(&self) -> Vec<StandingAlert> {
        self.resume_point().await.standing
    }

    async fn resume_point(&self) -> ResumePoint {
        self.resume.request(LoadResumePoint, DEADLINE).await.unwrap().unwrap()
    }

    /// Waits until all that was sent before is committed.
    async fn committed(&self) {
        loop {
            match self.resume.request(LoadResumePoint, DEADLINE).await {
                Ok(Ok(_point)) => return,
                // It was asked of an incarnation that failed.
                Ok(Err(_)) | Err(RequestError::Closed) => {}
                Err(RequestError::Timeout) => panic!("not committed in time"),
            }
        }
    }

    async fn stop(self) -> (TempDir, PathBuf, Vec<String>) {
        self.addr.send(GracefulStop).await.unwrap();
        tokio::time::timeout(DEADLINE, self.life).await.expect("stops in time").unwrap();
        let exits = self.exits.borrow().clone();
        (self.folder, self.path, exits)
    }

    fn num_readings(&self) -> i64 {
        count(&self.path)
    }
}

fn commit(database: &mut Database, work: &[Work<'_>]) -> Result<(), LedgerError> {
    database.commit(work, 0)
}

fn count(path: &Path) -> i64 {
    number(path, "SELECT count(*) FROM readings")
}

/// The n-th reading, told apart by its time.
fn reading(n: i64) -> Judged {
    temperature("TEMP_001", n, 20.0)
}

/// Fails the n-th commit (from 1) in its own way, before or after the rows are in the file.
fn failing(
    nth: u32,
    after: bool,
    fail: impl Fn() -> Result<(), LedgerError> + Send + Sync + 'static,
) -> CommitFn {
    let num_commits = AtomicU32::new(0);
    Arc::new(move |database, work| {
        if work.is_empty() || num_commits.fetch_add(1, Ordering::Relaxed) + 1 != nth {
            return commit(database, work);
        }
        if after {
            commit(database, work)?;
        }
        fail()
    })
}

/// Says how often a commit failed for now.
fn watching(num_busy: Arc<AtomicU32>, first: Arc<Notify>) -> CommitFn {
    Arc::new(move |database, work| {
        let result = commit(database, work);
        if result.as_ref().is_err_and(|error| error.is_transient) {
            num_busy.fetch_add(1, Ordering::Relaxed);
            first.notify_one();
        }
        result
    })
}

#[actix::test]
async fn a_stop_flushes_first() {
    let bench = Bench::new();
    for n in 0..100 {
        bench.store.try_send(readings([reading(n)])).unwrap();
    }
    let (_folder, path, exits) = bench.stop().await;
    // Closed in good order: the write-ahead log is emptied into the file.
    assert!(!path.with_extension("db-wal").exists());
    assert_eq!(count(&path), 100);
    assert!(exits.is_empty());
}

#[actix::test]
async fn answers_come_after_what_was_sent_before() {
    let bench = Bench::new();
    for n in 0..20_u64 {
        let sensor = format!("TEMP_{n:03}");
        let raised = event(&format!("a{n}"), &sensor, n.cast_signed(), AlertState::Active);
        bench.send(alerts([AlertEvent { number: n + 1, ..raised }])).await;
        assert_eq!(bench.standing().await.len(), usize::try_from(n).unwrap() + 1);
    }
    bench.report(0, &[1, 2, 3, 4, 5]).await;
    bench.committed().await;
    let pending = "SELECT min(id) || '-' || max(id) || ': ' || count(*) FROM alerts
        WHERE announced AND published_at IS NULL";
    assert_eq!(texts(&bench.path, pending), ["6-20: 15"]);
    assert_eq!(bench.resume_point().await.last_event, 20);
    bench.stop().await;
}

/// The n-th message from the intake journal, of one reading.
fn numbered(n: u64) -> (Store, oneshot::Receiver<()>) {
    let (taken, is_taken) = oneshot::channel();
    let store = readings([reading(i64::try_from(n).unwrap())]);
    (Store { number: n + 1, through: n + 1, taken: Some(taken), ..store }, is_taken)
}

#[actix::test]
async fn the_position_is_committed_with_the_rows() {
    let bench = Bench::new();
    for n in 0..3 {
        let (store, taken) = numbered(n);
        bench.send(store).await;
        taken.await.unwrap();
    }
    let point = bench.resume_point().await;
    assert_eq!((point.position, bench.num_readings()), (3, 3));
    // Told when the commit is over; the next question is answered after that.
    bench.resume_point().await;
    assert_eq!(bench.cursors.evaluation.position(), 3);
    let expected: Vec<_> = (0..3).map(|n| Fingerprint::from(&reading(n).reading)).collect();
    assert_eq!((point.recent.temperatures, point.recent.others), (expected, vec![]));
    bench.stop().await;
}

#[actix::test]
async fn after_a_message_lost_in_the_writers_hands_none_is_taken_but_the_same_again() {
    let bench = Bench::new();
    let send = async |n| {
        let (store, taken) = numbered(n);
        bench.send(store).await;
        taken.await.is_ok()
    };
    assert!(send(0).await);
    // The one of 1 was lost: what comes after it would leave a gap.
    assert!(!send(2).await);
    assert_eq!(bench.resume_point().await.position, 1);
    assert!(send(1).await && send(2).await);
    assert_eq!(bench.resume_point().await.position, 3);
    assert_eq!(bench.num_readings(), 3);
    bench.stop().await;
}

#[actix::test]
async fn rejected_messages_are_stored() {
    let bench = Bench::new();
    let store = crate::store::fixtures::store();
    bench.send(Store { rejected: vec![rejected("x")], ..store }).await;
    bench.committed().await;
    assert_eq!(number(&bench.path, "SELECT count(*) FROM rejected_messages"), 1);
    bench.stop().await;
}
