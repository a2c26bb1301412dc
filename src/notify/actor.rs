//! The actor of one receiver: takes stored alert events in, keeps what follows on disk, and tells the
//! receiver what is due. What to do is decided in the pure files beside it.
//!
//! Events are pulled from storage after their commit, a few hundred at a time, so neither waits for the
//! other. Nothing is sent before all that was taken in is kept. An incarnation begins with what is
//! kept, as a new run of the daemon does: there is one way back for both. What goes to storage and comes
//! from it is in [`super::books`].

#![expect(clippy::disallowed_methods, reason = "the actor owns the clock of what is due")]

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use log::{error, info, warn};
use tokio::sync::watch;

use super::Settings;
use super::attempt::attempt;
use super::books::{STORAGE, flat};
use super::channel::Channel;
use super::groups::{Draft, Groups};
use super::notification::Notification;
use super::outcome::Outcome;
use super::runbooks::Runbooks;
use super::starts::Starts;
use super::trouble::Trouble;
use crate::domain::AlertEvent;
use crate::logging::LineLimit;
use crate::messages::{KeepReceiver, LoadAlerts};
use crate::supervisor::{ChildEnv, GracefulStop};

/// All of an attempt, the channel's own waits added up.
pub(super) const ATTEMPT: Duration = Duration::from_secs(60);
/// Looks again at the latest, whatever was computed: the system's clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Lines on notifications sent: 20 every 10 seconds.
const SENT_LINES: (u64, Duration) = (20, Duration::from_secs(10));
pub(super) const TARGET: &str = "vigie::notify";

/// The actor of one receiver: collects alert events, groups them, sends notifications.
#[expect(clippy::struct_excessive_bools, reason = "what is under way at once, each by itself")]
pub struct Receiver {
    pub(super) env: ChildEnv,
    pub(super) settings: Arc<Settings>,
    /// `None` until it is known what was kept.
    pub(super) groups: Option<Groups>,
    pub(super) starts: Starts,
    /// Whether storage may have events that were not taken in.
    pub(super) more: bool,
    /// On its way to storage; `None` when all is kept.
    pub(super) to_keep: Option<Arc<KeepReceiver>>,
    pub(super) kept_through: u64,
    /// A question to storage is under way.
    pub(super) is_asking: bool,
    pub(super) is_keeping: bool,
    pub(super) is_sending: bool,
    pub(super) is_stopping: bool,
    /// Alarms are on their way to a second receiver, or rest before that.
    pub(super) is_escalating: bool,
    pub(super) storage_rests: bool,
    pub(super) storage_trouble_told: bool,
    trouble: Trouble,
    lines: LineLimit,
    /// Only the last timer counts.
    timer: u64,
    timer_at: Option<DateTime<Utc>>,
}

/// What an attempt is to tell.
#[derive(Debug)]
enum Told {
    Draft(Draft),
    /// That the daemon has started.
    Start,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Told,
    /// There was nothing left to tell.
    Gone,
    Refused,
    Retry {
        at: DateTime<Utc>,
    },
}

impl Receiver {
    /// An actor that loads its persisted state first.
    #[must_use]
    pub fn new(settings: Arc<Settings>, env: &ChildEnv) -> Self {
        Self {
            env: env.clone(),
            settings,
            groups: None,
            starts: Starts::default(),
            more: true,
            to_keep: None,
            kept_through: 0,
            is_asking: false,
            is_keeping: false,
            is_sending: false,
            is_stopping: false,
            is_escalating: false,
            storage_rests: false,
            storage_trouble_told: false,
            trouble: Trouble::default(),
            lines: LineLimit::new(SENT_LINES.0, SENT_LINES.1),
            timer: 0,
            timer_at: None,
        }
    }

