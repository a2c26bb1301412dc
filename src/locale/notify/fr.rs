//! Les notifications en français.

use super::{DownTime, NotifyWords, moment, place};
use crate::locale::heartbeat;

pub static WORDS: NotifyWords = NotifyWords {
    subject: |group, firing, resolved| {
        let plural = |count| if count == 1 { "" } else { "s" };
        let group = if group.is_empty() { String::new() } else { format!("{group}: ") };
        match (firing, resolved) {
            (0, over) => {
                format!("✅ {group}{over} alarme{} terminée{}", plural(over), plural(over))
            }
            (active, 0) => {
                format!("🚨 {group}{active} alarme{} active{}", plural(active), plural(active))
            }
            (active, over) => format!(
                "🚨 {group}{active} alarme{} active{}, {over} terminée{}",
                plural(active),
                plural(active),
                plural(over)
            ),
        }
    },
    raised: "Déclenchées:",
    unacknowledged: "Déclenchées, et acquittées par personne:",
    over: "Terminées:",
    standing: "Toujours actives:",
    alarm: |told| {
        let (severity, message) = (told.event.severity.as_str(), &told.event.message);
        let since = moment(told.starts_at);
        let until = told.ends_at.map(|at| format!(" au {}", moment(at))).unwrap_or_default();
        let from = if told.ends_at.is_some() { "du" } else { "depuis le" };
        format!("[{severity}] {message} ({}), {from} {since}{until}", place(told.event))
    },
    runbook: |runbook| format!("Que faire: {runbook}"),
    truncated: |more| format!("… et {more} de plus"),
    sent: |receiver, subject| format!("📨 {receiver} a été prévenu: {subject}"),
    failed: |receiver, why, seconds| {
        format!(
            "❌ Le destinataire {receiver} n'a pas pu être prévenu: {why}. Nouvel essai dans \
             {seconds:.1} s; rien n'est perdu"
        )
    },
    works_again: |receiver| format!("✅ Le destinataire {receiver} peut de nouveau être prévenu"),
    given_up: |receiver, subject, why| {
        format!(
            "❌ Le destinataire {receiver} refuse une notification, qui est abandonnée: {why}. Elle \
             disait: {subject}. Vérifiez les réglages du destinataire"
        )
    },
    address_refused: |receiver, address, why| {
        format!(
            "❌ Destinataire {receiver}: {address} ne reçoit pas un courriel: {why}. Les autres \
             adresses sont prévenues. Corrigez celle-ci"
        )
    },
    dropped: |receiver, total| {
        format!(
            "❌ Le destinataire {receiver} est absent depuis trop longtemps: {total} alarmes \
             terminées entre-temps ne lui seront jamais dites. Elles sont dans la table `alerts`"
        )
    },
    cut: "… plus que ne tient ici: voyez `vigie alarms`",
    test: |receiver| {
        format!(
            "Essai du destinataire {receiver}: ce n'est pas une alarme. Qui lit ceci reçoit les \
             alarmes de Vigie"
        )
    },
    test_place: "Essai",
    escalated: |receiver, to, count| {
        let (of, go) = if count == 1 {
            ("alarme que personne n'a acquittée", "passe")
        } else {
            ("alarmes que personne n'a acquittées", "passent")
        };
        format!("⏫ {count} {of} {go} de {receiver} à {to}")
    },
    start_subject: |down| {
        format!("🔁 Vigie était arrêté du {} au {}", moment(down.from), moment(down.to))
    },
    start_text: |downs, readings| {
        let line = |it: &DownTime| format!("  du {} au {}\n", moment(it.from), moment(it.to));
        let downs: String = downs.iter().map(line).collect();
        let came = if readings < 2 { "mesure reçue" } else { "mesures reçues" };
        format!("Vigie fonctionne de nouveau. Il était arrêté:\n{downs}{readings} {came} depuis.\n")
    },
    heartbeat_held: heartbeat::held_fr,
    heartbeat_unsent: heartbeat::unsent_fr,
    heartbeat_goes_on: "💓 Les battements reprennent",
};
