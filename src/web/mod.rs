//! HTTP API: alarms and operators' actions, history, state of the daemon, its reload; and the dashboard.
//!
//! Listens on a Unix socket beside the database, which only the daemon's own user can open; the CLI uses that. With
//! `[web] listen` also by TCP. How alarms are judged or stored is unknown here: `app/` provides functions that read.
//!
//! Invariant: it answers from the first phase of the start to the last of the stop, and the state of the daemon
//! whatever storage and the broker do. A change is answered once it is committed. By TCP, with users or a token, only
//! the page, the login and `/-/healthy` are answered without a session or the token; without both, only requests for
//! this machine's own name, and nothing that manages the daemon (`guard`). Never: open access beyond loopback, a body
//! larger than [`LARGEST_BODY`], or a wait without a timeout.

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

/// Limit of a request's body, in bytes: a name and a reason.
const LARGEST_BODY: usize = 16 * 1024;

/// `User-Agent` of the daemon's own commands.
const CLI_AGENT: &str = "vigie-cli";

/// Returns the state of the daemon. Doesn't block.
pub type ReadStatus = dyn Fn() -> report::StatusReport + Send + Sync;

/// Returns the state of the daemon for the dashboard. Doesn't block.
pub type ReadSystem = dyn Fn() -> figures::SystemReport + Send + Sync;

/// Returns the state of the broker. Doesn't block.
pub type ReadBroker = dyn Fn() -> figures::BrokerReport + Send + Sync;

/// Reads all alarms that are not normal. Blocks its thread.
pub type ReadAlarms = dyn Fn(&AlarmsRequest) -> Result<Vec<AlarmView>, String> + Send + Sync;

/// Reads alert events, in the order of their numbers, each with its number and as JSON. Blocks its
/// thread.
pub type ReadAlerts =
    dyn Fn(&AlertsRequest) -> Result<Vec<(u64, serde_json::Value)>, String> + Send + Sync;

/// Returns the figures of `/metrics` that the status report lacks. Doesn't block.
pub type ReadMetrics = dyn Fn() -> metrics::ScrapeFigures + Send + Sync;

/// Reads the buckets of a series for a chart, as JSON; `None` for a series that was never stored.
/// Blocks its thread.
pub type ReadReadings =
    dyn Fn(&ReadingsRequest) -> Result<Option<serde_json::Value>, String> + Send + Sync;

/// Reads the last hour of the series with these indexes of the live feed, as JSON. Blocks its
/// thread.
pub type ReadSparklines = dyn Fn(&[u32]) -> Result<serde_json::Value, String> + Send + Sync;

/// Reads the newest rejected messages, up to a limit, as JSON. Blocks its thread.
pub type ReadRejected = dyn Fn(u64) -> Result<serde_json::Value, String> + Send + Sync;

/// Computes the alarm report of a period, as JSON. Blocks its thread, for a bounded time.
pub type ReadAlarmReport = dyn Fn(Period) -> Result<serde_json::Value, String> + Send + Sync;

/// Tries a rule on stored readings. Blocks its thread, for a bounded time.
pub type TryRule = dyn Fn(&RuleTrialRequest) -> Result<RuleTrialResult, String> + Send + Sync;

/// Returns the known devices. Doesn't block.
pub type ReadDevices = dyn Fn() -> DevicesReport + Send + Sync;

/// Settings and sources of the API.
#[derive(Clone)]
pub struct Settings {
    /// Path of the database; the socket is beside it.
    pub database: PathBuf,
    /// TCP address; `None` for none. Port 0 takes a free port, and keeps it through restarts.
    pub listen: Option<std::net::SocketAddr>,
    /// Token that gives full rights by TCP.
    pub token: Option<SecretSource>,
    /// Files of the certificate; `None` for plain HTTP.
    pub tls: Option<ServerTls>,
    /// The certificate in use, once it has been read.
    pub certificate: Arc<Certificate>,
    /// Accounts and sessions.
    pub access: Arc<Access>,
    /// Reverse proxies whose forwarding headers count.
    pub proxies: Vec<std::net::IpAddr>,
    /// Set to the TCP address once it is open.
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
    /// Returns the known devices.
    pub devices: Arc<ReadDevices>,
    /// Called each second to sample rates.
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

/// Path of the API's socket for a database.
#[must_use]
pub fn socket_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".api");
    name.into()
}
