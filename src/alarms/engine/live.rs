//! Series as people see them: the newest value, and the gravest alarm. Pure.

use super::{Engine, Key};
use crate::alarms::series::Series;
use crate::domain::{Location, Priority, Quantity, SensorId, Unit, Value};
use chrono::{DateTime, Utc};

/// A series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// Sensor of the series.
    pub sensor_id: SensorId,
    /// Quantity of the series.
    pub quantity: Quantity,
    /// Location of the newest reading; may be empty.
    pub location: Location,
    /// Unit of the newest value.
    pub unit: Unit,
    /// The newest value, late readings aside; `None` for a sensor that is expected and was never heard.
    pub value: Option<Value>,
    /// Time of the newest reading by the sensor, in UTC.
    pub timestamp: DateTime<Utc>,
    /// Highest priority of the alarms that stand and that nothing withholds; `None` where there is none.
    pub standing: Option<Priority>,
}

impl Engine {
    /// All series, in no order.
    pub fn views(&self) -> impl Iterator<Item = SeriesView> {
        self.series.iter().map(|(key, series)| self.view_of(key, series))
    }

    /// One series, as far as it is known.
    #[must_use]
    pub fn view(&self, sensor_id: &SensorId, quantity: &Quantity) -> Option<SeriesView> {
        let key = (sensor_id.clone(), quantity.clone());
        self.series.get(&key).map(|series| self.view_of(&key, series))
    }

    /// Series whose alarms changed since [`Engine::changes`] was last asked.
    pub fn series_with_changes(&self) -> impl Iterator<Item = &(SensorId, Quantity)> {
        self.changed.iter().map(|(key, _)| key)
    }

    fn view_of(&self, key: &Key, series: &Series) -> SeriesView {
        let standing = series.entries.iter().filter(|entry| {
            let state = entry.alarm.state();
            state.condition.stands() && state.withheld.is_none()
        });
        SeriesView {
            sensor_id: key.0.clone(),
            quantity: key.1.clone(),
            location: series.newest.location.clone(),
            unit: series.newest.unit.clone(),
            value: series.newest.value,
            timestamp: series.newest.at,
            standing: standing.map(|entry| self.rules[entry.rule].priority).max(),
        }
    }
}
