//! Messages of alerts: one sentence per kind of rule, without a full stop, its value last.

use crate::alarms::rule::Kind;
use crate::domain::{ActionRecord, AlarmOf, AlertState, Operator, Quantity, Unit, Value};

pub(super) mod en;
pub(super) mod fr;
mod summary;

/// Inputs of an alert's message.
#[derive(Debug, Clone, Copy)]
pub struct AlertWords<'a> {
    /// Quantity that was judged.
    pub quantity: &'a Quantity,
    /// Kind of the rule.
    pub kind: &'a Kind,
    /// Whether the alert was raised or resolved.
    pub state: AlertState,
    /// Whether it ended only because its rule or sensor was changed or removed.
    pub is_closed: bool,
    /// `None` if there never was one.
    pub value: Option<Value>,
    /// Unit of the value and the threshold.
    pub unit: &'a Unit,
    /// Whether the sensor was reported offline.
    pub is_offline: bool,
}

/// ` by anne (reason)`; empty without an operator.
fn said_by(by: &str, operator: Option<&Operator>) -> String {
    match operator {
        None => String::new(),
        Some(Operator { by: who, why: None }) => format!(" {by} {who}"),
        Some(Operator { by: who, why: Some(why) }) => format!(" {by} {who} ({why})"),
    }
}

