//! `ESPHome`: one value a topic, plain.
//!
//! * **Topics** `<prefix>/<component>/<object id>/state`. The prefix is the user's (`topic_prefix`) and may have slashes.
//!   Components that are decoded: `sensor`, `binary_sensor`, `switch`, and the current temperature and humidity of
//!   `climate`.
//! * **Value** a number, `ON` or `OFF`; `nan`, `NA` and an empty payload are no value.
//! * **Unit** none in the message: the default of the quantity, if the value is plausible in it.
//! * **Time** of receipt.
//! * **Id** `<prefix>/<object id>`. An object id that is, or ends in, the name of a quantity gives the quantity:
//!   `bench_humidity` is the humidity of `<prefix>/bench`; any other sensor has the quantity `value`.
//! * **Availability** `<prefix>/status`, `online` or `offline`: birth and will.
//! * **Traps** States are retained by default, so the first one after a subscription may be old. Settings
//!   (`number`, `select`, targets), texts, `/command` and the device's log on `/debug` are no readings.
//! * **Source** the documentation of `ESPHome`'s component `mqtt`.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::config::PresetTable;
use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, json, names, topics};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

/// Levels of a prefix that the filters reach, below the base or without one.
const MOST_PREFIX_LEVELS: usize = 3;

/// Names of quantities that an object id may equal or end in.
const QUANTITIES: [&str; 22] = [
    "apparent_power",
    "battery",
    "battery_voltage",
    "co2",
    "current",
    "energy",
    "frequency",
    "humidity",
    "illuminance",
    "moisture",
    "pm1",
    "pm10",
    "pm2_5",
    "power",
    "power_factor",
    "pressure",
    "reactive_power",
    "rssi",
    "snr",
    "temperature",
    "tvoc",
    "voltage",
];

/// Aliases with another meaning at the end of a longer object id: a `scale_factor` is no power factor.
const AMBIGUOUS_ENDS: [&str; 2] = ["factor", "level"];

/// A table of `ESPHome` devices.
#[derive(Debug, Clone)]
pub struct Esphome {
    /// First levels of all prefixes, or a whole prefix; `None` for any prefix.
    base: Option<String>,
}

/// Subject of a topic, with names as in the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject<'a> {
    /// Availability of the device.
    Status { prefix: &'a str },
    /// A measured number.
    Sensor { prefix: &'a str, object: &'a str },
    /// Something that is on or off.
    Binary { prefix: &'a str, object: &'a str },
    /// A quantity that a climate controller measures.
    Climate { prefix: &'a str, object: &'a str, quantity: &'a str },
}

impl Esphome {
    /// The format of a table.
    ///
    /// # Errors
    /// If a key of the table is invalid; names it.
    pub fn new(table: &PresetTable) -> Result<Self, String> {
        let base = table.base.as_deref();
        let base = base.map(|base| topics::base(Some(base), "")).transpose()?;
        Ok(Self { base })
    }

    fn subject<'a>(&self, topic: &'a str) -> Option<Subject<'a>> {
        let subject = Subject::of(topic)?;
        let Some(base) = &self.base else { return Some(subject) };
        let prefix = subject.prefix();
        (prefix == base || topics::below(base, prefix).is_some()).then_some(subject)
    }
}

impl<'a> Subject<'a> {
    fn of(topic: &'a str) -> Option<Self> {
        let (path, last) = topic.rsplit_once('/')?;
        let subject = match last {
            "status" => Self::Status { prefix: path },
            "state" => Self::of_state(path)?,
            _ => return None,
        };
        (!subject.prefix().is_empty()).then_some(subject)
    }

    /// Topic without its last level, `state`.
    fn of_state(path: &'a str) -> Option<Self> {
        let (path, name) = path.rsplit_once('/')?;
        let (prefix, component) = path.rsplit_once('/')?;
        match component {
            "sensor" => Some(Self::Sensor { prefix, object: name }),
            "binary_sensor" | "switch" => Some(Self::Binary { prefix, object: name }),
            object if matches!(name, "current_temperature" | "current_humidity") => {
                let (prefix, component) = prefix.rsplit_once('/')?;
                let climate = Self::Climate { prefix, object, quantity: name };
                (component == "climate").then_some(climate)
            }
            _ => None,
        }
    }

    const fn prefix(self) -> &'a str {
        match self {
            Self::Status { prefix }
            | Self::Sensor { prefix, .. }
            | Self::Binary { prefix, .. }
            | Self::Climate { prefix, .. } => prefix,
        }
    }
}

