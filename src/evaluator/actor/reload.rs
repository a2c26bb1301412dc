//! Replacement of rules and expected sensors while the evaluator runs.
//!
//! Always: a reload is a barrier. Everything evaluated before is committed, then the new rules hold from the next
//! record on, also for later incarnations. So no record is evaluated again by other rules.

use crate::domain::Position;
use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::super::batch::Batch;
use super::super::clock;
use super::super::fold::Effects;
use super::Evaluator;
use super::answers::committed;
pub use crate::messages::AlarmConfig;
use crate::messages::ReloadRules;
use crate::supervisor::Routed;

/// The rules that hold, shared by all incarnations.
#[derive(Debug, Clone, Default)]
pub struct RuleBook(Arc<Mutex<AlarmConfig>>);

impl RuleBook {
    /// Rule book with the rules that hold until the first reload.
    #[must_use]
    pub fn new(ruling: AlarmConfig) -> Self {
        Self(Arc::new(Mutex::new(ruling)))
    }

    pub(super) fn get(&self) -> AlarmConfig {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, ruling: AlarmConfig) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ruling;
    }
}

/// Rules that are to take over. One set at a time, by the route's capacity.
#[derive(Default)]
pub(super) struct Successor(Option<Waiting>);

struct Waiting {
    /// Position of a time mark up to which the old rules hold.
    barrier: Position,
    ruling: AlarmConfig,
    applied: oneshot::Sender<()>,
}

impl Successor {
    /// True if everything up to the barrier is evaluated.
    pub fn is_due(&self, evaluated: Position) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.barrier <= evaluated)
    }
}

impl Evaluator {
    /// Applies new rules, once nothing is collected and everything before is committed.
    pub(super) fn succeed(&mut self, ctx: &mut Context<Self>) {
        if let Some(batch) = self.batch.take_if(|batch| batch.content.through > 0) {
            return self.pass_on(batch.content, ctx);
        }
        let confirm = self.settings.confirm.clone();
        let barrier = async move { committed(&confirm).await };
        ctx.spawn(barrier.into_actor(self).map(|is_committed, evaluator, ctx| {
            match is_committed {
                Ok(()) => evaluator.change_rules(),
                // Dropped unanswered: the reload fails, and is tried again.
                Err(_) => evaluator.successor = Successor::default(),
            }
            evaluator.proceed(ctx);
        }));
    }

    fn change_rules(&mut self) {
        let Some(Waiting { ruling, applied, .. }) = self.successor.0.take() else { return };
        // After the commit: a following incarnation starts with the rules of what is committed.
        self.settings.ruling.set(ruling);
        let mut batch = self.batch.take().unwrap_or_else(|| Batch::new(clock::now()));
        let from = batch.content.alerts.len();
        self.fold.reload(self.settings.ruling.get(), &mut batch.content);
        self.settings.live.replace(self.fold.views(), self.fold.alarms());
        self.report(&batch.content, from, Effects::default());
        self.batch = Some(batch);
        // The effects of the reload are stored with this record at the latest.
        self.settings.log.append_time_mark();
        let _ = applied.send(()); // one that no longer waits asks again
    }
}

impl Handler<Routed<ReloadRules>> for Evaluator {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, routed: Routed<ReloadRules>, _: &mut Self::Context) -> Self::Result {
        let (ReloadRules(ruling), room) = routed.split();
        let (applied, is_applied) = oneshot::channel();
        // Records the time of the change, so that silence counts from now. If the disk refuses the mark, the last
        // record's time is used.
        self.settings.log.append_time_mark();
        let barrier = self.settings.log.last();
        self.successor = Successor(Some(Waiting { barrier, ruling, applied }));
        self.nudge.notify_one();
        Box::pin(async move {
            let _room = room;
            is_applied.await.map_err(|_| "the evaluator failed meanwhile".to_owned())
        })
    }
}
