//! Shared by the tests of supervision: a probe actor that fails on demand, and a tree to run it in.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;
use vigie::supervisor::{
    Backoff, ChildEnv, ChildSpec, ChildState, Failure, GracefulStop, Health, Mailbox, Routed, Tree,
    TreeOutcome,
};

pub const MS: fn(u64) -> Duration = Duration::from_millis;

/// Timeout that only a broken supervisor reaches.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tests that measure run alone; the others run in parallel.
static QUIET: RwLock<()> = RwLock::new(());

pub fn run<T>(test: impl Future<Output = T>) -> T {
    let _beside = QUIET.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    actix_rt::System::new().block_on(test)
}

pub fn run_alone<T>(test: impl Future<Output = T>) -> T {
    let _alone = QUIET.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    actix_rt::System::new().block_on(test)
}

/// Polls until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(MS(2)).await;
    }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("waited in vain for {what}")
    };
    value
}

/// A started tree, run in the background.
pub struct Run {
    pub health: Health,
    stop: Option<oneshot::Sender<Duration>>,
    outcome: tokio::task::JoinHandle<TreeOutcome>,
}

impl Run {
    pub fn start(tree: Tree) -> Self {
        Self::start_within(tree, Duration::from_secs(10))
    }

    pub fn start_within(tree: Tree, stop_within: Duration) -> Self {
        let tree = tree.start().expect("a thread for the watchdog");
        let health = tree.health();
        let (stop, stopped) = oneshot::channel::<Duration>();
        let outcome = actix_rt::spawn(async move {
            let stop = async {
                // Dropped without a message when the test fails.
                let _ = stopped.await;
            };
            tree.run_until(stop, stop_within).await
        });
        Self { health, stop: Some(stop), outcome }
    }

    pub async fn stop(mut self) -> TreeOutcome {
        let stop = self.stop.take().expect("stopped once");
        let _ = stop.send(Duration::ZERO);
        self.outcome().await
    }

    /// Stops the tree and checks that no child was cut off.
    pub async fn stop_cleanly(self) {
        assert_eq!(self.stop().await, TreeOutcome::Stopped { unfinished: vec![] });
    }

    pub async fn outcome(self) -> TreeOutcome {
        soon("the outcome", self.outcome).await.expect("the run doesn't panic")
    }

    pub fn state(&self, child: &str) -> ChildState {
        self.health.child(child).expect("a child of that name").state
    }

    pub fn restarts(&self, child: &str) -> u32 {
        self.health.child(child).expect("a child of that name").incarnation.saturating_sub(1)
    }

    pub fn last_exit(&self, child: &str) -> String {
        let child = self.health.child(child).expect("a child of that name");
        child.last_exit.expect("it has exited").what
    }

    pub async fn until_up(&self, child: &str, restarts: u32) {
        until(&format!("{child} is up after {restarts} restarts"), || {
            self.restarts(child) == restarts && self.state(child) == ChildState::Up
        })
        .await;
    }
}

/// Records what the probes of a test did.
#[derive(Default)]
pub struct Recorder {
    pub added: AtomicU64,
    pub ticks: AtomicU64,
    pub births: AtomicU32,
    /// Number of handled stop requests.
    pub stops: AtomicU32,
    pub lines: Mutex<Vec<String>>,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn added(&self) -> u64 {
        self.added.load(Relaxed)
    }

    pub fn births(&self) -> u32 {
        self.births.load(Relaxed)
    }

    pub fn stops(&self) -> u32 {
        self.stops.load(Relaxed)
    }

    pub fn note(&self, line: impl Into<String>) {
        self.lines.lock().expect("no panic while noting").push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic while noting").clone()
    }
}

/// Behaviour of a probe; the default has no fault.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct Script {
    /// `started` panics in incarnations below this number.
    pub started_panics_below: u32,
    pub stopped_panics: bool,
    pub drop_panics: bool,
    /// Ignores stop requests.
    pub deaf: bool,
    /// A stop request makes incarnations below this number panic.
    pub stop_panics_below: u32,
    /// Time to handle a stop request.
    pub stop_takes: Duration,
    /// Delay between start and the ready report.
    pub ready_after: Option<Duration>,
    pub ticks_every: Option<Duration>,
    /// Records its start and stop.
    pub notes: bool,
}

pub struct Probe {
    env: ChildEnv,
    book: Arc<Recorder>,
    script: Script,
}

pub fn probe(
    book: &Arc<Recorder>,
    script: Script,
) -> impl Fn(&ChildEnv) -> Result<Probe, Failure> + Send + Sync + 'static {
    let book = book.clone();
    move |env| {
        book.births.fetch_add(1, Relaxed);
        Ok(Probe { env: env.clone(), book: book.clone(), script })
    }
}

