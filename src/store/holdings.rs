//! Contents of a database file, as a backup and a restore report them.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// Contents of a database file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Readings of every quantity.
    pub readings: u64,
    /// Transitions of alarms, announced or not.
    pub alert_events: u64,
    /// Active alarms.
    pub active_alarms: u64,
    /// Receipt time of the last message in it; `None` if unknown.
    pub as_of: Option<DateTime<Utc>>,
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { readings, alert_events, active_alarms, as_of } = self;
        write!(
            f,
            "readings: {readings}, alert events: {alert_events}, active alarms: {active_alarms}"
        )?;
        match as_of {
            Some(at) => write!(f, ", as of {}", at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => Ok(()),
        }
    }
}
