//! Every word a user reads, once a language.
//!
//! A catalogue is a struct: a missing entry doesn't compile. The French one carries the wording
//! of the system Vigie grew from, to the letter.

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
pub use heartbeat::HeldBack;
pub use notify::{DownTime, NotifyWords, ToldAlarm};
pub use reload::{BrokerChanges, Counts, PageChanges, ReloadWords};
pub use trouble::{Explanation, Trouble};

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
    /// What the embedded broker is called in the lines below.
    pub embedded_broker: &'static str,
    /// The embedded broker is up; takes the address its users connect to.
    pub broker_listening: fn(SocketAddr) -> String,
    /// The same, over `WebSocket`.
    pub broker_listening_ws: fn(SocketAddr) -> String,
    /// Each of these takes the broker's display name.
    pub connecting: fn(&str) -> String,
    /// Log line: the daemon is connected to the named broker.
    pub connected: fn(&str) -> String,
    /// Broker, reason, what to do, seconds to the next try.
    pub connection_failed: fn(&str, &str, &str, f64) -> String,
    /// Broker, reason.
    pub connection_lost: fn(&str, &str) -> String,
    /// The second connection, by which it publishes, failed while the first stands: broker, its client id, reason, what to
    /// do, seconds to the next try.
    pub publishing_failed: fn(&str, &str, &str, &str, f64) -> String,
    /// The second connection was lost: broker, its client id, reason.
    pub publishing_lost: fn(&str, &str, &str) -> String,
    /// It publishes again; takes the broker.
    pub publishing_again: fn(&str) -> String,
    /// Broker, and what it can't do, that was not known before.
    pub limits_found: fn(&str, &str) -> String,
    /// That the broker does not take something; takes what.
    pub refusal: fn(&str, Refusal) -> String,
    /// Why a connection failed or was lost, and what to do.
    pub trouble: fn(&Trouble) -> Explanation,
    /// Takes the broker's display name: its certificate is not verified, by configuration.
    pub verification_off: fn(&str) -> String,
    /// Log line: the system starts.
    pub starting: &'static str,
    /// Log line: a reading was published.
    pub reading_sent: fn(&Reading) -> String,
    /// How many more were sent in the last second.
    pub readings_sent_more: fn(u64) -> String,
    /// How many own readings of an earlier run wait to be published.
    pub unpublished_found: fn(usize) -> String,
    /// At the stop: how many readings wait for the next start, in which folder.
    pub readings_left: fn(usize, &str) -> String,
    /// Message of an alert.
    pub alert: fn(AlertWords<'_>) -> String,
    /// What is said of more than one transition of one alarm; takes the alarms' quantity.
    pub summary: fn(&Summary, &Quantity) -> String,
    /// Of what an alarm did that is recorded and not announced; takes who did it, if somebody did.
    pub transition: fn(AlertWords<'_>, Change, Option<&Operator>) -> String,
    /// The log line of an operator's action.
    pub operator_line: fn(&ActionRecord) -> String,
    /// The log line of an alert; takes its state and message.
    pub alert_line: fn(AlertState, &str) -> String,
    /// Words of notifications.
    pub notify: &'static NotifyWords,
    /// The dashboard and the API can be reached by TCP; takes the address, and whether by TLS.
    pub dashboard_at: fn(SocketAddr, bool) -> String,
    /// What is wrong with the daemon.
    pub problem: fn(Problem<'_>) -> String,
    /// What the broker can't do.
    pub broker_limit: fn(BrokerLimit) -> String,
    /// What a reload changed.
    pub reload: fn(&ReloadWords<'_>) -> String,
    /// The log line of a reload; takes what changed.
    pub reloaded: fn(&str) -> String,
    /// The configuration has so many mistakes, each of which follows.
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