/// A short backoff.
pub const QUICK: Backoff = Backoff { first: MS_5, cap: MS_20, jitter_percent: 25 };
const MS_5: Duration = Duration::from_millis(5);
const MS_20: Duration = Duration::from_millis(20);

/// A critical probe with a short backoff, and its address.
pub fn critical(
    name: &str,
    book: &Arc<Recorder>,
    script: Script,
) -> (ChildSpec<Probe>, Addr<Probe>) {
    let mailbox = Mailbox::new();
    let addr = mailbox.addr();
    (ChildSpec::critical(name, mailbox, probe(book, script)).backoff(QUICK), addr)
}

pub fn sensor(name: &str, book: &Arc<Recorder>, script: Script) -> (ChildSpec<Probe>, Addr<Probe>) {
    let mailbox = Mailbox::new();
    let addr = mailbox.addr();
    (ChildSpec::sensor(name, mailbox, probe(book, script)).backoff(QUICK), addr)
}

/// Increments the probe's counter; the answer is the incarnation that handled it.
#[derive(Message)]
#[rtype(result = "u32")]
pub struct Add;

#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub enum Fault {
    Panic,
    Fail,
    Stop,
    PanicInSpawned,
    PanicInLater,
    /// Blocks the arbiter.
    Block(Duration),
    /// Ends the arbiter.
    StopArbiter,
}

/// Answered by a future of the actor that panics.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PanicInActFuture;

#[derive(Message)]
#[rtype(result = "()")]
pub struct PanicInAtomic;

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Script { started_panics_below, ready_after, ticks_every, notes, .. } = self.script;
        assert!(self.env.incarnation() >= started_panics_below, "not yet");
        if let Some(after) = ready_after {
            ctx.run_later(after, |this, _| {
                this.book.note(format!("{} ready", this.env.name()));
                this.env.ready();
            });
        }
        if let Some(every) = ticks_every {
            ctx.run_interval(every, |this, _| {
                this.book.ticks.fetch_add(1, Relaxed);
            });
        }
        if notes {
            self.book.note(format!("{} started", self.env.name()));
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if self.script.notes {
            self.book.note(format!("{} stopped", self.env.name()));
        }
        assert!(!self.script.stopped_panics, "stopped panics");
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(!self.script.drop_panics, "drop panics");
    }
}

impl Handler<Add> for Probe {
    type Result = u32;

    fn handle(&mut self, _: Add, _: &mut Self::Context) -> u32 {
        self.book.added.fetch_add(1, Relaxed);
        self.env.incarnation()
    }
}

impl Handler<Routed<Add>> for Probe {
    type Result = u32;

    fn handle(&mut self, _: Routed<Add>, ctx: &mut Self::Context) -> u32 {
        self.handle(Add, ctx)
    }
}

impl Handler<Fault> for Probe {
    type Result = ();

    fn handle(&mut self, fault: Fault, ctx: &mut Self::Context) {
        match fault {
            Fault::Panic => panic!("told to panic"),
            Fault::Fail => self.env.clone().fail::<Self>(ctx, "told to fail"),
            Fault::Stop => ctx.stop(),
            Fault::PanicInSpawned => {
                let future = tokio::task::yield_now();
                ctx.spawn(future.into_actor(self).map(|(), _, _| panic!("in a spawned future")));
            }
            Fault::PanicInLater => {
                ctx.run_later(MS(1), |_, _| panic!("in run_later"));
            }
            Fault::Block(time) => std::thread::sleep(time),
            Fault::StopArbiter => actix_rt::Arbiter::current().stop().then_some(()).expect("sent"),
        }
    }
}

impl Handler<Routed<Fault>> for Probe {
    type Result = ();

    fn handle(&mut self, fault: Routed<Fault>, ctx: &mut Self::Context) {
        self.handle(fault.message, ctx);
    }
}

impl Handler<PanicInActFuture> for Probe {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: PanicInActFuture, _: &mut Self::Context) -> Self::Result {
        let future = tokio::task::yield_now();
        Box::pin(future.into_actor(self).map(|(), _, _| panic!("in a ResponseActFuture")))
    }
}

impl Handler<PanicInAtomic> for Probe {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: PanicInAtomic, _: &mut Self::Context) -> Self::Result {
        let future = tokio::task::yield_now();
        AtomicResponse::new(Box::pin(
            future.into_actor(self).map(|(), _, _| panic!("in an AtomicResponse")),
        ))
    }
}

impl Handler<GracefulStop> for Probe {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.book.stops.fetch_add(1, Relaxed);
        assert!(self.env.incarnation() >= self.script.stop_panics_below, "not like this");
        if self.script.deaf {
            return;
        }
        if self.script.stop_takes.is_zero() {
            return ctx.stop();
        }
        ctx.run_later(self.script.stop_takes, |_, ctx| ctx.stop());
    }
}
