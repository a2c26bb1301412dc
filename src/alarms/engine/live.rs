//! Current state of series and alarms, for display. Pure.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Engine, Key};
use crate::alarms::machine::Condition;
use crate::alarms::overview;
use crate::alarms::persisted::PersistedAlarm;
use crate::alarms::rule::Kind;
use crate::alarms::series::{Entry, Series};
use crate::domain::{
    AlarmKey, LiveAlarm, Location, Quantity, SensorId, SeriesFlags, Unit, Value, is_of_findings,
};

/// Current state of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// Newest value, not counting late readings; `None` for an expected sensor without any reading.
    pub value: Option<Value>,
    /// Time of the newest reading by the sensor, in UTC.
    pub timestamp: DateTime<Utc>,
    /// State of its alarms.
    pub flags: SeriesFlags,
    /// Location by its newest reading.
    pub location: Location,
    /// Unit of the value.
    pub unit: Unit,
    /// Highest low limit of its rules, in the unit of the value.
    pub low: Option<f64>,
    /// Lowest high limit of its rules, in the unit of the value.
    pub high: Option<f64>,
    /// Usual time between its readings, in seconds.
    pub every: Option<f32>,
    /// Whether any rule holds for it.
    pub is_judged: bool,
    /// Shortest `after` of its `stale` rules, in seconds.
    pub stale_after: Option<f32>,
}

/// Current state of an engine's series and alarms.
#[derive(Debug, Clone, Copy)]
pub struct Live<'e>(&'e Engine);

impl<'e> Live<'e> {
    /// State of an engine.
    #[must_use]
    pub const fn of(engine: &'e Engine) -> Self {
        Self(engine)
    }

    /// All series with their present state, unordered; without those of findings.
    pub fn views(self) -> impl Iterator<Item = (&'e (SensorId, Quantity), SeriesView)> {
        let shown = self.0.series.iter().filter(|(key, _)| !is_of_findings(&key.0, &key.1));
        shown.map(move |(key, series)| (key, self.view_of(series)))
    }

    /// Current state of one series; `None` for an unknown one.
    #[must_use]
    pub fn view(self, key: &(SensorId, Quantity)) -> Option<SeriesView> {
        let series = self.0.series.get(key).filter(|_| !is_of_findings(&key.0, &key.1));
        series.map(|series| self.view_of(series))
    }

    /// Series whose alarms changed since the last call of [`Engine::changes`].
    pub fn series_with_changes(self) -> impl Iterator<Item = &'e (SensorId, Quantity)> {
        self.0.changed.iter().map(|(key, _)| key)
    }

    /// Series dropped since the last call of [`Engine::changes`] and not started again.
    pub fn gone(self) -> impl Iterator<Item = &'e (SensorId, Quantity)> {
        self.0.gone.iter().filter(move |key| !self.0.series.contains_key(*key))
    }

    /// All alarms that are not at rest, in no order.
    pub fn alarms(self) -> impl Iterator<Item = LiveAlarm> {
        self.0.series.iter().flat_map(move |(key, series)| {
            series.entries.iter().filter_map(move |entry| self.alarm(key, series, entry))
        })
    }

    /// Alarms that changed since the last call of [`Engine::changes`]: `None` for those that are normal.
    pub fn changed_alarms(self) -> impl Iterator<Item = (AlarmKey, Option<LiveAlarm>)> {
        self.0.changed.iter().map(move |(key, rule)| {
            let series = self.0.series.get(key);
            let entry = series.and_then(|s| Some((s, s.entries.iter().find(|e| e.rule == *rule)?)));
            let alarm = entry.and_then(|(series, entry)| self.alarm(key, series, entry));
            let rule = self.0.rules[*rule].name.clone();
            (AlarmKey { rule, sensor_id: key.0.clone() }, alarm)
        })
    }

    fn alarm(self, key: &Key, series: &Series, entry: &Entry) -> Option<LiveAlarm> {
        let state = entry.alarm.state();
        if state.condition == Condition::Normal && state.withheld.is_none() {
            return None;
        }
        let rule: &Arc<_> = &self.0.rules[entry.rule];
        let kept =
            PersistedAlarm::new(rule, self.0.fingerprints[entry.rule], entry, &series.newest);
        let view = overview::of(kept, &key.0, &rule.name)?;
        Some(LiveAlarm { view, runbook: rule.runbook.clone() })
    }

    fn view_of(self, series: &Series) -> SeriesView {
        let (mut flags, mut low, mut high) = (SeriesFlags::default(), None, None);
        let mut stale_after: Option<f32> = None;
        for entry in &series.entries {
            let rule = &self.0.rules[entry.rule];
            match *entry.fit.kind(&rule.kind) {
                Kind::High { limit, .. } => high = Some(high.map_or(limit, |it| limit.min(it))),
                Kind::Low { limit, .. } => low = Some(low.map_or(limit, |it| limit.max(it))),
                // A removed rule has an `after` of zero.
                Kind::Stale { after } if !after.is_zero() => {
                    let after = after.as_secs_f32();
                    stale_after = Some(stale_after.map_or(after, |it| after.min(it)));
                }
                _ => {}
            }
            let state = entry.alarm.state();
            if state.withheld.is_some() {
                flags.set_withheld();
                continue;
            }
            if state.condition.stands() {
                flags.set_standing(rule.priority);
                if matches!(rule.kind, Kind::Stale { .. }) {
                    flags.set_silent();
                }
            }
            if state.condition.is_unacknowledged() {
                flags.set_unacknowledged();
            }
        }
        let newest = &series.newest;
        SeriesView {
            value: newest.value,
            timestamp: newest.at,
            flags,
            location: newest.location.clone(),
            unit: newest.unit.clone(),
            low,
            high,
            every: series.interval.seconds(),
            is_judged: !series.entries.is_empty(),
            stale_after,
        }
    }
}
