//! The evaluator actor: from the log to storage, batch by batch. The effects of a record are decided in `fold`.
//!
//! Always: batches go to storage in log order, each with all its verdicts, and the next record is applied only
//! after storage accepted the batch before. The state is reproducible from storage: when storage lost a batch, or
//! an incarnation died with one, evaluation resumes from what is stored. While storage is full nothing is
//! evaluated, and input waits in the log. Never: a skipped record.

mod answers;
mod judging;
mod reload;
mod resume;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{Notify, oneshot};

use self::answers::Answers;
use self::judging::Lines;
pub use self::reload::RuleBook;
use self::reload::Successor;
use self::resume::{Restored, restored};
use super::batch::Batch;
use super::clock;
use super::file::AlertsFile;
use super::fold::Fold;
use super::live::LiveTable;
use super::time_marks;
use crate::config::TimeStyle;
use crate::domain::{Finding, Ingress};
use crate::ingest::{Log, LogConsumer, Subscriptions};
use crate::locale::Words;
use crate::messages::{ConfirmCommitted, FindStored, LoadResumePoint, Store};
use crate::supervisor::{ChildEnv, GracefulStop, Route, SendError};

/// Timeout of a hand-over to a full storage, after which it is logged and repeated.
const OFFER: Duration = Duration::from_secs(30);

/// Time a stop allows for evaluating the backlog; the rest stays in the log.
const STOP_AT_MOST: Duration = Duration::from_secs(3);

/// Bounds of the wait for a time mark: a clock may start, and the wall clock may be set forward.
const MARK_AT_LEAST: Duration = Duration::from_millis(10);
const MARK_AT_MOST: Duration = Duration::from_secs(1);

/// Checkpoints per batch of a clean stop: some megabytes at most.
const CHECKPOINTS_A_BATCH: usize = 500;

/// Interval of the self-diagnosis.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// Self-diagnosis: returns the present findings. Never blocks.
pub type Findings = Arc<dyn Fn() -> Vec<Finding> + Send + Sync>;

/// Everything that an incarnation of the evaluator is made from.
#[derive(Clone)]
pub struct EvaluatorSettings {
    /// Rules that hold now, shared with the reload and with later incarnations.
    pub ruling: RuleBook,
    /// Zone and form of timestamps in the alerts file and in log lines.
    pub times: TimeStyle,
    /// Wording of alert events, in the configured language.
    pub words: &'static Words,
    /// File of announced alert events; `None` if not configured.
    pub alerts_file: Option<Arc<Mutex<AlertsFile>>>,
    /// Log that is evaluated.
    pub log: Arc<Log>,
    /// Live table to write.
    pub live: Arc<LiveTable>,
    /// Payload format of messages.
    pub subscriptions: Subscriptions,
    /// Way in of messages that the previous version logged.
    pub default_ingress: Ingress,
    /// Self-diagnosis.
    pub findings: Findings,
    /// Route of judged batches to storage.
    pub store: Route<Store>,
    /// Route for the resume point.
    pub resume: Route<LoadResumePoint>,
    /// Route for the commit barrier.
    pub confirm: Route<ConfirmCommitted>,
    /// Route for look-ups of possible echoes.
    pub find_stored: Route<FindStored>,
}

/// Actor that evaluates the log. Restarted after a failure; resumes from what is committed.
pub struct Evaluator {
    settings: EvaluatorSettings,
    env: ChildEnv,
    fold: Fold,
    /// Reading end of the log; `None` while it waits for records.
    consumer: Option<LogConsumer>,
    /// The last record passed on to storage.
    through: u64,
    /// Number of the last message passed on to storage.
    number: u64,
    /// Batch that is applied and not passed on yet.
    batch: Option<Batch>,
    answers: Answers,
    successor: Successor,
    /// Ends the wait for records.
    nudge: Arc<Notify>,
    lines: Lines,
    /// Position of the last finding that was appended to the log.
    found_at: u64,
    is_stopping: bool,
}

