//! Reports to a supervisor: of an incarnation, or of a group that ends the tree.
//!
//! Invariant: each started incarnation reports its end exactly once.

use std::sync::Arc;

use actix::prelude::*;

use super::outcome::TreeOutcome;
use super::policy::ChildExit;

/// Report to a supervisor.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) enum Report {
    /// An incarnation is up.
    Up { slot: u32, incarnation: u32 },
    /// An incarnation has ended.
    Exited { slot: u32, incarnation: u32, exit: ChildExit },
    /// A group has failed: the whole tree ends with this outcome.
    Fatal(TreeOutcome),
}

/// Sends the reports of one incarnation. Dropping it before the end was reported reports
/// [`ChildExit::ArbiterGone`]: only an arbiter that ends drops it early.
pub(super) struct Reporter {
    supervisor: Arc<Recipient<Report>>,
    slot: u32,
    incarnation: u32,
    is_open: bool,
}

impl Reporter {
    pub(super) const fn new(
        supervisor: Arc<Recipient<Report>>,
        slot: u32,
        incarnation: u32,
    ) -> Self {
        Self { supervisor, slot, incarnation, is_open: true }
    }

    pub(super) const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    // Sending fails only if the supervisor is gone, and then nothing restarts the child. An incarnation
    // sends at most two reports, so they can't accumulate in the unbounded mailbox.
    pub(super) fn up(&self) {
        let Self { slot, incarnation, .. } = *self;
        self.supervisor.do_send(Report::Up { slot, incarnation });
    }

    pub(super) fn exited(mut self, exit: ChildExit) {
        self.report_exit(exit);
    }

    /// Ends the whole tree.
    pub(super) fn fatal(&self, outcome: TreeOutcome) {
        self.supervisor.do_send(Report::Fatal(outcome));
    }

    fn report_exit(&mut self, exit: ChildExit) {
        let Self { slot, incarnation, .. } = *self;
        if std::mem::take(&mut self.is_open) {
            self.supervisor.do_send(Report::Exited { slot, incarnation, exit });
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.report_exit(ChildExit::ArbiterGone);
    }
}
