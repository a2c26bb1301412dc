//! Answers to operators' actions by the API, each after its effect is committed.
//!
//! Always: an action that an incarnation did not answer is answered by the next one, which applies it again, or
//! reported as unknown if it is committed already. Never: an answer before the commit.

use std::time::Duration;

use actix::prelude::*;

use super::super::clock::Deadline;
use super::Evaluator;
use crate::domain::{ActionRecord, Position};
use crate::messages::ConfirmCommitted;
use crate::supervisor::Route;

/// Timeout for storage to commit what it accepted.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(20);

/// Interval between two barriers: storage may have been restarted during one.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Outcomes of applied actions, by the position of the action in the log.
pub(super) type Applied = Vec<(Position, ActionRecord)>;

/// Outcomes to be answered.
#[derive(Default)]
pub(super) struct Answers {
    /// Outcomes of the batch that is being gathered.
    applied: Applied,
    /// Batches with actions that are being confirmed.
    confirming: usize,
}

impl Answers {
    /// Adds outcomes of the batch that is being gathered.
    pub fn add(&mut self, mut applied: Applied) {
        self.applied.append(&mut applied);
    }

    /// Takes the outcomes of the batch that is handed over.
    pub fn take_applied(&mut self) -> Applied {
        std::mem::take(&mut self.applied)
    }

    /// True if no answer is pending.
    pub const fn is_idle(&self) -> bool {
        self.applied.is_empty() && self.confirming == 0
    }
}

impl Evaluator {
    /// Answers after storage has committed what it accepted.
    pub(super) fn answer(&mut self, applied: Applied, ctx: &mut Context<Self>) {
        if applied.is_empty() {
            return;
        }
        self.answers.confirming += 1;
        let confirm = self.settings.confirm.clone();
        let log = self.settings.log.clone();
        let answer = async move {
            let is_committed = committed(&confirm).await;
            for (position, record) in applied {
                log.answer(position, is_committed.clone().map(|()| record));
            }
        };
        ctx.spawn(answer.into_actor(self).map(|(), evaluator, _| {
            evaluator.answers.confirming = evaluator.answers.confirming.saturating_sub(1);
            evaluator.nudge.notify_one();
        }));
    }
}

/// Waits until everything sent to storage before is committed.
pub(super) async fn committed(confirm: &Route<ConfirmCommitted>) -> Result<(), String> {
    let deadline = Deadline::after(CONFIRM_PATIENCE);
    loop {
        let why = match confirm.request(ConfirmCommitted, deadline.left()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        if deadline.is_over() {
            return Err(why);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
