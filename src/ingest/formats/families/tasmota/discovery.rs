//! Discovery messages: the topics, words and units that devices announce.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Units;
use super::full_topic::{FullTopic, Prefix, Source};
use crate::ingest::formats::kit::json;
use crate::ingest::formats::{Decoded, Message, StateChange};

/// Key prefixes of the state, followed by a MAC address.
const CONFIG_KEY: &str = "config/";
const SENSORS_KEY: &str = "sensors/";

/// Limit of announced topic shapes beside the table's own: each is a few subscriptions.
const MOST_SHAPES: usize = 1024;

/// Bytes of a name or topic in an announcement.
const MOST_BYTES: usize = 256;

/// Devices that announced themselves.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// Devices by MAC address.
    devices: HashMap<Box<str>, Device>,
    /// MAC addresses by topic without its last level. Of several the first in order counts, whenever announced.
    roots: HashMap<Box<str>, BTreeSet<Box<str>>>,
    /// Units by MAC address.
    units: HashMap<Box<str>, LearntUnits>,
    /// Topic shapes beside the table's own, and the number of devices with each.
    shapes: BTreeMap<Shape, usize>,
}

/// Topic without its last level as a filter, for one prefix.
type Shape = (Box<str>, bool);

/// State of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    /// `%topic%`.
    #[serde(rename = "t")]
    name: Box<str>,
    /// Topics with telemetry and with answers, without their last level.
    tele: Box<str>,
    stat: Box<str>,
    /// Topic with `+` in place of the name, if that is a level.
    tele_shape: Box<str>,
    stat_shape: Box<str>,
    online: Box<str>,
    offline: Box<str>,
}

/// Units of a device's values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct LearntUnits {
    #[serde(rename = "t", default)]
    temperature: Option<Box<str>>,
    #[serde(rename = "p", default)]
    pressure: Option<Box<str>>,
    #[serde(rename = "s", default)]
    speed: Option<Box<str>>,
}

impl Fleet {
    /// The device that a topic without its last level is of.
    pub fn source<'a>(&'a self, root: &str) -> Option<Source<'a>> {
        let mac = &**self.roots.get(root)?.first()?;
        let device = self.devices.get(mac)?;
        let prefix = match (root == &*device.tele, root == &*device.stat) {
            (true, true) => Prefix::Any,
            (true, false) => Prefix::Tele,
            _ => Prefix::Stat,
        };
        Some(Source { device: &device.name, location: "", mac: Some(mac), prefix })
    }

    /// Units of the device's values if a message names none.
    pub fn units(&self, mac: Option<&str>) -> Units<'_> {
        let learnt = mac.and_then(|mac| self.units.get(mac));
        learnt.map_or_else(Units::default, |learnt| {
            Units::default().with(
                learnt.temperature.as_deref(),
                learnt.pressure.as_deref(),
                learnt.speed.as_deref(),
            )
        })
    }

    /// Its words for online and offline.
    pub fn words(&self, mac: Option<&str>) -> Option<(&str, &str)> {
        let device = self.devices.get(mac?)?;
        Some((&device.online, &device.offline))
    }

    /// Filters of topics beside the table's own.
    pub fn filters(&self) -> Vec<String> {
        let of_shape = |(root, is_tele): &Shape| {
            let prefix = if *is_tele { Prefix::Tele } else { Prefix::Stat };
            prefix.filters(root)
        };
        self.shapes.keys().flat_map(of_shape).collect()
    }

    /// Decodes a device's announcement.
    pub fn decode_config(
        &self,
        mac: &str,
        message: &Message<'_>,
        full_topic: &FullTopic,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let key = format!("{CONFIG_KEY}{mac}");
        let known = self.devices.get(mac);
        let Some(fields) = json::parse_object(message.payload)? else {
            changes.extend(known.map(|_| (key.into(), None)));
            return Ok(Decoded::ignored("the device takes its announcement back"));
        };
        let device = Device::announced(mac, &Json::Object(fields))?;
        let is_new = |shape: &Shape| !self.shapes.contains_key(shape);
        let num_new = device.own_shapes(full_topic).iter().filter(|shape| is_new(shape)).count();
        if self.shapes.len() + num_new > MOST_SHAPES {
            return Err(format!("devices announced {MOST_SHAPES} different `FullTopic`s already"));
        }
        if known != Some(&device) {
            changes.push((key.into(), serde_json::to_vec(&device).ok()));
        }
        Ok(Decoded::ignored("an announcement: no readings"))
    }

    /// Decodes the announcement of a device's sensors, which names the units.
    pub fn decode_sensors(
        &self,
        mac: &str,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let unit = |fields: &Json, key| {
            let unit = fields.get("sn").and_then(|it| it.get(key)).and_then(Json::as_str);
            unit.filter(|unit| unit.len() <= MOST_BYTES).map(Into::into)
        };
        let learnt = json::parse_object(message.payload)?.map(Json::Object).map(|fields| {
            let (temperature, pressure) =
                (unit(&fields, "TempUnit"), unit(&fields, "PressureUnit"));
            LearntUnits { temperature, pressure, speed: unit(&fields, "SpeedUnit") }
        });
        let learnt = learnt.filter(|learnt| *learnt != LearntUnits::default());
        if self.units.get(mac) != learnt.as_ref() {
            let value = learnt.and_then(|learnt| serde_json::to_vec(&learnt).ok());
            changes.push((format!("{SENSORS_KEY}{mac}").into(), value));
        }
        Ok(Decoded::ignored("an announcement: no readings"))
    }

    /// Applies the state change of an announcement.
    pub fn remember(&mut self, key: &str, value: Option<&[u8]>, full_topic: &FullTopic) {
        if let Some(mac) = key.strip_prefix(CONFIG_KEY) {
            self.forget(mac, full_topic);
            if let Some(device) = value.and_then(|value| serde_json::from_slice(value).ok()) {
                self.insert(mac, device, full_topic);
            }
        } else if let Some(mac) = key.strip_prefix(SENSORS_KEY) {
            match value.and_then(|value| serde_json::from_slice(value).ok()) {
                Some(units) => drop(self.units.insert(mac.into(), units)),
                None => drop(self.units.remove(mac)),
            }
        }
    }

    fn insert(&mut self, mac: &str, device: Device, full_topic: &FullTopic) {
        for shape in device.own_shapes(full_topic) {
            *self.shapes.entry(shape).or_insert(0) += 1;
        }
        for root in [&device.tele, &device.stat] {
            self.roots.entry(root.clone()).or_default().insert(mac.into());
        }
        self.devices.insert(mac.into(), device);
    }

    fn forget(&mut self, mac: &str, full_topic: &FullTopic) {
        let Some(device) = self.devices.remove(mac) else { return };
        for shape in device.own_shapes(full_topic) {
            if let Some(num_devices) = self.shapes.get_mut(&shape) {
                *num_devices -= 1;
                if *num_devices == 0 {
                    self.shapes.remove(&shape);
                }
            }
        }
        for root in [&device.tele, &device.stat] {
            if let Some(macs) = self.roots.get_mut(root) {
                macs.remove(mac);
                if macs.is_empty() {
                    self.roots.remove(root);
                }
            }
        }
    }
}

