//! `[broker.limits]`: limits of the embedded broker's state and input.

use std::num::NonZeroU16;
use std::time::Duration;

use super::connection_model::BrokerLimits;
use super::inspector::At;
use super::reader::TableReader;
use super::retention;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Above the 64 KiB of a reading, so that the intake rejects a larger one with a reason.
const LEAST_PACKET_BYTES: usize = 128 * 1024;

/// A few packets of that size may be received at a time.
const MOST_PACKET_BYTES: usize = 64 * 1024 * 1024;

/// Defaults: together at most 320 MiB. Sessions and sockets come on top.
impl Default for BrokerLimits {
    fn default() -> Self {
        Self {
            connections: None,
            // Thousands of devices, some of which change their client id at each connection.
            sessions: 20_000,
            // A long weekend.
            session_expiry: 7 * DAY,
            packet_bytes: 2 * 1024 * 1024,
            keep_alive_s: None,
            // Enough that latency doesn't throttle a consumer.
            in_flight: NonZeroU16::new(1_000).unwrap_or(NonZeroU16::MIN),
            // A minute and a half of a fleet that sends 1,000 readings a second.
            queue_bytes: 32 * 1024 * 1024,
            queues_bytes: 192 * 1024 * 1024,
            subscriptions: 1_000,
            // Several for each sensor of the largest fleet.
            retained_messages: 100_000,
            retained_bytes: 64 * 1024 * 1024,
        }
    }
}

pub(super) fn limits(broker: &mut TableReader<'_>) -> BrokerLimits {
    let mut table = broker.section("limits", "[broker.limits]");
    let default = BrokerLimits::default();
    let connections = count(&mut table, "connections", 1);
    let session_expiry = table.duration("session_expiry").map(|it| it.value);
    let limits = BrokerLimits {
        connections,
        sessions: count(&mut table, "sessions", 1).unwrap_or(default.sessions),
        session_expiry: session_expiry.unwrap_or(default.session_expiry),
        packet_bytes: bytes(&mut table, "packet").unwrap_or(default.packet_bytes),
        keep_alive_s: keep_alive_s(&mut table),
        in_flight: in_flight(&mut table).unwrap_or(default.in_flight),
        queue_bytes: bytes(&mut table, "queue").unwrap_or(default.queue_bytes),
        queues_bytes: bytes(&mut table, "queues").unwrap_or(default.queues_bytes),
        subscriptions: count(&mut table, "subscriptions", 1).unwrap_or(default.subscriptions),
        retained_messages: count(&mut table, "retained_messages", 0)
            .unwrap_or(default.retained_messages),
        retained_bytes: bytes(&mut table, "retained").unwrap_or(default.retained_bytes),
    };
    check(&table, &limits);
    table.finish();
    limits
}

/// Reports contradictory limits.
fn check(table: &TableReader<'_>, limits: &BrokerLimits) {
    let wrong = |key: &str, what: &str, hint: &str| {
        let at = table.place_of(key).unwrap_or(table.at());
        table.wrong(at, format!("`{key}` {what}"), hint);
    };
    if !(LEAST_PACKET_BYTES..=MOST_PACKET_BYTES).contains(&limits.packet_bytes) {
        wrong("packet", "is out of range", "it can be from 128KiB to 64MiB");
    }
    if limits.queue_bytes < limits.packet_bytes {
        wrong(
            "queue",
            "is smaller than `packet`",
            "the largest message must fit in: make it larger",
        );
    }
    if limits.queues_bytes < limits.queue_bytes {
        wrong(
            "queues",
            "is smaller than `queue`",
            "it is for all clients together: make it larger",
        );
    }
}

fn count(table: &mut TableReader<'_>, key: &'static str, least: u64) -> Option<usize> {
    let At { at, value } = table.integer(key)?;
    if value < least {
        table.wrong(at, format!("`{key}` can't be {value}"), "remove the line for the default");
    }
    Some(usize::try_from(value).unwrap_or(usize::MAX))
}

fn keep_alive_s(table: &mut TableReader<'_>) -> Option<NonZeroU16> {
    let At { at, value } = table.duration("keep_alive")?;
    let seconds = u16::try_from(value.as_secs()).ok().and_then(NonZeroU16::new);
    if seconds.is_none() {
        table.wrong(at, "`keep_alive` is out of range", "it can be from 1s to 65535s");
    }
    seconds
}

fn in_flight(table: &mut TableReader<'_>) -> Option<NonZeroU16> {
    let At { at, value } = table.integer("in_flight")?;
    let number = u16::try_from(value).ok().and_then(NonZeroU16::new);
    if number.is_none() {
        table.wrong(at, format!("`in_flight` can't be {value}"), "it can be from 1 to 65535");
    }
    number
}

fn bytes(table: &mut TableReader<'_>, key: &'static str) -> Option<usize> {
    let text = table.text(key)?;
    let bytes = table.inspector.check(text.at, retention::bytes(text.value))?;
    Some(usize::try_from(bytes).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, said};
    use super::*;

    fn of(lines: &str) -> String {
        format!("[broker]\n[broker.limits]\n{lines}")
    }

    #[test]
    fn without_the_table_they_are_those_of_half_a_gigabyte() {
        let limits = accepted("[broker]").broker.unwrap().limits;
        assert_eq!(limits, BrokerLimits::default());
        assert_eq!(limits, accepted(&of("")).broker.unwrap().limits);
    }

    #[test]
    fn reads_everything() {
        let text = "connections = 100\nsessions = 200\nsession_expiry = \"1d\"\npacket = \"1MiB\"\n\
                    in_flight = 10\nkeep_alive = \"1m\"\nqueue = \"2MB\"\nqueues = \"20MB\"\nsubscriptions = 5\n\
                    retained_messages = 0\nretained = \"1MB\"";
        let limits = BrokerLimits {
            connections: Some(100),
            sessions: 200,
            session_expiry: DAY,
            packet_bytes: 1024 * 1024,
            keep_alive_s: NonZeroU16::new(60),
            in_flight: NonZeroU16::new(10).unwrap(),
            queue_bytes: 2_000_000,
            queues_bytes: 20_000_000,
            subscriptions: 5,
            retained_messages: 0,
            retained_bytes: 1_000_000,
        };
        assert_eq!(accepted(&of(text)).broker.unwrap().limits, limits);
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (line, what) in [
            ("connections = 0", "3: `connections` can't be 0"),
            ("sessions = 0", "3: `sessions` can't be 0"),
            ("packet = \"64KiB\"", "3: `packet` is out of range"),
            ("packet = \"1GB\"\nqueue = \"1GB\"\nqueues = \"1GB\"", "3: `packet` is out of range"),
            ("queue = \"1MB\"", "3: `queue` is smaller than `packet`"),
            ("queues = \"3MB\"", "3: `queues` is smaller than `queue`"),
            ("queue = \"lots\"", "3: `lots` is no size"),
            ("in_flight = 70000", "3: `in_flight` can't be 70000"),
            ("queus = \"1GB\"", "3: unknown key `queus` in [broker.limits]"),
        ] {
            assert_eq!(said(&of(line))[0], what, "{line}");
        }
    }
}
