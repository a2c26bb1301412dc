//! Current state of series, for display: newest value and gravest active alarm. Pure.

use chrono::{DateTime, Utc};

use super::Engine;
use crate::alarms::series::Series;
use crate::domain::{Priority, Quantity, SensorId, Value};

/// Current state of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesView {
    /// The newest value, late readings aside; `None` for a sensor that is expected and was never heard.
    pub value: Option<Value>,
    /// Time of the newest reading by the sensor, in UTC.
    pub timestamp: DateTime<Utc>,
    /// Highest priority of the alarms that stand and that nothing withholds; `None` where there is none.
    pub standing: Option<Priority>,
}

impl Engine {
    /// All series with their current state, in no order.
    pub fn views(&self) -> impl Iterator<Item = (&(SensorId, Quantity), SeriesView)> {
        self.series.iter().map(|(key, series)| (key, self.view_of(series)))
    }

    /// Current state of one series; `None` for an unknown one.
    #[must_use]
    pub fn view(&self, key: &(SensorId, Quantity)) -> Option<SeriesView> {
        self.series.get(key).map(|series| self.view_of(series))
    }

    /// Series whose alarms changed since [`Engine::changes`] was last asked.
    pub fn series_with_changes(&self) -> impl Iterator<Item = &(SensorId, Quantity)> {
        self.changed.iter().map(|(key, _)| key)
    }

    fn view_of(&self, series: &Series) -> SeriesView {
        let standing = series.entries.iter().filter(|entry| {
            let state = entry.alarm.state();
            state.condition.stands() && state.withheld.is_none()
        });
        SeriesView {
            value: series.newest.value,
            timestamp: series.newest.at,
            standing: standing.map(|entry| self.rules[entry.rule].priority).max(),
        }
    }
}
