//! Le catalogue français ; les lignes de l'origine, mot pour mot.

use super::{Words, alert, entity, figures, notify, reload, scheme, trouble};
use crate::domain::AlertState;

pub(super) static WORDS: Words = Words {
    banner: "🏭 Système IoT de Surveillance avec HiveMQ",
    sensor_added: |id, location| format!("➕ Capteur ajouté: {id} ({location})"),
    sensors_added_more: |more| format!("➕ … et {more} autres capteurs"),
    embedded_broker: "Vigie (courtier embarqué)",
    broker_listening: |addr| format!("📡 Courtier embarqué à l'écoute sur {addr}"),
    broker_listening_ws: |addr| {
        format!("📡 Courtier embarqué à l'écoute sur {addr} pour les WebSockets")
    },
    connecting: |broker| format!("🔄 Connexion à {broker}..."),
    connected: |broker| format!("✅ Connecté à {broker}!"),
    connection_failed: |broker, reason, advice, seconds| {
        format!(
            "❌ Connexion à {broker} impossible: {reason}. {advice}. Nouvel essai dans {seconds:.1} s"
        )
    },
    connection_lost: |broker, reason| format!("⚠️ Connexion à {broker} perdue: {reason}"),
    publishing_failed: |broker, id, reason, advice, seconds| {
        format!(
            "⚠️ Les messages arrivent de {broker}, et rien ne peut être publié (identifiant client {id}): {reason}. \
             {advice}. Prochain essai dans {seconds:.1} s"
        )
    },
    publishing_lost: |broker, id, reason| {
        format!(
            "⚠️ Connexion à {broker} perdue pour publier (identifiant client {id}), les messages arrivent encore: {reason}"
        )
    },
    publishing_again: |broker| format!("✅ Publication sur {broker} de nouveau possible"),
    limits_found: |broker, limits| format!("⚠️ {broker} ne sait pas tout faire: {limits}"),
    refusal: figures::refusal_fr,
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
    unpublished_found: |count| {
        format!(
            "📦 {count} mesures d'une exécution précédente attendent d'être publiées: elles le \
             sont d'abord"
        )
    },
    readings_left: |count, folder| {
        format!(
            "📦 {count} mesures n'ont pas pu être publiées avant l'arrêt: elles attendent dans \
             {folder} et partent au prochain démarrage"
        )
    },
    alert: alert::fr::message,
    summary: alert::fr::summary,
    transition: alert::fr::transition,
    operator_line: alert::fr::operator_line,
    alert_line: |state, message| match state {
        AlertState::Active => format!("🚨 ALERTE: {message}"),
        AlertState::Resolved => format!("✅ FIN D'ALERTE: {message}"),
    },
    notify: &notify::fr::WORDS,
    dashboard_at: |addr, tls| format!("🌐 Tableau de bord: {}://{addr}/", scheme(tls)),
    problem: figures::problem_fr,
    broker_limit: figures::limit_fr,
    reload: reload::fr,
    reloaded: |what| format!("🔁 Configuration relue: {what}"),
    reload_refused: |count| {
        let mistakes = if count == 1 { "une erreur" } else { "des erreurs" };
        format!(
            "❌ La configuration contient {mistakes}, rien n'a donc été changé; corrigez-la et rechargez"
        )
    },
    reload_failed: |why| format!("❌ La configuration n'a pas pu être appliquée: {why}"),
    value_name: entity::value_fr,
    alarm_name: entity::alarm_fr,
    stopping: "🛑 Arrêt demandé...",
    stopped: "👋 Arrêté",
};
