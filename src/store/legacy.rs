//! Takes over the folder `*.alerts` of version 8: a journal of batches whose alerts had been published before their
//! commit.
//!
//! A record is one batch in JSON; the shapes are frozen. The batches that follow the database's last one are
//! committed at the first start, under their published ids, and the folder is removed. After a gap (another
//! database, a damaged record) the rest is skipped: its messages are in the log, and are evaluated again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::ledger::{Ledger, LedgerError, Progress, Work};
use crate::domain::{self, AlertEvent, ListeningClocks, Location, Quantity, SensorId, Unit, Value};
use crate::ingest::journal::{Journal, JournalError, Reader, Recovery};
use crate::messages::{self, Store};

/// Records read at a time.
const READ_AT_ONCE: usize = 100;

/// Why the folder can't be taken over.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// The journal of the previous version can't be read.
    #[error("{0}; check the folder, its owner, and the disk")]
    Journal(#[from] JournalError),
    /// The ledger can't be opened, migrated or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder was taken over but can't be removed: its path, and the cause.
    #[error("can't remove {0}: {1}; remove it by hand: all of it is in the database")]
    Remove(String, std::io::Error),
}

impl LegacyError {
    /// True if the same call may succeed later without a restart.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Ledger(LedgerError { is_transient: true, .. }))
    }
}

/// Commits the batches in `folder` that follow on the ledger, and removes it.
pub(super) fn take_over(folder: &Path, ledger: &mut dyn Ledger) -> Result<(), LegacyError> {
    if !folder.is_dir() {
        return Ok(());
    }
    let (journal, recovery) = Journal::open(folder, 0)?;
    report(&recovery);
    let (batches, num_strange) = read(folder, ledger.progress()?)?;
    if num_strange > 0 {
        log::warn!(target: "vigie::storage", "{num_strange} records in {} don't follow on the database: an alert may be published a second time", folder.display());
    }
    if !batches.is_empty() {
        let num_alerts: usize = batches.iter().map(|store| store.alerts.len()).sum();
        let work: Vec<_> = batches.iter().map(Work::Store).collect();
        ledger.commit(&work, 0)?;
        log::info!(target: "vigie::storage", "{num_alerts} alert events of the previous version, published before their commit, are in the database now");
    }
    drop(journal);
    std::fs::remove_dir_all(folder)
        .map_err(|error| LegacyError::Remove(folder.display().to_string(), error))
}

fn report(recovery: &Recovery) {
    for (path, damage) in &recovery.damages {
        let path = path.display();
        if damage.is_tail {
            log::warn!(target: "vigie::storage", "alerts' journal {path}: {damage}: the last write was cut short there, and is evaluated again");
        } else {
            log::error!(target: "vigie::storage", "alerts' journal {path}: {damage}: what stood there is evaluated again; check the disk");
        }
    }
}

