//! `[heartbeat]`: whom the daemon shows that alarms get through, and how often.

use std::time::Duration;

use super::reader::TableReader;
use super::receiver_channels::http;
use super::receiver_model::HttpConfig;
use super::rule_kinds::not_longer;

/// A quicker one proves no more: records are judged and stored within a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// Whoever misses beats at most once in so long learns too late of anything.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A request at regular intervals, for as long as alarms get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// Where it goes.
    pub http: HttpConfig,
    /// From one beat to the next.
    pub interval: Duration,
    /// Whether it stops while there is no connection to the broker.
    pub needs_broker: bool,
}

/// `None` when it can't be used, which has been reported.
pub(super) fn heartbeat(mut table: TableReader<'_>) -> Option<HeartbeatConfig> {
    let interval = table.duration("interval");
    let hint = "a day at most; 20 s is usual";
    let interval = interval.and_then(|given| {
        if given.value < SHORTEST {
            table.wrong(given.at, "`interval` is below a second", "20 s is usual");
        }
        not_longer(&mut table, "interval", given, (LONGEST, hint))
    });
    let interval = interval.unwrap_or(Duration::from_secs(20));
    let needs_broker = table.flag("needs_broker").is_some_and(|flag| flag.value);
    let http = http(&mut table);
    table.finish();
    Some(HeartbeatConfig { http: http?, interval, needs_broker })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use super::*;

    fn of(lines: &str) -> Option<HeartbeatConfig> {
        accepted(&format!("[broker]\n[heartbeat]\nurl = \"https://hc.example/x\"\n{lines}\n"))
            .heartbeat
    }

    #[test]
    fn it_is_off_unless_there_is_an_address() {
        assert_eq!(accepted("[broker]").heartbeat, None);
        let usual = of("").unwrap();
        assert_eq!((usual.interval, usual.needs_broker), (Duration::from_secs(20), false));
        let other = of("interval = \"1m\"\nneeds_broker = true").unwrap();
        assert_eq!((other.interval, other.needs_broker), (Duration::from_secs(60), true));
        assert!(hint("[broker]\n[heartbeat]\ninterval = \"1m\"").contains("add url"));
    }

    #[test]
    fn an_interval_has_bounds() {
        let with = |interval: &str| {
            said(&format!(
                "[broker]\n[heartbeat]\nurl = \"http://h/\"\ninterval = \"{interval}\"\n"
            ))
        };
        assert_eq!(with("10ms"), ["4: `interval` is below a second"]);
        assert_eq!(with("2d").len(), 1);
    }
}
