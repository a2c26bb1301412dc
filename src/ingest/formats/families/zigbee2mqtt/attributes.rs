//! Attributes of one device that measure: what is remembered of its definition, and readings by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::{Builder, Stamp, json, names};

/// Composites that availability is about: devices have a handful, and a stranger's list may have any number.
const MOST_COMPOSITES: usize = 64;

/// Attributes that measure, by property; one of a composite by `composite/property`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<Box<str>, Attribute>);

/// What a definition says of an attribute that measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Attribute {
    /// A number in a unit; empty for none.
    #[serde(rename = "n")]
    Number(Box<str>),
    /// One of two states: the values that stand for them where they are no truth values.
    #[serde(rename = "b")]
    Binary(Option<(Json, Json)>),
}

impl Attributes {
    /// Adds an attribute, unless its name is taken.
    pub fn insert(&mut self, property: &str, attribute: Attribute) {
        self.0.entry(property.into()).or_insert(attribute);
    }

    /// Leaves out the raw count of a light sensor that gives lux, too.
    pub fn drop_raw_illuminance(&mut self) {
        if self.0.contains_key("illuminance_lux") {
            self.0.remove("illuminance");
        }
    }

    /// Composites that have attributes which measure, [`MOST_COMPOSITES`] at most.
    pub fn composites(&self) -> BTreeSet<&str> {
        let composites = self.0.keys().filter_map(|key| Some(key.split_once('/')?.0));
        let all: BTreeSet<&str> = composites.collect();
        all.into_iter().take(MOST_COMPOSITES).collect()
    }

    /// Adds the readings of a device's whole state.
    pub fn add_all(
        &self,
        builder: &mut Builder,
        device: &str,
        fields: &Map<String, Json>,
        stamp: Stamp,
    ) {
        for (property, value) in fields {
            if let Some(attribute) = self.0.get(property.as_str()) {
                attribute.add(builder, device, property, value, stamp);
            } else if let Json::Object(parts) = value {
                self.add_composite(builder, device, property, parts, stamp);
            }
        }
    }

    fn add_composite(
        &self,
        builder: &mut Builder,
        device: &str,
        composite: &str,
        parts: &Map<String, Json>,
        stamp: Stamp,
    ) {
        for (property, value) in parts {
            if let Some(attribute) = self.0.get(format!("{composite}/{property}").as_str()) {
                let sensor = format!("{device}/{composite}");
                attribute.add(builder, &sensor, property, value, stamp);
            }
        }
    }

    /// Adds the reading of an attribute that has a topic of its own; the parts of a composite are joined by `-`.
    pub fn add_topic(
        &self,
        builder: &mut Builder,
        device: &str,
        level: &str,
        value: &Json,
        stamp: Stamp,
    ) {
        if let Some(attribute) = self.0.get(level) {
            return attribute.add(builder, device, level, value, stamp);
        }
        let Some((composite, property)) = level.split_once('-') else { return };
        if let Some(attribute) = self.0.get(format!("{composite}/{property}").as_str()) {
            attribute.add(builder, &format!("{device}/{composite}"), property, value, stamp);
        }
    }
}

impl Attribute {
    fn add(&self, builder: &mut Builder, sensor: &str, property: &str, value: &Json, stamp: Stamp) {
        let quantity = names::canonical(property);
        match self {
            Self::Number(_) if value.is_boolean() => {
                builder
                    .fault(format!("`{property}` of {sensor}: it is a truth value, not a number"));
            }
            Self::Number(unit) => builder.add(sensor, &quantity, value, unit, stamp),
            Self::Binary(Some((on, _))) if value == on => {
                builder.add(sensor, &quantity, &Json::Bool(true), "", stamp);
            }
            Self::Binary(Some((_, off))) if value == off => {
                builder.add(sensor, &quantity, &Json::Bool(false), "", stamp);
            }
            Self::Binary(_)
                if matches!(value, Json::Number(_) | Json::Array(_) | Json::Object(_)) =>
            {
                builder.fault(format!("`{property}` of {sensor}: it is {}", json::kind(value)));
            }
            Self::Binary(_) => builder.add(sensor, &quantity, value, "", stamp),
        }
    }
}
