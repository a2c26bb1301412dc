//! `unit` of limits: must be known, and of the quantity's dimension.

use super::errors::quote;
use super::reader::TableReader;
use crate::domain::unit::{convert, known, quantity_default};
use crate::domain::{Conversion, Quantity, Unit};

/// Unit of the limits of a quantity; `None` for the quantity's default, or after a reported mistake.
pub(super) fn limit_unit(table: &mut TableReader<'_>, quantity: Option<&Quantity>) -> Option<Unit> {
    let unit = table.string("unit")?;
    let own = quantity.and_then(|quantity| quantity_default(quantity.as_str()));
    let such_as = own.unwrap_or("kWh");
    if known(unit.value).is_none() {
        let what = format!("{} is no unit, or may mean two", quote(unit.value));
        let hint = format!("write its symbol, such as {such_as}, with capital letters as they are");
        table.wrong(unit.at, what, hint);
        return None;
    }
    if let (Some(own), Some(quantity)) = (own, quantity)
        && convert(unit.value, own) == Conversion::Different
    {
        let what = format!("{} is no unit of {quantity}", quote(unit.value));
        table.wrong(unit.at, what, format!("use one that converts to {own}"));
        return None;
    }
    Some(Unit::new(unit.value))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use crate::domain::Unit;

    fn rule(more: &str) -> String {
        format!("[broker]\n[[rules]]\nname = \"A\"\nkind = \"high\"\nlimit = 80.0\n{more}")
    }

    #[test]
    fn a_limit_has_a_unit_of_its_quantity() {
        let config = accepted(&rule("unit = \"degF\"\n"));
        assert_eq!(config.rules[0].limit_unit(), Some("degF"));
        assert_eq!(accepted(&rule("")).rules[0].limit_unit(), Some("°C"));
        assert_eq!(said(&rule("unit = \"bar\"\n")), ["6: `bar` is no unit of temperature"]);
        assert_eq!(hint(&rule("unit = \"bar\"\n")), "use one that converts to °C");
        let power = "quantity = \"power\"\nunit = \"mw\"\n";
        assert_eq!(said(&rule(power)), ["7: `mw` is no unit, or may mean two"]);
        assert!(hint(&rule(power)).contains("such as W"));
        // One that has no unit of its own takes any.
        let energy = accepted(&rule("quantity = \"energy\"\nunit = \"kWh\"\n"));
        assert_eq!(energy.rules[0].limit_unit(), Some("kWh"));
    }

    #[test]
    fn a_kind_without_a_figure_of_a_unit_takes_none() {
        let stale =
            "[broker]\n[[rules]]\nname = \"A\"\nkind = \"stale\"\nafter = \"1m\"\nunit = \"°C\"\n";
        let said = said(stale);
        assert!(said[0].starts_with("6: `unit` belongs to the kinds"), "{said:?}");
        assert_eq!(said.len(), 1);
    }

    #[test]
    fn the_short_form_has_one_for_all_its_limits_and_strictness_is_everybodys() {
        let text = "units = \"strict\"\n[broker]\n[alerts.pressure]\nunit = \"bar\"\nhigh = 2.5\n\
                    [[rules]]\nname = \"A\"\nkind = \"low\"\nlimit = 1.0\n";
        let config = accepted(text);
        let pressure = config.alerts.thresholds.values().next().unwrap();
        assert_eq!(pressure.unit.as_ref().map(Unit::as_str), Some("bar"));
        assert!(config.alerts.is_strict && config.rules[0].is_strict);
        assert!(!accepted("units = \"lenient\"\n[broker]\n").alerts.is_strict);
    }
}
