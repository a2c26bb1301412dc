//! The HTTP API: what operators see of alarms and ask of them, how the daemon is, and its reload.
//!
//! It always answers on a Unix socket beside the database, which only the daemon's own user can open;
//! the commands use that. With `[web] listen` it answers by TCP too. It knows neither how alarms are
//! judged nor how they are stored: `app/` gives it what it asks.
//!
//! Invariant: it answers from the first phase of the start to the last of the stop, and how the daemon is
//! whatever storage and the broker do; a change is answered when it is committed; by TCP nothing but the page, the
//! login and `/-/healthy` is answered without a session or the token, where there are users or a token, and without
//! either only to who means this machine, and nothing that concerns the daemon itself (`guard`).
//! Never: a door that is open beyond loopback, a body larger than [`LARGEST_BODY`], or a wait without an end.

mod access;
mod actor;
mod alarms;
mod answers;
mod api;
mod assets;
mod client;
mod cookie;
mod daemon;
#[cfg(test)]
mod described;
pub mod figures;
mod guard;
mod history;
mod input;
mod live;
mod login;
mod maintenance;
pub mod metrics;
mod password;
mod probes;
pub mod report;
mod routes;
mod sensors;
mod session;
mod throttle;
mod tls;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use access::Access;
pub use actor::Web;
pub use client::{AskError, devices, operate, reload, status};
pub use history::ReadingsRequest;
pub use input::{AlarmsRequest, AlertsRequest};
pub use live::LiveSource;
pub use maintenance::PlannedMaintenance;
pub use password::hash_password;
pub use tls::Certificate;
pub use trial::{RuleTrialRequest, RuleTrialResult};

use crate::alarms::report::Period;
use crate::config::{SecretSource, ServerTls, TimeStyle};
use crate::domain::AlarmView;
use crate::ingest::inventory::DevicesReport;
use crate::locale::Words;
use crate::messages::{Operate, Reload};
use crate::supervisor::Route;

/// A request's body: a name and a reason, with room.
const LARGEST_BODY: usize = 16 * 1024;

/// What the daemon says is asked for by its own commands, in `User-Agent`.
const CLI_AGENT: &str = "vigie-cli";

/// Says how the daemon is; waits for nobody.
pub type ReadStatus = dyn Fn() -> report::StatusReport + Send + Sync;

/// Says how the daemon is, for its pages; waits for nobody.
pub type ReadSystem = dyn Fn() -> figures::SystemReport + Send + Sync;

/// Says how the broker is; waits for nobody.
pub type ReadBroker = dyn Fn() -> figures::BrokerReport + Send + Sync;

/// Reads all alarms that are not at rest; blocks its thread.
pub type ReadAlarms = dyn Fn(&AlarmsRequest) -> Result<Vec<AlarmView>, String> + Send + Sync;

/// Reads the alert events asked for, in the order of their numbers, each with its number and as JSON; blocks its
/// thread.
pub type ReadAlerts =
    dyn Fn(&AlertsRequest) -> Result<Vec<(u64, serde_json::Value)>, String> + Send + Sync;

/// Reads the figures of `/metrics` that the report of the pages lacks; waits for nobody.
pub type ReadMetrics = dyn Fn() -> metrics::ScrapeFigures + Send + Sync;

/// Reads the buckets of a series for a chart, as JSON, or `None` for one that has never been stored; blocks its
/// thread.
pub type ReadReadings =
    dyn Fn(&ReadingsRequest) -> Result<Option<serde_json::Value>, String> + Send + Sync;

/// Reads the last hour of the series with these indexes of the live feed, as JSON; blocks its thread.
pub type ReadSparklines = dyn Fn(&[u32]) -> Result<serde_json::Value, String> + Send + Sync;

/// Reads the newest messages that could not be used, at most so many, as JSON; blocks its thread.
pub type ReadRejected = dyn Fn(u64) -> Result<serde_json::Value, String> + Send + Sync;

/// Measures the alarm system over a period, as JSON; blocks its thread, for a bounded time.
pub type ReadAlarmReport = dyn Fn(Period) -> Result<serde_json::Value, String> + Send + Sync;

/// Tries a rule on stored readings; blocks its thread, for a bounded time.
pub type TryRule = dyn Fn(&RuleTrialRequest) -> Result<RuleTrialResult, String> + Send + Sync;

/// Says what has been heard; waits for nobody.
pub type ReadDevices = dyn Fn() -> DevicesReport + Send + Sync;

/// What the API is made from.
#[derive(Clone)]
pub struct Settings {
    /// The socket lies beside it.
    pub database: PathBuf,
    /// By TCP too; port 0 takes a free one, and keeps it through restarts.
    pub listen: Option<std::net::SocketAddr>,
    /// Token that gives full rights by TCP.
    pub token: Option<SecretSource>,
    /// Files of the certificate; `None` for plain HTTP.
    pub tls: Option<ServerTls>,
    /// The certificate in use, once it has been read.
    pub certificate: Arc<Certificate>,
    /// Accounts and sessions.
    pub access: Arc<Access>,
    /// Reverse proxies whose word on a request's origin counts.
    pub proxies: Vec<std::net::IpAddr>,
    /// Told where it listens.
    pub address: Arc<OnceLock<std::net::SocketAddr>>,
    /// Notation of timestamps.
    pub times: TimeStyle,
    /// Language of messages.
    pub words: &'static Words,
    /// Code of that language: `en`, `fr`.
    pub language: &'static str,
    /// The live table.
    pub live: Arc<dyn LiveSource>,
    /// Reads the state of the daemon, with what only pages need.
    pub system: Arc<ReadSystem>,
    /// Reads the state of the broker, as far as the daemon sees it.
    pub broker: Arc<ReadBroker>,
    /// Reads what has been heard of devices.
    pub devices: Arc<ReadDevices>,
    /// Called each second: what is counted becomes a rate.
    pub sample: Arc<dyn Fn() + Send + Sync>,
    /// Reads the state of the daemon.
    pub status: Arc<ReadStatus>,
    /// Reads what `/metrics` shows besides.
    pub metrics: Arc<ReadMetrics>,
    /// Route for a reload of the configuration.
    pub reload: Route<Reload>,
    /// Route for operators' actions.
    pub operate: Route<Operate>,
    /// Reads alarms that are not at rest.
    pub alarms: Arc<ReadAlarms>,
    /// Planned maintenance in effect.
    pub maintenance: Arc<PlannedMaintenance>,
    /// Measures the alarm system.
    pub alarm_report: Arc<ReadAlarmReport>,
    /// Tries rules on stored readings.
    pub try_rule: Arc<TryRule>,
    /// Reads stored alert events.
    pub alerts: Arc<ReadAlerts>,
    /// Reads history.
    pub readings: Arc<ReadReadings>,
    /// Reads the last hour of many series.
    pub sparklines: Arc<ReadSparklines>,
    /// Reads messages that could not be used.
    pub rejected: Arc<ReadRejected>,
}

/// The API's socket that belongs to a database.
#[must_use]
pub fn socket_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".api");
    name.into()
}
