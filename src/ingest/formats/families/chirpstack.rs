//! ChirpStack 4 and 3, and gateways with the same format (Milesight).
//!
//! * **Topics**: `application/<id>/device/<devEui>/event/<up|status|…>`, in older versions `…/<devEui>/rx`. `base`
//!   replaces `application`; `topic` is that of a gateway with its own network server.
//! * **Value**: `object`, which the codec of the device profile made; in version 3's protobuf JSON `objectJSON`, a text.
//!   `status` brings battery and link margin.
//! * **Unit**: the codec's ([`lorawan`]).
//! * **Time**: `time`, `publishedAt`, or `rxInfo[].time`, the gateway's.
//! * **Id**: the device's EUI in lower-case hexadecimal digits, as in the topic; in the payload it may be base64.
//! * **Availability**: none; LoRaWAN devices sleep.
//! * **Traps**: without a codec there are only bytes; version 4 can be set to protobuf, which is refused.
//!
//! Source: chirpstack/chirpstack-docs (events), brocaar/chirpstack-application-server (marshaler), Milesight's and
//! Dragino's decoders.

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::{lorawan, table_topics};
use crate::config::PresetTable;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::topics::{self, Pattern};
use crate::ingest::formats::kit::{Builder, Stamp, json};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// The format of one table.
#[derive(Debug, Clone)]
pub struct ChirpStack {
    key: String,
    topics: Topics,
    zone: Tz,
}

#[derive(Debug, Clone)]
enum Topics {
    /// First level of ChirpStack's own, with a slash at its end.
    Own(String),
    /// A gateway's own topic.
    Custom(Pattern),
}

/// Kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Up,
    Status,
    Other,
}

impl ChirpStack {
    /// Topic from the table's `topic`, or ChirpStack's below its `base`.
    ///
    /// # Errors
    /// If the topic is no pattern, or both are given.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let topics = match (&table.topic, &table.base) {
            (Some(_), Some(_)) => return Err("give `topic` or `base`, not both".into()),
            (Some(topic), None) => Topics::Custom(Pattern::new(topic)?),
            (None, base) => {
                let base = base.as_deref().unwrap_or("application");
                Topics::Own(format!("{}/", base.trim_end_matches('/')))
            }
        };
        Ok(Self { key: table_topics::key("chirpstack", table), topics, zone })
    }

    /// Device and event of a topic; the event is `None` if only the payload has it.
    fn parts<'a>(&'a self, topic: &'a str) -> Option<(Option<&'a str>, Option<Event>)> {
        match &self.topics {
            Topics::Own(base) => {
                let (device, event) = own_parts(topic.strip_prefix(base.as_str())?)?;
                Some((Some(device), Some(event)))
            }
            Topics::Custom(pattern) => {
                let levels = pattern.levels(topic)?;
                Some((topics::level(&levels, "device"), None))
            }
        }
    }
}

/// Device and event of the levels after `application`.
fn own_parts(rest: &str) -> Option<(&str, Event)> {
    let mut levels = rest.split('/');
    let (_, of_device, device) = (levels.next()?, levels.next()?, levels.next()?);
    if of_device != "device" || device.is_empty() {
        return None;
    }
    let event = match (levels.next(), levels.next(), levels.next()) {
        (Some("event"), Some("up"), None) | (Some("rx"), None, None) => Event::Up,
        (Some("event"), Some("status"), None) | (Some("status"), None, None) => Event::Status,
        _ => Event::Other,
    };
    Some((device, event))
}

/// Kind of a message whose topic doesn't state it.
fn event_of(fields: &Map<String, Json>) -> Event {
    let has = |keys: &[&str]| keys.iter().any(|key| fields.contains_key(*key));
    if has(&["object", "objectJSON", "data"]) {
        Event::Up
    } else if has(&["margin", "batteryLevel"]) {
        Event::Status
    } else {
        Event::Other
    }
}

