//! The French sentences; for limits the wording of the system Vigie grew from, to the letter.

pub use super::summary::french as summary;
use super::{AlertWords, said_by};
use crate::alarms::rule::Kind;
use crate::domain::{
    Action, ActionRecord, AlertState, Change, Operator, OperatorAction, Quantity, duration,
};

pub fn message(words: AlertWords<'_>) -> String {
    let AlertWords { quantity, kind, state, is_closed, value, unit, is_offline } = words;
    let (noun, is_feminine) = noun(quantity);
    let unit = unit.suffix();
    let e = if is_feminine { "e" } else { "" };
    let what = match (state, kind) {
        (AlertState::Resolved, _) if is_closed => {
            format!("{noun}: la règle ou le capteur a été modifié ou retiré, dernière mesure")
        }
        (AlertState::Resolved, _) => format!("{noun} revenu{e} à la normale"),
        (_, Kind::High { .. }) => format!("{noun} élevé{e} détecté{e}"),
        (_, Kind::Low { .. }) => {
            format!("{noun} {} détecté{e}", if is_feminine { "basse" } else { "bas" })
        }
        (_, Kind::Rate { per_minute, .. }) => {
            let way = if *per_minute < 0.0 { "baisse" } else { "hausse" };
            format!("{noun} en {way} de plus de {}{unit}/min", per_minute.abs())
        }
        (_, Kind::Stale { .. }) if is_offline => match value {
            Some(_) => format!("{noun}: le capteur est hors ligne, la dernière mesure"),
            None => format!("{noun}: le capteur est hors ligne, et n'a jamais rien mesuré"),
        },
        (_, Kind::Stale { after }) if value.is_none() => {
            format!(
                "{noun}: aucune nouvelle du capteur, jamais, depuis {}",
                duration::words(*after, "j")
            )
        }
        (_, Kind::Stale { after }) => {
            format!("{noun}: aucune mesure depuis {}, la dernière", duration::words(*after, "j"))
        }
        (_, Kind::Flatline { lasting, .. }) => {
            format!("{noun} figé{e} depuis {}", duration::words(*lasting, "j"))
        }
        (_, Kind::Deviation { .. }) => {
            format!("{noun} {}", if is_feminine { "inhabituelle" } else { "inhabituel" })
        }
        (_, Kind::Difference { other, limit, .. }) => {
            let that = if is_feminine { "celle" } else { "celui" };
            format!("{noun} à plus de {limit}{unit} de {that} de {other}")
        }
        (_, Kind::Finding) => format!("{noun} plein d'ici un jour au rythme actuel, libre"),
        (_, Kind::Expression { .. }) => format!("{noun}: la condition de la règle est remplie"),
    };
    value.map_or(what.clone(), |value| format!("{what}: {value}{unit}"))
}

/// Noun of the quantity, and whether it is feminine.
pub(in crate::locale) fn noun(quantity: &Quantity) -> (String, bool) {
    match quantity.as_str() {
        "temperature" => ("Température".into(), true),
        "humidity" => ("Humidité".into(), true),
        "pressure" => ("Pression".into(), true),
        "voltage" => ("Tension".into(), true),
        "co2" => ("CO₂".into(), false),
        "disk" => ("Disque".into(), false),
        other => (format!("Valeur « {other} »"), true),
    }
}

/// Text of a transition that is recorded and not announced.
pub fn transition(words: AlertWords<'_>, change: Change, operator: Option<&Operator>) -> String {
    let ((noun, _), unit) = (noun(words.quantity), words.unit.suffix());
    let what = match change {
        Change::Raised | Change::StillActive => "alarme levée",
        Change::Acknowledged => "alarme acquittée",
        Change::Returned => "retour à la normale",
        Change::Latched => "retour à la normale, l'alarme reste jusqu'à son réarmement",
        Change::Reset => "alarme réarmée",
        Change::Shelved => "alarme mise de côté",
        Change::Unshelved => "alarme reprise",
        Change::Suppressed => "alarme inhibée",
        Change::Unsuppressed => "fin de l'inhibition de l'alarme",
        Change::TakenOutOfService => "alarme mise hors service",
        Change::ReturnedToService => "alarme remise en service",
        Change::Closed if operator.is_some() => "capteur oublié",
        Change::Closed => "alarme close",
    };
    let what = format!("{noun}: {what}{}", said_by("par", operator));
    words.value.map_or(what.clone(), |value| format!("{what}: {value}{unit}"))
}

/// The log line of an operator's action.
pub fn operator_line(record: &ActionRecord) -> String {
    let OperatorAction { what, alarm, operator, via, .. } = &record.action;
    let what = match what {
        Action::Acknowledge => "acquitter",
        Action::Shelve { .. } => "mettre de côté",
        Action::Unshelve => "reprendre",
        Action::TakeOutOfService => "mettre hors service",
        Action::ReturnToService => "remettre en service",
        Action::Reset => "réarmer",
        Action::Forget => "oublier",
    };
    let alarm = super::full_name(record).unwrap_or_else(|| alarm.to_string());
    let outcome = match &record.outcome {
        Ok(true) => "fait".to_owned(),
        Ok(false) => "c'est déjà le cas".to_owned(),
        Err(why) => format!("refusé, {why}"),
    };
    let by = said_by("par", Some(operator));
    format!("✋ Demande de {what} {alarm}{by}, via {}: {outcome}", via.as_str())
}
