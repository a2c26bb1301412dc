//! All texts for users, in French and English.
//!
//! A catalogue is a struct, so a missing entry doesn't compile. The French one has the origin's wording, to the
//! letter.

mod alert;
mod en;
mod entity;
mod figures;
mod fr;
mod heartbeat;
mod notify;
mod reload;
mod trouble;

use std::net::SocketAddr;

use crate::alarms::quiet::Summary;
use crate::domain::{
    ActionRecord, AlertState, Change, Location, Operator, Quantity, Reading, SensorId,
};

pub use alert::AlertWords;
pub use figures::{BrokerLimit, Problem, Published, Refusal};
pub use heartbeat::HeartbeatBlock;
pub use notify::{AlarmPhrase, DownTime, NotifyWords};
pub use reload::{BrokerChanges, Counts, PageChanges, ReloadWords};
pub use trouble::{ConnectionProblem, Explanation};

/// Language of everything that users read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// Code of the language (ISO 639-1).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Catalogue of the language.
    #[must_use]
    pub const fn words(self) -> &'static Words {
        match self {
            Self::English => &en::WORDS,
            Self::French => &fr::WORDS,
        }
    }
}

const fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "https" } else { "http" }
}

/// One language's catalogue.
pub struct Words {
    /// First line of the log.
    pub banner: &'static str,
    /// Log line: a sensor was added.
    pub sensor_added: fn(&SensorId, &Location) -> String,
    /// After the first sensors were named one by one.
    pub sensors_added_more: fn(usize) -> String,
    /// Name of the embedded broker in the lines below.
    pub embedded_broker: &'static str,
    /// The embedded broker is up; takes its address for users.
    pub broker_listening: fn(SocketAddr) -> String,
    /// The embedded broker is up over `WebSocket`; takes the address.
    pub broker_listening_ws: fn(SocketAddr) -> String,
    /// Lines on the connection; each takes the broker's display name.
    pub connecting: fn(&str) -> String,
    /// Log line: the daemon is connected to the named broker.
    pub connected: fn(&str) -> String,
    /// Takes the broker, cause, remedy, and seconds to the next attempt.
    pub connection_failed: fn(&str, &str, &str, f64) -> String,
    /// Broker, reason.
    pub connection_lost: fn(&str, &str) -> String,
    /// The second connection, for publishing, failed while the first is open: takes the broker, its client id,
    /// cause, remedy, and seconds to the next attempt.
    pub publishing_failed: fn(&str, &str, &str, &str, f64) -> String,
    /// The second connection was lost: broker, its client id, reason.
    pub publishing_lost: fn(&str, &str, &str) -> String,
    /// Publishing works again; takes the broker.
    pub publishing_again: fn(&str) -> String,
    /// Takes the broker, and its newly found limits.
    pub limits_found: fn(&str, &str) -> String,
    /// The broker refuses something; takes what, and why.
    pub refusal: fn(&str, Refusal) -> String,
    /// Cause and remedy of a failed or lost connection.
    pub trouble: fn(&ConnectionProblem) -> Explanation,
    /// The broker's certificate is not verified, by configuration; takes its display name.
    pub verification_off: fn(&str) -> String,
    /// Log line: the system starts.
    pub starting: &'static str,
    /// Log line: a reading was published.
    pub reading_sent: fn(&Reading) -> String,
    /// Number of further readings sent in the last second.
    pub readings_sent_more: fn(u64) -> String,
    /// How many own readings of an earlier run wait to be published.
    pub unpublished_found: fn(usize) -> String,
    /// At the stop: number of readings left for the next start, and the folder.
    pub readings_left: fn(usize, &str) -> String,
    /// Message of an alert.
    pub alert: fn(AlertWords<'_>) -> String,
    /// Summary of several alarms or transitions; takes the alarms' quantity.
    pub summary: fn(&Summary, &Quantity) -> String,
    /// A transition that is recorded and not announced; takes the operator, if any.
    pub transition: fn(AlertWords<'_>, Change, Option<&Operator>) -> String,
    /// The log line of an operator's action.
    pub operator_line: fn(&ActionRecord) -> String,
    /// Log line of an alert; takes its state and message.
    pub alert_line: fn(AlertState, &str) -> String,
    /// Texts of notifications.
    pub notify: &'static NotifyWords,
    /// The dashboard and the API are reachable by TCP; takes the address, and whether by TLS.
    pub dashboard_at: fn(SocketAddr, bool) -> String,
    /// A problem of the daemon.
    pub problem: fn(Problem<'_>) -> String,
    /// A limit of the broker.
    pub broker_limit: fn(BrokerLimit) -> String,
    /// Changes of a reload.
    pub reload: fn(&ReloadWords<'_>) -> String,
    /// Log line of a reload; takes the changes.
    pub reloaded: fn(&str) -> String,
    /// The configuration has this number of mistakes, which follow.
    pub reload_refused: fn(usize) -> String,
    /// Takes what could not be applied, and why.
    pub reload_failed: fn(&str) -> String,
    /// Name of a value in Home Assistant.
    pub value_name: fn(&Quantity) -> String,
    /// Name of the alarm of a series in Home Assistant.
    pub alarm_name: fn(&Quantity) -> String,
    /// Log line: the system stops.
    pub stopping: &'static str,
    /// Log line: the system has stopped.
    pub stopped: &'static str,
}
