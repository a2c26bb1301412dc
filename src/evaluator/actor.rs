//! The evaluator actor: from the intake's feed to storage, batch by batch.
//!
//! Holds always: batches leave for storage in the order they came, each with all its verdicts, and
//! the next is judged only when storage has taken the one before. What it knows (its place in the
//! journal, standing alerts, recent readings) is what is committed, and so can be had again: when
//! storage lost a batch, or a predecessor died with one in hand, it begins anew from there.
//! Operators' actions are applied in between (`operators`), and other rules take over (`reload`).
//! While storage has no room it judges nothing more, and what comes in waits in the journal.
//! Never: a reading twice, though a message may come twice.

mod judging;
mod operators;
mod reload;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;
use tokio::sync::oneshot;

use self::operators::Operators;
use self::reload::Successor;
pub use self::reload::{RuleBook, Ruling};
use super::announce;
use super::file::AlertsFile;
use super::held::Held;
use super::recent::Recent;
use super::silence::{Mark, Silence};
use super::watch::Watch;
use crate::alarms::engine::{Deadlines, Engine, Outcome, Past, RecordTime};
use crate::config::TimeStyle;
use crate::domain::{AlertEvent, Fingerprint, ListeningClocks};
use crate::ingest::codec::Codec;
use crate::ingest::{Feed, Intake};
use crate::locale::Words;
use crate::logging::LineLimit;
use crate::messages::{ConfirmCommitted, LoadResumePoint, ResumePoint, Store};
use crate::supervisor::{ChildEnv, GracefulStop, Route, SendError};
use crate::wire;

/// How long storage may take to say where to go on: it may first have a backlog to commit.
const RESUME_PATIENCE: Duration = Duration::from_secs(60);

/// Between two such questions.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How long one offer to a full storage lasts before it is said in the log and made again.
const OFFER: Duration = Duration::from_secs(30);

/// How long a stop waits for what came in to be judged; what is left waits in the journal.
const STOP_AT_MOST: Duration = Duration::from_secs(3);

/// Bounds of the wait for what silence may change: it need not be noticed sooner, and the wall clock may be
/// put forward.
const LOOK_AT_LEAST: Duration = Duration::from_millis(10);
const LOOK_AT_MOST: Duration = Duration::from_secs(1);

/// How often the watch clock is looked at, whatever else goes on: it must hear in time that nobody listens.
const LOOK_AT_WATCH: Duration = Duration::from_secs(1);

/// How often the watch clock is kept while nothing comes: as much silence is forgotten by a kill.
const KEEP_WATCH: Duration = Duration::from_secs(10);

/// Lines on readings sent again, on clocks that went back, and on one sensor too many: one every 10 seconds of each.
const LINES_ON_READINGS: (u64, Duration) = (1, Duration::from_secs(10));

/// What the evaluator is made from.
#[derive(Clone)]
pub struct EvaluatorSettings {
    pub ruling: RuleBook,
    pub times: TimeStyle,
    pub words: &'static Words,
    /// Whether anything could come in now.
    pub is_listening: Arc<dyn Fn() -> bool + Send + Sync>,
    pub alerts_file: Option<Arc<Mutex<AlertsFile>>>,
    pub intake: Arc<Intake>,
    pub codec: Arc<dyn Codec>,
    pub store: Route<Store>,
    pub resume: Route<LoadResumePoint>,
    pub confirm: Route<ConfirmCommitted>,
}

/// Judges readings.
pub struct Evaluator {
    settings: EvaluatorSettings,
    env: ChildEnv,
    engine: Engine,
    watch: Watch,
    /// What it showed when storage was last given it.
    watch_kept: Duration,
    silence: Silence,
    recent: Recent,
    /// Away while it waits for a batch.
    feed: Option<Feed>,
    /// The last record passed on to storage.
    through: u64,
    /// Of the last message passed on to storage.
    number: u64,
    /// Judged and not passed on yet.
    held: Option<Held>,
    operators: Operators,
    successor: Successor,
    redelivered: LineLimit,
    clocks: LineLimit,
    strangers: LineLimit,
    is_stopping: bool,
}