impl Format for ChirpStack {
    fn name(&self) -> &'static str {
        "chirpstack"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        match &self.topics {
            Topics::Own(base) => ["event/up", "event/status", "rx", "status"]
                .map(|end| Filter::optional(format!("{base}+/device/+/{end}")))
                .into(),
            Topics::Custom(pattern) => {
                pattern.filters().into_iter().map(Filter::optional).collect()
            }
        }
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.parts(topic) {
            None => Claim::Foreign,
            Some((_, Some(Event::Other))) => Claim::Ignores,
            Some(_) => Claim::Decodes,
        }
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        let Some((device, event)) = self.parts(message.topic) else {
            return Ok(Decoded::ignored("not a topic of the table"));
        };
        let parsed = json::parse_object(message.payload);
        let fields = parsed.map_err(|why| format!("{why} (set the integration to JSON)"))?;
        let Some(fields) = fields else { return Ok(Decoded::ignored("an empty payload")) };
        let event = event.unwrap_or_else(|| event_of(&fields));
        if event == Event::Other {
            return Ok(Decoded::ignored("neither a frame nor a status of a device"));
        }
        let device = device_id(device, &fields)?;
        let times = TimeReader::new(self.zone, message.received_at);
        let stamp = Stamp::from(time(&fields, &times)?);
        let mut builder = Builder::new(message);
        if event == Event::Status {
            add_status(&mut builder, &device, &fields, stamp);
            return Ok(builder.finish("a status without a battery level"));
        }
        let Some(object) = object(&fields)? else { return Ok(Decoded::ignored(lorawan::NO_CODEC)) };
        lorawan::add(&mut builder, &device, &object, stamp, &times);
        if !builder.is_empty() {
            lorawan::add_link(&mut builder, &device, fields.get("rxInfo"), stamp);
        }
        Ok(builder.finish("no measurement in what the codec made of the frame"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

/// The device's EUI: of the topic, or of the payload.
fn device_id(of_topic: Option<&str>, fields: &Map<String, Json>) -> Result<String, String> {
    if let Some(device) = of_topic {
        return Ok(device.to_ascii_lowercase());
    }
    let of_info = fields.get("deviceInfo").and_then(|info| info.get("devEui"));
    let all = [of_info, fields.get("devEUI"), fields.get("devEui")];
    let text = all.into_iter().flatten().find_map(Json::as_str);
    let text = text.ok_or("there is no `devEUI` in it")?;
    Ok(hex_of_base64(text).unwrap_or_else(|| text.to_ascii_lowercase()))
}

/// Eight bytes in base64 as hexadecimal digits; `None` for any other text.
fn hex_of_base64(text: &str) -> Option<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 11)?;
    let mut number: u128 = 0;
    for digit in digits.bytes() {
        let value = DIGITS.iter().position(|it| *it == digit)?;
        number = (number << 6) | u128::try_from(value).ok()?;
    }
    // 11 digits are 66 bits, of which the last two are padding.
    Some(format!("{:016x}", number >> 2))
}

fn time(
    fields: &Map<String, Json>,
    times: &TimeReader,
) -> Result<Option<chrono::DateTime<chrono::Utc>>, String> {
    let gateways = fields.get("rxInfo").and_then(Json::as_array);
    let of_gateway = gateways.and_then(|all| {
        all.iter().filter_map(|gateway| gateway.get("time")).find(|time| !time.is_null())
    });
    let all = [fields.get("time"), fields.get("publishedAt"), of_gateway];
    let first = all.into_iter().flatten().find(|time| !time.is_null());
    first.map_or(Ok(None), |time| times.read(time))
}

/// Decoded object of a frame; `None` without a codec.
fn object(fields: &Map<String, Json>) -> Result<Option<Map<String, Json>>, String> {
    match (fields.get("object"), fields.get("objectJSON")) {
        (Some(Json::Object(object)), _) => Ok(Some(object.clone())),
        (_, Some(Json::String(text))) if !text.is_empty() => {
            json::parse_object(text.as_bytes()).map_err(|why| format!("`objectJSON`: {why}"))
        }
        _ => Ok(None),
    }
}

fn add_status(builder: &mut Builder, device: &str, fields: &Map<String, Json>, stamp: Stamp) {
    let is_set = |key: &str| fields.get(key) == Some(&Json::Bool(true));
    let has_level = !is_set("externalPowerSource") && !is_set("batteryLevelUnavailable");
    if let Some(level) = fields.get("batteryLevel").filter(|_| has_level) {
        builder.add(device, "battery", level, "%", stamp);
    }
    if let Some(margin) = fields.get("margin") {
        builder.add(device, "margin", margin, "dB", stamp);
    }
}

#[cfg(test)]
#[path = "chirpstack_tests.rs"]
mod tests;
