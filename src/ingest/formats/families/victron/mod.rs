//! Victron Venus OS (GX devices): a topic a value of its D-Bus.
//!
//! * **Topics**: `N/<portal>/<service>/<instance>/<path…>`; `base` names what stands before `N`, or `N/<portal>` for
//!   one portal alone. `R/…` and `W/…` are requests and commands.
//! * **Value**: `{"value":x}`; numbers only. `null`: the device has no such value now.
//! * **Unit**: known of the path ([`units`]); messages carry none.
//! * **Time**: none; the receipt.
//! * **Id**: `<portal>/<service>/<instance>/<path without its last level>`, quantity the last level.
//! * **Availability**: an empty payload, which comes for each topic of a device that left the bus; and `Connected`.
//! * **Traps**: nothing is retained, and a portal is silent unless a request on `R/<portal>/keepalive` came within the
//!   last 60 s ([`Format::requests`]). Settings are what somebody chose; product ids and versions are numbers, too.
//!
//! Source: victronenergy/dbus-flashmq (README), `victronenergy/dbus_modbustcp` (units of paths).

mod units;

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::table_topics;
use crate::config::PresetTable;
use crate::domain::Presence;
use crate::ingest::formats::kit::{Builder, Stamp, json};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, Request, StateChange};

/// Portals that are kept alive without being configured; a stranger chooses what is heard.
const MOST_PORTALS: usize = 32;

/// Longest id of a portal, in bytes; they are MAC addresses in hexadecimal.
const LONGEST_PORTAL: usize = 32;

/// Services that publish no measurements.
const SERVICES_WITHOUT_VALUES: [&str; 3] = ["settings", "platform", "logger"];

/// Levels of a path below which there are settings and descriptions.
const LEVELS_WITHOUT_VALUES: [&str; 2] = ["Settings", "Mgmt"];

/// Last levels of numbers that name something.
const NAMING: [&str; 9] = [
    "ProductId",
    "DeviceInstance",
    "FirmwareVersion",
    "HardwareVersion",
    "FirmwareSubVersion",
    "DeviceType",
    "Position",
    "N2kDeviceInstance",
    "ModelId",
];

/// The format of one table.
#[derive(Debug, Clone)]
pub struct Victron {
    key: String,
    /// Levels before `N`, with a slash at their end; most often empty.
    prefix: String,
    /// The only portal; `None` for all.
    portal: Option<String>,
    /// Portals that were heard, where none is configured.
    heard: BTreeSet<Box<str>>,
}

impl Victron {
    /// The table's `base` is what stands before `N`, or ends in `N` or `N/<portal>`.
    ///
    /// # Errors
    /// If there are more levels after `N` than the portal's.
    pub fn new(table: &PresetTable, _: Tz) -> Result<Self, String> {
        let base = table.base.as_deref().unwrap_or_default().trim_matches('/');
        let levels: Vec<&str> = base.split('/').filter(|level| !level.is_empty()).collect();
        let notifications = levels.iter().rposition(|level| *level == "N").unwrap_or(levels.len());
        let (before, rest) = levels.split_at(notifications);
        let portal = match rest {
            [] | [_] => None,
            [_, portal] => Some((*portal).to_owned()),
            _ => return Err(format!("`base = \"{base}\"` has levels after the portal's id")),
        };
        let prefix = before.iter().map(|level| format!("{level}/")).collect();
        let key = table_topics::key("victron", table);
        Ok(Self { key, prefix, portal, heard: BTreeSet::new() })
    }

    /// The parts of a topic of the table.
    fn parts<'a>(&self, topic: &'a str) -> Option<Parts<'a>> {
        let topic = topic.strip_prefix(&*self.prefix)?.strip_prefix("N/")?;
        let (portal, rest) = topic.split_once('/')?;
        let is_of_table = self.portal.as_ref().is_none_or(|only| only == portal);
        (is_of_table && !portal.is_empty()).then_some(Parts { portal, rest })
    }
}

