//! Other rules while the evaluator runs, and other sensors that should speak.
//!
//! Holds always: they take over between two batches, when nothing is on its way to storage, so that what
//! they close is committed in its turn; whatever incarnation comes next begins with them.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Evaluator, record};
use crate::messages::ReloadRules;
pub use crate::messages::Ruling;
use crate::supervisor::Routed;

/// What holds, shared by all incarnations.
#[derive(Debug, Clone, Default)]
pub struct RuleBook(Arc<Mutex<Ruling>>);

impl RuleBook {
    #[must_use]
    pub fn new(ruling: Ruling) -> Self {
        Self(Arc::new(Mutex::new(ruling)))
    }

    pub(super) fn get(&self) -> Ruling {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, ruling: Ruling) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ruling;
    }
}

/// Rules that are to take over.
#[derive(Default)]
pub(super) struct Successor {
    /// Who waits for them to hold. One at a time, by the bound of the route.
    waiting: Option<oneshot::Sender<()>>,
}

impl Evaluator {
    /// To be called when nothing is on its way to storage.
    pub(super) fn succeed(&mut self) {
        let Some(waiting) = self.successor.waiting.take() else { return };
        let Ruling { rules, quiet, expected } = self.settings.ruling.get();
        let mut outcomes = Vec::new();
        let now = record(self.evaluated(), self.now());
        self.engine.set_time(now, &mut outcomes);
        self.engine.reload(rules, quiet, &mut outcomes);
        self.engine.expect(&expected, &mut outcomes);
        self.hold(outcomes);
        // Nobody is told who doesn't wait any more.
        let _ = waiting.send(());
    }
}

impl Handler<Routed<ReloadRules>> for Evaluator {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, routed: Routed<ReloadRules>, _: &mut Self::Context) -> Self::Result {
        let (ReloadRules(ruling), room) = routed.split();
        self.settings.ruling.set(ruling);
        let (applied, is_applied) = oneshot::channel();
        self.successor.waiting = Some(applied);
        self.operators.nudge.notify_one(); // ends the wait for a batch
        Box::pin(async move {
            let _room = room;
            is_applied.await.map_err(|_| "the evaluator failed meanwhile".to_owned())
        })
    }
}
