//! Le catalogue français ; les lignes de l'origine, mot pour mot.

use super::{AlertWords, Words, trouble};
use crate::domain::{AlertState, Limit, Quantity};

pub(super) static WORDS: Words = Words {
    banner: "🏭 Système IoT de Surveillance avec HiveMQ",
    sensor_added: |id, location| format!("➕ Capteur ajouté: {id} ({location})"),
    sensors_added_more: |more| format!("➕ … et {more} autres capteurs"),
    embedded_broker: "Vigie (courtier embarqué)",
    broker_listening: |addr| format!("📡 Courtier embarqué à l'écoute sur {addr}"),
    connecting: |broker| format!("🔄 Connexion à {broker}..."),
    connected: |broker| format!("✅ Connecté à {broker}!"),
    connection_failed: |broker, reason, advice, seconds| {
        format!(
            "❌ Connexion à {broker} impossible: {reason}. {advice}. Nouvel essai dans {seconds:.1} s"
        )
    },
    connection_lost: |broker, reason| format!("⚠️ Connexion à {broker} perdue: {reason}"),
    trouble: trouble::fr::explain,
    verification_off: |broker| {
        format!(
            "⚠️ Le certificat de {broker} n'est PAS vérifié (mqtt.insecure_skip_verify): quiconque \
             sur le chemin peut lire et forger les messages"
        )
    },
    starting: "🚀 Démarrage système IoT avec HiveMQ...",
    reading_sent: |reading| {
        format!(
            "📤 Données envoyées: {} - {}{}",
            reading.sensor_id,
            reading.value,
            reading.unit.suffix()
        )
    },
    readings_sent_more: |more| format!("📤 … et {more} autres en une seconde"),
    alert,
    alert_line: |state, message| match state {
        AlertState::Active => format!("🚨 ALERTE: {message}"),
        AlertState::Resolved => format!("✅ FIN D'ALERTE: {message}"),
    },
    stopping: "🛑 Arrêt demandé...",
    stopped: "👋 Arrêté",
};

fn alert(words: AlertWords<'_>) -> String {
    let AlertWords { quantity, limit, state, value, unit } = words;
    let (noun, feminine) = noun(quantity);
    let adjective = match (state, limit, feminine) {
        (AlertState::Resolved, _, true) => "revenue à la normale",
        (AlertState::Resolved, _, false) => "revenu à la normale",
        (AlertState::Active, Limit::High, true) => "élevée détectée",
        (AlertState::Active, Limit::High, false) => "élevé détecté",
        (AlertState::Active, Limit::Low, true) => "basse détectée",
        (AlertState::Active, Limit::Low, false) => "bas détecté",
    };
    format!("{noun} {adjective}: {value}{}", unit.suffix())
}

/// The quantity's noun, and whether it is feminine.
fn noun(quantity: &Quantity) -> (String, bool) {
    match quantity.as_str() {
        "temperature" => ("Température".into(), true),
        "humidity" => ("Humidité".into(), true),
        "pressure" => ("Pression".into(), true),
        "voltage" => ("Tension".into(), true),
        "co2" => ("CO₂".into(), false),
        other => (format!("Valeur « {other} »"), true),
    }
}