/// The batches that follow, and how many records don't.
fn read(folder: &Path, progress: Progress) -> Result<(Vec<Store>, usize), JournalError> {
    let Progress { mut batch, mut last_event, .. } = progress;
    // Without a batch, the database may be another one.
    let is_begun = batch > 0;
    let (mut batches, mut num_strange) = (Vec::<Store>::new(), 0);
    let mut reader = Reader::new(folder, 0);
    loop {
        let records = reader.read(READ_AT_ONCE)?;
        if records.is_empty() {
            return Ok((batches, num_strange));
        }
        for record in records {
            match serde_json::from_slice::<Batch>(&record.payload) {
                Ok(found) if found.number <= batch => {}
                Ok(found) if found.number == batch + 1 && num_strange == 0 && is_begun => {
                    (batch, last_event) = (found.number, last_event + found.alerts.len() as u64);
                    batches.push(found.into_store(last_event));
                }
                Ok(_) | Err(_) => num_strange += 1,
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    number: u64,
    through: u64,
    watch: Duration,
    readings: Vec<Judged>,
    alerts: Vec<Alert>,
    alarms: Vec<Alarm>,
    rejected: Vec<Rejected>,
    actions: Vec<ActionRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    reading: Reading,
    alert_triggered: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    sensor_id: SensorId,
    location: Location,
    quantity: Quantity,
    value: Value,
    unit: Unit,
    timestamp: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert_id: Arc<str>,
    rule: Arc<str>,
    alert_type: Arc<str>,
    sensor_id: SensorId,
    location: Location,
    quantity: Quantity,
    value: Option<Value>,
    unit: Unit,
    threshold: f64,
    severity: domain::Priority,
    state: domain::AlertState,
    change: domain::Change,
    operator: Option<Operator>,
    message: String,
    timestamp: DateTime<Utc>,
    announced: bool,
    is_silent_end: bool,
    in_flood: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operator {
    by: Arc<str>,
    why: Option<Arc<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    sensor_id: SensorId,
    rule: Arc<str>,
    state: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejected {
    topic: String,
    payload: Vec<u8>,
    payload_bytes: usize,
    reason: String,
    received_at: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionRecord {
    action: Action,
    of: Option<AlarmOf>,
    outcome: Result<bool, Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    what: domain::Action,
    alarm: AlarmName,
    operator: Operator,
    at: DateTime<Utc>,
    via: domain::Via,
}

#[derive(Deserialize)]
enum AlarmName {
    Id(Arc<str>),
    Of { rule: Arc<str>, sensor_id: SensorId },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmOf {
    alert_id: Option<Arc<str>>,
    rule: Arc<str>,
    sensor_id: SensorId,
}

#[derive(Deserialize)]
enum Refused {
    Unknown(String),
    NotNow(String),
}

impl Batch {
    /// `last_event` is the number of the batch's last alert event.
    fn into_store(self, last_event: u64) -> Store {
        let first_event = last_event + 1 - self.alerts.len() as u64;
        let alerts = (first_event..).zip(self.alerts);
        Store {
            number: self.number,
            through: self.through,
            received_at: None,
            clocks: ListeningClocks::all_at(self.watch),
            series: Vec::new(),
            readings: self.readings.into_iter().map(Into::into).collect(),
            alerts: alerts.map(|(number, alert)| alert.into_event(number)).collect(),
            alarms: self.alarms.into_iter().map(Into::into).collect(),
            rejected: self.rejected.into_iter().map(Into::into).collect(),
            actions: self.actions.into_iter().map(Into::into).collect(),
            ..Store::default()
        }
    }
}

impl Alert {
    fn into_event(self, number: u64) -> AlertEvent {
        AlertEvent {
            number,
            alert_id: self.alert_id,
            rule: self.rule,
            alert_type: self.alert_type,
            location: self.location,
            value: self.value,
            unit: self.unit,
            threshold: self.threshold,
            severity: self.severity,
            state: self.state,
            change: self.change,
            operator: self.operator.map(Into::into),
            message: self.message,
            timestamp: self.timestamp,
            announced: self.announced,
            is_silent_end: self.is_silent_end,
            in_flood: self.in_flood,
            // Attributes that were added since have no value.
            ..AlertEvent::new(self.sensor_id, self.quantity)
        }
    }
}

impl From<Judged> for messages::Judged {
    fn from(Judged { reading, alert_triggered }: Judged) -> Self {
        let Reading { sensor_id, location, quantity, value, unit, timestamp } = reading;
        let reading = domain::Reading { sensor_id, location, quantity, value, unit, timestamp };
        Self { reading, alert_triggered: Some(alert_triggered) }
    }
}

impl From<Operator> for domain::Operator {
    fn from(Operator { by, why }: Operator) -> Self {
        Self { by, why }
    }
}

impl From<Alarm> for domain::AlarmState {
    fn from(Alarm { sensor_id, rule, state }: Alarm) -> Self {
        Self { sensor_id, rule, state }
    }
}

impl From<Rejected> for domain::Rejected {
    fn from(rejected: Rejected) -> Self {
        let Rejected { topic, payload, payload_bytes, reason, received_at } = rejected;
        Self { topic, payload, payload_bytes, reason, received_at }
    }
}

impl From<ActionRecord> for domain::ActionRecord {
    fn from(ActionRecord { action, of, outcome }: ActionRecord) -> Self {
        let Action { what, alarm, operator, at, via } = action;
        let alarm = match alarm {
            AlarmName::Id(id) => domain::AlarmName::Id(id),
            AlarmName::Of { rule, sensor_id } => domain::AlarmName::Of { rule, sensor_id },
        };
        let of = of.map(|AlarmOf { alert_id, rule, sensor_id }| domain::AlarmOf {
            alert_id,
            rule,
            sensor_id,
        });
        let outcome = outcome.map_err(|refused| match refused {
            Refused::Unknown(why) => domain::Refused::Unknown(why),
            Refused::NotNow(why) => domain::Refused::NotNow(why),
        });
        let action = domain::OperatorAction { what, alarm, operator: operator.into(), at, via };
        Self { action, of, outcome }
    }
}

#[cfg(test)]
mod tests;
