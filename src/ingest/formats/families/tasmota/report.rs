//! Readings of a report: values of its components, and of the devices that a bridge relays.

use serde_json::{Map, Value as Json};

use super::Kind;
use super::keys::{self, Units};
use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp};

/// Keys around relayed data.
const RELAYED: [&str; 3] = ["ZbReceived", "LwReceived", "MtrReceived"];

/// Keys without a value, anywhere.
const NO_VALUES: [&str; 4] = ["Time", "Epoch", "Id", "Address"];

/// Keys of a relayed device that are no values.
const NO_RELAYED_VALUES: [&str; 14] = [
    "Cluster",
    "ConfigResponse",
    "Device",
    "Endpoint",
    "Endpoints",
    "Ep",
    "FPort",
    "Group",
    "Name",
    "Node",
    "Payload",
    "Read",
    "ReadNames",
    "Status",
];

/// Objects in each other that are read.
const MOST_LEVELS: usize = 8;

/// Adds the readings of a report.
pub fn add_all(
    builder: &mut Builder,
    device: &str,
    kind: Kind,
    fields: &Map<String, Json>,
    units: Units<'_>,
    stamp: Stamp,
) {
    let mut report = Report { builder, device, stamp };
    let units = units.of(fields);
    match kind {
        Kind::Energy => report.add_fields(&mut vec!["ENERGY"], fields, units),
        Kind::Relayed => report.add_relayed("ZbReceived", fields, units),
        Kind::Sensor | Kind::Status => report.add_components(fields, units),
    }
}

/// A report being read.
struct Report<'a> {
    builder: &'a mut Builder,
    device: &'a str,
    stamp: Stamp,
}

