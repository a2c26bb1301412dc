//! The gateway: the daemon's only door to the broker. Appends the broker's messages to the [`Log`];
//! publishes this daemon's own readings, the alerts and its state.
//!
//! Always: a message is acknowledged when the log has it; readings and alerts go out in order,
//! and count as published when the broker has acknowledged them. A broker that can't be reached is
//! no failure: the reason is logged, and connecting is retried for ever. Intake does not depend on publishing.
//!
//! Never: a call into the MQTT library on an arbiter, or an unbounded queue. `client` alone uses the library.

mod actor;
mod alerts;
mod attempt;
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
pub use listening::{ListenOutcome, ListenRequest, ReceivedMessage, listen};

use crate::config::{Endpoint, MqttConfig, TimeStyle};
use crate::ingest::{Log, Subscriptions};
use crate::locale::Words;
use crate::messages::{BrokerAddress, PushReport};
use crate::supervisor::{ChildEnv, Failure, Route};

/// Own readings polled from the log and unfinished: beyond this Paho only gets slower, its tables being
/// searched one by one.
const READING_WINDOW: usize = 100;
/// Settings of the gateway.
#[derive(Clone)]
pub struct Settings {
    /// Broker, session and topics, as configured.
    pub mqtt: MqttConfig,
    /// Zone and form of timestamps in published messages.
    pub times: TimeStyle,
    /// Log lines on the connection, in the configured language.
    pub words: &'static Words,
    /// Number of own sensors, for the status message.
    pub sensors: usize,
    /// Version of the program, for the status message.
    pub version: String,
    /// Address of the embedded broker while it runs. Required for [`Endpoint::Embedded`].
    pub embedded: Option<watch::Receiver<Option<BrokerAddress>>>,
    /// Log of incoming messages, and source of own readings to publish.
    pub log: Arc<Log>,
    /// Filters to subscribe to.
    pub subscriptions: Subscriptions,
    /// Mark of this installation on messages that it forwards from the embedded broker's devices; `None` if it
    /// forwards none.
    pub forward_mark: Option<String>,
    /// Whether it subscribes to readings; the embedded broker logs them itself.
    pub subscribes: bool,
    /// Home Assistant discovery; `None` if off.
    pub discovery: Option<DiscoverySettings>,
    /// Gauges of the gateway.
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

/// Routes to other actors.
#[derive(Clone)]
pub struct Routes {
    /// Reports to storage on pushed alert events.
    pub report: Route<PushReport>,
}

/// State that outlives an incarnation: everything accepted and not yet passed on.
struct GatewayState {
    alerts: Mutex<PushedAlerts>,
}

impl GatewayState {
    fn new() -> Self {
        Self { alerts: Mutex::default() }
    }

    // Only the gateway's arbiter takes this lock, and never across an await. After a panic the state is that of the
    // last complete step.
    fn alerts(&self) -> MutexGuard<'_, PushedAlerts> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Factory of incarnations for the supervisor. Accepted events survive a restart of the gateway.
pub fn factory(
    settings: Settings,
    routes: Routes,
) -> impl Fn(&ChildEnv) -> Result<Gateway, Failure> + Send + Sync + 'static {
    let kept = Arc::new(GatewayState::new());
    let settings = Arc::new(settings);
    move |env: &ChildEnv| Gateway::new(env, settings.clone(), routes.clone(), kept.clone())
}
