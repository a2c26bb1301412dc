//! Database queries of the API.

#![expect(
    clippy::disallowed_methods,
    reason = "the last hour is the one before the request, and a report ends in time"
)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::trial;
use crate::alarms::overview;
use crate::alarms::report::Period;
use crate::domain::{AlarmState, AlarmView, AlertState};
use crate::evaluator::LiveTable;
use crate::store::{
    AlertFilter, BucketQuery, History, QueryError, RejectedMessages, SharedHours, Sparklines,
    StoredAlert,
};
use crate::web::{
    AlarmsRequest, AlertsRequest, ReadingsRequest, RuleTrialRequest, RuleTrialResult,
};

/// Timeout of a report: it reads all stored alerts before its end.
const REPORT_AT_MOST: Duration = Duration::from_secs(10);

/// Reader for the API, on its threads, over pooled connections.
pub(super) struct HistoryReader {
    database: PathBuf,
    hours: SharedHours,
    live: Arc<LiveTable>,
    history: Mutex<Option<Arc<History>>>,
}

impl HistoryReader {
    pub fn new(database: &Path, hours: SharedHours, live: Arc<LiveTable>) -> Self {
        Self { database: database.to_owned(), hours, live, history: Mutex::default() }
    }

    /// The requested alarms that are not normal, by sensor and rule.
    pub fn alarms(&self, asked: &AlarmsRequest) -> Result<Vec<AlarmView>, String> {
        let mut alarms = Vec::new();
        if asked.at_most == 0 {
            return Ok(alarms);
        }
        let each = &mut |state: AlarmState| {
            alarms.extend(overview::view(&state).filter(|alarm| asked.includes(alarm)));
            let is_all = alarms.len() >= asked.at_most;
            Ok(if is_all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let history = self.history()?;
        history.alarm_states(asked.after.as_ref(), each).map_err(|error| error.to_string())?;
        Ok(alarms)
    }

    /// The newest requested alert events, ordered by number, each with its number.
    pub fn alerts(&self, asked: &AlertsRequest) -> Result<Vec<(u64, Value)>, String> {
        let filter = AlertFilter {
            sensor: asked.sensor.clone(),
            state: asked.state,
            since: asked.since,
            until: asked.until,
            up_to_number: asked.before.map(|number| number.saturating_sub(1)),
            by_number: true,
            newest: Some(asked.newest),
            standing: asked.state == Some(AlertState::Active),
            ..AlertFilter::default()
        };
        let mut alerts = Vec::new();
        let each = &mut |row: StoredAlert| {
            alerts.push((row.event.number, serde_json::to_value(row)?));
            Ok(())
        };
        self.history()?.alerts(&filter, each).map_err(|error| error.to_string())?;
        Ok(alerts)
    }

    /// Buckets of a series; `None` for one that has never been stored.
    pub fn readings(&self, asked: &ReadingsRequest) -> Result<Option<Value>, String> {
        let ReadingsRequest { sensor_id, quantity, from, until, px } = asked.clone();
        let query = BucketQuery { sensor_id, quantity, from, until, px };
        let found = self.history()?.buckets(&query).map_err(|error| error.to_string())?;
        found.map(serde_json::to_value).transpose().map_err(|error| error.to_string())
    }

    /// The last hour of the series with these indexes of the live table.
    pub fn sparklines(&self, indexes: &[u32]) -> Result<Value, String> {
        let known = indexes.iter().filter_map(|index| Some((*index, self.live.key(*index)?)));
        let (indexes, keys): (Vec<_>, Vec<_>) = known.unzip();
        let found = self.history()?.sparklines(&keys, Utc::now());
        let Sparklines { t0, series } = found.map_err(|error| error.to_string())?;
        let stored = indexes.iter().zip(series).filter_map(|(index, of)| Some((index, of?)));
        let by_index = stored.map(|(index, of)| Ok((index.to_string(), serde_json::to_value(of)?)));
        let by_index: Result<Map<_, _>, serde_json::Error> = by_index.collect();
        let series = by_index.map_err(|error| error.to_string())?;
        Ok(json!({ "t0": t0, "step": Sparklines::STEP, "series": series }))
    }

    /// The newest messages that could not be used.
    pub fn rejected(&self, at_most: u64) -> Result<Value, String> {
        let found: RejectedMessages =
            self.history()?.rejected(at_most).map_err(|error| error.to_string())?;
        serde_json::to_value(found).map_err(|error| error.to_string())
    }

    /// How well the alarm system did.
    pub fn alarm_report(&self, period: Period) -> Result<Value, String> {
        let began = Instant::now();
        match self.history()?.alarm_report(period, &|| began.elapsed() > REPORT_AT_MOST) {
            Ok(report) => serde_json::to_value(report).map_err(|error| error.to_string()),
            Err(QueryError::Output(_)) => Err(format!(
                "reading all stored alerts takes longer than {REPORT_AT_MOST:?}: use `vigie report`"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    pub fn try_rule(&self, asked: &RuleTrialRequest) -> Result<RuleTrialResult, String> {
        trial::try_rule(&*self.history()?, asked)
    }

    fn history(&self) -> Result<Arc<History>, String> {
        let mut kept = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = &*kept {
            return Ok(history.clone());
        }
        let history = History::open_sharing(&self.database, self.hours.clone());
        let history = Arc::new(history.map_err(|error| error.to_string())?);
        Ok(kept.insert(history).clone())
    }
}
