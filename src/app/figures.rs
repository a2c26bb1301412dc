//! Finds the figures of `/metrics` that the status report lacks where they are.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::{Ingress, Value};
use crate::evaluator::LiveTable;
use crate::ingest::Log;
use crate::mqtt::Gauges;
use crate::store::StoreGauges;
use crate::web::metrics::{Figures, SensorFigures};

/// Where the figures are.
pub(super) struct Counting {
    pub started: DateTime<Utc>,
    pub log: Arc<Log>,
    pub gateway: Arc<Gauges>,
    pub store: Arc<StoreGauges>,
    pub live: Arc<LiveTable>,
    pub reloads: Arc<ReloadGauges>,
    /// Limit of series one by one; 0 for none.
    pub most_sensors: usize,
}

impl Counting {
    /// The figures at this moment; never blocks.
    pub fn now(&self) -> Figures {
        let received = |name, ingress| (name, self.log.num_received(ingress));
        let stored = self.store.shown();
        let (sensors, left_out) = self.sensors();
        Figures {
            started: self.started,
            connections: self.gateway.connections(),
            received: [
                received("own", Ingress::Own),
                received("embedded", Ingress::Embedded),
                received("remote", Ingress::Remote),
            ],
            is_taking: self.log.is_taking(),
            readings: stored.readings,
            rejected: stored.rejected,
            actions: stored.actions,
            raised: stored.raised,
            commits: stored.commits,
            commit_time: stored.commit_time,
            alarms: Vec::new(),
            reload: self.reloads.last(),
            sensors,
            sensors_left_out: left_out,
        }
    }

    /// Series by sensor and quantity, the first of them, and how many are left out.
    fn sensors(&self) -> (Vec<SensorFigures>, Option<usize>) {
        if self.most_sensors == 0 {
            return (Vec::new(), None);
        }
        let mut series = self.live.since(0).series;
        series.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let left_out = series.len().saturating_sub(self.most_sensors);
        series.truncate(self.most_sensors);
        let sensors = series.into_iter().map(|((sensor, quantity), view)| SensorFigures {
            sensor: sensor.to_string(),
            quantity: quantity.to_string(),
            location: String::new(),
            unit: String::new(),
            value: view.value.map(Value::get),
            at: view.timestamp,
            standing: view.standing,
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
        // Each change is whole: a poisoned lock is as good.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (is_ok, if is_ok { at } else { last.1 });
    }

    /// Whether the last reload succeeded, and the time of the last that did.
    pub fn last(&self) -> (bool, DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
