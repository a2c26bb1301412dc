//! A property as its device declares it: type, unit and range; and its values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::domain::Value;
use crate::ingest::formats::kit::values::{self, Read};

/// Longest attribute that is remembered, in bytes; longer ones are lists of words.
const LONGEST_ATTRIBUTE: usize = 64;

/// Type, unit and range, as far as they were declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    datatype: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Box<str>>,
    /// `min:max[:step]`, each of which may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<Box<str>>,
}

impl Property {
    /// One that nothing is known of.
    pub const fn unknown() -> Self {
        Self { datatype: None, unit: None, format: None }
    }

    /// A property of a description.
    pub fn new(fields: &Map<String, Json>) -> Self {
        let mut property = Self::default();
        for attribute in ["datatype", "unit", "format"] {
            let text = fields.get(attribute).and_then(Json::as_str).unwrap_or_default();
            property.set(attribute, text);
        }
        property
    }

    /// Sets an attribute, with or without its `$`; an empty text takes it away.
    pub fn set(&mut self, attribute: &str, text: &str) {
        let place = match attribute.trim_start_matches('$') {
            "datatype" => &mut self.datatype,
            "unit" => &mut self.unit,
            _ => &mut self.format,
        };
        let is_kept = !text.is_empty() && text.len() <= LONGEST_ATTRIBUTE;
        *place = is_kept.then(|| text.into());
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Declared unit; `#` is a mere number's.
    pub fn unit(&self) -> &str {
        self.unit.as_deref().filter(|unit| *unit != "#").unwrap_or_default()
    }

    /// Reads a value; `None` where it is not of a numeric type, or is no value.
    ///
    /// # Errors
    /// Says why it is none of its type.
    pub fn read(&self, text: &str, is_version_5: bool) -> Result<Option<Value>, String> {
        match self.datatype.as_deref() {
            None => Ok(boolean(text).or_else(|| values::number(text))),
            Some("boolean") => match boolean(text) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("{} is neither `true` nor `false`", short(text))),
            },
            Some("integer") => match self.number(text, is_version_5)? {
                Some(value) if value.get().fract() != 0.0 => Err(format!("{value} is no integer")),
                value => Ok(value),
            },
            Some("float") => self.number(text, is_version_5),
            Some(_) => Ok(None),
        }
    }

    fn number(&self, text: &str, is_version_5: bool) -> Result<Option<Value>, String> {
        let Some(value) = values::number(text) else {
            // Version 5 has no word for "no value"; devices before it do.
            let is_nothing = !is_version_5 && values::read_text(text) == Read::Nothing;
            return if is_nothing {
                Ok(None)
            } else {
                Err(format!("{} is no number", short(text)))
            };
        };
        let format = self.format.as_deref().unwrap_or_default();
        if is_in_range(value.get(), format) {
            Ok(Some(value))
        } else {
            Err(format!("{value} is outside of the declared range {format}"))
        }
    }
}

/// Whether a value, rounded to the step, is in a range `min:max[:step]`. A part that is empty, or no number, is open.
fn is_in_range(value: f64, format: &str) -> bool {
    let mut parts = format.split(':').map(|part| values::number(part.trim()).map(Value::get));
    let (min, max, step) = (parts.next().flatten(), parts.next().flatten(), parts.next().flatten());
    let value = match step.filter(|step| *step > 0.0) {
        Some(step) => {
            let base = min.or(max).unwrap_or(value);
            base + ((value - base) / step).round() * step
        }
        None => value,
    };
    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
}

fn boolean(text: &str) -> Option<Value> {
    let number = match text {
        "true" => 1.0,
        "false" => 0.0,
        _ => return None,
    };
    Value::from_parts(number, true).ok()
}

fn short(text: &str) -> Json {
    Json::from(text.chars().take(40).collect::<String>())
}
