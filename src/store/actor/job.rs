//! What runs on the blocking pool: open the file if need be, commit, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::{self, Connection};
use tokio::sync::oneshot;

use super::questions::Answer;
use crate::messages::{Cursors, KeptByReceiver, LoadAlerts, PendingAlert, ResumePoint};
use crate::store::backlog::Taken;
use crate::store::sqlite::database::{Database, OpenError, Reason, Settings, is_transient, open};
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::write::Work;
use crate::store::sqlite::{recall, receivers, resume};

/// Commits work; [`write::commit`](crate::store::sqlite::write::commit) but for tests.
pub(super) type CommitFn =
    Arc<dyn Fn(&mut Database, &[Work<'_>]) -> rusqlite::Result<()> + Send + Sync>;

/// To be answered from the file as it is after the commit.
pub(super) enum Question {
    Resume {
        reply: oneshot::Sender<Answer<ResumePoint>>,
    },
    /// That this is asked after the commit is the answer.
    Committed {
        reply: oneshot::Sender<Answer<()>>,
    },
    Receiver {
        receiver: Arc<str>,
        reply: oneshot::Sender<Answer<KeptByReceiver>>,
    },
    Alerts {
        which: LoadAlerts,
        reply: oneshot::Sender<Answer<Vec<PendingAlert>>>,
    },
}

impl Question {
    /// One who no longer waits is not missed.
    fn answer(self, database: &Database, readers: &Readers) {
        let connection = &database.connection;
        match self {
            Self::Resume { reply } => {
                let _ = reply.send(resume_point(connection, readers));
            }
            Self::Committed { reply } => {
                let _ = reply.send(Ok(()));
            }
            Self::Receiver { receiver, reply } => {
                let _ = reply.send(said(receivers::kept(connection, &receiver)));
            }
            Self::Alerts { which, reply } => {
                let _ = reply.send(said(receivers::alerts(connection, &which)));
            }
        }
    }
}

fn resume_point(connection: &Connection, readers: &Readers) -> Answer<ResumePoint> {
    let progress = said(resume::progress(connection))?;
    let (series, since) = resume::series(connection, readers)?;
    Ok(ResumePoint {
        number: progress.number,
        position: progress.position,
        received_at: progress.received_at,
        clocks: progress.clocks,
        alarms: said(recall::alarm_states(connection))?,
        standing: said(recall::standing_alerts(connection))?,
        series,
        since,
        recent: said(resume::recent(connection))?,
    })
}

pub(super) fn said<T>(found: rusqlite::Result<T>) -> Answer<T> {
    found.map_err(|error| format!("can't read the database: {error}"))
}

/// How finely a slowed commit looks whether the writer is to stop.
const SLOW_STEP: Duration = Duration::from_millis(50);

/// A commit made slow on request.
pub(super) struct Slowness {
    pub per_row: Duration,
    /// Set when nobody should be kept waiting any more.
    pub hurry: Arc<AtomicBool>,
}

impl Slowness {
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
    pub database: Option<Database>,
    pub settings: Arc<Settings>,
    pub cursors: Arc<Cursors>,
    pub readers: Readers,
    pub commit: CommitFn,
    pub items: Vec<Arc<Taken>>,
    pub questions: Vec<Question>,
    pub slowness: Option<Slowness>,
}

/// Why nothing was committed.
pub(super) struct Trouble {
    pub is_transient: bool,
    pub why: String,
}

pub(super) struct Done {
    pub database: Option<Database>,
    /// Those that could not be answered yet.
    pub questions: Vec<Question>,
    pub num_items: usize,
    /// Whether the items bring alerts of any kind.
    pub has_alerts: bool,
    pub result: Result<(), Trouble>,
}

impl Job {
    pub fn run(mut self) -> Done {
        let result = self.commit_all();
        if let (Ok(()), Some(database)) = (&result, &self.database) {
            self.questions.drain(..).for_each(|question| question.answer(database, &self.readers));
        }
        Done {
            database: self.database,
            questions: self.questions,
            num_items: self.items.len(),
            has_alerts: self.items.iter().any(|item| item.has_alerts()),
            result,
        }
    }

    fn commit_all(&mut self) -> Result<(), Trouble> {
        if let Some(slowness) = &self.slowness {
            slowness.last(self.items.iter().map(|item| item.num_rows()).sum());
        }
        let database = match &mut self.database {
            Some(database) => database,
            none => none.insert(open(&self.settings)?),
        };
        database.cursors = self.cursors.clone();
        let work: Vec<_> = self.items.iter().map(|item| item.work()).collect();
        (self.commit)(database, &work).map_err(|error| Trouble {
            is_transient: is_transient(&error),
            why: format!("can't write to `{}`: {error}", self.settings.path.display()),
        })
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self { is_transient: matches!(error.reason, Reason::Busy(_)), why: error.to_string() }
    }
}
