//! Answers to operators' actions by the API: each once what it did is committed.
//!
//! Always: an action that an evaluator does not live to answer is answered by the next one, which applies it
//! again, or as lost when it is committed already. Never: an answer before the commit.

use std::time::Duration;

use actix::prelude::*;

use super::super::clock::Deadline;
use super::Evaluator;
use crate::domain::{ActionRecord, Position};
use crate::messages::ConfirmCommitted;
use crate::supervisor::Route;

/// How long storage may take to commit what it has taken.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(20);

/// Between two such questions: storage may have died with one.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Outcomes of applied actions, by the position of the action in the log.
pub(super) type Applied = Vec<(Position, ActionRecord)>;

/// Outcomes on their way to who waits for them.
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

    /// Takes the outcomes for the batch that leaves now.
    pub fn take_applied(&mut self) -> Applied {
        std::mem::take(&mut self.applied)
    }

    /// Whether nobody waits for an answer that is under way.
    pub const fn is_idle(&self) -> bool {
        self.applied.is_empty() && self.confirming == 0
    }
}

impl Evaluator {
    /// Answers once storage has committed what it took.
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
