//! The writer actor: collects messages, commits them in groups, answers queries of the ledger.
//!
//! A commit starts at once for a batch, a query or a stop; after the group-commit delay for writes of receivers and
//! the gateway. One commit runs at a time, on the blocking pool; meanwhile further messages collect in the
//! [`Backlog`]. Alert events are pushed to the gateway by [`Push`].
//!
//! Invariants: a query is answered after everything sent before it is committed. A transient failure (locked, disk
//! full) is retried for ever; any other ends the incarnation, and the next one continues with the same backlog.
//! While the database is not at its path nothing is committed: see [`watching`]. Never: a message dropped before it
//! is committed, or a paused mailbox. Back-pressure comes from the routes' permits, which the backlog holds.

#![expect(clippy::disallowed_methods, reason = "the writer owns the clock of commits and retries")]

mod job;
mod requests;
mod upkeep;
mod watching;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;

use self::job::{CommitDelay, Job, JobResult, Question};
use self::upkeep::UpkeepTimer;
use self::watching::IdentityWatch;
use super::Prepared;
use super::backlog::{self, Backlog, BacklogItem};
use super::gauges::StoreGauges;
use super::growth::Growth;
use super::ledger::{Backend, Ledger, LedgerReader};
use super::push::Push;
use super::watch::Watch;
use crate::config::Durability;
use crate::messages::{AlertsStored, Cursors, PushAlerts, SaveReceiver, Store};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Route, Routed};

/// Group-commit delay for writes that no one waits for: longer than the delay of judged readings, so that they
/// share a commit while readings arrive. A commit for each delivered alert would compete with the broker and its
/// subscribers for the processor.
const GROUP_TIME: Duration = Duration::from_millis(30);

/// Between two tries while the ledger is locked or the disk full, or the gateway has no room.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Whether a commit, or a step of upkeep, is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Committing,
    /// The last try failed for now.
    Pausing,
}

/// Owns the ledger; nothing else writes it.
#[expect(clippy::struct_excessive_bools, reason = "what is under way at once, each by itself")]
pub struct Writer {
    env: ChildEnv,
    backend: Arc<dyn Backend>,
    backlog: Backlog,
    push: Arc<Mutex<Push>>,
    /// Whether alerts go out before their commit while that is stuck.
    goes_early: bool,
    gateway: Option<Route<PushAlerts>>,
    cursors: Arc<Cursors>,
    stored: AlertsStored,
    gauges: Arc<StoreGauges>,
    /// The ledger, opened by the first commit; `None` while a commit runs.
    ledger: Option<Box<dyn Ledger>>,
    /// Reading end of the ledger, opened by the first query.
    reader: Option<Arc<dyn LedgerReader>>,
    read_trouble_logged: bool,
    questions: Vec<Question>,
    phase: Phase,
    /// Timer of the group-commit delay, while one runs.
    group_timer: Option<SpawnHandle>,
    group_time_over: bool,
    /// Timer of the next check for events to push.
    push_timer: Option<(Instant, SpawnHandle)>,
    upkeep: UpkeepTimer,
    watch: Arc<Watch>,
    watching: IdentityWatch,
    growth: Growth,
    /// Whether old rows are deleted.
    is_deleting: bool,
    stopping: bool,
    /// Ends the delay of a commit slowed for tests, when the writer stops.
    hurry: Arc<AtomicBool>,
    /// Start of the commit under way.
    commit_began: Option<Instant>,
}

