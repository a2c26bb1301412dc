//! The Homie convention, versions 4 and 5.
//!
//! * **Topics**: `<base>/5/<device>/<node>/<property>` and, of version 4, `<base>/<device>/<node>/<property>`; `base`
//!   is `homie`. Attributes begin with `$`; `$target`, `$log`, `$alert`, `set` and broadcasts are no readings.
//! * **Value**: plain, of the property's type: integers, floats and booleans (`true` or `false` exactly) are readings;
//!   texts, enums, colours and times are not.
//! * **Unit**: version 5's `$description` (JSON), version 4's `$unit`, remembered; so are types and ranges.
//! * **Time**: none; the receipt.
//! * **Id**: `<device>/<node>`, quantity the property.
//! * **Availability**: `$state`: `ready`, `init`, `sleeping` and `alert` are online, `disconnected` and `lost` offline,
//!   an empty one removes the device. While a root device is lost, so are its children, whatever their own state is.
//! * **Traps**: retained messages are unordered, so a value may precede its description: one of version 5 is then
//!   ignored, as its unit is unknown; one of version 4 has none. A value outside of the declared range is an error,
//!   and so is NaN in version 5.
//!
//! Source: homieiot/convention (5 and 4.0.0).

mod devices;
mod property;
mod topics;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::Value as Json;

use self::devices::{Description, Devices, State};
use self::property::Property;
use self::topics::{Subject, subject};
use super::table_topics;
use crate::config::PresetTable;
use crate::domain::Presence;
use crate::ingest::formats::kit::{Builder, Stamp, json, names};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// Limit of version 4 properties in the state; any client chooses what is described.
const MOST_PROPERTIES: usize = 20_000;

/// An undescribed property of version 4.
static UNKNOWN: Property = Property::unknown();

/// The format of one table.
#[derive(Debug, Clone)]
pub struct Homie {
    key: String,
    /// First levels, with a slash at their end.
    base: String,
    /// Devices of version 5.
    devices: Devices,
    /// Properties of version 4 by `<device>/<node>/<property>`.
    properties: BTreeMap<Box<str>, Property>,
}

impl Homie {
    /// Topics below the table's `base`.
    ///
    /// # Errors
    /// If the table has a `topic`, which is of no use.
    pub fn new(table: &PresetTable, _: Tz) -> Result<Self, String> {
        if table.topic.is_some() {
            return Err("its topics are fixed: give `base` for what stands before them".into());
        }
        let base = table.base.as_deref().unwrap_or("homie");
        Ok(Self {
            key: table_topics::key("homie", table),
            base: format!("{}/", base.trim_end_matches('/')),
            devices: Devices::default(),
            properties: BTreeMap::new(),
        })
    }

    fn subject<'a>(&self, topic: &'a str) -> Subject<'a> {
        topic.strip_prefix(&*self.base).map_or(Subject::Foreign, subject)
    }
}

