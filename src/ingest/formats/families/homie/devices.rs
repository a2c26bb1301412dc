//! Devices of version 5: their states, and the declarations of their properties and roots.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::property::Property;
use crate::domain::Presence;
use crate::ingest::formats::StateChange;

/// Limit of devices in the state; any client chooses what is described.
const MOST_DEVICES: usize = 4096;

/// Properties of a device that are remembered.
const MOST_PROPERTIES: usize = 2048;

/// State of a device, by its Homie name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Init,
    Ready,
    Sleeping,
    /// Version 4 only: connected, and needs attention.
    Alert,
    Disconnected,
    Lost,
    Removed,
}

impl State {
    const WORDS: [(&'static str, Self); 7] = [
        ("init", Self::Init),
        ("ready", Self::Ready),
        ("sleeping", Self::Sleeping),
        ("alert", Self::Alert),
        ("disconnected", Self::Disconnected),
        ("lost", Self::Lost),
        ("", Self::Removed),
    ];

    /// Reads the payload of `$state`; an empty one removes the device.
    ///
    /// # Errors
    /// If the word is unknown.
    pub fn read(text: &str) -> Result<Self, String> {
        let known = Self::WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, state)| *state).ok_or_else(|| {
            let short: String = text.chars().take(40).collect();
            format!("{short:?} is no state of a device")
        })
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, state)| *state == self).map_or("", |(word, _)| word)
    }

    /// Availability that follows from the state.
    pub fn presence(self) -> Presence {
        match self {
            Self::Init | Self::Ready | Self::Sleeping | Self::Alert => Presence::Online,
            Self::Disconnected | Self::Lost => Presence::Offline,
            Self::Removed => Presence::Removed,
        }
    }
}

/// Longest id of a node or property, in bytes: that of a sensor. A node's is stored once for each property.
const LONGEST_ID: usize = 256;

/// Stored part of a `$description`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The device whose connection this one depends on; `None` for a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Box<str>>,
    /// By `<node>/<property>`.
    properties: BTreeMap<Box<str>, Property>,
}

impl Description {
    /// Reads a description. Parts that violate the convention are ignored.
    pub fn new(fields: &Map<String, Json>) -> Self {
        let root = fields.get("root").and_then(Json::as_str).map(Into::into);
        let mut properties = BTreeMap::new();
        for (node, fields) in objects(fields.get("nodes")) {
            for (name, fields) in objects(fields.get("properties")) {
                if properties.len() < MOST_PROPERTIES {
                    properties.insert(format!("{node}/{name}").into(), Property::new(fields));
                }
            }
        }
        Self { root, properties }
    }
}

/// The objects in an object, with their keys.
fn objects(value: Option<&Json>) -> impl Iterator<Item = (&String, &Map<String, Json>)> {
    let fields = value.and_then(Json::as_object).into_iter().flatten();
    let fields = fields.filter(|(key, _)| key.len() <= LONGEST_ID);
    fields.filter_map(|(key, value)| Some((key, value.as_object()?)))
}

#[derive(Debug, Clone, Default)]
struct Device {
    state: Option<State>,
    description: Option<Description>,
}

/// All devices of version 5.
#[derive(Debug, Clone, Default)]
pub struct Devices(BTreeMap<Box<str>, Device>);

impl Devices {
    /// Declaration of a property, given as `<node>/<property>`.
    ///
    /// # Errors
    /// Says why there is nothing.
    pub fn property(&self, device: &str, property: &str) -> Result<&Property, &'static str> {
        let description = self.0.get(device).and_then(|it| it.description.as_ref());
        let description = description.ok_or("its device has not described itself yet")?;
        description.properties.get(property).ok_or("not in the description of its device")
    }

    /// Availability that follows from a device's state: its own, and as a root its children's. A child of a lost
    /// root is lost.
    pub fn presences(&self, device: &str, state: State) -> Vec<(Box<str>, Presence)> {
        let is_lost =
            |device: &str| self.0.get(device).and_then(|it| it.state) == Some(State::Lost);
        let is_orphan = state != State::Removed && self.root_of(device).is_some_and(is_lost);
        let own = if is_orphan { Presence::Offline } else { state.presence() };
        let mut presences = vec![(device.into(), own)];
        if state == State::Lost || is_lost(device) {
            let children = self.0.iter().filter(|(id, _)| self.root_of(id) == Some(device));
            presences.extend(children.filter_map(|(id, child)| {
                let presence = match state {
                    State::Lost => Presence::Offline,
                    _ => child.state?.presence(),
                };
                Some((id.clone(), presence))
            }));
        }
        presences
    }

    fn root_of(&self, device: &str) -> Option<&str> {
        self.0.get(device)?.description.as_ref()?.root.as_deref()
    }

    /// Remembers a state from this message on. A removed device is forgotten.
    pub fn change_state(&self, device: &str, state: State, changes: &mut Vec<StateChange>) {
        let known = self.0.get(device);
        let is_news = known.and_then(|it| it.state) != Some(state);
        if state == State::Removed {
            let forgotten = known.map(|_| ["state", "description"]).unwrap_or_default();
            changes.extend(forgotten.map(|what| (key(device, what), None)));
        } else if is_news && (known.is_some() || self.0.len() < MOST_DEVICES) {
            changes.push((key(device, "state"), Some(state.word().into())));
        }
    }

    /// Remembers a description from this message on, or forgets it.
    ///
    /// # Errors
    /// If there are too many devices.
    pub fn change_description(
        &self,
        device: &str,
        description: Option<Description>,
        changes: &mut Vec<StateChange>,
    ) -> Result<(), String> {
        let known = self.0.get(device);
        if known.is_none() && self.0.len() >= MOST_DEVICES {
            return Err(format!("more than {MOST_DEVICES} devices are known already"));
        }
        if known.and_then(|it| it.description.as_ref()) != description.as_ref() {
            let bytes = description.and_then(|it| serde_json::to_vec(&it).ok());
            changes.push((key(device, "description"), bytes));
        }
        Ok(())
    }

    /// Applies a state change.
    pub fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        let Some((device, what)) = key.strip_prefix("5/").and_then(|key| key.rsplit_once('/'))
        else {
            return;
        };
        let known = self.0.entry(device.into()).or_default();
        if what == "state" {
            let word = value.and_then(|value| std::str::from_utf8(value).ok());
            known.state = word.and_then(|word| State::read(word).ok());
        } else {
            known.description = value.and_then(|value| serde_json::from_slice(value).ok());
        }
        if known.state.is_none() && known.description.is_none() {
            self.0.remove(device);
        }
    }
}

fn key(device: &str, what: &str) -> Box<str> {
    format!("5/{device}/{what}").into()
}
