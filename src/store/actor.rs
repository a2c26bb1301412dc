//! The writer: gathers messages, commits them in groups, answers what is in the file.
//!
//! A commit starts at once when there is something judged to store, someone asked a question, or the
//! writer is to stop; a group time after what receivers and the gateway have done, or after alerts that
//! the gateway knows of [`Ahead`] of it. One commit runs at a time, on the blocking pool; meanwhile
//! further messages gather in the [`Backlog`].
//!
//! Holds always: a question is answered after everything sent before it is committed, but for what waits to
//! be published: that is what is on disk, in the file or ahead of it. A commit
//! that fails for now (locked, disk full) is tried again for ever; one that fails otherwise ends
//! the incarnation, and the next takes up the same backlog.
//! Never: a message forgotten before it is committed, or the mailbox paused. Back-pressure comes
//! from the routes' permits, which the backlog holds.

mod job;
mod pending;
mod questions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use r2d2_sqlite::rusqlite::Connection;

use self::job::{CommitFn, Done, Job, Question, Slowness};
use super::ahead::Ahead;
use super::backlog::{Backlog, Taken};
use super::sqlite::readers::Readers;
use super::sqlite::write;
use super::{Database, Settings};
use crate::messages::{AlertsDelivered, AlertsStored, AlertsWaiting, Cursors, KeepReceiver, Store};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Route, Routed};

/// How long what is no haste may wait for others to share its commit: longer than judged readings are held,
/// so that it goes with them where they flow. A commit of its own for each delivered alert came just when the
/// broker and its subscribers wanted the processor.
const GROUP_TIME: Duration = Duration::from_millis(30);

/// Between two tries while the file is locked or the disk full.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A commit that takes so long waits for something: the largest takes a tenth of a second.
const STUCK_AFTER: Duration = Duration::from_millis(250);

/// How long a hint waits for room. A gateway that takes none for so long asks when it is back.
const HINT_AT_MOST: Duration = Duration::from_secs(60);

/// Whether a commit is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Committing,
    /// The last try failed for now.
    Pausing,
}

/// Owns the file; nothing else writes it.
pub struct Writer {
    env: ChildEnv,
    settings: Arc<Settings>,
    backlog: Backlog,
    ahead: Ahead,
    commit: CommitFn,
    gateway: Option<Route<AlertsWaiting>>,
    cursors: Arc<Cursors>,
    stored: AlertsStored,
    /// A hint waits for room at the gateway.
    hint_waits: bool,
    /// Away while a commit runs; opened by the first.
    database: Option<Database>,
    /// For questions that must not wait for a commit.
    readers: Readers,
    /// Away while it is asked what waits to be published.
    reader: Option<Connection>,
    questions: Vec<Question>,
    phase: Phase,
    /// Until the group time of what no commit has taken yet is over.
    group_timer: Option<SpawnHandle>,
    group_time_over: bool,
    stopping: bool,
    /// Tells a commit that was made slow on request that the writer stops.
    hurry: Arc<AtomicBool>,
    /// Of the commit under way.
    commit_began: Option<Instant>,
    /// Since when commits have been failing for now.
    trouble_since: Option<Instant>,
}

impl Writer {
    /// Makes the factory of a writer's incarnations, and the backlog they hand on.
    ///
    /// Each incarnation opens the file by itself, off its arbiter, and is ready once that has
    /// succeeded. Call [`open`](super::open) before: it says at once what is wrong with the file,
    /// and does the migration that may take minutes; `ahead` comes of that file. `gateway` is told of
    /// alerts to publish, `cursors` are moved as far in the log as the file reaches, `stored` of alerts
    /// of any kind.
    pub fn factory(
        settings: Settings,
        ahead: Ahead,
        gateway: Option<Route<AlertsWaiting>>,
        cursors: Arc<Cursors>,
        stored: AlertsStored,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + 'static {
        Self::factory_with(settings, ahead, gateway, cursors, stored, Arc::new(write::commit))
    }

    fn factory_with(
        settings: Settings,
        ahead: Ahead,
        gateway: Option<Route<AlertsWaiting>>,
        cursors: Arc<Cursors>,
        stored: AlertsStored,
        commit: CommitFn,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + 'static {
        let settings = Arc::new(settings);
        let backlog = Backlog::new(ahead.last_alert_row());
        let readers = Readers::new(&settings.path);
        move |env| {
            Ok(Self {
                env: env.clone(),
                settings: settings.clone(),
                backlog: backlog.clone(),
                ahead: ahead.clone(),
                commit: commit.clone(),
                gateway: gateway.clone(),
                cursors: cursors.clone(),
                readers: readers.clone(),
                stored: stored.clone(),
                hint_waits: false,
                database: None,
                reader: None,
                questions: Vec::new(),
                phase: Phase::Idle,
                group_timer: None,
                group_time_over: false,
                stopping: false,
                hurry: Arc::default(),
                commit_began: None,
                trouble_since: None,
            })
        }
    }

