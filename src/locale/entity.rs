//! Names of Home Assistant's entities.

use super::alert::{en, fr};
use crate::domain::Quantity;

/// Name of a value in English.
pub(super) fn value_en(quantity: &Quantity) -> String {
    match en::noun(quantity) {
        noun if noun == quantity.as_str() => plain(quantity),
        noun => noun,
    }
}

/// Name of an alarm in English.
pub(super) fn alarm_en(quantity: &Quantity) -> String {
    format!("{} alarm", value_en(quantity))
}

/// Name of a value in French.
pub(super) fn value_fr(quantity: &Quantity) -> String {
    match fr::noun(quantity) {
        (noun, _) if noun.contains('«') => plain(quantity),
        (noun, _) => noun,
    }
}

/// Name of an alarm in French.
pub(super) fn alarm_fr(quantity: &Quantity) -> String {
    format!("Alarme {}", value_fr(quantity))
}

/// `soil_moisture` as `Soil moisture`.
fn plain(quantity: &Quantity) -> String {
    let name = quantity.as_str();
    let (first, rest) = name.split_at(1); // a letter of ASCII
    first.to_uppercase() + &rest.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use crate::domain::Quantity;
    use crate::locale::Language;

    #[test]
    fn values_and_alarms_have_names() {
        let names = |language: Language, quantity: &str| {
            let (words, quantity) = (language.words(), Quantity::new(quantity).unwrap());
            [(words.value_name)(&quantity), (words.alarm_name)(&quantity)]
        };
        let (en, fr) = (Language::English, Language::French);
        assert_eq!(names(en, "temperature"), ["Temperature", "Temperature alarm"]);
        assert_eq!(names(en, "soil_moisture"), ["Soil moisture", "Soil moisture alarm"]);
        assert_eq!(names(fr, "temperature"), ["Température", "Alarme Température"]);
        assert_eq!(names(fr, "x"), ["X", "Alarme X"]);
        assert_eq!(names(fr, "co2"), ["CO₂", "Alarme CO₂"]);
    }
}
