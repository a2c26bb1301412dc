//! Operators who wait for the outcome of an action that is in the log.
//!
//! Always: an answer is given once, after the commit of what the action did; an action whose outcome an
//! evaluator did not live to report is answered with an error. Bounded by the route of
//! [`Operate`](crate::messages::Operate), whose permits are held until the answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::{ActionRecord, Position};

/// Outcome of an operator's action, or why it is not known.
pub type ActionAnswer = Result<ActionRecord, String>;

/// Waiting operators, by the position of their action in the log.
#[derive(Debug, Default)]
pub(super) struct Replies(Mutex<BTreeMap<Position, oneshot::Sender<ActionAnswer>>>);

impl Replies {
    /// Registers one who waits, before the action can be read.
    pub fn expect(&self, position: Position) -> oneshot::Receiver<ActionAnswer> {
        let (reply, answer) = oneshot::channel();
        self.lock().insert(position, reply);
        answer
    }

    /// Answers the one who waits for this action, if anybody does.
    pub fn answer(&self, position: Position, answer: ActionAnswer) {
        if let Some(reply) = self.lock().remove(&position) {
            // One that gave up waiting looks the outcome up.
            let _ = reply.send(answer);
        }
    }

    /// Answers all whose actions lie at or before a position: they are committed, but their outcome was lost.
    pub fn give_up_through(&self, position: Position) {
        let mut replies = self.lock();
        let later = replies.split_off(&(position + 1));
        for (_, reply) in std::mem::replace(&mut *replies, later) {
            let _ = reply.send(Err("evaluation failed before it could answer".into()));
        }
    }

    /// Each change is whole: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Position, oneshot::Sender<ActionAnswer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
