//! Bluetooth sensors received by Theengs Gateway or OpenMQTTGateway.
//!
//! * Topics: `<base>/<gateway>/BTtoMQTT/<MAC without colons>`, base `home`; `<base>/<gateway>/LWT`.
//!   Copies on `presence`, raw frames on `BTtoMQTT/undecoded` and the gateway's `SYStoMQTT` are
//!   ignored.
//! * Value: a JSON object with short keys (`keys.rs`), or raw service data, which is decoded if it
//!   is BTHome ([`super::bthome`]).
//! * Unit: implied by the key (`tempc` °C, `pres` hPa); for a few keys in `unit`, `avgu` or `sumu`.
//! * Time: `UTCtime` or `unixtime` if the gateway adds them, otherwise the receipt.
//! * Id: the topic's last level. A number at the end of a key is a probe: `tempc5` belongs to
//!   `<MAC>/5`.
//! * Availability: the gateway's `LWT`, for `<base>/<gateway>` only, since another gateway may
//!   receive the same sensors.
//! * Traps: messages are partial. Every value is duplicated in imperial units (`tempf`, `lvl_in`).
//!   A RuuviTag's "not available" is forwarded as the decoded number. Phones with random addresses
//!   would create a new sensor every quarter of an hour. Several gateways may forward one sensor:
//!   each message is a reading.
//! * Source: `theengs/decoder` (`src/devices`), `theengs/gateway`, `1technophile/OpenMQTTGateway`.

mod keys;

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::bthome::packet as bthome;
use crate::config::{Precision, PresetTable};
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, topics};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

/// Default first topic level of both gateways.
const BASE: &str = "home";

/// Format of one table of Bluetooth gateways.
#[derive(Clone)]
pub struct Theengs {
    name: &'static str,
    base: String,
    zone: Tz,
    precision: Option<Precision>,
}

/// Kind of a topic.
#[derive(Debug, PartialEq, Eq)]
enum Topic<'a> {
    /// Messages of a device, with the last topic level.
    Device(&'a str),
    /// Last Will and birth message of a gateway, with the topic without its last level.
    Availability(&'a str),
    /// Other topic of a gateway; carries no readings.
    Other,
}

/// Creates the format of a table.
///
/// # Errors
/// If the base has wildcards.
pub fn new(table: &PresetTable, zone: Tz) -> Result<Theengs, String> {
    Theengs::named("theengs", table, zone)
}

impl Theengs {
    /// Creates the format under the name of a preset.
    ///
    /// # Errors
    /// If the base has wildcards.
    pub fn named(name: &'static str, table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let base = topics::base(table.base.as_deref(), BASE)?;
        Ok(Self { name, base, zone, precision: table.precision })
    }

    /// Kind of a topic; `None` if it is not a gateway's.
    fn topic<'a>(&self, topic: &'a str) -> Option<Topic<'a>> {
        let mut levels = topics::below(&self.base, topic)?.split('/');
        let levels = [levels.next(), levels.next(), levels.next(), levels.next()];
        match levels {
            [Some(_), Some("BTtoMQTT"), Some("undecoded"), None]
            | [Some(_), Some("SYStoMQTT" | "presence"), None, None] => Some(Topic::Other),
            [Some(_), Some("BTtoMQTT"), Some(device), None] => Some(Topic::Device(device)),
            [Some(_), Some("LWT"), None, None] => {
                topic.strip_suffix("/LWT").map(Topic::Availability)
            }
            _ => None,
        }
    }

    fn decode_device(&self, sensor: &str, message: &Message<'_>) -> Result<Decoded, String> {
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("the payload is empty"));
        };
        if has_random_address(&fields) {
            return Ok(Decoded::ignored("its address is random: it names no device"));
        }
        let stamp = self.stamp(&fields, message)?;
        let mut builder = Builder::new(message);
        let is_decoded = fields.contains_key("model_id");
        match bthome::packet(&fields) {
            Err(why) if !is_decoded => return Err(why),
            Ok(Some(bthome::Packet::Encrypted)) if !is_decoded => {
                return Ok(Decoded::ignored("BTHome data is encrypted: its values need the key"));
            }
            Ok(Some(bthome::Packet::Plain(objects))) if !is_decoded => {
                bthome::add(&objects, sensor, stamp, &mut builder);
            }
            _ => keys::add(&fields, sensor, stamp, &mut builder),
        }
        if let (Some(rssi), false) = (fields.get("rssi"), builder.is_empty()) {
            builder.add(sensor, "rssi", rssi, "dBm", stamp);
        }
        let is_encrypted = fields.contains_key("encr");
        Ok(builder.finish(if is_encrypted {
            "the advertisement is encrypted: the gateway needs the device's key"
        } else {
            "nothing in it is a measured value"
        }))
    }

    /// Time added by the gateway; falls back to the receipt.
    fn stamp(&self, fields: &Map<String, Json>, message: &Message<'_>) -> Result<Stamp, String> {
        let received_at = message.received_at;
        let reader = TimeReader { zone: self.zone, received_at, precision: self.precision };
        let time = fields.get("UTCtime").or_else(|| fields.get("unixtime"));
        Ok(time.map(|time| reader.read(time)).transpose()?.flatten().into())
    }
}

/// Whether a device has a random address, as phones, watches and contact-tracing beacons do.
fn has_random_address(fields: &Map<String, Json>) -> bool {
    let is = |key, value: Json| fields.get(key) == Some(&value);
    is("prmac", true.into()) || is("type", "RMAC".into())
}

impl Format for Theengs {
    fn name(&self) -> &str {
        self.name
    }

    fn key(&self) -> String {
        match &*self.base {
            BASE => self.name.to_owned(),
            base => format!("{} {base}", self.name),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        let below = |levels| Filter::optional(format!("{}/+/{levels}", self.base));
        vec![below("BTtoMQTT/+"), below("LWT")]
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.topic(topic) {
            Some(Topic::Device(_) | Topic::Availability(_)) => Claim::Decodes,
            Some(Topic::Other) => Claim::Ignores,
            None => Claim::Foreign,
        }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        _changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.topic(message.topic) {
            Some(Topic::Device(sensor)) => self.decode_device(sensor, message),
            Some(Topic::Availability(gateway)) => availability::decode(gateway, message),
            Some(Topic::Other) | None => Ok(Decoded::ignored("nothing on this topic is a reading")),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
