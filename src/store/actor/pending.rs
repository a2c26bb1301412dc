//! Which alert events wait to be published, for the gateway: those in the file, and those on disk ahead of it.
//!
//! Runs on the blocking pool, with a connection of its own.
//! Never: waits for a commit, or for whoever else is writing.

use std::collections::BTreeMap;
use std::sync::Arc;

use r2d2_sqlite::rusqlite::{self, Connection};

use super::job::said;
use super::questions::Answer;
use crate::messages::{LoadPendingAlerts, PendingAlert};
use crate::store::backlog::Uncommitted;
use crate::store::sqlite::database::{Settings, open_to_read};
use crate::store::sqlite::recall;

pub(super) struct Search {
    /// Opened by the first.
    pub reader: Option<Connection>,
    pub settings: Arc<Settings>,
    pub which: LoadPendingAlerts,
    /// As it was before the file is read: what is committed meanwhile is found twice, and nothing is missed.
    pub uncommitted: Uncommitted,
}

impl Search {
    /// The connection is for the next one.
    pub fn run(mut self) -> (Option<Connection>, Answer<Vec<PendingAlert>>) {
        let found = said(self.find());
        (self.reader, found)
    }

    fn find(&mut self) -> rusqlite::Result<Vec<PendingAlert>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(open_to_read(&self.settings.path)?),
        };
        let LoadPendingAlerts { after_row_id, at_most } = self.which;
        let Uncommitted { alerts, delivered } = &mut self.uncommitted;
        let stored = recall::pending_alerts(reader, after_row_id, at_most, delivered)?;
        let found = stored.into_iter().chain(alerts.drain(..));
        let in_order: BTreeMap<_, _> = found.map(|alert| (alert.row_id, alert)).collect();
        Ok(in_order.into_values().take(at_most).collect())
    }
}