impl Writer {
    /// Makes the factory of a writer's incarnations, and the state they hand on: backlog and credits.
    ///
    /// Each incarnation opens the ledger by itself, off its arbiter, and is ready once that has succeeded.
    /// `gateway` gets alerts to publish; `cursors` are moved as far in the log as the ledger
    /// reaches; `stored` gets a signal for alerts of any kind.
    pub fn factory(
        prepared: Prepared,
        gateway: Option<Route<PushAlerts>>,
        cursors: Arc<Cursors>,
        stored: AlertsStored,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + 'static {
        let backlog = Backlog::default();
        let push = Arc::new(Mutex::new(Push::new(prepared.progress.last_event)));
        move |env| {
            Ok(Self {
                env: env.clone(),
                backend: prepared.backend.clone(),
                backlog: backlog.clone(),
                push: push.clone(),
                goes_early: prepared.durability == Durability::Process,
                gateway: gateway.clone(),
                cursors: cursors.clone(),
                stored: stored.clone(),
                gauges: prepared.gauges.clone(),
                ledger: None,
                reader: None,
                read_trouble_logged: false,
                questions: Vec::new(),
                phase: Phase::Idle,
                group_timer: None,
                group_time_over: false,
                push_timer: None,
                upkeep: UpkeepTimer::default(),
                watch: prepared.watch.clone(),
                watching: IdentityWatch::default(),
                growth: prepared.growth.clone(),
                is_deleting: prepared.is_deleting,
                stopping: false,
                hurry: Arc::default(),
                commit_began: None,
            })
        }
    }

    /// Starts a commit if one is due, and stops when there is nothing left to stop for.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.phase != Phase::Idle || self.is_held(ctx) || self.start_overdue_upkeep(ctx) {
            return;
        }
        let is_empty = self.backlog.is_empty();
        self.group_time_over &= !is_empty;
        let hurried = self.group_time_over || self.stopping || self.backlog.has_batch();
        if !self.questions.is_empty() || (!is_empty && hurried) {
            self.start_job(ctx);
        } else if self.stopping {
            self.close(ctx);
        } else if is_empty {
            self.start_due_upkeep(ctx);
        } else if self.group_timer.is_none() {
            self.group_timer = Some(ctx.run_later(GROUP_TIME, |writer, ctx| {
                writer.group_timer = None;
                writer.hasten(ctx);
            }));
        }
    }

    /// No longer waits for others to share a commit.
    fn hasten(&mut self, ctx: &mut Context<Self>) {
        self.group_time_over = true;
        self.proceed(ctx);
    }

    fn start_job(&mut self, ctx: &mut Context<Self>) {
        self.phase = Phase::Committing;
        self.commit_began = Some(Instant::now());
        self.group_time_over = false;
        if let Some(timer) = self.group_timer.take() {
            ctx.cancel_future(timer);
        }
        let job = Job {
            ledger: self.ledger.take(),
            backend: self.backend.clone(),
            watch: self.watch.clone(),
            published: self.cursors.publication.position(),
            items: self.backlog.items(),
            questions: std::mem::take(&mut self.questions),
            slowness: self
                .env
                .slow_by()
                .map(|per_row| CommitDelay { per_row, hurry: self.hurry.clone() }),
        };
        let work = actix_rt::task::spawn_blocking(move || job.run());
        ctx.spawn(work.into_actor(self).map(|done, writer, ctx| match done {
            Ok(done) => writer.finish_job(done, ctx),
            Err(error) => writer.env.fail::<Self>(ctx, format!("the commit died: {error}")),
        }));
        // Input during the last commit was pending for this one.
        self.watch_commit(ctx);
    }

    fn finish_job(&mut self, mut done: JobResult, ctx: &mut Context<Self>) {
        self.env.fault_point();
        self.phase = Phase::Idle;
        let took = self.commit_began.take().map(|began| began.elapsed()).unwrap_or_default();
        self.ledger = done.ledger;
        self.watching.has_opened |= self.ledger.is_some();
        // Unanswered queries come before those that arrived meanwhile.
        done.questions.append(&mut self.questions);
        self.questions = done.questions;
        match done.result {
            Ok(()) => {
                self.gauges.count(&done.items, took);
                self.finish_commit(&done.items, ctx);
            }
            Err(error) if error.is_transient => self.pause(&error.message, ctx),
            Err(error) => self.env.fail::<Self>(ctx, error.message),
        }
    }

    fn finish_commit(&mut self, items: &[Arc<BacklogItem>], ctx: &mut Context<Self>) {
        let reach = backlog::reach(items);
        if let Some(reach) = reach {
            self.cursors.evaluation.advance(reach.position);
        }
        self.push_committed(items);
        self.backlog.forget(items.len());
        self.trouble_is_over();
        // The first call counts; further ones mean nothing.
        self.env.ready();
        if reach.is_some_and(|reach| reach.last_event.is_some()) {
            self.stored.send_replace(());
        }
        self.push_alerts(ctx);
        self.begin_upkeep(ctx);
        self.proceed(ctx);
    }

    fn pause(&mut self, why: &str, ctx: &mut Context<Self>) {
        self.phase = Phase::Pausing;
        if self.gauges.fail(why, Utc::now()) {
            log::warn!(target: "vigie::storage", "nothing can be stored for now, trying each second; what comes in waits in the log on disk: {why}");
            self.push_alerts(ctx);
        }
        ctx.run_later(RETRY_PAUSE, |writer, ctx| {
            writer.phase = Phase::Idle;
            writer.hasten(ctx);
        });
    }

    fn trouble_is_over(&mut self) {
        if let Some(trouble) = self.gauges.succeed() {
            let seconds = (Utc::now() - trouble.since).as_seconds_f64();
            log::info!(target: "vigie::storage", "storing again after {seconds:.1} s");
        }
    }

    fn take(&mut self, item: BacklogItem, ctx: &mut Context<Self>) {
        let has_alerts = item.store().is_some_and(|store| !store.alerts.is_empty());
        self.backlog.push(item);
        self.proceed(ctx);
        if has_alerts {
            self.push_alerts(ctx);
        }
    }

    /// Closes the ledger off the arbiter (which checkpoints it), and stops.
    fn close(&mut self, ctx: &mut Context<Self>) {
        let (reader, mut ledger) = (self.reader.take(), self.ledger.take());
        let published = self.cursors.publication.position();
        let (watch, has_database_fault) = (self.watch.clone(), self.has_database_fault());
        let closed = actix_rt::task::spawn_blocking(move || {
            drop(reader);
            if has_database_fault {
                // Closing would empty its log into a file that is not the one at its path.
                return std::mem::forget(ledger);
            }
            let saved = ledger.as_mut().map_or(Ok(()), |ledger| ledger.commit(&[], published));
            if let Err(error) = saved {
                log::warn!(target: "vigie::storage", "how far own readings are published could not be stored, some are published again: {error}");
            }
            drop(ledger); // the last one
            watch.closed();
        });
        // Should closing panic, all was committed before: the next open tidies up.
        ctx.wait(closed.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }
}