impl Device {
    fn announced(mac: &str, fields: &Json) -> Result<Self, String> {
        let text = |pointer| fields.pointer(pointer).and_then(Json::as_str);
        let name = text("/t").ok_or("the announcement has no topic `t`")?;
        let full_topic = text("/ft").ok_or("the announcement has no `FullTopic` `ft`")?;
        let host = text("/hn").unwrap_or_default();
        let tele = text("/tp/2").unwrap_or("tele");
        let stat = text("/tp/1").unwrap_or("stat");
        let root = |prefix, name| {
            root(full_topic, prefix, name, host, mac)
                .ok_or("the announcement has an unusable topic: it is too long")
        };
        let is_level = full_topic.split('/').any(|level| level == "%topic%") && !name.contains('/');
        let shape = if is_level { "+" } else { name };
        let device = Self {
            name: name.into(),
            tele: root(tele, name)?,
            stat: root(stat, name)?,
            tele_shape: root(tele, shape)?,
            stat_shape: root(stat, shape)?,
            online: text("/onln").unwrap_or("Online").into(),
            offline: text("/ofln").unwrap_or("Offline").into(),
        };
        match device.all_texts().iter().find(|text| !is_sane(text)) {
            None => Ok(device),
            Some(text) => {
                let short: String = text.chars().take(40).collect();
                Err(format!("the announcement has an unusable name or topic {short:?}"))
            }
        }
    }

    fn all_texts(&self) -> [&str; 5] {
        [&self.name, &self.tele, &self.stat, &self.online, &self.offline]
    }

    /// Shapes of its topics that the table's own filters don't cover.
    fn own_shapes(&self, full_topic: &FullTopic) -> Vec<Shape> {
        let shapes = [(&self.tele, &self.tele_shape, true), (&self.stat, &self.stat_shape, false)];
        let is_own = |root: &str| full_topic.source(root).is_none();
        let own = shapes.into_iter().filter(|(root, ..)| is_own(root));
        own.map(|(_, shape, is_tele)| (shape.clone(), is_tele)).collect()
    }
}

/// A `FullTopic` with its tokens filled in.
fn root(full_topic: &str, prefix: &str, name: &str, host: &str, mac: &str) -> Option<Box<str>> {
    let mut filled = full_topic.to_owned();
    for (token, text) in
        [("%prefix%", prefix), ("%topic%", name), ("%hostname%", host), ("%id%", mac)]
    {
        // Each token may occur many times, and the next one in each replacement.
        if filled.len() > MOST_BYTES || filled.contains(token) && text.len() > MOST_BYTES {
            return None;
        }
        filled = filled.replace(token, text);
    }
    Some(filled.trim_end_matches('/').into())
}

fn is_sane(text: &str) -> bool {
    let is_of_filter = |c: char| c.is_control() || matches!(c, '+' | '#');
    !text.is_empty() && text.len() <= MOST_BYTES && !text.contains(is_of_filter)
}
