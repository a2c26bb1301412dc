//! Alert events for the gateway, and queries of other actors to the writer.
//!
//! Events are pushed after each commit, as credits return, and before the commit while that is stuck. A query is answered
//! from the ledger after everything sent before it is committed, and holds its route's permit until then; or by a reader
//! beside the commits.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::Utc;
use tokio::sync::oneshot;

use super::job::{Answer, Question, answer};
use super::{Phase, RETRY_PAUSE, Writer};
use crate::domain::{AlertEvent, Fingerprint};
use crate::messages::{
    ConfirmCommitted, FindStored, LoadAlerts, LoadReceiver, LoadResumePoint, PushAlerts,
    PushReport, ResumePoint, SavedReceiver,
};
use crate::store::backlog::{self, BacklogItem};
use crate::store::ledger::{Backend, LedgerError, LedgerReader, PendingQuery};
use crate::store::push::{PendingRead, Push};
use crate::supervisor::{Routed, SendError};

/// A commit that takes longer is stuck: the largest takes a tenth of a second.
const STUCK_AFTER: Duration = Duration::from_millis(250);

impl Writer {
    /// No code panics while holding it and updates are atomic, so a poisoned lock is still consistent.
    pub(super) fn push_state(&self) -> MutexGuard<'_, Push> {
        self.push.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger has these items.
    pub(super) fn push_committed(&self, items: &[Arc<BacklogItem>]) {
        let mut push = self.push_state();
        if let Some(last) = backlog::reach(items).and_then(|reach| reach.last_event) {
            push.committed(last, backlog::alerts(items));
        }
        for item in items {
            push.marked(item.delivered());
        }
    }

    /// Pushes alerts within the credits; returns true if there were any.
    pub(super) fn push_alerts(&mut self, ctx: &mut Context<Self>) -> bool {
        let Some(gateway) = self.gateway.clone() else { return false };
        let mut is_any = false;
        loop {
            self.offer_uncommitted();
            let (incarnation, events) = {
                let mut push = self.push_state();
                (push.incarnation(), push.take(Instant::now()))
            };
            let (Some(incarnation), false) = (incarnation, events.is_empty()) else { break };
            let message = PushAlerts { incarnation, events };
            if let Err(SendError::Full(back) | SendError::Closed(back)) = gateway.try_send(message)
            {
                self.push_state().unsent(&back.events);
                self.push_later(RETRY_PAUSE, ctx);
                break;
            }
            is_any = true;
        }
        self.read_pending(ctx);
        self.watch_commit(ctx);
        let retry_at = self.push_state().next_retry();
        if let Some(at) = retry_at {
            self.push_later(at.saturating_duration_since(Instant::now()), ctx);
        }
        is_any
    }

    /// While a commit is stuck its alerts are pushed from memory: evaluation is deterministic, so the same events
    /// are stored later in any case.
    fn offer_uncommitted(&self) {
        if self.goes_early && self.is_stuck() {
            let mut push = self.push_state();
            if push.wants_after().is_some() {
                self.backlog.with_alerts(|alerts| push.offer(alerts));
            }
        }
    }

    fn is_stuck(&self) -> bool {
        let is_late = |began: Instant| began.elapsed() >= STUCK_AFTER;
        self.has_database_fault()
            || self.gauges.trouble().is_some()
            || self.commit_began.is_some_and(is_late)
    }

    /// Looks again when the commit under way has become stuck, if alerts wait for it.
    pub(super) fn watch_commit(&mut self, ctx: &mut Context<Self>) {
        // A commit that becomes stuck just after the check is noticed by the next one.
        let is_watched = self.goes_early && self.gauges.trouble().is_none();
        let Some(began) = self.commit_began.filter(|_| is_watched) else { return };
        let after = self.push_state().wants_after();
        if self.phase == Phase::Committing
            && after.is_some_and(|after| self.backlog.has_alert_after(after))
        {
            self.push_later(STUCK_AFTER.saturating_sub(began.elapsed()), ctx);
        }
    }

    /// One timer: the earliest wins.
    fn push_later(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        let at = Instant::now() + delay;
        if self.push_timer.is_some_and(|(due, _)| due <= at) {
            return;
        }
        if let Some((_, timer)) = self.push_timer.take() {
            ctx.cancel_future(timer);
        }
        let timer = ctx.run_later(delay, |writer, ctx| {
            writer.push_timer = None;
            writer.push_alerts(ctx);
        });
        self.push_timer = Some((at, timer));
    }