    /// Does whatever there is to do now.
    pub(super) fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.groups.is_none() {
            return if self.is_stopping { ctx.stop() } else { self.restore(ctx) };
        }
        if !self.is_stopping {
            self.take_in(ctx);
            self.escalate(ctx);
            self.starts.mark(now());
        }
        self.keep(ctx);
        if !self.is_stopping {
            self.send(ctx);
            self.arm(ctx);
        }
        self.show();
        let is_settled = self.to_keep.is_none() && !self.is_sending && !self.is_keeping;
        if self.is_stopping && is_settled {
            ctx.stop();
        }
    }

    /// Starts to tell what is due first, unless something is being told.
    fn send(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        let is_held = self.is_sending || self.to_keep.is_some() || self.storage_rests;
        if is_held {
            return;
        }
        if self.trouble.paused_until(now).is_some() {
            if let Some(groups) = &mut self.groups {
                groups.note_blocked(now);
            }
            return;
        }
        let Some(draft) = self.groups.as_mut().and_then(|groups| groups.due(now)) else {
            return self.tell_start(now, ctx);
        };
        self.is_sending = true;
        let alerts = self.settings.routes.alerts.clone();
        let numbers = draft.entries.iter().map(|entry| entry.number).collect();
        let ask = async move { flat(alerts.request(LoadAlerts::Numbers(numbers), STORAGE).await) };
        ctx.spawn(ask.into_actor(self).map(move |events, act, ctx| match events {
            Ok(events) => act.tell(draft, events, ctx),
            Err(error) => {
                act.is_sending = false;
                act.rest(&error, ctx);
                act.proceed(ctx);
            }
        }));
    }

    fn tell(&mut self, draft: Draft, events: Vec<AlertEvent>, ctx: &mut Context<Self>) {
        self.env.fault_point();
        let Settings { name, runbooks, channel, .. } = &*self.settings;
        let notification = Notification {
            is_escalated: self.settings.only_escalated,
            ..Notification::new(name.clone(), &draft, events, &runbooks.now())
        };
        if notification.alarms.is_empty() {
            warn!(target: TARGET, "receiver {name}: {} alert events are no longer in the database, and can't be told", draft.entries.len());
            return self.finish(&Told::Draft(draft), End::Gone, ctx);
        }
        let subject = notification.subject(self.settings.words.notify);
        let answer = self.attempt(channel.clone(), notification);
        ctx.spawn(answer.into_actor(self).map(move |outcome, act, ctx| {
            act.conclude(&Told::Draft(draft), &subject, outcome, ctx);
        }));
    }

    /// Tells for how long the daemon was down, if that is due. Alarms come first.
    fn tell_start(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        if !self.starts.is_due(now) {
            return;
        }
        self.env.fault_point();
        let Settings { name, words, channel, start, .. } = &*self.settings;
        let (words, num_readings) = (words.notify, (start.num_readings)());
        let Some(notification) = self.starts.notification(name, num_readings, words) else {
            return self.starts.told();
        };
        let subject = notification.subject(words);
        let answer = self.attempt(channel.clone(), notification);
        self.is_sending = true;
        ctx.spawn(answer.into_actor(self).map(move |outcome, act, ctx| {
            act.conclude(&Told::Start, &subject, outcome, ctx);
        }));
    }

    fn attempt(
        &self,
        channel: Arc<Channel>,
        notification: Notification,
    ) -> impl Future<Output = Outcome> + 'static {
        let thread = format!("notify {}", self.settings.name);
        attempt(thread, ATTEMPT, move || channel.send(&notification))
    }

    fn conclude(&mut self, told: &Told, subject: &str, outcome: Outcome, ctx: &mut Context<Self>) {
        let (now, name, words) = (now(), self.settings.name.clone(), self.settings.words.notify);
        let failures = match told {
            Told::Draft(draft) => self.groups.as_ref().map_or(0, |groups| groups.failures(draft)),
            Told::Start => self.starts.failures,
        };
        if let Some(retry) = self.trouble.failed(&outcome, failures, now, rand::random()) {
            let (Outcome::Unreachable { why }
            | Outcome::Denied { why, .. }
            | Outcome::Later { why, .. }) = outcome
            else {
                return;
            };
            if retry.is_news {
                warn!(target: TARGET, "{}", (words.failed)(&name, &why, retry.wait.as_secs_f64()));
            }
            self.note_error(why, now, false);
            return self.finish(told, End::Retry { at: retry.at }, ctx);
        }
        self.trouble.over();
        if let Outcome::Refused { why } = outcome {
            error!(target: TARGET, "{}", (words.given_up)(&name, subject, &why));
            self.note_error(why, now, true);
            return self.finish(told, End::Refused, ctx);
        }
        // Who is told again each minute by design needs no line each minute.
        let is_news = match told {
            Told::Draft(draft) => draft.entries.iter().any(|entry| entry.is_news),
            Told::Start => true,
        };
        let is_worth_a_line = is_news || !self.settings.terms.names_all;
        if is_worth_a_line && self.lines.admit(monotonic()).is_some() {
            info!(target: TARGET, "{}", (words.sent)(&name, subject));
        }
        self.settings.gauges.show(|shown| {
            shown.delivered += 1;
            shown.last_success = Some(now);
        });
        self.finish(told, End::Told, ctx);
    }

    fn note_error(&self, why: String, now: DateTime<Utc>, is_given_up: bool) {
        self.settings.gauges.show(|shown| {
            shown.given_up += u64::from(is_given_up);
            shown.last_error = Some((now, why));
            shown.failing_since.get_or_insert(now);
        });
    }

    /// The attempt is over: it is done with, or tried again.
    fn finish(&mut self, told: &Told, end: End, ctx: &mut Context<Self>) {
        self.is_sending = false;
        match (told, &mut self.groups) {
            (Told::Draft(draft), Some(groups)) => match end {
                End::Retry { at } => groups.failed(draft, at, now()),
                End::Refused => groups.refused(draft, now()),
                End::Gone | End::Told => groups.told(draft, now()),
            },
            (Told::Draft(_), None) => {}
            (Told::Start, _) => match end {
                End::Retry { at } => self.starts.failed(at),
                End::Refused | End::Gone | End::Told => self.starts.told(),
            },
        }
        // While another notification fails, what was delivered is no sign that all is well.
        let has_failures =
            self.starts.failures > 0 || self.groups.as_ref().is_some_and(Groups::has_failures);
        if end == End::Told && !has_failures {
            self.works_again();
        }
        self.proceed(ctx);
    }

    fn works_again(&self) {
        let (words, name) = (self.settings.words.notify, &self.settings.name);
        self.settings.gauges.show(|shown| {
            if shown.failing_since.take().is_some() {
                info!(target: TARGET, "{}", (words.works_again)(name));
            }
        });
    }

    /// What was denied may have been corrected: all that waits is tried at once.
    fn retry_now(&mut self, ctx: &mut Context<Self>) {
        self.trouble.over();
        self.starts.retry_now();
        if let Some(groups) = &mut self.groups {
            groups.retry_now();
        }
        self.proceed(ctx);
    }

    /// Comes back when the next notification is due.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.is_sending || self.to_keep.is_some() || self.storage_rests {
            return; // its end comes back here
        }
        let now = now();
        let Some(due) = self.next_due(now) else { return };
        // A moment more: a timer may be early by a fraction of a millisecond.
        let wait = (due - now).to_std().unwrap_or_default() + Duration::from_millis(1);
        let wait = wait.min(LOOK_AGAIN);
        let at = super::group::after(now, wait);
        if self.timer_at.is_some_and(|armed| now < armed && armed <= at) {
            return;
        }
        self.timer_at = Some(at);
        self.timer += 1;
        let timer = self.timer;
        ctx.run_later(wait, move |act, ctx| {
            if act.timer == timer {
                act.timer_at = None;
                act.proceed(ctx);
            }
        });
    }

    /// When there is something to tell, or to escalate.
    fn next_due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let groups = self.groups.as_ref()?;
        let paused_until = self.trouble.paused_until(now);
        let told = groups.next_due();
        let told = told.map(|due| paused_until.map_or(due, |until| due.max(until)));
        let escalated = groups.next_escalation().filter(|_| !self.is_escalating);
        [told, escalated, self.starts.next_due()].into_iter().flatten().min()
    }

    fn show(&self) {
        let Some(groups) = &self.groups else { return };
        self.settings.gauges.show(|shown| {
            (shown.waiting, shown.untold) = (groups.waiting(), groups.given_up());
            shown.dropped = groups.dropped();
        });
    }

    /// Tries at once whenever the configuration has been read again.
    fn watch_reloads(&self, mut runbooks: watch::Receiver<Arc<Runbooks>>, ctx: &mut Context<Self>) {
        let change = async move { runbooks.changed().await.map(|()| runbooks) };
        ctx.spawn(change.into_actor(self).map(|changed, act, ctx| {
            // Err: whoever reads it is gone for good, and so is everything else in a moment.
            if let Ok(runbooks) = changed {
                act.watch_reloads(runbooks, ctx);
                act.retry_now(ctx);
            }
        }));
    }
}

impl Actor for Receiver {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.watch(self.settings.routes.stored.subscribe(), ctx);
        self.watch_reloads(self.settings.runbooks.subscribe(), ctx);
        self.proceed(ctx);
    }
}

impl Handler<GracefulStop> for Receiver {
    type Result = ();

    /// What is being sent may end; the rest is kept and waits for the next start.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.is_stopping = true;
        self.starts.mark_now(now());
        self.proceed(ctx);
    }
}

/// The wall clock: what is due must outlive the process.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

fn monotonic() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
