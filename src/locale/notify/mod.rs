//! Texts of notifications, and log lines about them.

use chrono::{DateTime, Utc};

use super::heartbeat::HeartbeatBlock;
use crate::domain::AlertEvent;

pub(super) mod en;
pub(super) mod fr;

/// An alarm in a notification.
#[derive(Debug, Clone, Copy)]
pub struct AlarmPhrase<'a> {
    /// The last that happened to it.
    pub event: &'a AlertEvent,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// `None` while it lasts.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A time in which the daemon did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownTime {
    /// The last sign of the run before.
    pub from: DateTime<Utc>,
    /// The next start.
    pub to: DateTime<Utc>,
}

/// Texts of notifications in one language.
pub struct NotifyWords {
    /// The group's name, empty for the group of all; how many alarms fire, how many are over.
    pub subject: fn(&str, usize, usize) -> String,
    /// Heading of alarms that were raised.
    pub raised: &'static str,
    /// Heading for a receiver to which alarms were escalated.
    pub unacknowledged: &'static str,
    /// Heading of resolved alarms.
    pub over: &'static str,
    /// Heading of continuing alarms.
    pub standing: &'static str,
    /// One line.
    pub alarm: fn(&AlarmPhrase<'_>) -> String,
    /// Line with the runbook.
    pub runbook: fn(&str) -> String,
    /// Line with the number of omitted alarms.
    pub truncated: fn(usize) -> String,
    /// Log lines; each takes the receiver's name first, then the subject.
    pub sent: fn(&str, &str) -> String,
    /// Why, and seconds to the next try.
    pub failed: fn(&str, &str, f64) -> String,
    /// Log line: the named receiver can be notified again.
    pub works_again: fn(&str) -> String,
    /// The subject, and why.
    pub given_up: fn(&str, &str, &str) -> String,
    /// Log line: an address of several, and why it was refused.
    pub address_refused: fn(&str, &str, &str) -> String,
    /// Log line: total of ended alarms that were never notified.
    pub dropped: fn(&str, u64) -> String,
    /// Mark of a truncated text.
    pub cut: &'static str,
    /// Text of a test notification; takes the receiver's name.
    pub test: fn(&str) -> String,
    /// Location in a test notification.
    pub test_place: &'static str,
    /// Log line: the escalation target, and the number of alarms.
    pub escalated: fn(&str, &str, usize) -> String,
    /// Subject of the message at the start: duration of the downtime.
    pub start_subject: fn(DownTime) -> String,
    /// Text of the message at the start: all downtimes, and the number of readings since.
    pub start_text: fn(&[DownTime], u64) -> String,
    /// Why there is no heartbeat.
    pub heartbeat_held: fn(&HeartbeatBlock) -> String,
    /// Why it can't be sent.
    pub heartbeat_unsent: fn(&str) -> String,
    /// There are heartbeats again.
    pub heartbeat_goes_on: &'static str,
}

/// `2024-08-14 10:30:00 UTC`: a mail is read in any zone.
fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `TEMP_001, Hall 3`; a sensor may have no location.
fn place(event: &AlertEvent) -> String {
    match event.location.as_str() {
        "" => event.sensor_id.to_string(),
        location => format!("{}, {location}", event.sensor_id),
    }
}

#[cfg(test)]
mod tests {
    use crate::locale::Language;

    #[test]
    fn subjects_count() {
        let subject = |language: Language, firing, resolved| {
            (language.words().notify.subject)("Hall 3", firing, resolved)
        };
        for (firing, resolved, english, french) in [
            (1, 0, "🚨 Hall 3: 1 alarm active", "🚨 Hall 3: 1 alarme active"),
            (
                2,
                1,
                "🚨 Hall 3: 2 alarms active, 1 over",
                "🚨 Hall 3: 2 alarmes actives, 1 terminée",
            ),
            (0, 1, "✅ Hall 3: 1 alarm over", "✅ Hall 3: 1 alarme terminée"),
            (0, 3, "✅ Hall 3: 3 alarms over", "✅ Hall 3: 3 alarmes terminées"),
        ] {
            assert_eq!(subject(Language::English, firing, resolved), english);
            assert_eq!(subject(Language::French, firing, resolved), french);
        }
        assert_eq!((Language::English.words().notify.subject)("", 1, 0), "🚨 1 alarm active");
    }
}
