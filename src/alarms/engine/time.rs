//! Time in the engine: listening clocks, wall clock, and deadlines on them. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Key;
use crate::alarms::persisted;
use crate::domain::{Ingress, ListeningClocks, SensorId};

/// Time of a log record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTime {
    /// Position in the log.
    pub position: u64,
    /// Wall clock at its receipt.
    pub received_at: DateTime<Utc>,
    /// Listening clocks at the append, one for each way in.
    pub clocks: ListeningClocks,
}

#[cfg(test)]
impl RecordTime {
    /// One listening clock for all ways in, and the wall clock with it.
    pub(crate) fn of(position: u64, listened: Duration) -> Self {
        let since = chrono::TimeDelta::from_std(listened).unwrap_or_default();
        let received_at = DateTime::UNIX_EPOCH + since;
        Self { position, received_at, clocks: ListeningClocks::all_at(listened) }
    }
}

/// Latest times at which the log needs a time mark, so that deadlines are noticed in silence: by each listening
/// clock, and by the wall clock for maintenance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// Listening clock of own sensors; `None` while nothing is pending on it.
    pub own: Option<Duration>,
    /// Listening clock of the embedded broker; `None` while nothing is pending on it.
    pub embedded: Option<Duration>,
    /// Listening clock of a remote broker; `None` while nothing is pending on it.
    pub remote: Option<Duration>,
    /// Wall clock, in UTC; `None` if no maintenance is planned.
    pub wall: Option<DateTime<Utc>>,
}

/// Cause of alerts, from which their ids are derived: the log record, and the step within it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cause {
    /// Position of the log record.
    pub position: u64,
    /// Number of the step within the record.
    pub part: u32,
}

impl Cause {
    /// Step number of `Engine::settle`; no other gets this far.
    pub const SETTLE: u32 = u32::MAX;

    /// Id of an alert that the step raises.
    pub fn alert_id(self, rule: &str, sensor_id: &SensorId) -> Arc<str> {
        persisted::alert_id(rule, sensor_id, self.position, self.part)
    }
}

/// Scheduled checks of series, by listening clock.
#[derive(Debug, Default)]
pub(super) struct Checks([BTreeSet<(Duration, Key)>; 3]);

impl Checks {
    /// Scheduled checks on one clock.
    pub fn of(&mut self, ingress: Ingress) -> &mut BTreeSet<(Duration, Key)> {
        let [own, embedded, remote] = &mut self.0;
        match ingress {
            Ingress::Own => own,
            Ingress::Embedded => embedded,
            Ingress::Remote => remote,
        }
    }

    /// Adds the look at a series.
    pub fn insert(&mut self, ingress: Ingress, check_at: Duration, key: Key) {
        self.of(ingress).insert((check_at, key));
    }

    /// Removes the look at a series.
    pub fn remove(&mut self, ingress: Ingress, check_at: Duration, key: &Key) {
        self.of(ingress).remove(&(check_at, key.clone()));
    }

    /// Whether a check is due.
    pub fn is_over(&mut self, ingress: Ingress, clock: Duration) -> bool {
        self.of(ingress).first().is_some_and(|(check_at, _)| *check_at <= clock)
    }
}