    /// Reads the events that are in the ledger alone.
    fn read_pending(&mut self, ctx: &mut Context<Self>) {
        let Some(read) = self.push_state().next_read() else { return };
        let (backend, reader) = (self.backend.clone(), self.reader.clone());
        let query = read.clone();
        let found = actix_rt::task::spawn_blocking(move || pending(&*backend, reader, &query));
        ctx.spawn(found.into_actor(self).map(move |found, writer, ctx| {
            let found = found.unwrap_or_else(|error| {
                Err(LedgerError { is_transient: true, message: format!("the query died: {error}") })
            });
            match found {
                Ok((reader, events)) => {
                    writer.reader = Some(reader);
                    if std::mem::take(&mut writer.read_trouble_logged) {
                        log::info!(target: "vigie::storage", "alerts of earlier commits are published again");
                    }
                    writer.push_state().loaded(&read, events);
                    writer.push_alerts(ctx);
                }
                Err(error) => writer.read_failed(&read, &error, ctx),
            }
        }));
    }

    fn read_failed(&mut self, read: &PendingRead, error: &LedgerError, ctx: &mut Context<Self>) {
        self.push_state().read_failed(read);
        if !std::mem::replace(&mut self.read_trouble_logged, true) {
            log::warn!(target: "vigie::storage", "alerts of earlier commits can't be published for now, trying each second: {error}");
        }
        self.push_later(RETRY_PAUSE, ctx);
    }

    /// Queues a query for after the next commit, with its permit.
    fn ask<T: 'static>(
        &mut self,
        question: impl FnOnce(oneshot::Sender<Answer<T>>) -> Question,
        permit: impl Sized + 'static,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, Answer<T>> {
        let (reply, answer) = oneshot::channel();
        self.questions.push(question(reply));
        self.proceed(ctx);
        let answer = async move {
            let answer = answer.await;
            drop(permit);
            answer.unwrap_or_else(|_| Err("the writer failed before it could answer".into()))
        };
        Box::pin(answer.into_actor(self))
    }
}

/// The reader is for the next query.
fn pending(
    backend: &dyn Backend,
    reader: Option<Arc<dyn LedgerReader>>,
    read: &PendingRead,
) -> Result<(Arc<dyn LedgerReader>, Vec<AlertEvent>), LedgerError> {
    let reader = match reader {
        Some(reader) => reader,
        None => backend.reader()?,
    };
    let PendingRead { after, at_most, ref except, .. } = *read;
    let events = reader.pending(&PendingQuery { after, at_most, except })?;
    Ok((reader, events))
}

impl Handler<Routed<PushReport>> for Writer {
    type Result = bool;

    fn handle(&mut self, report: Routed<PushReport>, ctx: &mut Self::Context) -> bool {
        let (report, _room) = report.split();
        self.push_state().report(&report, Instant::now());
        if !report.delivered.is_empty() {
            self.backlog.push(BacklogItem::Delivered(report.delivered, Utc::now()));
            self.proceed(ctx);
        }
        let is_any = self.push_alerts(ctx);
        is_any || self.push_state().has_more()
    }
}

impl Handler<Routed<LoadReceiver>> for Writer {
    type Result = ResponseActFuture<Self, Answer<SavedReceiver>>;

    fn handle(&mut self, ask: Routed<LoadReceiver>, ctx: &mut Self::Context) -> Self::Result {
        let receiver = ask.message.receiver.clone();
        self.ask(|reply| Question::Receiver { receiver, reply }, ask, ctx)
    }
}

impl Handler<Routed<LoadAlerts>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<AlertEvent>>>;

    fn handle(&mut self, ask: Routed<LoadAlerts>, ctx: &mut Self::Context) -> Self::Result {
        let (which, room) = ask.split();
        self.ask(|reply| Question::Alerts { which, reply }, room, ctx)
    }
}

impl Handler<Routed<LoadResumePoint>> for Writer {
    type Result = ResponseActFuture<Self, Answer<ResumePoint>>;

    fn handle(&mut self, ask: Routed<LoadResumePoint>, ctx: &mut Self::Context) -> Self::Result {
        self.ask(|reply| Question::Resume { reply }, ask, ctx)
    }
}

impl Handler<Routed<ConfirmCommitted>> for Writer {
    type Result = ResponseActFuture<Self, Answer<()>>;

    fn handle(&mut self, ask: Routed<ConfirmCommitted>, ctx: &mut Self::Context) -> Self::Result {
        self.ask(|reply| Question::Committed { reply }, ask, ctx)
    }
}

impl Handler<Routed<FindStored>> for Writer {
    type Result = ResponseActFuture<Self, Answer<Vec<Fingerprint>>>;

    /// Answered beside the commits, by a reader.
    fn handle(&mut self, ask: Routed<FindStored>, _: &mut Self::Context) -> Self::Result {
        let (FindStored { readings }, room) = ask.split();
        let (backend, reader) = (self.backend.clone(), self.reader.clone());
        let found = actix_rt::task::spawn_blocking(move || {
            let reader = reader.map_or_else(|| backend.reader(), Ok)?;
            reader.find_stored(&readings).map(|found| (reader, found))
        });
        Box::pin(found.into_actor(self).map(move |found, writer, _| {
            drop(room);
            let found = found.map_err(|error| format!("the query died: {error}"))?;
            let (reader, found) = answer(found)?;
            writer.reader = Some(reader);
            Ok(found)
        }))
    }
}
