//! Collects the figures of `vigie status`.

use std::sync::{Arc, OnceLock};

use crate::broker::BrokerGauges;
use crate::evaluator::{LiveSummary, LiveTable};
use crate::ingest::Log;
use crate::messages::{Measured, Store};
use crate::mqtt::Gauges;
use crate::notify;
use crate::store::{Growth, StoreGauges, Watch};
use crate::supervisor::{Health, Route};
use crate::web::report::{
    BrokerStatus, Lag, LastError, Queue, Queues, ReceiverState, ReceiverStatus, SeriesStatus,
    StatusReport,
};

/// Sources of the report.
pub(super) struct Reporting {
    pub version: &'static str,
    /// Name of the broker in the log.
    pub broker: String,
    pub gauges: Arc<Gauges>,
    /// Set once the tree has been started.
    pub health: Arc<OnceLock<Health>>,
    pub log: Arc<Log>,
    pub live: Arc<LiveTable>,
    pub store: Route<Store>,
    pub stored: Arc<StoreGauges>,
    pub growth: Growth,
    /// Over the database's files.
    pub watch: Arc<Watch>,
    pub measured: Route<Measured>,
    /// Gauges of the embedded broker.
    pub broker_gauges: BrokerGauges,
    /// Gauges of each receiver, by name.
    pub receivers: Vec<(Arc<str>, Arc<notify::ReceiverGauges>)>,
    pub heartbeat: Arc<notify::HeartbeatGauge>,
}

impl Reporting {
    /// Snapshot of the daemon's state, without texts in a language: limits and problems. Never blocks.
    pub fn now(&self) -> StatusReport {
        StatusReport {
            version: self.version.to_owned(),
            pid: std::process::id(),
            broker: BrokerStatus {
                name: self.broker.clone(),
                connected: self.gauges.connected(),
                since: self.gauges.since(),
                limits: Vec::new(),
            },
            problems: Vec::new(),
            lag: Lag { unpublished: self.log.unpublished(), uncommitted: self.log.uncommitted() },
            series: self.series(),
            receivers: self.receivers.iter().map(|(name, it)| receiver(name, it)).collect(),
            tree: self.health.get().map(Health::report),
            queues: Queues { measured: queue(&self.measured), store: queue(&self.store) },
        }
    }
}

impl Reporting {
    fn series(&self) -> SeriesStatus {
        let LiveSummary { num_series, num_standing, newest } = self.live.summary();
        SeriesStatus { known: num_series, in_alarm: num_standing, newest }
    }
}

fn queue<M>(route: &Route<M>) -> Queue
where
    M: actix::Message + Send,
    M::Result: Send,
{
    Queue { depth: route.depth(), capacity: route.capacity() }
}

fn receiver(name: &Arc<str>, gauges: &notify::ReceiverGauges) -> ReceiverStatus {
    let counts = gauges.snapshot();
    ReceiverStatus {
        name: name.clone(),
        state: if counts.failing_since.is_some() || counts.unnotified > 0 {
            ReceiverState::Failing
        } else {
            ReceiverState::Ok
        },
        failing_since: counts.failing_since,
        waiting: counts.pending,
        delivered: counts.delivered,
        given_up: counts.given_up,
        untold: counts.unnotified,
        dropped: counts.dropped,
        last_success: counts.last_success,
        last_error: counts.last_error.map(|(at, why)| LastError { at, why }),
    }
}