impl Evaluator {
    /// New incarnation. It evaluates nothing until it has the resume point.
    #[must_use]
    pub fn new(settings: EvaluatorSettings, env: &ChildEnv) -> Self {
        Self {
            fold: Fold::new(settings.words, settings.default_ingress),
            settings,
            env: env.clone(),
            consumer: None,
            through: 0,
            number: 0,
            batch: None,
            answers: Answers::default(),
            successor: Successor::default(),
            nudge: Arc::default(),
            lines: Lines::default(),
            found_at: 0,
            is_stopping: false,
        }
    }

    /// Loads the resume point and restores the state. Evaluates nothing before.
    fn resume(&mut self, ctx: &mut Context<Self>) {
        let settings = self.settings.clone();
        let is_wanted = Arc::downgrade(&self.nudge);
        ctx.spawn(restored(settings, is_wanted).into_actor(self).map(
            |restored, evaluator, ctx| match restored {
                Ok(restored) => evaluator.begin(restored, ctx),
                Err(why) => {
                    let why = format!("can't learn from storage where to go on: {why}");
                    evaluator.env.fail::<Self>(ctx, why);
                }
            },
        ));
    }

    fn begin(&mut self, restored: Restored, ctx: &mut Context<Self>) {
        let EvaluatorSettings { log, subscriptions, .. } = &self.settings;
        let Restored { position, number, decoders, fold, batch, effects } = restored;
        let log = log.clone();
        log.give_up_answers_through(position);
        self.answers = Answers::default();
        self.through = position;
        self.number = number;
        self.consumer =
            Some(LogConsumer::new(log.clone(), subscriptions.clone(), decoders, position));
        self.fold = fold;
        self.settings.live.replace(self.fold.views(), self.fold.alarms());
        let batch = Batch::of(batch, clock::now());
        self.report(&batch.content, 0, effects);
        self.batch = (!batch.content.alerts.is_empty()).then_some(batch);
        // The effects of the restart are stored with this record at the latest.
        log.append_time_mark();
        self.env.ready();
        self.proceed(ctx);
    }