impl Report<'_> {
    fn add_components(&mut self, fields: &Map<String, Json>, units: Units<'_>) {
        for (key, value) in fields {
            match value {
                Json::Object(parts) if RELAYED.contains(&key.as_str()) => {
                    self.add_relayed(key, parts, units);
                }
                Json::Object(parts) if is_relayed_device(parts) => {
                    self.add_relayed_device("ZbReceived", Some(key), parts, units);
                }
                // Answers of a bridge to its commands.
                Json::Object(_) if key.starts_with("Zb") => {}
                Json::Object(parts) => self.add_fields(&mut vec![key], parts, units),
                _ => self.add_value(&[], key, value, units),
            }
        }
    }

    /// Values below the objects that lead to them.
    fn add_fields<'f>(
        &mut self,
        path: &mut Vec<&'f str>,
        fields: &'f Map<String, Json>,
        units: Units<'f>,
    ) {
        if path.len() > MOST_LEVELS {
            return;
        }
        let units = units.of(fields);
        for (key, value) in fields {
            if let Json::Object(parts) = value {
                path.push(key);
                self.add_fields(path, parts, units);
                path.pop();
            } else {
                self.add_value(path, key, value, units);
            }
        }
    }

    /// A value, or a list with one per channel, each of its own sensor.
    fn add_value(&mut self, path: &[&str], key: &str, value: &Json, units: Units<'_>) {
        if NO_VALUES.contains(&key) || key.ends_with("Unit") {
            return;
        }
        let meaning = keys::meaning(path, key, units);
        let mut sensor = self.device.to_owned();
        for level in path.iter().copied().chain(meaning.probe) {
            sensor.push('/');
            sensor.push_str(level);
        }
        self.add_channels(&mut sensor, 0, &meaning, value);
    }

    /// Values of nested lists; their indexes are levels of the sensor id.
    fn add_channels(
        &mut self,
        sensor: &mut String,
        num_lists: usize,
        meaning: &keys::Meaning<'_>,
        value: &Json,
    ) {
        if num_lists > MOST_LEVELS {
            return;
        }
        let Json::Array(list) = value else { return self.add(sensor, meaning, value) };
        let length = sensor.len();
        for (number, value) in list.iter().enumerate() {
            sensor.push_str(&format!("/{number}"));
            self.add_channels(sensor, num_lists + 1, meaning, value);
            sensor.truncate(length);
        }
    }

    fn add(&mut self, sensor: &str, meaning: &keys::Meaning<'_>, value: &Json) {
        let state = match value.as_str() {
            Some("ON") => Some(Json::Bool(true)),
            Some("OFF") => Some(Json::Bool(false)),
            // A text under a numeric key has another meaning.
            Some(_) if !meaning.is_number => return,
            _ => None,
        };
        let value = state.as_ref().unwrap_or(value);
        let quantity = &meaning.quantity;
        if value.is_boolean() && meaning.is_number {
            let fault = format!("`{quantity}` of {sensor}: it is a truth value, not a number");
            self.builder.fault(fault);
        } else if !value.is_object() {
            self.builder.add(sensor, quantity, value, meaning.unit, self.stamp);
        }
    }

    /// Relayed data: an object per device, or the values of the device that the topic names.
    fn add_relayed(&mut self, wrapper: &str, fields: &Map<String, Json>, units: Units<'_>) {
        let mut devices =
            fields.iter().filter_map(|(key, it)| Some((key, it.as_object()?))).peekable();
        if devices.peek().is_none() {
            return self.add_relayed_device(wrapper, None, fields, units);
        }
        for (key, parts) in devices {
            self.add_relayed_device(wrapper, Some(key), parts, units);
        }
    }

    fn add_relayed_device(
        &mut self,
        wrapper: &str,
        key: Option<&str>,
        fields: &Map<String, Json>,
        units: Units<'_>,
    ) {
        if fields.keys().any(|key| is_command(key)) {
            return;
        }
        let bridge = without_last_level(self.device, key, fields);
        let mut relayed = Report { device: bridge, builder: &mut *self.builder, stamp: self.stamp };
        let path = key.as_slice();
        let units = units.of(fields);
        for (key, value) in fields {
            // Attributes unknown to the bridge begin with their number.
            let is_raw = key.starts_with(|c: char| c.is_ascii_digit());
            if is_raw || NO_RELAYED_VALUES.contains(&key.as_str()) {
                continue;
            }
            match (wrapper, key.as_str()) {
                (_, "Power") => relayed.add_switch(path, value),
                ("LwReceived", "Battery") => {
                    relayed.add_value(path, "BatteryVoltage", value, units);
                }
                _ => relayed.add_value(path, key, value, units),
            }
        }
    }

    /// `Power` of a relayed device: on or off, or 2 for toggle.
    fn add_switch(&mut self, path: &[&str], value: &Json) {
        let Read::Value(value) = values::read(value) else { return };
        if value.get() == 0.0 || value.get() == 1.0 {
            let sensor = [&[self.device], path].concat().join("/");
            self.builder.add_value(&sensor, "state", value, "", self.stamp);
        }
    }
}

/// Whether a component is a relayed device without the wrapper, as the bridge can be set to send it.
fn is_relayed_device(fields: &Map<String, Json>) -> bool {
    fields.get("Device").is_some_and(Json::is_string) && fields.contains_key("Endpoint")
}

/// Whether a key is a Zigbee command that was received (`0006!02`) or answered (`0004<00`). Alarms of the cluster 0500
/// carry values.
fn is_command(key: &str) -> bool {
    key.contains('<') || (key.contains('!') && !key.starts_with("0500"))
}

/// Topic without its last level, if that is the relayed device, by its key, name or address.
fn without_last_level<'a>(
    device: &'a str,
    key: Option<&str>,
    fields: &Map<String, Json>,
) -> &'a str {
    let Some((bridge, last)) = device.rsplit_once('/').filter(|_| key.is_some()) else {
        return device;
    };
    let plain = |name: &str| name.trim_start_matches("0x").to_ascii_lowercase();
    let names = ["Device", "Name"].map(|key| fields.get(key).and_then(Json::as_str));
    let is_last = |name: &str| plain(name) == plain(last);
    if names.into_iter().chain([key]).flatten().any(is_last) { bridge } else { device }
}
