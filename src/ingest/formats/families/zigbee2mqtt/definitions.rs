//! Retained lists of the bridge: devices with their definitions, and groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::attributes::{Attribute, Attributes};
use super::{DEVICE_KEY, GROUP_KEY, OFFLINE_KEY, Zigbee2mqtt};
use crate::domain::Presence;
use crate::ingest::formats::kit::{Builder, json};
use crate::ingest::formats::{Decoded, Message, StateChange};

/// Bit of `access`: the attribute is part of the published state.
const ACCESS_PUBLISHED: u64 = 1;

/// Bit of `access`: the attribute can be set.
const ACCESS_SET: u64 = 2;

/// Stored definition of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Measured attributes; `None` if the device is not supported by the bridge.
    #[serde(rename = "a")]
    pub attributes: Option<Attributes>,
}

/// Maximum length of an attribute's name, in bytes. Names of composites are stored once per member.
const LONGEST_NAME: usize = 256;

/// Limit of devices per bridge. Each of them changes availability with the bridge.
const MOST_DEVICES: usize = 4096;

impl Device {
    /// Parses a stored definition; `None` if it is invalid.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn from_listed(listed: &Json) -> Self {
        let exposes = listed.pointer("/definition/exposes").and_then(Json::as_array);
        let attributes = exposes.map(|exposes| {
            let mut attributes = Attributes::default();
            for expose in exposes {
                add_expose(&mut attributes, expose);
            }
            attributes.drop_raw_illuminance();
            attributes
        });
        Self { attributes }
    }
}

/// Adds the attributes of an expose: an attribute, a composite, or a device type (`switch`,
/// `climate`) with features.
fn add_expose(attributes: &mut Attributes, expose: &Json) {
    let of_kind = |key| expose.get(key).and_then(Json::as_str);
    let features = expose.get("features").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let composite = of_kind("property").filter(|_| of_kind("type") == Some("composite"));
    for feature in features {
        let is_state = of_kind("type") == Some("switch")
            && feature.get("name").and_then(Json::as_str) == Some("state");
        add_attribute(attributes, feature, composite, is_state);
    }
    if features.is_empty() {
        add_attribute(attributes, expose, None, false);
    }
}

fn add_attribute(
    attributes: &mut Attributes,
    expose: &Json,
    composite: Option<&str>,
    is_switch_state: bool,
) {
    let text = |key| expose.get(key).and_then(Json::as_str);
    let access = expose.get("access").and_then(Json::as_u64).unwrap_or(ACCESS_PUBLISHED);
    let is_setting = access & ACCESS_SET != 0 && !is_switch_state;
    let Some(property) = text("property").or_else(|| text("name")) else { return };
    if is_setting || access & ACCESS_PUBLISHED == 0 {
        return;
    }
    if [Some(property), composite].into_iter().flatten().any(|name| name.len() > LONGEST_NAME) {
        return;
    }
    let attribute = match text("type") {
        Some("numeric") => Attribute::Number(text("unit").unwrap_or_default().into()),
        Some("binary") => Attribute::Binary(states(expose)),
        _ => return,
    };
    match composite {
        Some(composite) => attributes.insert(&format!("{composite}/{property}"), attribute),
        None => attributes.insert(property, attribute),
    }
}

/// Values for on and off; `None` if they are booleans, which are used as published. A closed
/// `contact`, for example, is on, but published as false.
fn states(expose: &Json) -> Option<(Json, Json)> {
    let is_plain = |value: &&Json| value.is_string() || value.is_number();
    let on = expose.get("value_on").filter(is_plain)?;
    let off = expose.get("value_off").filter(is_plain)?;
    Some((on.clone(), off.clone()))
}

impl Zigbee2mqtt {
    /// Decodes the list of devices. A device that is no longer in the list has been removed or
    /// renamed.
    pub(super) fn decode_devices(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let Some(list) = parse_list(message)? else {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        };
        if list.len() > MOST_DEVICES {
            return Err(format!("the list has more than {MOST_DEVICES} devices"));
        }
        let is_device = |it: &&Json| it.get("type").and_then(Json::as_str) != Some("Coordinator");
        let named = |it| Some((name(it)?, Device::from_listed(it)));
        let listed: BTreeMap<&str, Device> =
            list.iter().filter(is_device).filter_map(named).collect();
        for (name, device) in &listed {
            if self.devices.get(*name) != Some(device) {
                changes.push((format!("{DEVICE_KEY}{name}").into(), Some(device.to_bytes())));
            }
        }
        let gone: Vec<&str> = self
            .devices
            .keys()
            .map(|name| &**name)
            .filter(|name| !listed.contains_key(name))
            .collect();
        // Devices are removed one at a time. If all of them disappear at once, the bridge has lost
        // its database; their alarms are kept.
        let has_lost_all = gone.len() > 1 && gone.len() == self.devices.len();
        let mut builder = Builder::new(message);
        for name in gone {
            changes.push((format!("{DEVICE_KEY}{name}").into(), None));
            if self.offline.contains(name) {
                changes.push((format!("{OFFLINE_KEY}{name}").into(), None));
            }
            if !has_lost_all {
                self.add_availability(&mut builder, name, Presence::Removed);
            }
        }
        Ok(builder.finish("a list of devices: no readings"))
    }

    /// Decodes the list of groups. Messages of groups duplicate the reports of their members.
    pub(super) fn decode_groups(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let Some(list) = parse_list(message)? else {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        };
        let listed: BTreeSet<&str> = list.iter().filter_map(name).collect();
        for name in listed.iter().filter(|name| !self.groups.contains(**name)) {
            changes.push((format!("{GROUP_KEY}{name}").into(), Some(Vec::new())));
        }
        for name in self.groups.iter().filter(|name| !listed.contains(&***name)) {
            changes.push((format!("{GROUP_KEY}{name}").into(), None));
        }
        Ok(Decoded::ignored("a list of groups: no readings"))
    }
}

fn name(listed: &Json) -> Option<&str> {
    listed.get("friendly_name").and_then(Json::as_str).filter(|name| !name.is_empty())
}

fn parse_list(message: &Message<'_>) -> Result<Option<Vec<Json>>, String> {
    match json::parse(message.payload)? {
        None => Ok(None),
        Some(Json::Array(list)) => Ok(Some(list)),
        Some(other) => Err(format!("the payload is {}, not a list", json::kind(&other))),
    }
}