    /// Polls records, bounded by the batch's due time, or stops when there are none and the daemon stops.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.successor.is_due(self.evaluated()) {
            return self.succeed(ctx);
        }
        if self.is_stopping && self.is_done() {
            return self.end(ctx);
        }
        let Some(mut consumer) = self.consumer.take() else { return };
        let mark = self.until_mark(&consumer).map(|due| due.clamp(MARK_AT_LEAST, MARK_AT_MOST));
        let wait = mark.into_iter().chain(self.until_due()).min();
        let nudge = self.nudge.clone();
        let next = async move {
            let polled = tokio::select! {
                polled = consumer.next() => Some(polled),
                () = nudge.notified() => None,
                () = elapsed(wait) => None,
            };
            (polled, consumer)
        };
        ctx.spawn(next.into_actor(self).map(|(polled, consumer), evaluator, ctx| {
            evaluator.mark_time(&consumer);
            evaluator.consumer = Some(consumer);
            match polled {
                Some(polled) => evaluator.take(polled, ctx),
                None => evaluator.pass_on_if_due(ctx),
            }
        }));
    }

    /// Time until the batch is due. A batch without a record waits for one.
    fn until_due(&self) -> Option<Duration> {
        let batch = self.batch.as_ref().filter(|batch| batch.content.through > 0)?;
        Some(batch.left(clock::now()))
    }

    /// Time until a time mark is to be appended; `None` while records wait, which bring the time.
    fn until_mark(&mut self, consumer: &LogConsumer) -> Option<Duration> {
        if consumer.lag() > 0 {
            return None;
        }
        let deadlines = self.fold.deadlines();
        time_marks::due_in(&deadlines, self.fold.time(), &self.settings.log.now())
    }

    fn mark_time(&mut self, consumer: &LogConsumer) {
        if self.until_mark(consumer).is_some_and(|due| due.is_zero()) {
            // The log reports a failing disk; the next wait tries again.
            self.settings.log.append_time_mark();
        }
    }

    /// Appends findings that changed, once the last ones are evaluated.
    fn append_findings(&mut self) {
        let evaluated = self.evaluated();
        if self.is_stopping || evaluated == 0 || evaluated < self.found_at {
            return;
        }
        for finding in (self.settings.findings)() {
            if self.fold.is_found_wrong(&finding.about) != finding.is_wrong {
                // The log reports a failing disk; the next check tries again.
                let position = self.settings.log.append_finding(&finding);
                self.found_at = position.unwrap_or(self.found_at);
            }
        }
    }

    fn pass_on_if_due(&mut self, ctx: &mut Context<Self>) {
        let is_due = |batch: &mut Batch| batch.content.through > 0 && batch.is_due(clock::now());
        match self.batch.take_if(is_due) {
            Some(batch) => self.pass_on(batch.content, ctx),
            None => self.proceed(ctx),
        }
    }

    fn pass_on(&mut self, mut batch: Store, ctx: &mut Context<Self>) {
        let (taken, is_taken) = oneshot::channel();
        batch.taken = Some(taken);
        batch.number = self.number + 1;
        let live = &self.settings.live;
        live.update(self.fold.live_update(&batch, live.has_alarms()));
        self.fold.complete(&mut batch);
        let applied = self.answers.take_applied();
        let through = batch.through;
        let store = self.settings.store.clone();
        let pass = async move {
            offer(&store, batch).await;
            is_taken.await.is_ok()
        };
        ctx.spawn(pass.into_actor(self).map(move |is_taken, evaluator, ctx| {
            if is_taken {
                evaluator.through = through;
                evaluator.number += 1;
                evaluator.answer(applied, ctx);
                evaluator.proceed(ctx);
            } else {
                // The actions are in the log, and are applied again.
                log::warn!(target: "vigie::alerts", "storage lost a batch in its failure: going on from what is committed");
                evaluator.resume(ctx);
            }
        }));
    }

    /// The last record that was applied.
    fn evaluated(&self) -> u64 {
        self.fold.time().position
    }

    /// True if nothing is left to evaluate, and no answer is pending.
    fn is_done(&self) -> bool {
        let gathers = self.batch.as_ref().is_some_and(|batch| batch.content.through > 0);
        self.through >= self.settings.log.last() && !gathers && self.answers.is_idle()
    }

    /// Everything is evaluated: windows are checkpointed, and it stops.
    fn end(&mut self, ctx: &mut Context<Self>) {
        let mut batch = Store { through: self.through, ..Store::default() };
        if self.fold.take_checkpoints(CHECKPOINTS_A_BATCH, &mut batch) {
            self.pass_on(batch, ctx);
        } else {
            ctx.stop();
        }
    }
}

impl Actor for Evaluator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK_EACH, |evaluator, _| evaluator.append_findings());
        self.resume(ctx);
    }
}

/// Timeout; `None` waits for ever.
async fn elapsed(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn offer(store: &Route<Store>, mut batch: Store) {
    let mut is_waiting = false;
    while let Err(SendError::Full(back)) = store.send_weighted(batch.places(), batch, OFFER).await {
        if !std::mem::replace(&mut is_waiting, true) {
            log::warn!(target: "vigie::alerts", "storage has had no room for {OFFER:?}: waiting");
        }
        batch = back;
    }
    if is_waiting {
        log::info!(target: "vigie::alerts", "storage has room again");
    }
}

impl Handler<GracefulStop> for Evaluator {
    type Result = ();

    /// Evaluates, hands over and answers everything received before, within the time limit.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.is_stopping = true;
        self.nudge.notify_one();
        ctx.run_later(STOP_AT_MOST, |evaluator, ctx| {
            let left = evaluator.settings.log.uncommitted();
            if left > 0 {
                log::warn!(target: "vigie::alerts", "{left} messages could not be judged before the stop: they wait on disk for the next start");
            }
            ctx.stop();
        });
    }
}
