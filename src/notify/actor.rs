//! The actor of one receiver: loads stored alert events, persists what follows from them, and notifies the receiver of
//! what is due. Decisions are in the pure files beside it; the exchange with storage is in `persistence`.
//!
//! Events are polled from storage after their commit, a few hundred at a time, so neither waits for the other. Nothing
//! is sent before the changes of all loaded events are persisted. Each incarnation starts from the persisted state, as
//! a new run of the daemon does.

mod escalation;
mod persistence;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use log::{error, info, warn};
use tokio::sync::watch;

use super::attempt::{ATTEMPT, attempt};
use super::channel::Channel;
use super::clock::{after, monotonic, now};
use super::downtime::DowntimeNotices;
use super::draft::Draft;
use super::groups::Groups;
use super::log_target::TARGET;
use super::notification::Notification;
use super::outcome::DeliveryOutcome;
use super::retry::RetryState;
use super::runbooks::Runbooks;
use super::settings::ReceiverSettings;
use crate::domain::AlertEvent;
use crate::logging::LineLimit;
use crate::messages::{LoadAlerts, SaveReceiver};
use crate::supervisor::{ChildEnv, GracefulStop};

/// Interval at which due times are computed again: the system's clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Lines on notifications sent: 20 every 10 seconds.
const SENT_LINES: (u64, Duration) = (20, Duration::from_secs(10));
/// Timeout of storage for an answer, or for room in its queue.
const STORAGE: Duration = Duration::from_secs(5);

/// Actor of one receiver: collects alert events, groups them, sends notifications.
#[expect(clippy::struct_excessive_bools, reason = "what is under way at once, each by itself")]
pub struct Receiver {
    env: ChildEnv,
    settings: Arc<ReceiverSettings>,
    /// `None` until the persisted state is loaded.
    groups: Option<Groups>,
    downtimes: DowntimeNotices,
    /// Whether storage may have further events.
    more: bool,
    /// Changes being persisted; `None` if all are.
    to_keep: Option<Arc<SaveReceiver>>,
    kept_through: u64,
    /// Whether a query to storage is pending.
    is_asking: bool,
    is_keeping: bool,
    is_sending: bool,
    is_stopping: bool,
    /// Whether alarms are being handed to the second receiver, or the next handover is delayed.
    is_escalating: bool,
    storage_rests: bool,
    storage_trouble_told: bool,
    retries: RetryState,
    lines: LineLimit,
    /// Number of the current timer; earlier ones are ignored.
    timer: u64,
    timer_at: Option<DateTime<Utc>>,
}

/// Content of an attempt.
#[derive(Debug)]
enum Delivery {
    Group(Draft),
    /// Notice of a downtime.
    Downtime,
}

/// End of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Delivered,
    /// The content was no longer in storage.
    Gone,
    Refused,
    Retry {
        at: DateTime<Utc>,
    },
}

impl Receiver {
    /// An actor that loads its persisted state first.
    #[must_use]
    pub fn new(settings: Arc<ReceiverSettings>, env: &ChildEnv) -> Self {
        Self {
            env: env.clone(),
            settings,
            groups: None,
            downtimes: DowntimeNotices::default(),
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
            retries: RetryState::default(),
            lines: LineLimit::new(SENT_LINES.0, SENT_LINES.1),
            timer: 0,
            timer_at: None,
        }
    }

