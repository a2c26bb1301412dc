//! Job on the blocking pool: opens the ledger if need be, commits, answers questions.
//!
//! Always: questions are answered only after a commit that succeeded, and otherwise handed back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::oneshot;

use crate::domain::{AlertEvent, Position};
use crate::messages::{LoadAlerts, ResumePoint, SavedReceiver};
use crate::store::backlog::BacklogItem;
use crate::store::ledger::{Backend, Ledger, LedgerError};
use crate::store::watch::Watch;

/// The answer to a question about the ledger.
pub(super) type Answer<T> = Result<T, String>;

/// Query answered from the ledger after the next commit.
pub(super) enum Question {
    Resume {
        reply: oneshot::Sender<Answer<ResumePoint>>,
    },
    /// The barrier itself: reaching it is the answer.
    Committed {
        reply: oneshot::Sender<Answer<()>>,
    },
    Receiver {
        receiver: Arc<str>,
        reply: oneshot::Sender<Answer<SavedReceiver>>,
    },
    Alerts {
        which: LoadAlerts,
        reply: oneshot::Sender<Answer<Vec<AlertEvent>>>,
    },
}

impl Question {
    /// A caller that no longer waits is ignored.
    fn answer(self, ledger: &dyn Ledger) {
        match self {
            Self::Resume { reply } => {
                let _ = reply.send(answer(ledger.resume()));
            }
            Self::Committed { reply } => {
                let _ = reply.send(Ok(()));
            }
            Self::Receiver { receiver, reply } => {
                let _ = reply.send(answer(ledger.receiver(&receiver)));
            }
            Self::Alerts { which, reply } => {
                let _ = reply.send(answer(ledger.alerts(&which)));
            }
        }
    }
}

pub(super) fn answer<T>(found: Result<T, LedgerError>) -> Answer<T> {
    found.map_err(|error| error.to_string())
}

/// How often a slowed commit checks whether the writer stops.
const SLOW_STEP: Duration = Duration::from_millis(50);

/// Slow commit on request, for tests.
pub(super) struct CommitDelay {
    /// Delay added for each row.
    pub per_row: Duration,
    /// Set when the writer stops: the commit is no longer slowed.
    pub hurry: Arc<AtomicBool>,
}

impl CommitDelay {
    fn last(&self, num_rows: usize) {
        let until = Instant::now() + self.per_row * u32::try_from(num_rows).unwrap_or(u32::MAX);
        while !self.hurry.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(SLOW_STEP));
        }
    }
}

pub(super) struct Job {
    /// Open ledger; `None` if it must be opened first.
    pub ledger: Option<Box<dyn Ledger>>,
    /// Backend that opens the ledger.
    pub backend: Arc<dyn Backend>,
    /// Watch over the file that is opened.
    pub watch: Arc<Watch>,
    /// How far own readings are published.
    pub published: Position,
    /// Backlog items to be committed, oldest first.
    pub items: Vec<Arc<BacklogItem>>,
    /// Questions to be answered after the commit.
    pub questions: Vec<Question>,
    /// Fault to be simulated; `None` in operation.
    pub slowness: Option<CommitDelay>,
}

/// Result of a job.
pub(super) struct JobResult {
    /// Ledger, returned; `None` if it could not be opened.
    pub ledger: Option<Box<dyn Ledger>>,
    /// Queries not answered yet.
    pub questions: Vec<Question>,
    /// Items of the commit.
    pub items: Vec<Arc<BacklogItem>>,
    /// Outcome of the commit.
    pub result: Result<(), LedgerError>,
}

impl Job {
    /// Commits, then answers the questions if the commit succeeded. Blocks its thread.
    pub fn run(mut self) -> JobResult {
        let result = self.commit();
        if let (Ok(()), Some(ledger)) = (&result, &self.ledger) {
            self.questions.drain(..).for_each(|question| question.answer(&**ledger));
        }
        JobResult { ledger: self.ledger, questions: self.questions, items: self.items, result }
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        if let Some(slowness) = &self.slowness {
            slowness.last(self.items.iter().map(|item| item.num_rows()).sum());
        }
        let ledger = match &mut self.ledger {
            Some(ledger) => ledger,
            none => {
                let opened = self.backend.open()?;
                self.watch.opened()?;
                none.insert(opened)
            }
        };
        ledger.seal(Utc::now())?;
        let work: Vec<_> = self.items.iter().map(|item| item.work()).collect();
        ledger.commit(&work, self.published)
    }
}
