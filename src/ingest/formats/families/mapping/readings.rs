//! Makes a reading of a value that was found: its quantity, unit, number and sensor.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::elements::{Decoding, Origin};
use super::found::Found;
use super::numbers;
use super::plan::{Name, Source, ValuePlan};
use super::pointer::{Key, Place, content};
use super::scalars::{Scalar, not_a_number, quote};
use super::texts;
use crate::domain::Value;
use crate::ingest::formats::kit::{names, units};

/// Name of a value.
struct Called {
    /// Additional levels of the sensor id.
    levels: Vec<String>,
    /// Quantity, or the word for it in the message.
    word: String,
    /// Whether the table defines the quantity; it is then used verbatim.
    is_of_table: bool,
    /// Whether the value must be a number; anything else is a fault.
    is_promised: bool,
}

/// Keys of a wrapper object that hold its value; below, keys that hold its unit.
const VALUE_KEYS: [&str; 4] = ["value", "val", "v", "state"];
const UNIT_KEYS: [&str; 5] = ["unit", "units", "unit_of_measurement", "uom", "u"];

/// Keys that name no quantity.
const VAGUE_KEYS: [&str; 7] = ["value", "val", "v", "state", "reading", "measurement", "data"];

/// Limit of nested wrapper objects to open.
const MOST_WRAPPERS: usize = 2;

impl Decoding<'_, '_> {
    /// Converts a found value and adds its reading.
    ///
    /// # Errors
    /// If the sensor id, quantity or time of the element is invalid, which makes all its values
    /// unusable.
    pub(super) fn add(
        &mut self,
        plan: &ValuePlan,
        found: Found<'_, '_>,
        origin: &mut Origin,
    ) -> Result<(), String> {
        self.found(&plan.key);
        if found.value.is_null() {
            self.quiet.get_or_insert(Cow::Borrowed("it is null"));
            return Ok(());
        }
        let called = self.called(plan, found)?;
        let (value, beside) = match plan.source {
            Source::Element => unwrap(found.value, &called.word),
            _ => (found.value, None),
        };
        let scalar = plan.reader.read(value);
        if let Scalar::Nothing(why) = scalar {
            self.quiet.get_or_insert(why);
            return Ok(());
        }
        let unit = self.unit(plan, found, &scalar, beside);
        let quantity = self.quantity(&called, &unit);
        match number(plan, &scalar, value, &quantity, &unit) {
            Ok(number) => {
                let stamp = self.stamp(found.element, origin)?;
                let sensor = self.id(&called, found.element, origin)?;
                self.builder.add_value(&sensor, &quantity, number, &unit, stamp);
            }
            Err(why) if called.is_promised || is_number(&quantity, &unit) => {
                let sensor = self.id(&called, found.element, origin)?;
                self.builder.fault(format!("`{quantity}` of {sensor}: {why}"));
            }
            Err(why) => {
                self.quiet.get_or_insert(Cow::Owned(why));
            }
        }
        Ok(())
    }

    /// Sensor id of a value.
    fn id(
        &mut self,
        called: &Called,
        element: &Place<'_>,
        origin: &mut Origin,
    ) -> Result<String, String> {
        let mut id = self.sensor(element, origin)?.to_owned();
        for level in &called.levels {
            id.push('/');
            id.push_str(level);
        }
        Ok(id)
    }

    fn called(&mut self, plan: &ValuePlan, found: Found<'_, '_>) -> Result<Called, String> {
        // Elements of all kinds are in a list; what a table names, it promises.
        let is_one = self.plan.each.is_none();
        match &plan.name {
            Name::Table { levels, quantity } => {
                let mut stars = found.place.stars();
                let mut named = |level: &Option<String>| match level {
                    Some(level) => level.clone(),
                    None => star(stars.next()),
                };
                let levels = levels.iter().map(&mut named).collect();
                let word = named(quantity);
                let is_of_table = quantity.is_some();
                Ok(Called { levels, word, is_of_table, is_promised: is_of_table })
            }
            Name::Message(text) => {
                let source = texts::Source { levels: self.levels, element: found.element };
                let word = text.render(source).map_err(|lack| {
                    let why = text.explain("quantity", lack);
                    self.missing("quantity", || why.clone());
                    format!("`quantity`: {why}")
                })?;
                self.found("quantity");
                Ok(Called { levels: Vec::new(), word, is_of_table: false, is_promised: is_one })
            }
            Name::Key => {
                let key = found.key.unwrap_or("value");
                let word = if VAGUE_KEYS.contains(&key) { "" } else { key };
                let (levels, word) = (Vec::new(), word.to_owned());
                Ok(Called { levels, word, is_of_table: false, is_promised: is_one })
            }
        }
    }