impl Format for Homie {
    fn name(&self) -> &'static str {
        "homie"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        let ends = [
            "5/+/+/+",
            // Values of version 4, and `$state` and `$description` of version 5.
            "+/+/+",
            "+/$state",
            "+/$online",
            "+/+/+/$unit",
            "+/+/+/$datatype",
            "+/+/+/$format",
        ];
        ends.map(|end| Filter::optional(format!("{}{end}", self.base))).into()
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.subject(topic) {
            Subject::Foreign => Claim::Foreign,
            Subject::Other => Claim::Ignores,
            _ => Claim::Decodes,
        }
    }

    fn is_description(&self, topic: &str) -> bool {
        matches!(self.subject(topic), Subject::Description { .. })
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.subject(message.topic) {
            Subject::State { device, is_version_5 } => {
                self.state(message, device, is_version_5, changes)
            }
            Subject::Online { device } => online(message, device),
            Subject::Description { device } => self.describe(message, device, changes),
            Subject::Attribute { property, attribute } => {
                self.attribute(message, property, attribute, changes)
            }
            Subject::Value { device, property, is_version_5 } => {
                self.value(message, device, property, is_version_5)
            }
            Subject::Other | Subject::Foreign => Ok(Decoded::ignored("no value of a property")),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match (key.strip_prefix("4/"), value) {
            (None, value) => self.devices.remember(key, value),
            (Some(property), None) => drop(self.properties.remove(property)),
            (Some(property), Some(value)) => {
                if let Ok(read) = serde_json::from_slice(value) {
                    self.properties.insert(property.into(), read);
                }
            }
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        let (devices, properties) = (Devices::default(), BTreeMap::new());
        Box::new(Self { key: self.key.clone(), base: self.base.clone(), devices, properties })
    }
}

impl Homie {
    fn state(
        &self,
        message: &Message<'_>,
        device: &str,
        is_version_5: bool,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let mut builder = Builder::new(message);
        let text = json::text(message.payload)?;
        let state = State::read(text)?;
        if is_version_5 {
            for (device, presence) in self.devices.presences(device, state) {
                builder.availability(&device, presence);
            }
            self.devices.change_state(device, state, changes);
        } else {
            builder.availability(device, state.presence());
        }
        Ok(builder.finish("a state"))
    }

    fn describe(
        &self,
        message: &Message<'_>,
        device: &str,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let object = json::parse_object(message.payload)?;
        let description = object.map(|object| Description::new(&object));
        self.devices.change_description(device, description, changes)?;
        Ok(Decoded::ignored("a description: it tells units and types of the device's properties"))
    }

    fn attribute(
        &self,
        message: &Message<'_>,
        path: &str,
        attribute: &str,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let known = self.properties.get(path);
        let mut property = known.cloned().unwrap_or_default();
        property.set(attribute, json::text(message.payload)?);
        if known.is_none() && self.properties.len() >= MOST_PROPERTIES {
            return Err(format!("more than {MOST_PROPERTIES} properties are described already"));
        }
        if known.unwrap_or(&UNKNOWN) != &property {
            let is_empty = property == UNKNOWN;
            changes.push((format!("4/{path}").into(), (!is_empty).then(|| property.to_bytes())));
        }
        Ok(Decoded::ignored("an attribute: it tells the unit or type of a property"))
    }

    fn value(
        &self,
        message: &Message<'_>,
        device: &str,
        path: &str,
        is_version_5: bool,
    ) -> Result<Decoded, String> {
        let text = json::text(message.payload)?;
        if text.is_empty() {
            return Ok(Decoded::ignored("an empty payload"));
        }
        let in_node = path.get(device.len() + 1..).unwrap_or_default();
        let property = if is_version_5 {
            match self.devices.property(device, in_node) {
                Ok(property) => property,
                Err(why) => return Ok(Decoded::ignored(why)),
            }
        } else {
            self.properties.get(path).unwrap_or(&UNKNOWN)
        };
        let (node, last) = path.rsplit_once('/').unwrap_or((device, path));
        let mut builder = Builder::new(message);
        match property.read(text, is_version_5) {
            Ok(Some(value)) => {
                let (quantity, unit) = (names::canonical(last), property.unit());
                match text {
                    // A truth value has no unit that could be guessed.
                    "true" | "false" => {
                        let value = Json::from(text == "true");
                        builder.add(node, &quantity, &value, unit, Stamp::Receipt);
                    }
                    _ => builder.add_value(node, &quantity, value, unit, Stamp::Receipt),
                }
            }
            Ok(None) => {}
            Err(why) => builder.fault(format!("`{last}` of {node}: {why}")),
        }
        Ok(builder.finish("its type is no number"))
    }
}

/// The attribute that `$state` replaced.
fn online(message: &Message<'_>, device: &str) -> Result<Decoded, String> {
    let mut builder = Builder::new(message);
    match json::text(message.payload)? {
        "true" => builder.availability(device, Presence::Online),
        "false" => builder.availability(device, Presence::Offline),
        "" => {}
        _ => return Err("`$online` is neither true nor false".into()),
    }
    Ok(builder.finish("an empty payload"))
}

#[cfg(test)]
mod tests;