impl Format for Esphome {
    fn name(&self) -> &'static str {
        "esphome"
    }

    fn key(&self) -> String {
        self.base.as_ref().map_or_else(|| "esphome".into(), |base| format!("esphome:{base}"))
    }

    fn filters(&self) -> Vec<Filter> {
        let prefixes: Vec<String> = match &self.base {
            None => (1..=MOST_PREFIX_LEVELS).map(|levels| vec!["+"; levels].join("/")).collect(),
            Some(base) => (0..=MOST_PREFIX_LEVELS)
                .map(|levels| format!("{base}{}", "/+".repeat(levels)))
                .collect(),
        };
        let ends = [
            "status",
            "sensor/+/state",
            "binary_sensor/+/state",
            "switch/+/state",
            "climate/+/current_temperature/state",
            "climate/+/current_humidity/state",
        ];
        let of_prefix =
            |prefix: &String| ends.map(|end| Filter::optional(format!("{prefix}/{end}")));
        prefixes.iter().flat_map(of_prefix).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        self.subject(topic).map_or(Claim::Foreign, |_| Claim::Decodes)
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        let subject = self.subject(message.topic).ok_or("the topic is none of ESPHome")?;
        let text = json::text(message.payload)?;
        if text.is_empty() {
            return Ok(Decoded::ignored("an empty payload carries no value"));
        }
        let mut builder = Builder::new(message);
        match subject {
            Subject::Status { prefix } => match availability::word(text) {
                Ok(presence) => builder.availability(prefix, presence),
                // Other programs use such topics too.
                Err(_) => return Ok(Decoded::ignored("neither `online` nor `offline`")),
            },
            Subject::Sensor { prefix, object } => {
                let (sensor, quantity) = named(prefix, object);
                add_number(&mut builder, &sensor, &quantity, text, "");
            }
            Subject::Binary { prefix, object } => {
                add_state(&mut builder, &format!("{prefix}/{object}"), text);
            }
            Subject::Climate { prefix, object, quantity } => {
                let unit = if quantity == "current_humidity" { "%" } else { "°C" };
                add_number(&mut builder, &format!("{prefix}/{object}"), quantity, text, unit);
            }
        }
        Ok(builder.finish("the device has no value"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

fn add_number(builder: &mut Builder, sensor: &str, quantity: &str, text: &str, unit: &str) {
    match values::read_text(text) {
        Read::Value(value) => builder.add_value(sensor, quantity, value, unit, Stamp::Receipt),
        Read::Nothing => {}
        Read::Wrong(why) => builder.fault(why),
    }
}

fn add_state(builder: &mut Builder, sensor: &str, text: &str) {
    match (values::truth(text), values::read_text(text)) {
        (Some(is_on), _) => builder.add(sensor, "state", &Json::Bool(is_on), "", Stamp::Receipt),
        (None, Read::Nothing) => {}
        (None, _) => {
            let short: String = text.chars().take(40).collect();
            builder.fault(format!("{short:?} is neither `ON` nor `OFF`"));
        }
    }
}

/// Sensor and quantity of an object id.
fn named(prefix: &str, object: &str) -> (String, Cow<'static, str>) {
    let (stem, number) = without_number(object);
    let Some((before, quantity)) = quantity_at_end(stem) else {
        return (format!("{prefix}/{object}"), "value".into());
    };
    let sensor = match before {
        "" => format!("{prefix}/{object}"),
        before => format!("{prefix}/{before}{number}"),
    };
    (sensor, quantity.into())
}

/// Object id without its probe number, and the number with its `_`. The number of a quantity's own name stays:
/// `pm_2_5`.
fn without_number(object: &str) -> (&str, &str) {
    let numbered = object.rsplit_once('_').filter(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    match numbered {
        Some((stem, _)) if quantity_at_end(object).is_none() => (stem, &object[stem.len()..]),
        _ => (object, ""),
    }
}

/// Longest end of an object id that names a quantity, and the part before it.
fn quantity_at_end(object: &str) -> Option<(&str, String)> {
    let later_starts = object.match_indices('_').map(|(at, _)| at + 1);
    let mut starts = std::iter::once(0).chain(later_starts);
    starts.find_map(|start| {
        let end = &object[start..];
        if start > 0 && AMBIGUOUS_ENDS.contains(&end) {
            return None;
        }
        let quantity = names::canonical(end);
        let before = object[..start].trim_end_matches('_');
        QUANTITIES.contains(&quantity.as_str()).then_some((before, quantity))
    })
}

#[cfg(test)]
#[path = "esphome_tests.rs"]
mod tests;