/// `warm/T_1`, whatever the alarm was called by.
fn full_name(record: &ActionRecord) -> Option<String> {
    let of = record.of.as_ref().filter(|of| *of.rule != *AlarmOf::ALL);
    of.map(|of| format!("{}/{}", of.rule, of.sensor_id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Change, SensorId};
    use crate::locale::Language;

    fn said(language: Language, kind: &Kind, state: AlertState) -> String {
        let (quantity, unit) = (Quantity::temperature(), Unit::new("celsius"));
        let value = Value::new(38.2).unwrap();
        let (quantity, unit, is_closed) = (&quantity, &unit, false);
        let (value, is_offline) = (Some(value), false);
        let words = AlertWords { quantity, kind, state, is_closed, value, unit, is_offline };
        (language.words().alert)(words)
    }

    #[test]
    fn silence_says_whether_the_sensor_was_ever_there() {
        let (quantity, unit) = (&Quantity::temperature(), &Unit::new("celsius"));
        let kind = &Kind::Stale { after: Duration::from_secs(300) };
        let said = |value: Option<f64>, is_offline, language: Language| {
            let value = value.map(|value| Value::new(value).unwrap());
            let (state, is_closed) = (AlertState::Active, false);
            let words = AlertWords { quantity, kind, state, is_closed, value, unit, is_offline };
            (language.words().alert)(words)
        };
        for (value, is_offline, english, french) in [
            (
                Some(4.5),
                true,
                "Temperature: the sensor is offline, the last reading: 4.5°C",
                "Température: le capteur est hors ligne, la dernière mesure: 4.5°C",
            ),
            (
                None,
                false,
                "Temperature: nothing ever heard of the sensor, for 5 min",
                "Température: aucune nouvelle du capteur, jamais, depuis 5 min",
            ),
            (
                None,
                true,
                "Temperature: the sensor is offline, and was never heard",
                "Température: le capteur est hors ligne, et n'a jamais rien mesuré",
            ),
        ] {
            assert_eq!(said(value, is_offline, Language::English), english);
            assert_eq!(said(value, is_offline, Language::French), french);
        }
    }

    #[test]
    fn a_rule_that_is_no_more_is_no_return_to_normal() {
        let (quantity, unit) = (&Quantity::temperature(), &Unit::new("celsius"));
        let kind = &Kind::High { limit: 35.0, deadband: 0.0 };
        let (state, is_closed, value) = (AlertState::Resolved, true, Value::new(38.2).ok());
        let is_offline = false;
        let words = AlertWords { quantity, kind, state, is_closed, value, unit, is_offline };
        assert_eq!(
            (Language::French.words().alert)(words),
            "Température: la règle ou le capteur a été modifié ou retiré, dernière mesure: 38.2°C"
        );
        assert_eq!(
            (Language::English.words().alert)(words),
            "Temperature: the rule or the sensor was changed or removed, last reading: 38.2°C"
        );
    }

    #[test]
    fn what_operators_do_is_said_in_both_languages() {
        let (quantity, unit) = (&Quantity::temperature(), &Unit::new("celsius"));
        let kind = &Kind::High { limit: 35.0, deadband: 0.0 };
        let (state, is_closed, value) = (AlertState::Active, false, Value::new(38.2).ok());
        let words = AlertWords { quantity, kind, state, is_closed, value, unit, is_offline: false };
        let anne = Operator::new("anne", Some("on my way")).unwrap();
        let said = |language: Language, change, operator| {
            (language.words().transition)(words, change, operator)
        };
        assert_eq!(
            said(Language::English, Change::Acknowledged, Some(&anne)),
            "Temperature: alarm acknowledged by anne (on my way): 38.2°C"
        );
        assert_eq!(
            said(Language::French, Change::Acknowledged, Some(&anne)),
            "Température: alarme acquittée par anne (on my way): 38.2°C"
        );
        assert_eq!(
            said(Language::English, Change::Unshelved, None),
            "Temperature: alarm no longer shelved: 38.2°C"
        );
    }

    #[test]
    fn each_kind_has_its_sentence() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let other = SensorId::new("COLD_REF").unwrap();
        for (kind, french, english) in [
            (
                Kind::High { limit: 35.0, deadband: 0.0 },
                "Température élevée détectée: 38.2°C",
                "High temperature detected: 38.2°C",
            ),
            (
                Kind::Low { limit: 10.0, deadband: 0.0 },
                "Température basse détectée: 38.2°C",
                "Low temperature detected: 38.2°C",
            ),
            (
                Kind::Rate { per_minute: -2.0, window: minutes(5) },
                "Température en baisse de plus de 2°C/min: 38.2°C",
                "Temperature falls by more than 2°C/min: 38.2°C",
            ),
            (
                Kind::Stale { after: minutes(15) },
                "Température: aucune mesure depuis 15 min, la dernière: 38.2°C",
                "Temperature: no reading for 15 min, the last one: 38.2°C",
            ),
            (
                Kind::Flatline { lasting: minutes(60), within: 0.1 },
                "Température figée depuis 1 h: 38.2°C",
                "Temperature stuck for 1 h: 38.2°C",
            ),
            (
                Kind::Deviation { deviations: 6.0, window: minutes(60) },
                "Température inhabituelle: 38.2°C",
                "Unusual temperature: 38.2°C",
            ),
            (
                Kind::Difference { other, limit: 3.0, deadband: 0.0 },
                "Température à plus de 3°C de celle de COLD_REF: 38.2°C",
                "Temperature more than 3°C off that of COLD_REF: 38.2°C",
            ),
        ] {
            assert_eq!(said(Language::French, &kind, AlertState::Active), french);
            assert_eq!(said(Language::English, &kind, AlertState::Active), english);
        }
        let (quantity, unit) = (&Quantity::new("disk").unwrap(), &Unit::new("GB"));
        let (kind, value, state) = (&Kind::Finding, Value::new(1.5).ok(), AlertState::Active);
        let words =
            AlertWords { quantity, kind, state, is_closed: false, value, unit, is_offline: false };
        let said_of_disk = |language: Language| (language.words().alert)(words);
        assert_eq!(
            [Language::French, Language::English].map(said_of_disk),
            [
                "Disque plein d'ici un jour au rythme actuel, libre: 1.5 GB",
                "Disk full within a day at the present rate, free: 1.5 GB"
            ]
        );
        let stale = Kind::Stale { after: minutes(15) };
        assert_eq!(
            said(Language::French, &stale, AlertState::Resolved),
            "Température revenue à la normale: 38.2°C"
        );
    }
}
