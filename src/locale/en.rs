//! The English catalogue: the twin of the French one.

use super::{AlertWords, Words, trouble};
use crate::domain::{AlertState, Limit, Quantity};

pub(super) static WORDS: Words = Words {
    banner: "🏭 IoT monitoring system with HiveMQ",
    sensor_added: |id, location| format!("➕ Sensor added: {id} ({location})"),
    sensors_added_more: |more| format!("➕ … and {more} more sensors"),
    embedded_broker: "Vigie (embedded broker)",
    broker_listening: |addr| format!("📡 Embedded broker listening on {addr}"),
    connecting: |broker| format!("🔄 Connecting to {broker}..."),
    connected: |broker| format!("✅ Connected to {broker}!"),
    connection_failed: |broker, reason, advice, seconds| {
        format!("❌ Can't connect to {broker}: {reason}. {advice}. Next try in {seconds:.1} s")
    },
    connection_lost: |broker, reason| format!("⚠️ Connection to {broker} lost: {reason}"),
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
    alert,
    alert_line: |state, message| match state {
        AlertState::Active => format!("🚨 ALERT: {message}"),
        AlertState::Resolved => format!("✅ RESOLVED: {message}"),
    },
    stopping: "🛑 Asked to stop...",
    stopped: "👋 Stopped",
};

fn alert(words: AlertWords<'_>) -> String {
    let AlertWords { quantity, limit, state, value, unit } = words;
    let noun = noun(quantity);
    let unit = unit.suffix();
    match (state, limit) {
        (AlertState::Resolved, _) => format!("{noun} back to normal: {value}{unit}"),
        (AlertState::Active, Limit::High) => {
            format!("High {} detected: {value}{unit}", lower_first(&noun))
        }
        (AlertState::Active, Limit::Low) => {
            format!("Low {} detected: {value}{unit}", lower_first(&noun))
        }
    }
}

fn noun(quantity: &Quantity) -> String {
    match quantity.as_str() {
        "temperature" => "Temperature".into(),
        "humidity" => "Humidity".into(),
        "pressure" => "Pressure".into(),
        "voltage" => "Voltage".into(),
        "co2" => "CO₂".into(),
        other => other.to_owned(),
    }
}

/// `Temperature` inside a sentence; `CO₂` stays as it is.
fn lower_first(noun: &str) -> String {
    if noun.starts_with("CO") { noun.to_owned() } else { noun.to_lowercase() }
}
