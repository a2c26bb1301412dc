//! The English catalogue: the twin of the French one.

use super::{Words, alert, entity, figures, notify, reload, scheme, trouble};
use crate::domain::AlertState;

pub(super) static WORDS: Words = Words {
    banner: "🏭 IoT monitoring system with HiveMQ",
    sensor_added: |id, location| format!("➕ Sensor added: {id} ({location})"),
    sensors_added_more: |more| format!("➕ … and {more} more sensors"),
    embedded_broker: "Vigie (embedded broker)",
    broker_listening: |addr| format!("📡 Embedded broker listening on {addr}"),
    broker_listening_ws: |addr| format!("📡 Embedded broker listening on {addr} for WebSockets"),
    connecting: |broker| format!("🔄 Connecting to {broker}..."),
    connected: |broker| format!("✅ Connected to {broker}!"),
    connection_failed: |broker, reason, advice, seconds| {
        format!("❌ Can't connect to {broker}: {reason}. {advice}. Next try in {seconds:.1} s")
    },
    connection_lost: |broker, reason| format!("⚠️ Connection to {broker} lost: {reason}"),
    publishing_failed: |broker, id, reason, advice, seconds| {
        format!(
            "⚠️ Messages come in from {broker}, and nothing can be published (client id {id}): {reason}. {advice}. Next \
             try in {seconds:.1} s"
        )
    },
    publishing_lost: |broker, id, reason| {
        format!(
            "⚠️ Connection to {broker} lost for publishing (client id {id}), messages still come in: {reason}"
        )
    },
    publishing_again: |broker| format!("✅ Publishing at {broker} again"),
    limits_found: |broker, limits| format!("⚠️ {broker} does not do everything: {limits}"),
    refusal: figures::refusal_en,
    trouble: trouble::en::explain,
    verification_off: |broker| {
        format!(
            "⚠️ The certificate of {broker} is NOT verified (mqtt.insecure_skip_verify): anyone on \
             the way can read and forge messages"
        )
    },
    starting: "🚀 Starting the IoT system with HiveMQ...",
    reading_sent: |reading| {
        format!("📤 Data sent: {} - {}{}", reading.sensor_id, reading.value, reading.unit.suffix())
    },
    readings_sent_more: |more| format!("📤 … and {more} more within a second"),
    unpublished_found: |count| {
        format!(
            "📦 {count} readings of an earlier run wait to be published: they are published first"
        )
    },
    readings_left: |count, folder| {
        format!(
            "📦 {count} readings could not be published before the stop: they wait in {folder} and \
             are sent at the next start"
        )
    },
    alert: alert::en::message,
    summary: alert::en::summary,
    transition: alert::en::transition,
    operator_line: alert::en::operator_line,
    alert_line: |state, message| match state {
        AlertState::Active => format!("🚨 ALERT: {message}"),
        AlertState::Resolved => format!("✅ RESOLVED: {message}"),
    },
    notify: &notify::en::WORDS,
    dashboard_at: |addr, tls| format!("🌐 Dashboard: {}://{addr}/", scheme(tls)),
    problem: figures::problem_en,
    broker_limit: figures::limit_en,
    reload: reload::en,
    reloaded: |what| format!("🔁 Configuration read again: {what}"),
    reload_refused: |count| {
        let mistakes = if count == 1 { "a mistake" } else { "mistakes" };
        format!(
            "❌ The configuration has {mistakes}, so nothing was changed; correct it and reload again"
        )
    },
    reload_failed: |why| format!("❌ The configuration could not be applied: {why}"),
    value_name: entity::value_en,
    alarm_name: entity::alarm_en,
    stopping: "🛑 Asked to stop...",
    stopped: "👋 Stopped",
};
