//! `Zigbee2MQTT`: all attributes of a device in one object, described by a retained list of
//! devices.
//!
//! * **Topics** `<base>/<friendly name>`, where the name may contain slashes, spaces and any
//!   letters; and `<base>/<friendly name>/<attribute>` with the option `output: attribute`. Default
//!   base: `zigbee2mqtt`.
//! * **Value** a number, a numeric string, a boolean, or one of the two words that the definition
//!   assigns to a binary attribute; `null` means never reported.
//! * **Unit** in the attribute's definition, `<base>/bridge/devices` (retained, some kilobytes per
//!   device; measured attributes and their units are stored). A settable attribute (`access` has
//!   bit value 2) is a setting and not a reading, except the state of a switch. Without a
//!   definition, well-known attributes have their usual units and others are ignored.
//! * **Time** `last_seen`: absent, milliseconds since 1970, ISO 8601 in UTC or with an offset.
//! * **Id** the friendly name; the quantity is the attribute.
//! * **Availability** `<base>/<friendly name>/availability` and, for the bridge and all its
//!   devices, `<base>/bridge/state`: `{"state":"online"}`, before version 2 the bare word. A device
//!   that disappears from the list is removed.
//! * **Traps** A message repeats every attribute in the bridge's cache, also at its start;
//!   `last_seen` gives their age. The unit of an attribute differs between devices (`voltage`: V of
//!   a plug, mV of a battery). Messages of groups duplicate those of their members. With
//!   `output: attribute_and_json` each value arrives twice.
//! * **Source** zigbee2mqtt.io (topics, exposes, availability), `lib/controller.ts`,
//!   `lib/extension/availability.ts`.

mod attributes;
mod definitions;
mod known;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use crate::config::PresetTable;
use crate::domain::Presence;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, topics};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

use attributes::Attributes;
use definitions::Device;

/// State key of the bridge; present while it is offline.
const BRIDGE_KEY: &str = "bridge";

/// Prefixes of state keys: definitions by friendly name, group names, and devices that reported
/// themselves offline.
const DEVICE_KEY: &str = "device/";
const GROUP_KEY: &str = "group/";
const OFFLINE_KEY: &str = "offline/";

/// Reason for ignoring messages of groups.
const OF_GROUP: &str = "a group repeats what its members report";

/// Format of one bridge.
#[derive(Debug, Clone)]
pub struct Zigbee2mqtt {
    base: String,
    zone: Tz,
    /// Listed devices, by friendly name.
    devices: BTreeMap<Box<str>, Device>,
    /// Friendly names of groups.
    groups: BTreeSet<Box<str>>,
    /// Friendly names of devices whose own availability message is `offline`.
    offline: BTreeSet<Box<str>>,
    is_bridge_offline: bool,
}

