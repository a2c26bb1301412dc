//! Victron Venus OS (GX devices): one topic per value of its D-Bus.
//!
//! * **Topics**: `N/<portal>/<service>/<instance>/<path…>`; `base` is the prefix before `N`, or
//!   `N/<portal>` for a single portal. `R/…` and `W/…` are requests and commands.
//! * **Value**: `{"value":x}`; numbers and booleans only. `null`: the device has no such value at
//!   present.
//! * **Unit**: implied by the path ([`units`]); messages carry none.
//! * **Time**: none; the receipt.
//! * **Id**: `<portal>/<service>/<instance>/<path without its last level>`, quantity the last
//!   level.
//! * **Availability**: an empty payload, published on each topic of a device that left the bus; and
//!   `Connected`.
//! * **Traps**: nothing is retained, and a portal publishes only if it received a request on
//!   `R/<portal>/keepalive` within the last 60 s ([`Format::requests`]). Settings, product ids and
//!   versions are numbers without a measurement.
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

/// Limit of discovered portals that are kept alive. Portal ids are chosen by the sender.
const MOST_PORTALS: usize = 32;

/// Maximum length of a portal id, in bytes; real ones are MAC addresses in hexadecimal.
const LONGEST_PORTAL: usize = 32;

/// Services without measurements.
const SERVICES_WITHOUT_VALUES: [&str; 3] = ["settings", "platform", "logger"];

/// Path levels that contain settings and descriptions.
const LEVELS_WITHOUT_VALUES: [&str; 2] = ["Settings", "Mgmt"];

/// Last path levels whose numbers are identifiers, not measurements.
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

/// Format of one table.
#[derive(Debug, Clone)]
pub struct Victron {
    key: String,
    /// Topic prefix before `N`, with a trailing slash; usually empty.
    prefix: String,
    /// The configured portal; `None` for all portals.
    portal: Option<String>,
    /// Discovered portals, if none is configured.
    heard: BTreeSet<Box<str>>,
}

impl Victron {
    /// Creates the format of a table. `base` is the prefix before `N`, or ends in `N` or
    /// `N/<portal>`.
    ///
    /// # Errors
    /// If levels follow the portal id.
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

    /// Splits a topic; `None` if it is not one of the table's.
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
    /// `<service>/<instance>`, and the path of the value.
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
                // Published when a portal starts; without a request, nothing else follows.
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
