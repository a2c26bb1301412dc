//! Collects the figures of `/metrics` that are not in the report of the pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::broker::BrokerGauges;
use crate::domain::{Ingress, LiveAlarm, Priority, Value};
use crate::evaluator::LiveTable;
use crate::ingest::Log;
use crate::mqtt::Gauges;
use crate::store::StoreGauges;
use crate::web::metrics::{AlarmCount, ScrapeFigures, SensorFigures};

/// Alarm states other than normal, and reasons for withholding.
const ALARM_STATES: [&str; 8] = [
    "unacknowledged",
    "acknowledged",
    "returned-unacknowledged",
    "latched-unacknowledged",
    "latched-acknowledged",
    "shelved",
    "suppressed",
    "out-of-service",
];

/// Sources of the figures.
pub(super) struct FigureSources {
    pub log: Arc<Log>,
    pub gateway: Arc<Gauges>,
    pub broker: BrokerGauges,
    pub store: Arc<StoreGauges>,
    pub live: Arc<LiveTable>,
    pub reloads: Arc<ReloadGauges>,
    /// Limit of series one by one; 0 for none.
    pub most_sensors: usize,
}

impl FigureSources {
    /// The figures at this moment; never blocks.
    pub fn now(&self) -> ScrapeFigures {
        let received = |name, ingress| (name, self.log.traffic().num_received(ingress));
        let stored = self.store.shown();
        let (sensors, left_out) = self.sensors();
        let broker = self.broker.counts();
        ScrapeFigures {
            connections: self.gateway.connections(),
            received: [
                received("own", Ingress::Own),
                received("embedded", Ingress::Embedded),
                received("remote", Ingress::Remote),
            ],
            published: self.log.traffic().totals().1,
            forwarded: self.gateway.forwarded(),
            not_delivered: [
                ("queue_full", broker.dropped),
                ("too_large", broker.oversized),
                ("not_retained", broker.not_retained),
                ("denied", broker.denied),
            ],
            refused_clients: [
                ("login", broker.refused_logins),
                ("no_room", broker.refused_connections),
            ],
            is_taking: self.log.is_accepting(),
            readings: stored.readings,
            rejected: stored.rejected,
            unset_clocks: self.live.num_unset_clocks(),
            unfit_units: self.live.num_unfit_units(),
            actions: stored.actions,
            raised: stored.raised,
            commits: stored.commits,
            commit_time: stored.commit_time,
            alarms: self.alarms(),
            reload: self.reloads.last(),
            sensors,
            sensors_left_out: left_out,
        }
    }

    /// Alarms by state, or by reason for withholding, and priority; including zeros, so that sums are defined.
    fn alarms(&self) -> Vec<AlarmCount> {
        let alarms = self.live.since(None, Some(0)).alarms;
        let of = |alarm: &LiveAlarm| {
            (alarm.view.withheld.unwrap_or(alarm.view.state), alarm.view.severity)
        };
        let mut counts = HashMap::new();
        alarms.iter().for_each(|alarm| *counts.entry(of(alarm)).or_insert(0) += 1);
        let of_state = |state| {
            Priority::ALL.map(|priority| AlarmCount {
                state,
                priority,
                count: counts.get(&(state, priority)).copied().unwrap_or_default(),
            })
        };
        ALARM_STATES.into_iter().flat_map(of_state).collect()
    }

    /// The first series with readings, and the number of those left out.
    fn sensors(&self) -> (Vec<SensorFigures>, Option<usize>) {
        if self.most_sensors == 0 {
            return (Vec::new(), None);
        }
        let page = self.live.page(0, self.most_sensors);
        let left_out = self.live.summary().num_series.saturating_sub(page.len());
        let sensors = page.into_iter().map(|(of, newest)| SensorFigures {
            sensor: of.sensor_id.to_string(),
            quantity: of.quantity.to_string(),
            location: of.location.to_string(),
            unit: of.unit.as_str().to_owned(),
            value: newest.value.map(Value::get),
            at: newest.at,
            standing: newest.flags.standing(),
        });
        (sensors.collect(), Some(left_out))
    }
}

/// Outcome of reloads. Written by the reloader.
pub(super) struct ReloadGauges(Mutex<(bool, DateTime<Utc>)>);

impl ReloadGauges {
    /// The start counts as a reload that succeeded.
    pub const fn new(started: DateTime<Utc>) -> Self {
        Self(Mutex::new((true, started)))
    }

    /// Records a reload at a time.
    pub fn record(&self, is_ok: bool, at: DateTime<Utc>) {
        // Updates are atomic, so a poisoned lock is still consistent.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (is_ok, if is_ok { at } else { last.1 });
    }

    /// Whether the last reload succeeded, and the time of the last that did.
    pub fn last(&self) -> (bool, DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