    /// Quantity name, by precedence: the table's name for the word or the unit, the canonical name
    /// of the word, the quantity implied by the unit.
    fn quantity(&self, called: &Called, unit: &str) -> String {
        if called.is_of_table {
            return called.word.clone();
        }
        let named = &self.plan.quantities;
        if let Some(name) = named.get(&called.word).or_else(|| named.get(unit)) {
            return name.clone();
        }
        match called.word.as_str() {
            "" => by_unit(unit).unwrap_or("value").to_owned(),
            word => names::canonical(word),
        }
    }

    /// Unit, by precedence: after the number, in the table, next to the value, from the unit topic.
    /// Scaled values ignore a unit after the number.
    fn unit(
        &mut self,
        plan: &ValuePlan,
        found: Found<'_, '_>,
        scalar: &Scalar,
        beside: Option<&str>,
    ) -> String {
        let is_converted = plan.scale.is_some() || plan.offset.is_some();
        if let (Scalar::Number(_, Some(unit)), false) = (scalar, is_converted) {
            return (*unit).to_owned();
        }
        if let Some(text) = &plan.unit {
            let source = texts::Source { levels: self.levels, element: found.element };
            match text.render(source) {
                Ok(unit) if !unit.is_empty() => {
                    self.found("unit");
                    return units::spelling(&unit).to_owned();
                }
                Ok(_) => {}
                Err(lack) => self.missing("unit", || text.explain("unit", lack)),
            }
        }
        units::spelling(beside.or(self.unit).unwrap_or_default()).to_owned()
    }
}

/// Number of a scalar, after scale and offset.
fn number(
    plan: &ValuePlan,
    scalar: &Scalar,
    value: &Json,
    quantity: &str,
    unit: &str,
) -> Result<Value, String> {
    match scalar {
        Scalar::Number(value, _) => numbers::convert(*value, plan.scale, plan.offset),
        Scalar::Mapped(value) => Ok(*value),
        Scalar::Truth(_) if is_number(quantity, unit) => {
            let shown = match value {
                Json::String(text) => quote(text),
                other => other.to_string(),
            };
            Err(format!("{shown} is true or false, not a number"))
        }
        Scalar::Truth(is_true) => {
            Value::from_parts(f64::from(u8::from(*is_true)), true).map_err(|it| it.to_string())
        }
        Scalar::Word(word) => Err(not_a_number(word)),
        Scalar::Wrong(why) => Err(match (&plan.source, value) {
            (Source::Element, Json::Object(_)) => format!(
                "its value is not said; write value = \"/…\" with one of its keys; {}",
                content(value, "here")
            ),
            _ => why.clone(),
        }),
        Scalar::Nothing(why) => Err(why.clone().into_owned()),
    }
}

/// Whether a quantity is numeric, so that a boolean is a fault.
fn is_number(quantity: &str, unit: &str) -> bool {
    !unit.is_empty() || names::is_canonical(quantity) || quantity == "energy"
}

/// Quantity implied by a unit.
fn by_unit(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "°C" | "°F" | "K" => "temperature",
        "hPa" | "mbar" | "kPa" | "Pa" | "bar" | "psi" => "pressure",
        "lx" => "illuminance",
        "V" | "mV" | "kV" => "voltage",
        "A" | "mA" => "current",
        "W" | "kW" => "power",
        "Wh" | "kWh" | "MWh" => "energy",
        "Hz" => "frequency",
        _ => return None,
    })
}

/// Opens wrapper objects: the value under the quantity's key or a generic one, and the unit next to
/// it. Other values are returned unchanged.
fn unwrap<'a>(value: &'a Json, quantity: &str) -> (&'a Json, Option<&'a str>) {
    let (mut value, mut unit) = (value, None);
    for _ in 0..MOST_WRAPPERS {
        let Json::Object(object) = value else { break };
        let wanted = names::canonical(quantity);
        let is_it = |key: &str| !wanted.is_empty() && names::canonical(key) == wanted;
        let of_quantity = object.iter().find(|(key, _)| is_it(key)).map(|(_, inner)| inner);
        let inner = of_quantity.or_else(|| VALUE_KEYS.iter().find_map(|key| object.get(*key)));
        let Some(inner) = inner else { break };
        unit = UNIT_KEYS.iter().find_map(|key| object.get(*key)?.as_str()).or(unit);
        value = inner;
    }
    (value, unit)
}

/// Key matched by a `*`; empty if there is none.
fn star(key: Option<Key<'_>>) -> String {
    key.map(|key| key.to_string()).unwrap_or_default()
}
