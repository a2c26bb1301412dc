//! What the gateway is handed, and when.

use std::collections::VecDeque;

use super::*;

/// Stands for the gateway.
struct Gateway {
    /// Others' pushes are ignored.
    incarnation: u32,
    pushed: Arc<Mutex<VecDeque<Arc<AlertEvent>>>>,
    hint: Arc<Notify>,
}

impl Actor for Gateway {
    type Context = Context<Self>;
}

impl Handler<Routed<PushAlerts>> for Gateway {
    type Result = ();

    fn handle(&mut self, push: Routed<PushAlerts>, _: &mut Context<Self>) {
        let (push, _room) = push.split();
        if push.incarnation == self.incarnation {
            self.pushed.lock().unwrap().extend(push.events);
            self.hint.notify_one();
        }
    }
}

/// What the stand-in gets.
struct Inbox {
    pushed: Arc<Mutex<VecDeque<Arc<AlertEvent>>>>,
    hint: Arc<Notify>,
    route: Route<PushAlerts>,
    life: actix_rt::task::JoinHandle<()>,
}

impl Inbox {
    fn new() -> Self {
        Self::of_incarnation(1)
    }

    fn of_incarnation(incarnation: u32) -> Self {
        let (pushed, hint) = <(Arc<Mutex<_>>, Arc<Notify>)>::default();
        let mailbox = Mailbox::<Gateway>::new();
        let route = mailbox.route(20);
        let factory = {
            let (pushed, hint) = (pushed.clone(), hint.clone());
            move |_: &ChildEnv| {
                Ok(Gateway { incarnation, pushed: pushed.clone(), hint: hint.clone() })
            }
        };
        let life = actix_rt::spawn(testing::run(mailbox, factory, Exits::default()));
        Self { pushed, hint, route, life }
    }

    /// The next event.
    async fn next(&self) -> Arc<AlertEvent> {
        loop {
            if let Some(event) = self.pushed.lock().unwrap().pop_front() {
                return event;
            }
            tokio::time::timeout(DEADLINE, self.hint.notified()).await.expect("pushed");
        }
    }

    /// The numbers of the next events.
    async fn numbers(&self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(self.next().await.number);
        }
        numbers
    }

    fn is_empty(&self) -> bool {
        self.route.depth() == 0 && self.pushed.lock().unwrap().is_empty()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.life.abort();
    }
}

fn raised(number: u64) -> AlertEvent {
    let seconds = number.cast_signed();
    AlertEvent { number, ..event(&format!("a{number}"), "TEMP_001", seconds, AlertState::Active) }
}

/// Fails for now as long as it is locked.
fn locked_by(is_locked: Arc<AtomicBool>) -> CommitFn {
    Arc::new(move |database, work| {
        if !work.is_empty() && is_locked.load(Ordering::Relaxed) {
            return Err(locked("sensor_data.db".as_ref()));
        }
        commit(database, work)
    })
}

#[actix::test]
async fn alerts_go_out_after_their_commit() {
    let inbox = Inbox::new();
    let (let_go, go) = std::sync::mpsc::channel();
    let go = Mutex::new(go);
    let held: CommitFn = Arc::new(move |database, work: &[Work<'_>]| {
        if !work.is_empty() {
            go.lock().unwrap().recv_timeout(DEADLINE).expect("let go");
        }
        commit(database, work)
    });
    // With "power", a commit that hangs changes nothing.
    let bench = Bench::with_durability(Durability::Power, held, Some(inbox.route.clone()));
    bench.report(0, &[]).await;
    bench.send(alerts([raised(1)])).await;
    bench.report(0, &[]).await;
    assert!(inbox.is_empty(), "not before its commit");
    let_go.send(()).unwrap();
    assert_eq!(inbox.next().await.number, 1);
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 1);
    for _ in 0..4 {
        let_go.send(()).unwrap();
    }
    bench.stop().await;
}

#[actix::test]
async fn alerts_go_out_while_the_database_is_locked_and_are_stored_under_the_same_numbers() {
    let (inbox, is_locked) = (Inbox::new(), Arc::new(AtomicBool::new(false)));
    let bench = Bench::with(locked_by(is_locked.clone()), Some(inbox.route.clone()));
    bench.report(0, &[]).await;
    is_locked.store(true, Ordering::Relaxed);
    bench.send(readings([reading(0)])).await;
    bench.send(alerts([raised(1)])).await;
    assert_eq!(inbox.next().await.number, 1);
    bench.send(alerts([AlertEvent { announced: false, ..raised(2) }])).await;
    bench.send(alerts([raised(3)])).await;
    assert_eq!(inbox.next().await.number, 3);
    bench.report(0, &[1]).await;
    assert_eq!(bench.num_readings(), 0);

    is_locked.store(false, Ordering::Relaxed);
    bench.committed().await;
    let stored = texts(&bench.path, "SELECT id || alert_id FROM alerts ORDER BY id");
    assert_eq!(stored, ["1a1", "2a2", "3a3"]);
    bench.committed().await;
    let published = texts(&bench.path, "SELECT alert_id FROM alerts WHERE published_at NOT NULL");
    assert_eq!(published, ["a1"]);
    assert!(inbox.is_empty(), "pushed once");
    bench.stop().await;
}

