use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use r2d2_sqlite::rusqlite::{self, Connection};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::domain::{AlertState, StandingAlert};
use crate::messages::Judged;
use crate::storage::database::is_transient;
use crate::storage::fixtures::{
    alerts, at, event, number, readings, rejected, settings, store, temperature, texts,
};
use crate::storage::write::Work;
use crate::supervisor::testing::{self, Exits};
use crate::supervisor::{Mailbox, RequestError};

/// No wait of these tests takes so long unless something is broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// A writer under a small supervisor, and the ways to it.
struct Bench {
    _folder: TempDir,
    path: PathBuf,
    addr: Addr<Writer>,
    store: Route<Store>,
    resume: Route<LoadResumePoint>,
    pending: Route<LoadPendingAlerts>,
    delivered: Route<AlertsDelivered>,
    committed: Arc<Committed>,
    exits: Exits,
    life: actix_rt::task::JoinHandle<()>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Arc::new(write::commit), None)
    }

    fn with(commit: CommitFn, gateway: Option<Route<AlertsWaiting>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        drop(crate::storage::open(&settings(&path)).unwrap());
        let mailbox = Mailbox::<Writer>::new();
        let exits = Exits::default();
        let committed = Arc::<Committed>::default();
        Self {
            _folder: folder,
            committed: committed.clone(),
            addr: mailbox.addr(),
            store: mailbox.route(100),
            resume: mailbox.route(4),
            pending: mailbox.route(4),
            delivered: mailbox.route(4),
            life: actix_rt::spawn(testing::run(
                mailbox,
                Writer::factory_with(
                    settings(&path),
                    gateway,
                    committed.clone(),
                    AlertsStored::default(),
                    commit,
                ),
                exits.clone(),
            )),
            exits,
            path,
        }
    }

    async fn send(&self, store: Store) {
        self.store.send(store, DEADLINE).await.unwrap();
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
        (self._folder, self.path, exits)
    }

    fn num_readings(&self) -> i64 {
        count(&self.path)
    }
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
    fail: impl Fn() -> rusqlite::Result<Vec<PendingAlert>> + Send + Sync + 'static,
) -> CommitFn {
    let num_commits = AtomicU32::new(0);
    Arc::new(move |database, work| {
        if work.is_empty() || num_commits.fetch_add(1, Ordering::Relaxed) + 1 != nth {
            return write::commit(database, work);
        }
        if after {
            write::commit(database, work)?;
        }
        fail()
    })
}

/// Sends 100 readings in ten messages and checks that each is in the file once, in order.
async fn exactly_once(commit: CommitFn) -> Vec<String> {
    let bench = Bench::with(commit, None);
    for message in 0..10 {
        bench.send(readings((0..10).map(|n| reading(message * 10 + n)))).await;
        if message == 4 {
            bench.committed().await;
        }
    }
    bench.committed().await;
    let (_folder, path, exits) = bench.stop().await;
    let times: Vec<_> = (0..100).map(|n| crate::domain::time::stored(at(n), false)).collect();
    assert_eq!(texts(&path, "SELECT timestamp FROM sensor_readings ORDER BY id"), times);
    exits
}

#[actix::test]
async fn stores_each_reading_once() {
    assert!(exactly_once(Arc::new(write::commit)).await.is_empty());
}

#[actix::test]
async fn a_panic_before_the_commit_loses_nothing() {
    for nth in [1, 2] {
        let exits = exactly_once(failing(nth, false, || panic!("injected"))).await;
        assert_eq!(exits.len(), 1);
        assert!(exits[0].contains("injected"), "{exits:?}");
    }
}

#[actix::test]
async fn a_panic_after_the_commit_repeats_nothing() {
    for nth in [1, 2] {
        assert_eq!(exactly_once(failing(nth, true, || panic!("injected"))).await.len(), 1);
    }
}

fn io_error() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    rusqlite::Error::SqliteFailure(code, Some("disk I/O error".into()))
}

#[actix::test]
async fn an_error_ends_the_incarnation_and_loses_nothing() {
    for after in [false, true] {
        let exits = exactly_once(failing(1, after, || Err(io_error()))).await;
        assert_eq!(exits.len(), 1);
        assert!(
            exits[0].contains("sensor_data.db") && exits[0].contains("disk I/O error"),
            "{exits:?}"
        );
    }
}

/// Makes the actor itself panic.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for Writer {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("injected");
    }
}

