//! The gateway: the daemon's only door to the broker. Takes messages in, for the [`Intake`];
//! publishes this daemon's own readings, the alerts and its state.
//!
//! Always: a message is acknowledged when the intake has it; readings and alerts go out in order,
//! and count as published when the broker has acknowledged them. A broker that can't be reached is
//! no failure: the reason is said, and it is tried again for ever.
//!
//! Never: a call into the MQTT library on an arbiter, or an unbounded queue. `client` alone knows
//! which library it is.

mod actor;
mod alerts;
mod attempt;
mod client;
mod connection;
mod diagnosis;
mod flow;
mod gauges;
mod keep;
mod link;
mod outbox;
mod probe;
mod retry;
mod stop;
#[cfg(test)]
mod tests;
mod turns;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use actor::Gateway;
use alerts::PushedAlerts;
pub use gauges::Gauges;
use outbox::Outbox;
use outbox::disk::Disk;

use crate::config::{Durability, Endpoint, MqttConfig, TimeStyle};
use crate::ingest::Intake;
use crate::ingest::journal::JournalError;
use crate::locale::Words;
use crate::messages::{BrokerAddress, PublishReadings, PushReport};
use crate::supervisor::{ChildEnv, Failure, Route, Routed};

/// Readings on their way to Paho at a time: beyond this it only gets slower, its tables being
/// searched one by one.
const READING_WINDOW: usize = 100;
/// Readings kept for a broker that is away, the oldest dropped first. They are on disk (5 MB) and in
/// memory, which is what bounds them: measured, 13 MB as they are sensed and 20 MB as they are found
/// at a start, twice the idle daemon at most. The origin's four sensors ride out seven hours, a
/// hundred at 2 s a quarter of an hour.
const OUTBOX_CAPACITY: usize = 50_000;

/// What the gateway is told once.
#[derive(Clone)]
pub struct Settings {
    pub mqtt: MqttConfig,
    /// The folder of the readings that the broker has not acknowledged.
    pub outbox: PathBuf,
    pub durability: Durability,
    pub times: TimeStyle,
    pub words: &'static Words,
    /// How many sensors this daemon runs itself; the status message says it.
    pub sensors: usize,
    /// This program's version; the status message says it.
    pub version: String,
    /// Where the embedded broker listens, while it does. Needed for [`Endpoint::Embedded`].
    pub embedded: Option<watch::Receiver<Option<BrokerAddress>>>,
    /// Where readings go that come in from the broker; `None` when it hands them over itself, and
    /// nothing is subscribed to.
    pub intake: Option<Arc<Intake>>,
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
    pub report: Route<PushReport>,
}

/// What outlives an incarnation: everything accepted and not yet passed on.
struct Kept {
    outbox: Mutex<Outbox<Routed<PublishReadings>>>,
    disk: Mutex<Disk>,
    alerts: Mutex<PushedAlerts>,
}

impl Kept {
    /// Opens the outbox; what an earlier run left in it comes before anything new.
    fn new(settings: &Settings) -> Result<Self, JournalError> {
        let (disk, left) = Disk::open(&settings.outbox, settings.durability)?;
        keep::tell_of_left(&left, &settings.outbox, settings.words);
        let mut outbox = Outbox::new(OUTBOX_CAPACITY);
        let dropped = outbox.accept(left.readings, None, None);
        if dropped > 0 {
            log::error!(target: "vigie::gateway", "outbox full: {dropped} of them are dropped unpublished");
        }
        Ok(Self { outbox: Mutex::new(outbox), disk: Mutex::new(disk), alerts: Mutex::default() })
    }

    // Only the gateway's arbiter takes these locks, and never across an await; after a panic the
    // books are as the last whole step left them.
    fn outbox(&self) -> MutexGuard<'_, Outbox<Routed<PublishReadings>>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alerts(&self) -> MutexGuard<'_, PushedAlerts> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the supervisor's factory. What was accepted survives a restart of the gateway.
///
/// # Errors
/// When the outbox can't be opened.
pub fn factory(
    settings: Settings,
    routes: Routes,
) -> Result<impl Fn(&ChildEnv) -> Result<Gateway, Failure> + Send + Sync + 'static, JournalError> {
    let kept = Arc::new(Kept::new(&settings)?);
    let settings = Arc::new(settings);
    Ok(move |env: &ChildEnv| Gateway::new(env, settings.clone(), routes.clone(), kept.clone()))
}
