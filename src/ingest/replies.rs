//! Pending answers to operators whose actions are in the log.
//!
//! Always: an action is answered once, after the commit of its outcome. If the evaluator failed before it reported the
//! outcome, the answer is an error. Bounded by the route of [`Operate`](crate::messages::Operate), whose permits are held
//! until the answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::{ActionRecord, Position};

/// Outcome of an operator's action, or the reason why it is unknown.
pub type ActionAnswer = Result<ActionRecord, String>;

/// Channels of pending answers, by the action's position in the log.
#[derive(Debug, Default)]
pub(super) struct Replies(Mutex<BTreeMap<Position, oneshot::Sender<ActionAnswer>>>);

impl Replies {
    /// Registers a pending answer, before the action is readable.
    pub fn expect(&self, position: Position) -> oneshot::Receiver<ActionAnswer> {
        let (reply, answer) = oneshot::channel();
        self.lock().insert(position, reply);
        answer
    }

    /// Answers an action, if its answer is pending.
    pub fn answer(&self, position: Position, answer: ActionAnswer) {
        if let Some(reply) = self.lock().remove(&position) {
            // A receiver that has timed out looks up the outcome itself.
            let _ = reply.send(answer);
        }
    }

    /// Answers all pending actions up to a position with an error: they are committed, but their outcome is lost.
    pub fn give_up_through(&self, position: Position) {
        let mut replies = self.lock();
        let later = replies.split_off(&(position + 1));
        for (_, reply) in std::mem::replace(&mut *replies, later) {
            let _ = reply.send(Err("evaluation failed before it could answer".into()));
        }
    }

    // Each change is atomic, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Position, oneshot::Sender<ActionAnswer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