#[actix::test]
async fn more_than_the_credits_go_out_as_these_return_while_the_database_is_locked() {
    let (inbox, is_locked) = (Inbox::new(), Arc::new(AtomicBool::new(true)));
    let bench = Bench::with(locked_by(is_locked.clone()), Some(inbox.route.clone()));
    bench.report(0, &[]).await;
    for batch in 0..10 {
        bench.send(alerts((1..=10).map(|n| raised(batch * 10 + n)))).await;
    }
    let mut expected = 1..=100;
    while !expected.is_empty() {
        let numbers = inbox.numbers(20.min(expected.clone().count())).await;
        assert_eq!(numbers, expected.by_ref().take(20).collect::<Vec<_>>());
        assert!(inbox.is_empty(), "no more than the credits");
        bench.report(0, &numbers).await;
    }
    is_locked.store(false, Ordering::Relaxed);
    bench.committed().await;
    bench.committed().await;
    let sql = "SELECT count(*) FROM alerts WHERE published_at NOT NULL";
    assert_eq!(number(&bench.path, sql), 100);
    bench.stop().await;
}

#[actix::test]
async fn a_commit_that_hangs_holds_no_alert_up_for_long() {
    let inbox = Inbox::new();
    let (let_go, go) = std::sync::mpsc::channel();
    let go = Mutex::new(go);
    let slow: CommitFn = Arc::new(move |database, work: &[Work<'_>]| {
        if matches!(work, [Work::Store(_), ..]) {
            go.lock().unwrap().recv_timeout(DEADLINE).expect("let go");
        }
        commit(database, work)
    });
    let bench = Bench::with(slow, Some(inbox.route.clone()));
    bench.report(0, &[]).await;
    bench.send(alerts([raised(1)])).await;
    assert_eq!(inbox.next().await.number, 1, "with nothing else happening");
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 0);
    let_go.send(()).unwrap();
    bench.committed().await;
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 1);
    bench.stop().await;
}

#[actix::test]
async fn what_earlier_commits_left_is_read_and_goes_out_in_order_within_the_credits() {
    let inbox = Inbox::new();
    let bench = Bench::with(Arc::new(commit), Some(inbox.route.clone()));
    bench.send(alerts((1..=70).map(raised))).await;
    bench.committed().await;
    assert!(inbox.is_empty(), "the gateway is not there yet");
    bench.report(0, &[]).await;
    for first in [1, 21, 41] {
        let numbers = inbox.numbers(20).await;
        assert_eq!(numbers, (first..first + 20).collect::<Vec<_>>());
        bench.report(1, &numbers).await;
    }
    assert_eq!(inbox.numbers(10).await, (61..=70).collect::<Vec<_>>());
    let (folder, path, _) = bench.stop().await;
    assert!(!path.with_extension("db-wal").exists(), "nobody has the file open: {folder:?}");
}

#[actix::test]
async fn a_restart_of_the_writer_pushes_again_what_is_not_delivered() {
    let inbox = Inbox::new();
    let crash = failing(2, true, || panic!("injected"));
    let bench = Bench::with(crash, Some(inbox.route.clone()));
    bench.report(0, &[]).await;
    bench.send(alerts([raised(1), raised(2)])).await;
    assert_eq!(inbox.numbers(2).await, [1, 2]);
    bench.report(0, &[1]).await;
    bench.send(alerts([raised(3)])).await; // its commit crashes
    assert_eq!(inbox.numbers(2).await, [2, 3]);
    bench.committed().await;
    assert_eq!(number(&bench.path, "SELECT count(*) FROM alerts"), 3);
    assert_eq!(bench.stop().await.2.len(), 1);
}

#[actix::test]
async fn a_refused_topic_holds_up_no_other_and_is_tried_again_with_a_new_connection() {
    let inbox = Inbox::new();
    let bench = Bench::with(Arc::new(commit), Some(inbox.route.clone()));
    let humid = |number| AlertEvent {
        quantity: crate::domain::Quantity::new("humidity").unwrap(),
        ..raised(number)
    };
    bench.report(1, &[]).await;
    bench.send(alerts([humid(1), humid(2), raised(3)])).await;
    assert_eq!(inbox.numbers(3).await, [1, 2, 3]);
    let link = GatewayLink { incarnation: 1, connection: 1 };
    let refused = PushReport { link, delivered: vec![3], refused: vec![1, 2] };
    assert!(!bench.report.request(refused, DEADLINE).await.unwrap(), "nothing follows");
    bench.send(alerts([humid(4), raised(5)])).await;
    assert_eq!(inbox.next().await.number, 5);
    bench.report(1, &[5]).await;
    assert!(inbox.is_empty());
    bench.report(2, &[]).await;
    assert_eq!(inbox.next().await.number, 1, "its first");
    assert!(inbox.is_empty(), "alone");
    bench.report(2, &[1]).await;
    assert_eq!(inbox.numbers(2).await, [2, 4], "then the rest, from the file");
    bench.stop().await;
}

#[actix::test]
async fn a_new_incarnation_of_the_gateway_gets_everything_that_is_not_delivered() {
    let inbox = Inbox::of_incarnation(2);
    let bench = Bench::with(Arc::new(commit), Some(inbox.route.clone()));
    bench.send(alerts((1..=25).map(raised))).await;
    bench.committed().await;
    // Nobody is there to take what the first incarnation was pushed.
    bench.report(1, &[]).await;
    let link = GatewayLink { incarnation: 2, connection: 0 };
    let report = PushReport { link, delivered: vec![2], refused: Vec::new() };
    bench.report.request(report, DEADLINE).await.unwrap();
    let expected: Vec<u64> = [1].into_iter().chain(3..=21).collect();
    assert_eq!(inbox.numbers(20).await, expected);
    assert!(inbox.is_empty(), "no more than the credits");
    bench.stop().await;
}