#[actix::test]
async fn a_panic_of_the_actor_with_a_full_queue_loses_nothing() {
    let bench = Bench::new();
    // No await in between: all of it is queued before the writer sees the first.
    for n in 0..50 {
        bench.store.try_send(readings([reading(n)])).unwrap();
    }
    // Loss is fine: the test looks for the panic itself.
    bench.addr.do_send(Panic);
    for n in 50..100 {
        bench.store.try_send(readings([reading(n)])).unwrap();
    }
    assert!(bench.store.try_send(readings([reading(100)])).is_err());
    bench.committed().await;
    assert_eq!(bench.num_readings(), 100);
    let store = bench.store.clone();
    assert_eq!(bench.stop().await.2, ["panicked"]);
    assert_eq!(store.depth(), 0);
}

#[actix::test]
async fn a_panic_of_the_actor_during_a_commit_repeats_nothing() {
    // Holds the first commit of the dead incarnation back until the next one's is through.
    let next_is_through = Arc::new((Mutex::new(false), std::sync::Condvar::new()));
    let began = Arc::new(Notify::new());
    let num_commits = AtomicU32::new(0);
    let (through, beginning) = (next_is_through.clone(), began.clone());
    let commit: CommitFn = Arc::new(move |database, work| {
        if work.is_empty() {
            return Ok(Vec::new());
        }
        let is_first = num_commits.fetch_add(1, Ordering::Relaxed) == 0;
        let (done, changed) = &*through;
        if is_first {
            beginning.notify_one();
            let waiting = changed.wait_timeout_while(done.lock().unwrap(), DEADLINE, |done| !*done);
            drop(waiting.unwrap());
        }
        let result = write::commit(database, work);
        if is_first {
            beginning.notify_one();
        } else {
            *done.lock().unwrap() = true;
            changed.notify_all();
        }
        result
    });
    let bench = Bench::with(commit, None);
    bench.send(readings((0..10).map(reading))).await;
    tokio::time::timeout(DEADLINE, began.notified()).await.expect("the first commit begins");
    assert!(bench.addr.send(Panic).await.is_err());
    bench.send(readings((10..20).map(reading))).await;
    bench.committed().await;
    tokio::time::timeout(DEADLINE, began.notified()).await.expect("the late commit ends");
    bench.send(readings((20..30).map(reading))).await;
    bench.committed().await;
    assert_eq!(bench.num_readings(), 30);
    assert_eq!(bench.stop().await.2, ["panicked"]);
}

/// Says how often a commit failed for now.
fn watching(num_busy: Arc<AtomicU32>, first: Arc<Notify>) -> CommitFn {
    Arc::new(move |database, work| {
        let result = write::commit(database, work);
        if result.as_ref().is_err_and(is_transient) {
            num_busy.fetch_add(1, Ordering::Relaxed);
            first.notify_one();
        }
        result
    })
}

#[actix::test]
async fn a_lock_of_another_program_is_waited_out() {
    let (num_busy, busy) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let bench = Bench::with(watching(num_busy.clone(), busy.clone()), None);
    bench.committed().await;
    let holder = Connection::open(&bench.path).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for n in 0..100 {
        bench.send(readings([reading(n)])).await;
    }
    tokio::time::timeout(DEADLINE, busy.notified()).await.expect("a commit meets the lock");
    // Back-pressure: the route is full of what is not committed.
    assert!(bench.store.try_send(readings([reading(100)])).is_err());
    assert_eq!(bench.num_readings(), 0);
    holder.execute_batch("ROLLBACK").unwrap();
    bench.committed().await;
    assert_eq!(bench.num_readings(), 100);
    assert!(num_busy.load(Ordering::Relaxed) >= 1);
    assert_eq!(bench.stop().await.2, [] as [&str; 0]);
}

