//! `[alerts]`: limits in the short form, and their announcement.

use std::collections::{BTreeMap, HashMap};

use super::errors::{Mistake, quote};
use super::expand::Names;
use super::inspector::At;
use super::model::{AlertsConfig, Announce, Limits, Thresholds};
use super::quiet;
use super::reader::TableReader;
use super::sensors::{MOST_SENSORS, quantity, sensor_id};
use super::similar::closest;
use super::units::limit_unit;
use crate::domain::{Quantity, SensorId};

pub(super) fn alerts(mut table: TableReader<'_>, is_strict: bool) -> AlertsConfig {
    let choices =
        [("transitions", Announce::Transitions), ("every-reading", Announce::EveryReading)];
    let announce = table.choice("announce", &choices).unwrap_or(Announce::Transitions);
    let chattering = table.table("chattering", "[alerts.chattering]").map(quiet::chattering);
    let flood = table.table("flood", "[alerts.flood]").map(quiet::flood);
    let mut thresholds = BTreeMap::new();
    for (key, item) in table.rest() {
        if !item.value.is_table() {
            not_a_quantity(&table, key);
            continue;
        }
        let Some(quantity) = table.inspector.check(key.at, quantity(key.value)) else { continue };
        let name = format!("[alerts.{quantity}]");
        let inner = table.as_table(key.value, name, item, String::new);
        let limits = thresholds_of(inner, &quantity);
        thresholds.insert(quantity, limits);
    }
    table.finish();
    AlertsConfig { announce, thresholds, is_strict, chattering, flood }
}

fn not_a_quantity(table: &TableReader<'_>, key: At<&str>) {
    let hint = match key.value {
        "high" | "low" | "unit" | "sensors" => None,
        other => closest(other, ["announce", "chattering", "flood"].into_iter()),
    };
    let hint = hint.map_or_else(
        || "limits are a quantity's: write them below [alerts.temperature]".into(),
        |meant| format!("did you mean `{meant}`?"),
    );
    table.wrong(key.at, format!("unknown key {} in [alerts]", quote(key.value)), hint);
}

fn thresholds_of(mut table: TableReader<'_>, quantity: &Quantity) -> Thresholds {
    let unit = limit_unit(&mut table, Some(quantity));
    let default = limits(&mut table, Limits::default());
    let name = format!("[alerts.{quantity}.sensors]");
    let sensors = table.item("sensors").map(|item| {
        let hint = || format!("write [alerts.{quantity}.sensors.TEMP_001] and its limits below it");
        limits_by_sensor(table.as_table("sensors", name, item, hint), default)
    });
    table.finish();
    Thresholds { unit, default, sensors: sensors.unwrap_or_default() }
}

/// Sensors with limits of their own, ranges expanded.
fn limits_by_sensor(mut table: TableReader<'_>, default: Limits) -> HashMap<SensorId, Limits> {
    let mut by_sensor: HashMap<SensorId, (Limits, usize)> = HashMap::new();
    for (key, item) in table.rest() {
        let name = format!("the limits of {}", quote(key.value));
        let hint = || "write high = … and low = … below it".into();
        let mut inner = table.as_table(key.value, name, item, hint);
        let limits = limits(&mut inner, default);
        inner.finish();
        let ids = table.inspector.check(key.at, ids(key.value, by_sensor.len()));
        let mut first_twice = None;
        for id in ids.unwrap_or_default() {
            if let Some((_, first_at)) = by_sensor.get(&id) {
                first_twice.get_or_insert((*first_at, id));
            } else {
                by_sensor.insert(id, (limits, key.at));
            }
        }
        if let Some((first_at, id)) = first_twice {
            let what = format!("sensor {} has its limits given twice", quote(id.as_str()));
            let mistake = Mistake::new(what, "name each sensor in one key only");
            table.inspector.duplicate(key.at.max(first_at), key.at.min(first_at), mistake);
        }
    }
    table.finish();
    by_sensor.into_iter().map(|(id, (limits, _))| (id, limits)).collect()
}

/// Sensor ids of a key.
fn ids(key: &str, num_before: usize) -> Result<Vec<SensorId>, Mistake> {
    let names = Names::parse(key)?;
    if names.count().saturating_add(num_before as u64) > MOST_SENSORS {
        let what = format!("these are limits of more than {MOST_SENSORS} sensors");
        return Err(Mistake::new(what, "check the range"));
    }
    (0..names.count()).map(|index| sensor_id(&names.nth(index))).collect()
}