impl Evaluator {
    #[must_use]
    pub fn new(settings: EvaluatorSettings, env: &ChildEnv) -> Self {
        let (burst, window) = LINES_ON_READINGS;
        Self {
            settings,
            env: env.clone(),
            engine: Engine::default(),
            watch: Watch::new(Duration::ZERO),
            watch_kept: Duration::ZERO,
            silence: Silence::default(),
            recent: Recent::default(),
            feed: None,
            through: 0,
            number: 0,
            held: None,
            operators: Operators::default(),
            successor: Successor::default(),
            redelivered: LineLimit::new(burst, window),
            clocks: LineLimit::new(burst, window),
            strangers: LineLimit::new(burst, window),
            is_stopping: false,
        }
    }

    /// Begins where storage has got to. Judges nothing before it knows.
    fn resume(&mut self, ctx: &mut Context<Self>) {
        let resume = self.settings.resume.clone();
        ctx.spawn(resume_point(resume).into_actor(self).map(
            |answer, evaluator, ctx| match answer {
                Ok(point) => evaluator.begin(point, ctx),
                Err(why) => {
                    let why = format!("can't learn from storage where to go on: {why}");
                    evaluator.env.fail::<Self>(ctx, why);
                }
            },
        ));
    }

    fn begin(&mut self, point: ResumePoint, ctx: &mut Context<Self>) {
        let ResumePoint { position, number, watch, standing, alarms, recent } = point;
        let EvaluatorSettings { intake, codec, ruling, .. } = &self.settings;
        let mut closed = Vec::new();
        let clocks = ListeningClocks::all_at(watch);
        let fingerprints = recent.iter().map(Fingerprint::from).collect();
        let past = Past { clocks, since: recent, alarms, standing, ..Past::default() };
        let Ruling { rules, quiet, expected } = ruling.get();
        self.engine = Engine::restore(rules, self.settings.times.zone, past, &mut closed);
        for (sensor_id, rule) in self.engine.take_unread() {
            log::warn!(target: "vigie::alerts", "what was kept of the alarm {rule}/{sensor_id} can't be read: it is closed, and begins anew");
        }
        self.engine.keep_quiet(quiet);
        self.engine.set_time(record(position, watch), &mut closed);
        self.engine.expect(&expected, &mut closed);
        self.silence = Silence::default();
        self.watch = Watch::new(watch);
        self.watch_kept = watch;
        self.recent = Recent::restore(fingerprints);
        self.through = position;
        self.number = number;
        self.held = None;
        self.feed = Some(Feed::new(intake.clone(), codec.clone(), position));
        self.hold(closed);
        self.succeed();
        self.env.ready();
        self.proceed(ctx);
    }

