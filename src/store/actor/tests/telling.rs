//! What the gateway is told of, and when.

use std::collections::VecDeque;

use super::*;

/// Stands for the gateway.
struct Gateway {
    told: Arc<Mutex<VecDeque<AlertsWaiting>>>,
    hint: Arc<Notify>,
}

impl Actor for Gateway {
    type Context = Context<Self>;
}

impl Handler<Routed<AlertsWaiting>> for Gateway {
    type Result = ();

    fn handle(&mut self, waiting: Routed<AlertsWaiting>, _: &mut Context<Self>) {
        self.told.lock().unwrap().push_back(waiting.split().0);
        self.hint.notify_one();
    }
}

/// What the stand-in hears.
struct Ear {
    told: Arc<Mutex<VecDeque<AlertsWaiting>>>,
    hint: Arc<Notify>,
    route: Route<AlertsWaiting>,
    life: actix_rt::task::JoinHandle<()>,
}

impl Ear {
    fn new() -> Self {
        let (told, hint) = <(Arc<Mutex<_>>, Arc<Notify>)>::default();
        let mailbox = Mailbox::<Gateway>::new();
        let route = mailbox.route(1);
        let factory = {
            let (told, hint) = (told.clone(), hint.clone());
            move |_: &ChildEnv| Ok(Gateway { told: told.clone(), hint: hint.clone() })
        };
        let life = actix_rt::spawn(testing::run(mailbox, factory, Exits::default()));
        Self { told, hint, route, life }
    }

    /// What it is told next: after which row, and the alerts' rows and ids.
    async fn hears(&self) -> (Option<i64>, Vec<(i64, String)>) {
        loop {
            let next = self.told.lock().unwrap().pop_front();
            if let Some(AlertsWaiting { after_row_id, rows }) = next {
                let rows = rows.iter().map(|row| (row.row_id, row.event.alert_id.to_string()));
                return (after_row_id, rows.collect());
            }
            tokio::time::timeout(DEADLINE, self.hint.notified()).await.expect("told");
        }
    }

    fn has_heard_nothing(&self) -> bool {
        self.route.depth() == 0 && self.told.lock().unwrap().is_empty()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.life.abort();
    }
}

fn raised(alert_id: &str) -> Store {
    alerts([event(alert_id, "TEMP_001", 0, AlertState::Active)])
}