    /// Starts a commit if one is due, and stops when there is nothing left to stop for.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.phase != Phase::Idle {
            return;
        }
        let is_empty = self.backlog.is_empty();
        self.group_time_over &= !is_empty;
        let hurried = self.group_time_over || self.stopping || self.is_pressing();
        if !self.questions.is_empty() || (!is_empty && hurried) {
            self.start_job(ctx);
        } else if self.stopping {
            self.close(ctx);
        } else if !is_empty && self.group_timer.is_none() {
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
            database: self.database.take(),
            settings: self.settings.clone(),
            cursors: self.cursors.clone(),
            readers: self.readers.clone(),
            commit: self.commit.clone(),
            items: self.backlog.items(),
            questions: std::mem::take(&mut self.questions),
            slowness: self
                .env
                .slow_by()
                .map(|per_row| Slowness { per_row, hurry: self.hurry.clone() }),
        };
        let work = actix_rt::task::spawn_blocking(move || job.run());
        ctx.spawn(work.into_actor(self).map(|done, writer, ctx| match done {
            Ok(done) => writer.finish_job(done, ctx),
            Err(error) => writer.env.fail::<Self>(ctx, format!("the commit died: {error}")),
        }));
    }

    fn finish_job(&mut self, mut done: Done, ctx: &mut Context<Self>) {
        self.env.fault_point();
        self.phase = Phase::Idle;
        self.commit_began = None;
        self.database = done.database;
        // Those that were not answered come before those asked meanwhile.
        done.questions.append(&mut self.questions);
        self.questions = done.questions;
        match done.result {
            Ok(()) => {
                if let Some((number, position)) = self.backlog.reach(done.num_items) {
                    self.cursors.evaluation.advance(position);
                    self.ahead.committed(number);
                    self.tell(number, ctx);
                }
                self.backlog.forget(done.num_items);
                self.trouble_is_over();
                // Heard once; further calls mean nothing.
                self.env.ready();
                if done.has_alerts {
                    self.stored.send_replace(());
                }
                self.proceed(ctx);
            }
            Err(trouble) if trouble.is_transient => self.pause(&trouble.why, ctx),
            Err(trouble) => self.env.fail::<Self>(ctx, trouble.why),
        }
    }

    /// Tells the gateway of the alerts up to the message of that number, which are on disk.
    fn tell(&mut self, through: u64, ctx: &mut Context<Self>) {
        let waiting = self.backlog.take_untold(through);
        if let (Some(waiting), Some(gateway)) = (waiting, &self.gateway)
            && gateway.try_send(waiting).is_err()
        {
            self.hint_later(ctx);
        }
    }

    /// Once there is room. What waits there by then tells of other rows, so this tells of none.
    fn hint_later(&mut self, ctx: &mut Context<Self>) {
        let Some(gateway) = self.gateway.clone().filter(|_| !self.hint_waits) else { return };
        self.hint_waits = true;
        let hint = async move { gateway.send(AlertsWaiting::default(), HINT_AT_MOST).await };
        ctx.spawn(hint.into_actor(self).map(|_asks_at_connect, writer, _| {
            writer.hint_waits = false;
        }));
    }

    fn pause(&mut self, why: &str, ctx: &mut Context<Self>) {
        self.phase = Phase::Pausing;
        if self.trouble_since.is_none() {
            self.trouble_since = Some(Instant::now());
            log::warn!(target: "vigie::storage", "nothing can be stored for now, trying each second; nothing is lost: {why}");
            self.go_ahead(ctx);
        }
        ctx.run_later(RETRY_PAUSE, |writer, ctx| {
            writer.phase = Phase::Idle;
            writer.hasten(ctx);
        });
    }

    fn trouble_is_over(&mut self) {
        if let Some(since) = self.trouble_since.take() {
            let seconds = since.elapsed().as_secs_f64();
            log::info!(target: "vigie::storage", "storing again after {seconds:.1} s");
        }
    }

    fn take(&mut self, taken: Taken, ctx: &mut Context<Self>) {
        self.backlog.push(taken);
        self.go_ahead(ctx);
        self.proceed(ctx);
    }

    /// Tells the gateway of alerts that no commit has taken yet, where that is possible.
    fn go_ahead(&mut self, ctx: &mut Context<Self>) {
        if self.backlog.has_untold() {
            self.ahead.keep(&self.backlog, self.is_stuck());
            self.tell(self.ahead.through(), ctx);
        }
    }

    fn is_stuck(&self) -> bool {
        let is_late = |began: Instant| began.elapsed() >= STUCK_AFTER;
        self.trouble_since.is_some() || self.commit_began.is_some_and(is_late)
    }

    fn is_pressing(&self) -> bool {
        self.backlog.is_pressing(self.ahead.through())
    }

    /// Closes the file off the arbiter (SQLite empties its write-ahead log then), and stops.
    fn close(&mut self, ctx: &mut Context<Self>) {
        let (reader, database) = (self.reader.take(), self.database.take());
        self.ahead.close();
        let closed = actix_rt::task::spawn_blocking(move || {
            drop(reader);
            if let Some(Err(error)) = database.as_ref().map(Database::save_published) {
                log::warn!(target: "vigie::storage", "how far own readings are published could not be stored, some are published again: {error}");
            }
            drop(database); // the last one
        });
        // Should closing panic, all was committed before: the next open tidies up.
        ctx.wait(closed.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }
}

impl Actor for Writer {
    type Context = Context<Self>;

    /// Opens the file, commits what an earlier incarnation left, and is ready.
    fn started(&mut self, ctx: &mut Self::Context) {
        if self.env.incarnation() > 1 {
            self.hint_later(ctx); // one of the predecessor may have waited for room
        }
        self.start_job(ctx);
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
        self.take(Taken::Store(store), ctx);
        if let Some(taken) = taken {
            // One that no longer waits begins anew anyway.
            let _ = taken.send(());
        }
    }
}

impl Handler<Routed<AlertsDelivered>> for Writer {
    type Result = ();

    fn handle(&mut self, delivered: Routed<AlertsDelivered>, ctx: &mut Self::Context) {
        self.take(Taken::Delivered(delivered, chrono::Utc::now()), ctx);
    }
}

impl Handler<Routed<KeepReceiver>> for Writer {
    type Result = ();

    fn handle(&mut self, keep: Routed<KeepReceiver>, ctx: &mut Self::Context) {
        self.take(Taken::Receiver(keep), ctx);
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
