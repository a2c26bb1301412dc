//! What the API is told of the database.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::trial;
use crate::alarms::overview;
use crate::domain::{AlarmView, AlertState};
use crate::store::{AlertFilter, History, StoredAlert};
use crate::web::{AlertsAsked, RuleAsked, RuleTried};

/// Reads for the API, on its threads, through connections that are kept.
pub(super) struct HistoryReader {
    database: PathBuf,
    history: Mutex<Option<Arc<History>>>,
}

impl HistoryReader {
    pub fn new(database: &Path) -> Self {
        Self { database: database.to_owned(), history: Mutex::default() }
    }

    /// All alarms that are not at rest, by sensor and rule.
    pub fn alarms(&self) -> Result<Vec<AlarmView>, String> {
        let kept = self.history()?.alarm_states().map_err(|error| error.to_string())?;
        Ok(kept.iter().filter_map(overview::view).collect())
    }

    /// The newest alert events asked for, in the order of their numbers, each with its number.
    pub fn alerts(&self, asked: &AlertsAsked) -> Result<Vec<(u64, Value)>, String> {
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

    pub fn try_rule(&self, asked: &RuleAsked) -> Result<RuleTried, String> {
        trial::try_rule(&*self.history()?, asked)
    }

    fn history(&self) -> Result<Arc<History>, String> {
        let mut kept = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = &*kept {
            return Ok(history.clone());
        }
        let history = Arc::new(History::open(&self.database).map_err(|error| error.to_string())?);
        Ok(kept.insert(history).clone())
    }
}