/// Fails for now as long as it is locked.
fn locked(is_locked: Arc<AtomicBool>) -> CommitFn {
    Arc::new(move |database, work| {
        if !work.is_empty() && is_locked.load(Ordering::Relaxed) {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        write::commit(database, work)
    })
}

#[actix::test]
async fn alerts_are_told_of_while_the_database_is_locked_and_have_the_rows_that_were_told() {
    let (ear, is_locked) = (Ear::new(), Arc::new(AtomicBool::new(false)));
    let bench = Bench::with(locked(is_locked.clone()), Some(ear.route.clone()));
    bench.begin().await;
    is_locked.store(true, Ordering::Relaxed);
    bench.send(readings([reading(0)])).await;
    bench.send(raised("a")).await;
    assert_eq!(ear.hears().await, (Some(0), vec![(1, "a".to_owned())]));
    let mut kept = event("b", "TEMP_002", 1, AlertState::Active);
    kept.announced = false;
    bench.send(alerts([kept])).await;
    bench.send(raised("c")).await;
    assert_eq!(ear.hears().await, (Some(1), vec![(3, "c".to_owned())]));
    assert_eq!(bench.num_readings(), 1, "the one it began with");

    is_locked.store(false, Ordering::Relaxed);
    bench.committed().await;
    let stored = texts(&bench.path, "SELECT id || alert_id FROM alerts ORDER BY id");
    assert_eq!(stored, ["1a", "2b", "3c"]);
    assert_eq!(bench.num_readings(), 2);
    assert!(ear.has_heard_nothing(), "told once");
    bench.stop().await;
}

#[actix::test]
async fn what_waits_to_be_published_is_told_on_request_while_the_database_is_locked() {
    let (ear, is_locked) = (Ear::new(), Arc::new(AtomicBool::new(false)));
    let bench = Bench::with(locked(is_locked.clone()), Some(ear.route.clone()));
    let pending = async |after_row_id, at_most| {
        let ask = LoadPendingAlerts { after_row_id, at_most };
        let alerts = bench.pending.request(ask, DEADLINE).await.unwrap().unwrap();
        alerts.into_iter().map(|alert| alert.row_id).collect::<Vec<_>>()
    };
    let three = |first| {
        let kept = |n| AlertEvent { announced: n != 1, ..event("a", "T", n, AlertState::Active) };
        alerts((first..first + 3).map(kept))
    };
    bench.send(three(0)).await; // rows 1 to 3, 2 being announced to nobody
    bench.settled().await;
    is_locked.store(true, Ordering::Relaxed);
    bench.send(three(3)).await;
    let many = (0..21).map(|n| event(&format!("a{n}"), "T", n, AlertState::Active));
    bench.send(alerts(many)).await;
    assert_eq!(pending(0, 6).await, [1, 3, 4, 5, 6, 7]);
    assert_eq!(pending(7, 100).await, (8..=27).collect::<Vec<_>>());
    bench.delivered.send(AlertsDelivered(vec![1, 4, 5]), DEADLINE).await.unwrap();
    assert_eq!(pending(0, 3).await, [3, 6, 7]);

    is_locked.store(false, Ordering::Relaxed);
    bench.committed().await;
    assert_eq!(pending(0, 3).await, [3, 6, 7]);
    assert_eq!(pending(26, 3).await, [27]);
    let (folder, path, _) = bench.stop().await;
    assert!(!path.with_extension("db-wal").exists(), "nobody has the file open: {folder:?}");
}

#[actix::test]
async fn alerts_told_of_are_committed_without_being_asked_for() {
    let (ear, committed) = (Ear::new(), Arc::new(Notify::new()));
    let done = committed.clone();
    let commit: CommitFn = Arc::new(move |database, work| {
        write::commit(database, work)?;
        if !work.is_empty() {
            done.notify_one();
        }
        Ok(())
    });
    let bench = Bench::with(commit, Some(ear.route.clone()));
    bench.begin().await;
    committed.notified().await;
    bench.send(raised("a")).await;
    tokio::time::timeout(DEADLINE, committed.notified()).await.expect("committed unasked");
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 1);
    let (folder, ..) = bench.stop().await;
    let left = std::fs::read_dir(folder.path().join("alerts")).unwrap().count();
    assert_eq!(left, 1, "its lock");
}

#[actix::test]
async fn where_the_device_is_waited_for_they_are_told_of_after_the_commit_even_if_that_crashed() {
    let ear = Ear::new();
    let crash = failing(1, true, || panic!("injected"));
    let bench = Bench::with_durability(Durability::Power, crash, Some(ear.route.clone()));
    bench.send(raised("a")).await;
    assert_eq!(ear.hears().await, (None, Vec::new()), "the next incarnation bids it ask");
    // Or to ask once more, where the first word still stands in the way of the row.
    let (row, ask) = ((Some(0), vec![(1, "a".to_owned())]), (None, Vec::new()));
    let told = ear.hears().await;
    assert!(told == row || told == ask, "{told:?}");
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 1);

    let mut kept = event("b", "TEMP_002", 1, AlertState::Active);
    kept.announced = false;
    bench.send(alerts([kept])).await;
    bench.send(readings([reading(0)])).await;
    bench.committed().await;
    assert!(ear.has_heard_nothing(), "told of nothing that is not announced");
    assert_eq!(bench.stop().await.2.len(), 1);
}

#[actix::test]
async fn of_many_alerts_it_is_told_that_they_are_there() {
    let ear = Ear::new();
    let bench = Bench::with(Arc::new(write::commit), Some(ear.route.clone()));
    let many = (0..21).map(|n| event(&format!("a{n}"), "TEMP_001", n, AlertState::Active));
    bench.send(alerts(many)).await;
    assert_eq!(ear.hears().await, (Some(0), Vec::new()));
    bench.stop().await;
}