/// Portal of a topic, and the levels after it.
struct Parts<'a> {
    portal: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Service with its instance, and the path of the value.
    fn value(&self) -> Option<(&'a str, &'a str)> {
        let (service, after) = self.rest.split_once('/')?;
        let (instance, path) = after.split_once('/')?;
        let is_whole = !service.is_empty() && !instance.is_empty() && !path.is_empty();
        is_whole.then_some((self.rest.get(..service.len() + 1 + instance.len())?, path))
    }
}

fn is_measurement(service: &str, path: &str) -> bool {
    let service = service.split('/').next().unwrap_or(service);
    let (levels, last) = path.rsplit_once('/').unwrap_or(("", path));
    !SERVICES_WITHOUT_VALUES.contains(&service)
        && !levels.split('/').any(|level| LEVELS_WITHOUT_VALUES.contains(&level))
        && !NAMING.contains(&last)
}

impl Format for Victron {
    fn name(&self) -> &'static str {
        "victron"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        let prefix = &self.prefix;
        match &self.portal {
            Some(portal) => vec![Filter::optional(format!("{prefix}N/{portal}/+/+/#"))],
            None => vec![
                Filter::optional(format!("{prefix}N/+/+/+/#")),
                // What a portal publishes when it starts, and is silent after.
                Filter::optional(format!("{prefix}N/+/keepalive")),
            ],
        }
    }

    fn claim(&self, topic: &str) -> Claim {
        let Some(parts) = self.parts(topic) else { return Claim::Foreign };
        match parts.value() {
            Some((service, path)) if is_measurement(service, path) => Claim::Decodes,
            None if parts.rest == "keepalive" => Claim::Decodes,
            _ => Claim::Ignores,
        }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let Some(parts) = self.parts(message.topic) else {
            return Ok(Decoded::ignored("not a notification of a portal"));
        };
        let portal = parts.portal;
        let is_new = self.portal.is_none() && !self.heard.contains(portal);
        if is_new && self.heard.len() < MOST_PORTALS && portal.len() <= LONGEST_PORTAL {
            changes.push((portal.into(), Some(b"heard".to_vec())));
        }
        let Some((service, path)) = parts.value() else {
            return Ok(Decoded::ignored("a portal's word of itself"));
        };
        let mut builder = Builder::new(message);
        let device = format!("{portal}/{service}");
        let Some(mut object) = json::parse_object(message.payload)? else {
            builder.availability(&device, Presence::Offline);
            return Ok(builder.finish("a device that left the bus"));
        };
        let value = object.remove("value").unwrap_or(Json::Null);
        add(&mut builder, &device, path, &value);
        Ok(builder
            .finish("no number: a text, a list, or a value that the device does not have now"))
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match value {
            Some(_) => drop(self.heard.insert(key.into())),
            None => drop(self.heard.remove(key)),
        }
    }

    fn requests(&self) -> Vec<Request> {
        let portals = self.portal.iter().map(String::as_str);
        let portals = portals.chain(self.heard.iter().map(|portal| &**portal));
        let request = |portal| Request {
            topic: format!("{}R/{portal}/keepalive", self.prefix),
            payload: r#"{"keepalive-options":["suppress-republish"]}"#,
            payload_for_all: "",
        };
        portals.map(request).collect()
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self { heard: BTreeSet::new(), ..self.clone() })
    }
}

fn add(builder: &mut Builder, device: &str, path: &str, value: &Json) {
    if !matches!(value, Json::Number(_) | Json::Bool(_)) {
        return;
    }
    let (levels, last) = path.rsplit_once('/').unwrap_or(("", path));
    let sensor = if levels.is_empty() { device.to_owned() } else { format!("{device}/{levels}") };
    builder.add(&sensor, &units::quantity(last), value, units::unit(device, path), Stamp::Receipt);
    if path == "Connected" {
        let is_connected = value.as_f64() != Some(0.0) && value != &Json::Bool(false);
        let presence = if is_connected { Presence::Online } else { Presence::Offline };
        builder.availability(device, presence);
    }
}

#[cfg(test)]
mod tests;