/// Kind of a topic below the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject<'a> {
    Devices,
    Groups,
    BridgeState,
    Availability(&'a str),
    /// State of a device, or one of its attributes; with the rest of the topic.
    State(&'a str),
    /// Command or internal topic of the bridge; carries no readings.
    Nothing,
}

impl Zigbee2mqtt {
    /// Creates the format of a table; `zone` is the time zone of a `last_seen` without an offset.
    ///
    /// # Errors
    /// If a key of the table is invalid; names the key.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let base = topics::base(table.base.as_deref(), "zigbee2mqtt")?;
        Ok(Self::empty(base, zone))
    }

    const fn empty(base: String, zone: Tz) -> Self {
        Self {
            base,
            zone,
            devices: BTreeMap::new(),
            groups: BTreeSet::new(),
            offline: BTreeSet::new(),
            is_bridge_offline: false,
        }
    }

    fn subject<'a>(&self, topic: &'a str) -> Option<Subject<'a>> {
        let rest = topics::below(&self.base, topic)?;
        Some(match rest {
            "bridge/devices" => Subject::Devices,
            "bridge/groups" => Subject::Groups,
            "bridge/state" => Subject::BridgeState,
            _ if rest == "bridge" || rest.starts_with("bridge/") => Subject::Nothing,
            // A friendly name may contain a level `set`.
            _ if self.devices.contains_key(rest) => Subject::State(rest),
            _ => Self::subject_of_name(rest),
        })
    }

    /// Kind of a topic by its last levels. `<name>/set` and `<name>/get` are commands, also with an
    /// endpoint before or an attribute after them.
    fn subject_of_name(rest: &str) -> Subject<'_> {
        if rest.split('/').skip(1).any(|level| matches!(level, "set" | "get")) {
            return Subject::Nothing;
        }
        match rest.strip_suffix("/availability") {
            Some(name) if !name.is_empty() => Subject::Availability(name),
            _ => Subject::State(rest),
        }
    }

    fn decode_bridge_state(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let mut decoded = availability::decode(&self.base, message)?;
        let Some(bridge) = decoded.availability.first().map(|word| word.presence) else {
            return Ok(decoded);
        };
        let is_offline = bridge != Presence::Online;
        if is_offline != self.is_bridge_offline {
            changes.push((BRIDGE_KEY.into(), is_offline.then(|| b"offline".to_vec())));
        }
        let mut builder = Builder::new(message);
        for name in self.devices.keys() {
            let is_offline = is_offline || self.offline.contains(name);
            let presence = if is_offline { Presence::Offline } else { Presence::Online };
            self.add_availability(&mut builder, name, presence);
        }
        decoded.availability.append(&mut builder.finish("").availability);
        Ok(decoded)
    }

    /// Decodes the availability of a device. An offline bridge takes precedence over the device's
    /// retained message.
    fn decode_availability(
        &self,
        name: &str,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        if self.is_group(name) {
            return Ok(Decoded::ignored(OF_GROUP));
        }
        let decoded = availability::decode(name, message)?;
        let Some(word) = decoded.availability.first() else { return Ok(decoded) };
        let is_offline = word.presence == Presence::Offline;
        if self.devices.contains_key(name) && is_offline != self.offline.contains(name) {
            let key = format!("{OFFLINE_KEY}{name}").into();
            changes.push((key, is_offline.then(|| b"offline".to_vec())));
        }
        let presence = if self.is_bridge_offline { Presence::Offline } else { word.presence };
        let mut builder = Builder::new(message);
        self.add_availability(&mut builder, name, presence);
        Ok(builder.finish(""))
    }

    /// Adds the availability of a device and of the sensors of its composites.
    fn add_availability(&self, builder: &mut Builder, name: &str, presence: Presence) {
        builder.sensor_availability(name, presence);
        let composites = self.attributes(name).map(Attributes::composites).unwrap_or_default();
        for composite in composites {
            builder.sensor_availability(&format!("{name}/{composite}"), presence);
        }
    }

    fn decode_state(&self, rest: &str, message: &Message<'_>) -> Result<Decoded, String> {
        let text = json::text(message.payload)?;
        if text.is_empty() {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        }
        if self.is_group(rest) {
            return Ok(Decoded::ignored(OF_GROUP));
        }
        let is_whole = self.devices.contains_key(rest) || text.starts_with('{');
        match rest.rsplit_once('/').filter(|_| !is_whole) {
            None => match json::parse_object(message.payload)? {
                Some(fields) => Ok(self.decode_object(rest, &fields, message)),
                None => Ok(Decoded::ignored("an empty payload")),
            },
            Some((name, _)) if self.is_group(name) => Ok(Decoded::ignored(OF_GROUP)),
            Some((name, attribute)) => Ok(self.decode_attribute(name, attribute, text, message)),
        }
    }

    fn decode_object(
        &self,
        name: &str,
        fields: &Map<String, Json>,
        message: &Message<'_>,
    ) -> Decoded {
        let mut builder = Builder::new(message);
        let reader = TimeReader::new(self.zone, message.received_at);
        let stamp = builder.stamp(&reader, fields.get("last_seen"));
        match self.attributes(name) {
            Some(attributes) => attributes.add_all(&mut builder, name, fields, stamp),
            None => known::add_all(&mut builder, name, fields, stamp),
        }
        builder.finish("it has no attribute that is a measurement")
    }

    /// Decodes a topic with a single attribute.
    fn decode_attribute(
        &self,
        name: &str,
        attribute: &str,
        text: &str,
        message: &Message<'_>,
    ) -> Decoded {
        let mut builder = Builder::new(message);
        let value = serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()));
        match self.attributes(name) {
            Some(attributes) => {
                attributes.add_topic(&mut builder, name, attribute, &value, Stamp::Receipt);
            }
            None => {
                let fields = Map::from_iter([(attribute.to_owned(), value)]);
                known::add_all(&mut builder, name, &fields, Stamp::Receipt);
            }
        }
        builder.finish("the attribute is no measurement")
    }

    fn is_group(&self, name: &str) -> bool {
        self.groups.contains(name) && !self.devices.contains_key(name)
    }

    fn attributes(&self, name: &str) -> Option<&Attributes> {
        self.devices.get(name)?.attributes.as_ref()
    }
}

impl Format for Zigbee2mqtt {
    fn name(&self) -> &'static str {
        "zigbee2mqtt"
    }

    fn key(&self) -> String {
        match self.base.as_str() {
            "zigbee2mqtt" => "zigbee2mqtt".into(),
            base => format!("zigbee2mqtt:{base}"),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        vec![Filter::optional(format!("{}/#", self.base))]
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.subject(topic) {
            None => Claim::Foreign,
            Some(Subject::Nothing) => Claim::Ignores,
            Some(_) => Claim::Decodes,
        }
    }

    fn is_description(&self, topic: &str) -> bool {
        matches!(self.subject(topic), Some(Subject::Devices))
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.subject(message.topic) {
            Some(Subject::Devices) => self.decode_devices(message, changes),
            Some(Subject::Groups) => self.decode_groups(message, changes),
            Some(Subject::BridgeState) => self.decode_bridge_state(message, changes),
            Some(Subject::Availability(name)) => self.decode_availability(name, message, changes),
            Some(Subject::State(rest)) => self.decode_state(rest, message),
            Some(Subject::Nothing) | None => Ok(Decoded::ignored("no report of a device")),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        if key == BRIDGE_KEY {
            self.is_bridge_offline = value.is_some();
        } else if let Some(name) = key.strip_prefix(DEVICE_KEY) {
            match value.and_then(Device::from_bytes) {
                Some(device) => drop(self.devices.insert(name.into(), device)),
                None => drop(self.devices.remove(name)),
            }
        } else if let Some(name) = key.strip_prefix(GROUP_KEY) {
            set(&mut self.groups, name, value.is_some());
        } else if let Some(name) = key.strip_prefix(OFFLINE_KEY) {
            set(&mut self.offline, name, value.is_some());
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self::empty(self.base.clone(), self.zone))
    }
}

fn set(names: &mut BTreeSet<Box<str>>, name: &str, is_in: bool) {
    if is_in {
        names.insert(name.into());
    } else {
        names.remove(name);
    }
}

#[cfg(test)]
mod tests;