/// `high` and `low`; an absent one is taken from `default` for the check, not for the result.
fn limits(table: &mut TableReader<'_>, default: Limits) -> Limits {
    let (high, low) = (table.number("high"), table.number("low"));
    let effective_high = high.map(|high| high.value).or(default.high);
    let effective_low = low.map(|low| low.value).or(default.low);
    // The later of the two given here is the position; without either there is nothing new to check.
    let at = low.map(|low| low.at).max(high.map(|high| high.at));
    if let (Some(at), Some(high), Some(low)) = (at, effective_high, effective_low)
        && low >= high
    {
        let what = format!("the low limit, {low:?}, is not below the high one, {high:?}");
        table.wrong(at, what, "every reading would break one of them: swap or spread them");
    }
    Limits { high: high.map(|high| high.value), low: low.map(|low| low.value) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::*;

    fn said(tables: &str) -> Vec<String> {
        super::super::testing::said(&format!("[broker]\n{tables}"))
    }

    fn alerts_of(tables: &str) -> AlertsConfig {
        accepted(&format!("[broker]\n{tables}")).alerts
    }

    #[test]
    fn reads_limits() {
        let alerts = alerts_of(
            "[alerts]\nannounce = \"every-reading\"\n[alerts.temperature]\nhigh = 35\nlow = 10.5\n\
             [alerts.temperature.sensors.TEMP_001]\nhigh = 30.0\n\
             [alerts.temperature.sensors]\n\"T_{01..02}\" = { low = 1.0 }\n\
             [alerts.humidity]\nhigh = 80.0\n",
        );
        assert_eq!(alerts.announce, Announce::EveryReading);
        let temperature = &alerts.thresholds[&Quantity::temperature()];
        assert_eq!(temperature.default, Limits { high: Some(35.0), low: Some(10.5) });
        let own = |id: &str| temperature.sensors[&SensorId::new(id).unwrap()];
        assert_eq!(own("TEMP_001"), Limits { high: Some(30.0), low: None });
        assert_eq!(own("T_02"), Limits { high: None, low: Some(1.0) });
        assert_eq!(temperature.sensors.len(), 3);
        assert_eq!(alerts.thresholds.len(), 2);
        assert_eq!(alerts_of("").announce, Announce::Transitions);
    }

    #[test]
    fn low_is_below_high() {
        assert_eq!(
            said("[alerts.temperature]\nhigh = 10\nlow = 35.0"),
            ["4: the low limit, 35.0, is not below the high one, 10.0"]
        );
        assert_eq!(said("[alerts.temperature]\nlow = 1.0\nhigh = 1.0").len(), 1);
        // A sensor's own limit, too, must fit with the quantity's other one.
        let own = "[alerts.temperature]\nhigh = 35.0\nlow = 10.0\n\
                   [alerts.temperature.sensors.A]\nhigh = 5.0";
        assert_eq!(said(own), ["6: the low limit, 10.0, is not below the high one, 5.0"]);
    }

    #[test]
    fn limits_are_numbers_of_a_quantity() {
        assert_eq!(
            said("[alerts.temperature]\nhigh = \"35\"\nlow = nan\nmedium = 3"),
            [
                "3: `high` must be a number, not text",
                "4: `low` is not a finite number",
                "5: unknown key `medium` in [alerts.temperature]"
            ]
        );
        assert_eq!(said("[alerts]\nhigh = 35"), ["3: unknown key `high` in [alerts]"]);
        assert!(hint("[broker]\n[alerts]\nhigh = 35").contains("[alerts.temperature]"));
        assert_eq!(hint("[broker]\n[alerts]\nanounce = \"x\""), "did you mean `announce`?");
        assert_eq!(said("[alerts.Temp]\n"), ["2: `Temp` is no name of a quantity"]);
        assert_eq!(
            said("[alerts.temperature.sensors]\nA = 3"),
            ["3: `A` must be a table, not a whole number"]
        );
        assert_eq!(
            said("[alerts.temperature.sensors.A]\nhihg = 3"),
            ["3: unknown key `hihg` in the limits of `A`"]
        );
    }

    #[test]
    fn a_sensor_has_its_limits_once() {
        let sensors =
            "[alerts.temperature.sensors]\n\"T{1..5}\" = { high = 1 }\nT3 = { high = 2 }\n";
        assert_eq!(
            said(sensors),
            ["4: sensor `T3` has its limits given twice, first at test.toml:3:1"]
        );
        assert_eq!(
            said("[alerts.temperature.sensors]\n\"T{1..2000000}\" = { high = 1 }"),
            ["3: these are limits of more than 1000000 sensors"]
        );
    }
}
