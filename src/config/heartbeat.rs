//! `[heartbeat]`: heartbeats to an external monitor.

use std::sync::Arc;
use std::time::Duration;

use super::heartbeat_model::HeartbeatConfig;
use super::inspector::At;
use super::network::topic_prefix;
use super::reader::TableReader;
use super::receiver_channels::http;
use super::rule_kinds::not_longer;

/// A shorter interval proves no more: records are judged and stored within a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// A longer interval notices a failure too late.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Topics below the prefix that have a meaning of their own.
const TAKEN: [&str; 4] = ["sensors", "alerts", "availability", "alarms"];

/// `None` when it can't be used, which has been reported. `prefix` is that of the daemon's own topics.
pub(super) fn heartbeat(mut table: TableReader<'_>, prefix: &str) -> Option<HeartbeatConfig> {
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
    let has_topic = table.has("topic");
    let topic = topic(&mut table, prefix);
    let has_url = ["url", "url_env", "url_file"].iter().any(|key| table.has(key));
    let http = if has_url || !has_topic { Some(http(&mut table)) } else { None };
    table.finish();
    let is_usable = http.as_ref().is_none_or(Option::is_some) && topic.is_some() == has_topic;
    is_usable.then(|| HeartbeatConfig { http: http.flatten(), topic, interval, needs_broker })
}

fn topic(table: &mut TableReader<'_>, prefix: &str) -> Option<Arc<str>> {
    let At { at, value } = table.text("topic")?;
    let topic = table.inspector.check(at, topic_prefix("topic", "plant/vigie/heartbeat", value))?;
    let below = topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    let level = below.and_then(|rest| rest.split('/').next());
    if level.is_some_and(|level| TAKEN.contains(&level)) {
        let hint = format!("choose another, such as {prefix}/heartbeat");
        table.wrong(at, "`topic` is one of readings or alarms", hint);
        return None;
    }
    Some(topic.into())
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
    fn it_goes_to_an_address_or_to_a_topic_or_to_both() {
        let of = |lines: &str| accepted(&format!("[broker]\n[heartbeat]\n{lines}\n")).heartbeat;
        let by_mqtt = of("topic = \"factory/heartbeat\"").unwrap();
        assert_eq!((by_mqtt.http, by_mqtt.topic.as_deref()), (None, Some("factory/heartbeat")));
        let both = of("topic = \"x\"\nurl_env = \"U\"").unwrap();
        assert!(both.http.is_some() && both.topic.is_some());
        for (topic, what) in [
            ("factory/sensors/heartbeat", "3: `topic` is one of readings or alarms"),
            ("factory/alerts", "3: `topic` is one of readings or alarms"),
            ("a/#", "3: `topic` has a wildcard in it"),
        ] {
            let text = format!("[broker]\n[heartbeat]\ntopic = \"{topic}\"\n");
            assert_eq!(said(&text), [what]);
        }
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
