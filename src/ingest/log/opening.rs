//! Opening of the log: finds its end, and recovers the publication backlog and the listening clocks from its records.
//!
//! Always: records after either cursor are kept. Never: a change of a record.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tokio::sync::Notify;

use super::{LIMIT_BYTES, Log, LogResume, LogSettings};
use crate::config::Durability;
use crate::domain::{ListeningClocks, Position};
use crate::ingest::journal::{Frame, Journal, JournalError, Recovery};
use crate::ingest::listening::Listening;
use crate::ingest::record::{self, Receipt};
use crate::ingest::replies::Replies;
use crate::ingest::sync::DeviceSync;
use crate::ingest::traffic::Traffic;
use crate::ingest::unpublished::Unpublished;

/// State recovered from the records on disk.
#[derive(Default)]
struct RecoveredState {
    last_outbound: Position,
    unpublished: u64,
    clocks: ListeningClocks,
}

impl RecoveredState {
    fn visit(&mut self, frame: Frame<'_>, published: Position) {
        if record::is_outbound(frame.payload) && frame.position > published {
            self.last_outbound = frame.position;
            self.unpublished += 1;
        }
        if let Some((Receipt { clocks: Some(clocks), .. }, _)) = record::decode(frame.payload) {
            self.clocks = self.clocks.max(clocks);
        }
    }
}

impl Log {
    /// Opens the log. Records after the evaluation cursor are still to be evaluated.
    ///
    /// # Errors
    /// If the journal can't be read or created, or another process has it open.
    pub fn open(
        settings: LogSettings,
        resume: LogResume,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(settings, resume, LIMIT_BYTES)
    }

    pub(super) fn open_with(
        settings: LogSettings,
        LogResume { cursors, clocks }: LogResume,
        limit_bytes: u64,
    ) -> Result<(Self, Recovery), JournalError> {
        let published = cursors.publication.position();
        let mut found = RecoveredState::default();
        let evaluated = cursors.evaluation.position();
        let visit = |frame: Frame<'_>| found.visit(frame, published);
        let (mut journal, recovery) = Journal::open_visiting(&settings.folder, evaluated, visit)?;
        if settings.durability == Durability::Power {
            journal = journal.durable()?;
        }
        let log = Self {
            settings,
            limit_bytes,
            last: AtomicU64::new(journal.last()),
            unpublished: Unpublished::new(found.last_outbound, found.unpublished),
            sync: DeviceSync::new(journal.last()),
            journal: Mutex::new(Some(journal)),
            appended: Notify::new(),
            cursors,
            listening: Mutex::new(Listening::new(clocks.max(found.clocks))),
            replies: Replies::default(),
            turn: tokio::sync::Mutex::default(),
            ignores_limit: AtomicBool::new(false),
            stall: Mutex::default(),
            traffic: Traffic::default(),
        };
        if let Some(journal) = log.lock().as_mut() {
            journal.delete_through(log.done_through());
        }
        Ok((log, recovery))
    }
}
