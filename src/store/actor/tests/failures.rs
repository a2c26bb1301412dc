//! Whatever fails, each reading is stored once.

use super::*;

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
    assert!(exactly_once(Arc::new(commit)).await.is_empty());
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

#[actix::test]
async fn an_error_ends_the_incarnation_and_loses_nothing() {
    for after in [false, true] {
        let exits =
            exactly_once(failing(1, after, || Err(io_error("sensor_data.db".as_ref())))).await;
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
    let hooked: CommitFn = Arc::new(move |database, work| {
        if work.is_empty() {
            return Ok(());
        }
        let is_first = num_commits.fetch_add(1, Ordering::Relaxed) == 0;
        let (done, changed) = &*through;
        if is_first {
            beginning.notify_one();
            let waiting = changed.wait_timeout_while(done.lock().unwrap(), DEADLINE, |done| !*done);
            drop(waiting.unwrap());
        }
        let result = commit(database, work);
        if is_first {
            beginning.notify_one();
        } else {
            *done.lock().unwrap() = true;
            changed.notify_all();
        }
        result
    });
    let bench = Bench::with(hooked, None);
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

#[actix::test]
async fn a_lock_of_another_program_is_waited_out() {
    let (num_busy, busy) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let bench = Bench::with(watching(num_busy.clone(), busy.clone()), None);
    bench.committed().await;
    let holder = Lock::take(&bench.path);
    for n in 0..100 {
        bench.send(readings([reading(n)])).await;
    }
    tokio::time::timeout(DEADLINE, busy.notified()).await.expect("a commit meets the lock");
    // Back-pressure: the route is full of what is not committed.
    assert!(bench.store.try_send(readings([reading(100)])).is_err());
    assert_eq!(bench.num_readings(), 0);
    drop(holder);
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
        fill_disk(database, !room.load(Ordering::Relaxed));
        watching(database, work)
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
