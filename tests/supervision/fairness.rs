//! One child can't starve the others of the arbiter, of memory or of the process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use actix::prelude::*;
use vigie::supervisor::{ChildSpec, GracefulStop, Mailbox, SendError, Tree};

use crate::fixture::*;

/// Ticks every 5 ms and records its worst delay.
struct Metronome(Arc<Beat>);

#[derive(Default)]
struct Beat {
    thread: Mutex<Option<ThreadId>>,
    ticks: AtomicU64,
    worst_late_us: AtomicU64,
}

const BEAT: Duration = Duration::from_millis(5);

impl Actor for Metronome {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        *self.0.thread.lock().expect("no panic") = Some(std::thread::current().id());
        let mut last = Instant::now();
        ctx.run_interval(BEAT, move |this, _| {
            let late = last.elapsed().saturating_sub(BEAT);
            last = Instant::now();
            this.0
                .worst_late_us
                .fetch_max(u64::try_from(late.as_micros()).expect("less than an age"), Relaxed);
            this.0.ticks.fetch_add(1, Relaxed);
        });
    }
}

impl Handler<GracefulStop> for Metronome {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Works 100 µs a message and spawns a future with each, so that the context polls again at once.
struct Flooded(Arc<Mutex<Option<ThreadId>>>);

#[derive(Message)]
#[rtype(result = "()")]
struct Work;

impl Actor for Flooded {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        *self.0.lock().expect("no panic") = Some(std::thread::current().id());
    }
}

impl Handler<Work> for Flooded {
    type Result = ();

    fn handle(&mut self, _: Work, ctx: &mut Self::Context) {
        ctx.spawn(std::future::ready(()).into_actor(self));
        let began = Instant::now();
        while began.elapsed() < Duration::from_micros(100) {
            std::hint::spin_loop();
        }
    }
}

impl Handler<GracefulStop> for Flooded {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Median over five floods of the worst delay of each. A busy machine spoils a round or two; a pump without a bound spoils
/// all, since a flood lasts ten times the limit.
#[test]
fn a_flooded_child_does_not_starve_its_neighbours() {
    const ROUNDS: usize = 5;
    const MESSAGES: usize = 8_000;
    run_alone(async {
        let flooded_on: Arc<Mutex<Option<ThreadId>>> = Arc::default();
        let on = Arc::clone(&flooded_on);
        let mailbox = Mailbox::new();
        let addr = mailbox.addr();
        let mut tree = Tree::new()
            .child(ChildSpec::sensor("flooded", mailbox, move |_| Ok(Flooded(on.clone()))));
        // Enough metronomes that one shares the flooded arbiter.
        let beats: Vec<Arc<Beat>> = (0..16).map(|_| Arc::default()).collect();
        for (n, beat) in beats.iter().enumerate() {
            let beat = beat.clone();
            let factory = move |_: &_| Ok(Metronome(beat.clone()));
            tree = tree.child(ChildSpec::sensor(format!("beat-{n}"), Mailbox::new(), factory));
        }
        let run = Run::start(tree);
        run.until_up("flooded", 0).await;
        run.until_up("beat-15", 0).await;
        let thread = *flooded_on.lock().expect("no panic");
        let neighbour = beats.iter().find(|beat| *beat.thread.lock().expect("no panic") == thread);
        let neighbour = neighbour.expect("one of 16 on the same arbiter");

        let mut worst_ms = Vec::new();
        for _ in 0..ROUNDS {
            neighbour.worst_late_us.store(0, Relaxed);
            let began = Instant::now();
            for _ in 1..MESSAGES {
                addr.do_send(Work);
            }
            soon("the end of the flood", addr.send(Work)).await.expect("it is up");
            let lasted = began.elapsed();
            println!("a flood of {lasted:?}");
            assert!(lasted > MS(400), "too short a flood to tell: {lasted:?}");
            // A tick that was delayed throughout the flood arrives after it.
            let ticks = neighbour.ticks.load(Relaxed);
            until("its next tick", || neighbour.ticks.load(Relaxed) > ticks).await;
            worst_ms.push(neighbour.worst_late_us.load(Relaxed) / 1_000);
        }
        worst_ms.sort_unstable();
        println!("worst lateness of a 5 ms timer in each round, in ms: {worst_ms:?}");
        assert!(worst_ms[ROUNDS / 2] < 50, "{worst_ms:?}");
        run.stop_cleanly().await;
    });
}

#[test]
fn the_watchdog_tells_a_stuck_arbiter_from_a_healthy_one() {
    run(async {
        let book = Recorder::new();
        let (stuck, addr) = critical("stuck", &book, Script::default());
        let (healthy, _) = critical("healthy", &book, Script::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let tree = Tree::new().child(stuck).child(healthy).watchdog(MS(400), move |name, lasts| {
            tell.lock().expect("no panic").push((name.to_owned(), lasts));
        });
        let run = Run::start(tree);
        run.until_up("stuck", 0).await;
        soon("the block to end", addr.send(Fault::Block(MS(1_200)))).await.expect("it survives");
        assert_eq!(soon("an answer", addr.send(Add)).await, Ok(1));
        run.stop_cleanly().await;
        let told = told.lock().expect("no panic").clone();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, "stuck");
        assert!(told[0].1 >= MS(400) && told[0].1 < MS(1_200), "{told:?}");
    });
}

#[test]
fn a_route_never_exceeds_its_capacity_whatever_its_clones() {
    run(async {
        let book = Recorder::new();
        let mailbox = Mailbox::new();
        let (route, faults) = (mailbox.route::<Add>(8), mailbox.route::<Fault>(2));
        let spec = ChildSpec::critical("slow", mailbox, probe(&book, Script::default()));
        let spec = spec.backoff(QUICK);

        // Before the child exists: capacity belongs to the route, not to the actor.
        let taken = (0..100).filter(|_| route.clone().try_send(Add).is_ok()).count();
        assert_eq!((taken, route.depth(), route.capacity()), (8, 8, 8));
        assert!(matches!(route.try_send(Add), Err(SendError::Full(_))));
        assert!(matches!(route.send(Add, MS(20)).await, Err(SendError::Full(_))));
        assert!(matches!(route.send_weighted(2, Add, MS(20)).await, Err(SendError::Full(_))));

        let waiting = actix_rt::spawn({
            let route = route.clone();
            async move { route.send(Add, MS(10_000)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let run = Run::start(Tree::new().child(spec));
        assert!(soon("room", waiting).await.expect("no panic"));
        until("all are handled", || book.added() == 9 && route.depth() == 0).await;
        // A message larger than the capacity takes all of it.
        assert!(route.send_weighted(9, Add, MS(10_000)).await.is_ok());
        assert!(route.depth() == 8 || book.added() == 10);
        until("it is handled", || book.added() == 10 && route.depth() == 0).await;

        // A message dropped with its incarnation returns its permit, and so does an unanswered one.
        for restarts in 0..2 {
            run.until_up("slow", restarts).await;
            assert!(faults.request(Fault::Panic, MS(5_000)).await.is_err());
        }
        until("the room is free", || faults.depth() == 0).await;
        run.until_up("slow", 2).await;
        run.stop_cleanly().await;

        // After giving up, queued messages are dropped and their senders get an error.
        assert!(matches!(route.send(Add, MS(100)).await, Err(SendError::Closed(_))));
        assert_eq!(route.depth(), 0);
    });
}
