//! The gateway: the daemon's only door to the broker. Appends the broker's messages to the [`Log`];
//! publishes this daemon's own readings, the alerts and its state.
//!
//! Always: a message is acknowledged when the log has it; readings and alerts go out in order,
//! and count as published when the broker has acknowledged them. A broker that can't be reached is
//! no failure: the reason is logged, and connecting is retried for ever. Intake does not depend on publishing.
//!
//! Never: a call into the MQTT library on an arbiter, or an unbounded queue. `client` alone knows
//! which library it is.

mod actor;
mod alerts;
mod attempt;
mod beat;
mod capabilities;
mod client;
mod connection;
mod diagnosis;
mod discovery;
mod echo;
mod flow;
mod gauges;
mod link;
mod listening;
mod poison;
mod probe;
mod publication;
mod publishing;
mod requesting;
mod retry;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use actor::Gateway;
use alerts::PushedAlerts;
pub use discovery::{DiscoverySettings, SeriesSource};
pub use gauges::{Gauges, RefusedTopic};
pub use listening::{ListenTo, Listened, Overheard, listen};

use crate::config::{Endpoint, MqttConfig, TimeStyle};
use crate::ingest::{Log, Subscriptions};
use crate::locale::Words;
use crate::messages::{BrokerAddress, PushReport};
use crate::supervisor::{ChildEnv, Failure, Route};

/// Own readings polled from the log and unfinished: beyond this Paho only gets slower, its tables being
/// searched one by one.
const READING_WINDOW: usize = 100;
/// What the gateway is told once.
#[derive(Clone)]
pub struct Settings {
    /// Broker, session and topics, as configured.
    pub mqtt: MqttConfig,
    /// Zone and form of timestamps in published messages.
    pub times: TimeStyle,
    /// Log lines on the connection, in the configured language.
    pub words: &'static Words,
    /// How many sensors this daemon runs itself; the status message says it.
    pub sensors: usize,
    /// This program's version; the status message says it.
    pub version: String,
    /// Where the embedded broker listens, while it does. Needed for [`Endpoint::Embedded`].
    pub embedded: Option<watch::Receiver<Option<BrokerAddress>>>,
    /// Where messages of the broker are logged, and own readings to publish come from.
    pub log: Arc<Log>,
    /// They tell what to subscribe to.
    pub subscriptions: Subscriptions,
    /// This installation's mark on messages that it forwards of the embedded broker's devices; `None` when it forwards
    /// none.
    pub forward_mark: Option<String>,
    /// Whether it subscribes to readings; the embedded broker logs them by itself.
    pub subscribes: bool,
    /// Discovery for Home Assistant; `None` where it is off.
    pub discovery: Option<DiscoverySettings>,
    /// Where it shows how it is.
    pub gauges: Arc<Gauges>,
}

impl Settings {
    /// How the log calls the broker.
    #[must_use]
    pub fn broker_name(&self) -> String {
        match (&self.mqtt.name, &self.mqtt.endpoint) {
            (Some(name), _) => name.clone(),
            (None, Endpoint::Embedded) => self.words.embedded_broker.to_owned(),
            (None, Endpoint::Remote { host, port, .. }) => format!("{host}:{port}"),
        }
    }
}

/// Where the gateway's messages go.
#[derive(Clone)]
pub struct Routes {
    /// Reports to storage on pushed alert events.
    pub report: Route<PushReport>,
}

/// What outlives an incarnation: everything accepted and not yet passed on.
struct Kept {
    alerts: Mutex<PushedAlerts>,
}

impl Kept {
    fn new() -> Self {
        Self { alerts: Mutex::default() }
    }

    // Only the gateway's arbiter takes this lock, and never across an await; after a panic the
    // books are as the last whole step left them.
    fn alerts(&self) -> MutexGuard<'_, PushedAlerts> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the supervisor's factory. What was accepted survives a restart of the gateway.
pub fn factory(
    settings: Settings,
    routes: Routes,
) -> impl Fn(&ChildEnv) -> Result<Gateway, Failure> + Send + Sync + 'static {
    let kept = Arc::new(Kept::new());
    let settings = Arc::new(settings);
    move |env: &ChildEnv| Gateway::new(env, settings.clone(), routes.clone(), kept.clone())
}