#[actix::test]
async fn a_full_disk_is_waited_out() {
    let (num_full, full) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let watching = watching(num_full.clone(), full.clone());
    let has_room = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let room = has_room.clone();
    let commit: CommitFn = Arc::new(move |database, work| {
        // SQLite says of a file at its page limit what it says of a full disk.
        let pages = if room.load(Ordering::Relaxed) { 1_000_000 } else { 1 };
        let limit =
            database.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        limit.and_then(|()| watching(database, work))
    });
    let bench = Bench::with(commit, None);
    bench.send(readings((0..1000).map(reading))).await;
    tokio::time::timeout(DEADLINE, full.notified()).await.expect("a commit meets the limit");
    assert_eq!(bench.num_readings(), 0);
    has_room.store(true, Ordering::Relaxed);
    bench.committed().await;
    assert_eq!(bench.num_readings(), 1000);
    assert_eq!(bench.stop().await.2, [] as [&str; 0]);
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
async fn what_comes_during_a_commit_shares_the_next() {
    let num_commits = Arc::new(AtomicU32::new(0));
    let counting = num_commits.clone();
    let (let_go, go) = std::sync::mpsc::channel();
    let go = std::sync::Mutex::new(go);
    let bench = Bench::with(
        Arc::new(move |database, work: &[Work<'_>]| {
            if !work.is_empty() && counting.fetch_add(1, Ordering::Relaxed) == 0 {
                go.lock().unwrap().recv_timeout(DEADLINE).expect("all others are there");
            }
            write::commit(database, work)
        }),
        None,
    );
    bench.committed().await;
    for n in 0..100 {
        let (store, is_taken) = numbered(n);
        bench.send(store).await;
        is_taken.await.expect("taken");
    }
    let_go.send(()).unwrap();
    bench.committed().await;
    assert_eq!(bench.num_readings(), 100);
    // One only if the writer was still busy with the question before.
    assert!(num_commits.load(Ordering::Relaxed) <= 2);
    bench.stop().await;
}

#[actix::test]
async fn a_lone_reading_is_committed_unasked() {
    let (num_busy, committed) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let done = committed.clone();
    let watching = watching(num_busy, Arc::default());
    let bench = Bench::with(
        Arc::new(move |database, work: &[Work<'_>]| {
            let result = watching(database, work);
            if !work.is_empty() {
                done.notify_one();
            }
            result
        }),
        None,
    );
    bench.send(readings([reading(0)])).await;
    tokio::time::timeout(DEADLINE, committed.notified()).await.expect("committed unasked");
    assert_eq!(bench.num_readings(), 1);
    bench.stop().await;
}

#[actix::test]
async fn answers_come_after_what_was_sent_before() {
    let bench = Bench::new();
    for n in 0..20 {
        let sensor = format!("TEMP_{n:03}");
        bench.send(alerts([event(&format!("a{n}"), &sensor, n, AlertState::Active)])).await;
        assert_eq!(bench.standing().await.len(), usize::try_from(n).unwrap() + 1);
    }
    let ask = LoadPendingAlerts { after_row_id: 0, at_most: 5 };
    let pending = bench.pending.request(ask, DEADLINE).await.unwrap().unwrap();
    assert_eq!(pending.len(), 5);
    let row_ids: Vec<_> = pending.iter().map(|alert| alert.row_id).collect();
    bench.delivered.send(AlertsDelivered(row_ids.clone()), DEADLINE).await.unwrap();
    let ask = LoadPendingAlerts { after_row_id: 0, at_most: 100 };
    let rest = bench.pending.request(ask, DEADLINE).await.unwrap().unwrap();
    assert_eq!(rest.len(), 15);
    assert!(rest.iter().all(|alert| !row_ids.contains(&alert.row_id)));
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
    assert_eq!(bench.committed.position(), 3);
    let expected: Vec<_> = (0..3).map(|n| reading(n).reading).collect();
    assert_eq!(point.recent, expected);
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
    bench.send(Store { rejected: vec![rejected("x")], ..store() }).await;
    bench.committed().await;
    assert_eq!(number(&bench.path, "SELECT count(*) FROM rejected_messages"), 1);
    bench.stop().await;
}

/// Stands for the gateway: counts the hints.
struct Gateway {
    hint: Arc<Notify>,
}

impl Actor for Gateway {
    type Context = Context<Self>;
}

impl Handler<Routed<AlertsWaiting>> for Gateway {
    type Result = ();

    fn handle(&mut self, _: Routed<AlertsWaiting>, _: &mut Context<Self>) {
        self.hint.notify_one();
    }
}

#[actix::test]
async fn the_gateway_is_told_of_alerts_to_publish_even_after_a_crash() {
    let hint = Arc::new(Notify::new());
    let mailbox = Mailbox::<Gateway>::new();
    let route = mailbox.route(1);
    let gateway = hint.clone();
    let factory = move |_: &ChildEnv| Ok(Gateway { hint: gateway.clone() });
    let gateway = actix_rt::spawn(testing::run(mailbox, factory, Exits::default()));

    let bench = Bench::with(failing(1, true, || panic!("injected")), Some(route.clone()));
    bench.send(alerts([event("a", "TEMP_001", 0, AlertState::Active)])).await;
    tokio::time::timeout(DEADLINE, hint.notified()).await.expect("told after the crash");
    assert_eq!(bench.standing().await.len(), 1);

    let mut kept = event("b", "TEMP_002", 1, AlertState::Active);
    kept.announced = false;
    bench.send(alerts([kept])).await;
    bench.send(readings([reading(0)])).await;
    bench.committed().await;
    assert_eq!(route.depth(), 0);
    assert!(
        tokio::time::timeout(Duration::ZERO, hint.notified()).await.is_err(),
        "told of nothing"
    );
    assert_eq!(bench.stop().await.2.len(), 1);
    gateway.abort();
}