    /// Starts whatever is due.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.groups.is_none() {
            return if self.is_stopping { ctx.stop() } else { self.restore(ctx) };
        }
        if !self.is_stopping {
            self.take_in(ctx);
            self.escalate(ctx);
            self.downtimes.mark(now());
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

    /// Sends the notification that is due first, unless one is in flight.
    fn send(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        let is_held = self.is_sending || self.to_keep.is_some() || self.storage_rests;
        if is_held {
            return;
        }
        if self.retries.paused_until(now).is_some() {
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
        let ReceiverSettings { name, runbooks, channel, .. } = &*self.settings;
        let notification = Notification {
            is_escalated: self.settings.only_escalated,
            ..Notification::new(name.clone(), &draft, events, &runbooks.now())
        };
        if notification.alarms.is_empty() {
            warn!(target: TARGET, "receiver {name}: {} alert events are no longer in the database, and can't be notified", draft.entries.len());
            return self.finish(&Delivery::Group(draft), End::Gone, ctx);
        }
        let subject = notification.subject(self.settings.words.notify);
        let answer = self.attempt(channel.clone(), notification);
        ctx.spawn(answer.into_actor(self).map(move |outcome, act, ctx| {
            act.conclude(&Delivery::Group(draft), &subject, outcome, ctx);
        }));
    }

    /// Sends a notice of downtimes, if due. Alarms precede it.
    fn tell_start(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        if !self.downtimes.is_due(now) {
            return;
        }
        self.env.fault_point();
        let ReceiverSettings { name, words, channel, start, .. } = &*self.settings;
        let (words, num_readings) = (words.notify, (start.num_readings)());
        let Some(notification) = self.downtimes.notification(name, num_readings, words) else {
            return self.downtimes.delivered();
        };
        let subject = notification.subject(words);
        let answer = self.attempt(channel.clone(), notification);
        self.is_sending = true;
        ctx.spawn(answer.into_actor(self).map(move |outcome, act, ctx| {
            act.conclude(&Delivery::Downtime, &subject, outcome, ctx);
        }));
    }

    fn attempt(
        &self,
        channel: Arc<Channel>,
        notification: Notification,
    ) -> impl Future<Output = DeliveryOutcome> + 'static {
        let thread = format!("notify {}", self.settings.name);
        attempt(thread, ATTEMPT, move || channel.send(&notification))
    }

    fn conclude(
        &mut self,
        delivery: &Delivery,
        subject: &str,
        outcome: DeliveryOutcome,
        ctx: &mut Context<Self>,
    ) {
        let (now, name, words) = (now(), self.settings.name.clone(), self.settings.words.notify);
        let failures = match delivery {
            Delivery::Group(draft) => {
                self.groups.as_ref().map_or(0, |groups| groups.failures(draft))
            }
            Delivery::Downtime => self.downtimes.failures,
        };
        if let Some(retry) = self.retries.failed(&outcome, failures, now, rand::random()) {
            let (DeliveryOutcome::Unreachable { why }
            | DeliveryOutcome::Denied { why, .. }
            | DeliveryOutcome::Later { why, .. }) = outcome
            else {
                return;
            };
            if retry.is_news {
                warn!(target: TARGET, "{}", (words.failed)(&name, &why, retry.wait.as_secs_f64()));
            }
            self.note_error(why, now, false);
            return self.finish(delivery, End::Retry { at: retry.at }, ctx);
        }
        self.retries.over();
        if let DeliveryOutcome::Refused { why } = outcome {
            error!(target: TARGET, "{}", (words.given_up)(&name, subject, &why));
            self.note_error(why, now, true);
            return self.finish(delivery, End::Refused, ctx);
        }
        // Repetitions each minute are configured, and not logged each time.
        let is_news = match delivery {
            Delivery::Group(draft) => draft.entries.iter().any(|entry| entry.is_news),
            Delivery::Downtime => true,
        };
        let is_worth_a_line = is_news || !self.settings.policy.names_all;
        if is_worth_a_line && self.lines.admit(monotonic()).is_some() {
            info!(target: TARGET, "{}", (words.sent)(&name, subject));
        }
        self.settings.gauges.update(|counts| {
            counts.delivered += 1;
            counts.last_success = Some(now);
        });
        self.finish(delivery, End::Delivered, ctx);
    }

    fn note_error(&self, why: String, now: DateTime<Utc>, is_given_up: bool) {
        self.settings.gauges.update(|counts| {
            counts.given_up += u64::from(is_given_up);
            counts.last_error = Some((now, why));
            counts.failing_since.get_or_insert(now);
        });
    }

    /// Applies the end of an attempt: finished, or to be retried.
    fn finish(&mut self, delivery: &Delivery, end: End, ctx: &mut Context<Self>) {
        self.is_sending = false;
        match (delivery, &mut self.groups) {
            (Delivery::Group(draft), Some(groups)) => match end {
                End::Retry { at } => groups.failed(draft, at, now()),
                End::Refused => groups.refused(draft, now()),
                End::Gone | End::Delivered => groups.delivered(draft, now()),
            },
            (Delivery::Group(_), None) => {}
            (Delivery::Downtime, _) => match end {
                End::Retry { at } => self.downtimes.failed(at),
                End::Refused | End::Gone | End::Delivered => self.downtimes.delivered(),
            },
        }
        // While another notification fails, a delivery does not show that the receiver works.
        let has_failures =
            self.downtimes.failures > 0 || self.groups.as_ref().is_some_and(Groups::has_failures);
        if end == End::Delivered && !has_failures {
            self.works_again();
        }
        self.proceed(ctx);
    }

    fn works_again(&self) {
        let (words, name) = (self.settings.words.notify, &self.settings.name);
        self.settings.gauges.update(|counts| {
            if counts.failing_since.take().is_some() {
                info!(target: TARGET, "{}", (words.works_again)(name));
            }
        });
    }

    /// Retries all that failed at once: the cause of a denial may have been corrected.
    fn retry_now(&mut self, ctx: &mut Context<Self>) {
        self.retries.over();
        self.downtimes.retry_now();
        if let Some(groups) = &mut self.groups {
            groups.retry_now();
        }
        self.proceed(ctx);
    }

    /// Sets the timer for the next due time.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.is_sending || self.to_keep.is_some() || self.storage_rests {
            return; // its end comes back here
        }
        let now = now();
        let Some(due) = self.next_due(now) else { return };
        // A millisecond more: timers may be early by a fraction of one.
        let wait = (due - now).to_std().unwrap_or_default() + Duration::from_millis(1);
        let wait = wait.min(LOOK_AGAIN);
        let at = after(now, wait);
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

    /// Next time at which something is due, or to be escalated.
    fn next_due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let groups = self.groups.as_ref()?;
        let paused_until = self.retries.paused_until(now);
        let told = groups.next_due();
        let told = told.map(|due| paused_until.map_or(due, |until| due.max(until)));
        let escalated = groups.next_escalation().filter(|_| !self.is_escalating);
        [told, escalated, self.downtimes.next_due()].into_iter().flatten().min()
    }

    fn show(&self) {
        let Some(groups) = &self.groups else { return };
        self.settings.gauges.update(|counts| {
            (counts.pending, counts.unnotified) = (groups.waiting(), groups.given_up());
            counts.dropped = groups.dropped();
        });
    }

    /// Retries at once after each reload.
    fn watch_reloads(&self, mut runbooks: watch::Receiver<Arc<Runbooks>>, ctx: &mut Context<Self>) {
        let change = async move { runbooks.changed().await.map(|()| runbooks) };
        ctx.spawn(change.into_actor(self).map(|changed, act, ctx| {
            // Err: the sender has ended, and the daemon is stopping.
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

    /// The attempt in flight may finish; the rest is persisted for the next start.
    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.is_stopping = true;
        self.downtimes.mark_now(now());
        self.proceed(ctx);
    }
}

fn flat<T>(answer: Result<Result<T, String>, impl std::fmt::Display>) -> Result<T, String> {
    answer.unwrap_or_else(|error| Err(error.to_string()))
}
