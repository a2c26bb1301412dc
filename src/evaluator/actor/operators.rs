//! What operators ask of the evaluator: each in its turn among the readings, answered when it is
//! committed.
//!
//! Holds always: an action is applied after everything that had come in before it, and what became of it
//! is in the same message to storage as the alarm's new state; lost with that message, it is applied
//! again; a stop waits for who waits for an answer, for a while. Never: an answer before the commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{Notify, oneshot};

use super::{Evaluator, Held};
use crate::alarms::engine::Outcome;
use crate::domain::{ActionRecord, OperatorAction};
use crate::ingest::Asked;
use crate::logging::LineLimit;
use crate::messages::{ConfirmCommitted, Operate};
use crate::supervisor::{Room, Route, Routed};

/// How long storage may take to commit what it has taken.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(20);

/// Between two such questions: storage may have died with one.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Log lines on actions: 20 every 10 seconds. All of them are stored.
const LINES: (u64, Duration) = (20, Duration::from_secs(10));

type Answer = Result<ActionRecord, String>;

/// One who waits for an answer.
struct Waiting {
    asked: Operate,
    /// The last record of the intake journal that came before it.
    after: u64,
    answer: oneshot::Sender<Answer>,
    /// Its place on the route, which bounds how many wait.
    _room: Room,
}

/// What became of some actions, and who waits to hear it.
#[derive(Default)]
pub(super) struct Applied(Vec<(Waiting, ActionRecord)>);

/// Those who wait.
pub(super) struct Operators {
    asked: VecDeque<Waiting>,
    /// In the message to storage that is being held.
    applied: Applied,
    /// How many messages to storage are being confirmed to who waits.
    confirming: usize,
    /// Wakes the evaluator from its wait for readings.
    pub nudge: Arc<Notify>,
    lines: LineLimit,
}

impl Default for Operators {
    fn default() -> Self {
        let (burst, window) = LINES;
        let (asked, applied, nudge) = (VecDeque::new(), Applied::default(), Arc::default());
        Self { asked, applied, confirming: 0, nudge, lines: LineLimit::new(burst, window) }
    }
}

impl Operators {
    /// For the message that leaves now.
    pub fn take_applied(&mut self) -> Applied {
        std::mem::take(&mut self.applied)
    }

    /// Their message was lost: they are applied again, before any other.
    pub fn again(&mut self, lost: Applied) {
        for (waiting, _) in lost.0.into_iter().rev() {
            self.asked.push_front(waiting);
        }
        self.nudge.notify_one();
    }
}

impl Evaluator {
    /// Whether nothing is left to be judged, and nobody waits for an answer.
    pub(super) fn is_done(&self) -> bool {
        let Operators { asked, applied, confirming, .. } = &self.operators;
        let is_judged = self.through >= self.settings.intake.last();
        is_judged && asked.is_empty() && applied.0.is_empty() && *confirming == 0
    }

    /// Applies what was asked for, as far as everything that came in before it has been judged.
    pub(super) fn operate(&mut self) {
        let evaluated = self.evaluated();
        while let Some(waiting) = self.operators.asked.pop_front_if(|next| next.after <= evaluated)
        {
            if waiting.asked.until < Instant::now() {
                let _ = waiting.answer.send(Err("too much was to be judged before it".into()));
                continue; // nobody waits any more
            }
            let mut outcomes = Vec::new();
            let record = self.apply(waiting.asked.action.clone(), &mut outcomes);
            self.hold(outcomes);
            self.hold_action(record.clone());
            self.operators.applied.0.push((waiting, record));
        }
    }

    /// The same for one that came by message: nobody waits for it, so what it is refused for is kept.
    pub(super) fn operate_message(&mut self, asked: Asked, outcomes: &mut Vec<Outcome>) {
        let Asked { action, mut message, .. } = asked;
        let record = self.apply(action, outcomes);
        if let Err(why) = &record.outcome {
            message.reason = why.to_string();
            self.held().store.rejected.push(message);
        }
        self.hold_action(record);
    }

    fn apply(&mut self, action: OperatorAction, outcomes: &mut Vec<Outcome>) -> ActionRecord {
        let now = super::record(self.evaluated(), self.now());
        self.engine.set_time(now, outcomes);
        let record = self.engine.operate(action, outcomes);
        if let Some(more) = self.operators.lines.admit(Instant::now()) {
            let line = (self.settings.words.operator_line)(&record);
            let more = if more > 0 { format!(" (+{more})") } else { String::new() };
            log::info!(target: "vigie::operator", "{line}{more}");
        }
        record
    }

    fn hold_action(&mut self, record: ActionRecord) {
        self.held().store.actions.push(record);
    }

    fn held(&mut self) -> &mut Held {
        let through = self.evaluated();
        self.held.get_or_insert_with(|| Held::new(through))
    }

    /// Answers them once storage has committed what it took.
    pub(super) fn answer(&mut self, applied: Applied, ctx: &mut Context<Self>) {
        if applied.0.is_empty() {
            return;
        }
        self.operators.confirming += 1;
        let confirm = self.settings.confirm.clone();
        let answer = async move {
            let committed = committed(&confirm).await;
            for (waiting, record) in applied.0 {
                // One who no longer waits looks it up.
                let _ = waiting.answer.send(committed.clone().map(|()| record));
            }
        };
        ctx.spawn(answer.into_actor(self).map(|(), evaluator, _| {
            evaluator.operators.confirming -= 1;
            evaluator.operators.nudge.notify_one();
        }));
    }
}

async fn committed(confirm: &Route<ConfirmCommitted>) -> Result<(), String> {
    let deadline = Instant::now() + CONFIRM_PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let why = match confirm.request(ConfirmCommitted, left).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        if Instant::now() >= deadline {
            return Err(why);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

impl Handler<Routed<Operate>> for Evaluator {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, asked: Routed<Operate>, _: &mut Self::Context) -> Self::Result {
        let (asked, room) = asked.split();
        let (answer, is_answered) = oneshot::channel();
        let after = self.settings.intake.last();
        self.operators.asked.push_back(Waiting { asked, after, answer, _room: room });
        self.operators.nudge.notify_one();
        Box::pin(async move {
            is_answered
                .await
                .unwrap_or_else(|_| Err("evaluation failed before it could answer".into()))
        })
    }
}
