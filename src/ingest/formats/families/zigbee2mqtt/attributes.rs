//! Measured attributes of one device: their stored definition, and the readings decoded with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::{Builder, Stamp, json, names};

/// Limit of composites with availability. Devices have a handful; an untrusted list may have any
/// number.
const MOST_COMPOSITES: usize = 64;

/// Measured attributes, by property; members of a composite by `composite/property`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<Box<str>, Attribute>);

/// Definition of a measured attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Attribute {
    /// Numeric, with its unit; empty for none.
    #[serde(rename = "n")]
    Number(Box<str>),
    /// Binary, with the values for on and off; `None` if they are booleans.
    #[serde(rename = "b")]
    Binary(Option<(Json, Json)>),
}

impl Attributes {
    /// Adds an attribute. If the name is already present, the first definition is kept.
    pub fn insert(&mut self, property: &str, attribute: Attribute) {
        self.0.entry(property.into()).or_insert(attribute);
    }

    /// Removes `illuminance`, a raw count, if the light sensor also has `illuminance_lux`.
    pub fn drop_raw_illuminance(&mut self) {
        if self.0.contains_key("illuminance_lux") {
            self.0.remove("illuminance");
        }
    }

    /// Composites with measured attributes, up to [`MOST_COMPOSITES`].
    pub fn composites(&self) -> BTreeSet<&str> {
        let composites = self.0.keys().filter_map(|key| Some(key.split_once('/')?.0));
        let all: BTreeSet<&str> = composites.collect();
        all.into_iter().take(MOST_COMPOSITES).collect()
    }

    /// Adds the readings of a device's state object.
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

    /// Adds the reading of an attribute topic. A member of a composite has the level
    /// `composite-property`.
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
