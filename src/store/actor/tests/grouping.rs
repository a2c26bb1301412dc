//! What shares a commit.

use super::*;

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
            commit(database, work)
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

/// What each commit had in it, but for those that only answer a question.
fn recording(commits: Arc<Mutex<Vec<(usize, usize)>>>, committed: Arc<Notify>) -> CommitFn {
    Arc::new(move |database, work: &[Work<'_>]| {
        let result = commit(database, work);
        if !work.is_empty() {
            let num_stores = work.iter().filter(|it| matches!(it, Work::Store(_))).count();
            commits.lock().unwrap().push((num_stores, work.len() - num_stores));
            committed.notify_one();
        }
        result
    })
}

fn delivered_one() -> PushReport {
    let link = GatewayLink { incarnation: 1, connection: 0 };
    PushReport { link, delivered: vec![1], refused: Vec::new() }
}

#[actix::test]
async fn a_mark_of_delivery_goes_with_the_readings_that_come_next() {
    let (commits, committed) = (Arc::default(), Arc::<Notify>::default());
    let bench = Bench::with(recording(Arc::clone(&commits), Arc::default()), None);
    // Another writer, whose lone mark is committed when its group time is over: by then one that the first
    // began before would be over too.
    let clock = Bench::with(recording(Arc::default(), committed.clone()), None);
    clock.committed().await;
    bench.send(numbered(1).0).await;
    bench.committed().await;
    clock.report(0, &[1]).await;
    tokio::time::timeout(DEADLINE, committed.notified()).await.expect("committed unasked");

    bench.report.try_send(delivered_one()).unwrap();
    bench.store.try_send(numbered(2).0).unwrap();
    bench.committed().await;
    assert_eq!(*commits.lock().unwrap(), [(1, 0), (1, 1)]);
    bench.stop().await;
    clock.stop().await;
}

#[actix::test]
async fn a_mark_that_comes_during_a_commit_is_committed_unasked() {
    let (commits, committed) = (<Arc<Mutex<Vec<_>>>>::default(), Arc::<Notify>::default());
    let recording = recording(commits.clone(), committed.clone());
    let (began, begun) = tokio::sync::mpsc::unbounded_channel();
    let (let_go, go) = std::sync::mpsc::channel();
    let go = Mutex::new(go);
    let commit: CommitFn = Arc::new(move |database, work| {
        if matches!(work, [Work::Store(_), ..]) {
            began.send(()).unwrap();
            go.lock().unwrap().recv_timeout(DEADLINE).expect("the mark is there");
        }
        recording(database, work)
    });
    let (mut begun, bench) = (begun, Bench::with(commit, None));
    bench.send(numbered(1).0).await;
    begun.recv().await.unwrap();
    bench.report(0, &[1]).await;
    let_go.send(()).unwrap();
    while commits.lock().unwrap().len() < 2 {
        tokio::time::timeout(DEADLINE, committed.notified()).await.expect("committed unasked");
    }
    assert_eq!(*commits.lock().unwrap(), [(1, 0), (0, 1)]);
    bench.stop().await;
}