impl Actor for Writer {
    type Context = Context<Self>;

    /// Opens the ledger, commits what an earlier incarnation left, and reports ready.
    fn started(&mut self, ctx: &mut Self::Context) {
        self.growth.pretend(self.env.full_in());
        self.push_state().restart();
        self.push_alerts(ctx);
        Self::start_watching(ctx);
        if !self.is_held(ctx) {
            self.start_job(ctx);
        }
    }
}

impl Handler<Routed<Store>> for Writer {
    type Result = ();

    fn handle(&mut self, mut store: Routed<Store>, ctx: &mut Self::Context) {
        if !self.backlog.is_next(&store.message) {
            return; // `taken` is dropped untold, so the evaluator sends all of it again
        }
        self.env.fault_point();
        let taken = store.message.taken.take();
        self.take(BacklogItem::Store(Box::new(store)), ctx);
        if let Some(taken) = taken {
            // One that no longer waits begins anew anyway.
            let _ = taken.send(());
        }
    }
}

impl Handler<Routed<SaveReceiver>> for Writer {
    type Result = ();

    fn handle(&mut self, keep: Routed<SaveReceiver>, ctx: &mut Self::Context) {
        self.take(BacklogItem::Receiver(keep), ctx);
    }
}

impl Handler<GracefulStop> for Writer {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.stopping = true;
        self.hurry.store(true, Ordering::Relaxed);
        self.proceed(ctx);
    }
}

#[cfg(test)]
mod tests;