    /// Waits for the next batch (for what is held, not for long), or ends when there is none and the
    /// daemon stops.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.is_stopping && self.is_done() {
            return ctx.stop();
        }
        let Some(mut feed) = self.feed.take() else { return };
        let held_for = self.held.as_ref().map(Held::left);
        let wait = held_for.into_iter().chain(self.next_look()).min();
        let nudge = self.operators.nudge.clone();
        let next = async move {
            let batch = tokio::select! {
                batch = feed.next() => Some(batch),
                () = nudge.notified() => None,
                () = elapsed(wait) => None,
            };
            (batch, feed)
        };
        ctx.spawn(next.into_actor(self).map(|(batch, feed), evaluator, ctx| {
            evaluator.feed = Some(feed);
            match batch {
                Some(batch) => evaluator.evaluate(batch),
                None => evaluator.keep_watch(),
            }
            evaluator.pass_time();
            evaluator.operate();
            evaluator.succeed();
            match evaluator.held.take_if(|held| held.is_due()) {
                Some(held) => evaluator.pass_on(held.store, ctx),
                None => evaluator.proceed(ctx),
            }
        }));
    }

    /// How long until silence, or a window of maintenance, may change something.
    fn next_look(&mut self) -> Option<Duration> {
        let Deadlines { own, embedded, remote, wall } = self.engine.next_deadline();
        let next = [own, embedded, remote].into_iter().flatten().min();
        let next = next.or_else(|| wall.map(|_| Duration::MAX))?;
        Some(next.saturating_sub(self.now()).clamp(LOOK_AT_LEAST, LOOK_AT_MOST))
    }

    /// The watch clock.
    fn now(&mut self) -> Duration {
        self.watch.show((self.settings.is_listening)(), Instant::now())
    }

    /// Nothing came: how long it has been so is kept now and then.
    fn keep_watch(&mut self) {
        if self.now().saturating_sub(self.watch_kept) >= KEEP_WATCH {
            self.held.get_or_insert_with(|| Held::new(self.through));
        }
    }

    /// What time alone brings: silence that has lasted too long, maintenance that begins or ends.
    fn pass_time(&mut self) {
        let watch = self.now();
        let mark = Mark { watch, last: self.settings.intake.last() };
        let mut outcomes = Vec::new();
        let evaluated = self.evaluated();
        if let Some(watch) = self.silence.certain(mark, evaluated) {
            self.engine.advance(record(evaluated, watch), &mut outcomes);
        }
        self.hold(outcomes);
    }

    /// The last record that was judged.
    fn evaluated(&self) -> u64 {
        self.held.as_ref().map_or(self.through, |held| held.store.through)
    }

    /// Tells of what alarms did, and holds it for storage.
    fn hold(&mut self, outcomes: Vec<Outcome>) {
        if outcomes.is_empty() {
            return;
        }
        let words = self.settings.words;
        let mut alerts: Vec<_> =
            outcomes.into_iter().map(|outcome| announce::event(outcome, words)).collect();
        self.tell(&alerts);
        let through = self.evaluated();
        let held = self.held.get_or_insert_with(|| Held::new(through));
        held.store.alerts.append(&mut alerts);
    }

    fn pass_on(&mut self, mut batch: Store, ctx: &mut Context<Self>) {
        let (taken, is_taken) = oneshot::channel();
        batch.taken = Some(taken);
        batch.number = self.number + 1;
        batch.watch = self.now();
        self.watch_kept = batch.watch;
        batch.alarms = self.engine.changes();
        let applied = self.operators.take_applied();
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
                evaluator.operators.again(applied);
                log::warn!(target: "vigie::alerts", "storage lost a batch in its failure: going on from what is committed");
                evaluator.resume(ctx);
            }
        }));
    }

    /// One log line an announced event, and one in the alerts file.
    fn tell(&self, alerts: &[AlertEvent]) {
        let announced: Vec<_> = alerts.iter().filter(|event| event.announced).collect();
        for event in &announced {
            let alert = wire::AlertJson::new(event, self.settings.times);
            let line = (self.settings.words.alert_line)(event.state, &event.message);
            log::info!(target: "vigie::alert", alert:serde; "{line}");
        }
        if let (Some(file), false) = (&self.settings.alerts_file, announced.is_empty()) {
            let json = |event: &&AlertEvent| {
                let alert = wire::AlertJson::new(event, self.settings.times);
                serde_json::to_string(&alert).unwrap_or_default()
            };
            let lines: Vec<_> = announced.iter().map(json).collect();
            // A short append on the evaluator's own arbiter: no other actor waits for it.
            file.lock().unwrap_or_else(PoisonError::into_inner).append(&lines);
        }
    }
}

impl Actor for Evaluator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK_AT_WATCH, |evaluator, _| {
            evaluator.now();
        });
        self.resume(ctx);
    }
}

/// The present, as of a record; one clock for all ways in.
fn record(position: u64, watch: Duration) -> RecordTime {
    RecordTime { position, received_at: Utc::now(), clocks: ListeningClocks::all_at(watch) }
}

/// Asks until storage answers: it may have died with the question, and come back.
async fn resume_point(resume: Route<LoadResumePoint>) -> Result<ResumePoint, String> {
    let deadline = Instant::now() + RESUME_PATIENCE;
    loop {
        let why = match resume.request(LoadResumePoint, RESUME_PATIENCE).await {
            Ok(Ok(point)) => return Ok(point),
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        if Instant::now() >= deadline {
            return Err(why);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Returns after so long; without a time, never.
async fn elapsed(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn offer(store: &Route<Store>, mut batch: Store) {
    while let Err(SendError::Full(back)) = store.send_taking(batch.places(), batch, OFFER).await {
        log::warn!(target: "vigie::alerts", "storage has had no room for {OFFER:?}: waiting");
        batch = back;
    }
}

impl Handler<GracefulStop> for Evaluator {
    type Result = ();

    /// Everything that came in before this is judged, passed on and answered, if there is time.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.is_stopping = true;
        if self.is_done() {
            return ctx.stop();
        }
        ctx.run_later(STOP_AT_MOST, |evaluator, ctx| {
            let left = evaluator.settings.intake.last().saturating_sub(evaluator.through);
            if left > 0 {
                log::warn!(target: "vigie::alerts", "{left} messages could not be judged before the stop: they wait on disk for the next start");
            }
            ctx.stop();
        });
    }
}
