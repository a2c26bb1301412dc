//! Ruuvi sensors received by a Ruuvi Gateway.
//!
//! * Topics: `<base>/<gateway MAC>/<tag MAC>`, base `ruuvi`, or `<base>/<tag MAC>` if the gateway's
//!   prefix lacks that level; `gw_status` in place of the tag.
//! * Value: a JSON object; `data` is the advertisement in hexadecimal: structures of a length, a
//!   type and bytes. Type 0xFF with company 0x0499 is Ruuvi's, in data format 3, 5, 6, C5 or E1
//!   (`data_formats.rs`). A gateway that decodes formats 5, 6 and E1 itself adds their values as
//!   keys; they are used only if `data` is absent.
//! * Unit: defined by the data format. Pressure is in hPa; in a gateway's own keys in Pa.
//! * Time: `ts`, the reception by the gateway, otherwise `gwts`: Unix time in seconds, as a number
//!   or a string. A gateway without a clock sends `cnt` instead.
//! * Id: MAC of the last topic level, with colons; format 6 contains a truncated MAC.
//! * Availability: `gw_status`, for the gateway's MAC only, since another gateway may receive the
//!   same tags.
//! * Traps: each field has its own code for "not available". A gateway also forwards advertisements
//!   of other makers. Data format 8 is encrypted. Several gateways may forward one tag: each
//!   message is a reading.
//! * Source: `ruuvi/docs`, data formats with test vectors, and `ruuvi/ruuvi.gateway_esp.c`.

mod data_formats;

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use self::data_formats::Unread;
use crate::config::{Precision, PresetTable};
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, topics, values};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

/// Default first topic level of a gateway.
const BASE: &str = "ruuvi";

/// Format of one table of Ruuvi gateways.
#[derive(Clone)]
pub struct Ruuvi {
    base: String,
    zone: Tz,
    precision: Option<Precision>,
}

/// Kind of a topic.
enum Topic<'a> {
    /// Advertisements of a device, with its MAC.
    Tag(&'a str),
    /// State of a gateway, with its MAC; the base if the topic has no gateway level.
    Gateway(&'a str),
    /// No readings.
    Other,
}

/// Creates the format of a table.
///
/// # Errors
/// If the base has wildcards.
pub fn new(table: &PresetTable, zone: Tz) -> Result<Ruuvi, String> {
    let base = topics::base(table.base.as_deref(), BASE)?;
    Ok(Ruuvi { base, zone, precision: table.precision })
}

impl Ruuvi {
    /// Kind of a topic; `None` if it does not match the filters.
    fn topic<'a>(&'a self, topic: &'a str) -> Option<Topic<'a>> {
        let mut levels = topics::below(&self.base, topic)?.split('/');
        let (gateway, last) = match (levels.next()?, levels.next(), levels.next()) {
            (last, None, _) => (&*self.base, last),
            (gateway, Some(last), None) => (gateway, last),
            _ => return None,
        };
        Some(match last {
            "gw_status" => Topic::Gateway(gateway),
            tag if is_mac(tag) => Topic::Tag(tag),
            _ => Topic::Other,
        })
    }

    fn decode_tag(&self, sensor: &str, message: &Message<'_>) -> Result<Decoded, String> {
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("the payload is empty"));
        };
        let stamp = self.stamp(&fields, message)?;
        let mut builder = Builder::new(message);
        let mut why = "every field of it is not available";
        match fields.get("data") {
            Some(Json::String(data)) => why = add_data(data, sensor, stamp, &mut builder)?,
            Some(data) if !data.is_null() => {
                return Err(format!("`data` is {}, not a text", json::kind(data)));
            }
            _ => add_keys(&fields, sensor, stamp, &mut builder),
        }
        if let (Some(rssi), false) = (fields.get("rssi"), builder.is_empty()) {
            builder.add(sensor, "rssi", rssi, "dBm", stamp);
        }
        Ok(builder.finish(why))
    }

    /// Time of reception by the gateway, otherwise of publication; falls back to the receipt.
    fn stamp(&self, fields: &Map<String, Json>, message: &Message<'_>) -> Result<Stamp, String> {
        let received_at = message.received_at;
        let reader = TimeReader { zone: self.zone, received_at, precision: self.precision };
        for key in ["ts", "gwts"] {
            let time = fields.get(key).map(|time| reader.read(time)).transpose()?;
            if let Some(Some(time)) = time {
                return Ok(Stamp::At(time));
            }
        }
        Ok(Stamp::Receipt)
    }
}

/// Adds the fields of an advertisement. Also returns the reason in case there are none.
fn add_data(
    data: &str,
    sensor: &str,
    stamp: Stamp,
    builder: &mut Builder,
) -> Result<&'static str, String> {
    let advertisement = values::hex(data).ok_or("`data` is not hexadecimal")?;
    let Some(payload) = ruuvi_payload(&advertisement) else {
        return Ok("the advertisement is not Ruuvi's");
    };
    let fields = match data_formats::read(payload) {
        Ok(fields) => fields,
        Err(Unread::Encrypted) => return Ok("data format 8 is encrypted"),
        Err(Unread::Unknown) => return Ok("the data format is not known"),
        Err(Unread::Short) => return Err("`data` ends before its data format does".into()),
    };
    for field in fields {
        let value = (field.scaled, field.decimals);
        builder.add_decimal(sensor, field.quantity, value, field.unit, stamp);
    }
    Ok("every field of it is not available")
}

/// Ruuvi's manufacturer-specific data in an advertisement, without the company id.
fn ruuvi_payload(advertisement: &[u8]) -> Option<&[u8]> {
    let mut rest = advertisement;
    while let Some((&length, after)) = rest.split_first() {
        // The last structure may be truncated; its data format determines whether it is long
        // enough.
        let (structure, next) = after.split_at_checked(length.into()).unwrap_or((after, &[]));
        if let [0xFF, 0x99, 0x04, payload @ ..] = structure {
            return Some(payload);
        }
        rest = next;
    }
    None
}

/// Keys of a decoding gateway: key, quantity, unit.
const KEYS: [(&str, &str, &str); 17] = [
    ("temperature", "temperature", "°C"),
    ("humidity", "humidity", "%"),
    ("pressure", "pressure", "Pa"),
    ("accelX", "acceleration_x", "g"),
    ("accelY", "acceleration_y", "g"),
    ("accelZ", "acceleration_z", "g"),
    ("voltage", "battery_voltage", "V"),
    ("movementCounter", "movement_counter", ""),
    ("PM1.0", "pm1", "µg/m³"),
    ("PM2.5", "pm2_5", "µg/m³"),
    ("PM4.0", "pm4", "µg/m³"),
    ("PM10.0", "pm10", "µg/m³"),
    ("CO2", "co2", "ppm"),
    ("VOC", "voc_index", ""),
    ("NOx", "nox_index", ""),
    ("luminosity", "illuminance", "lx"),
    ("sound_avg_dba", "sound_avg", "dB"),
];

/// Adds the values decoded by the gateway.
fn add_keys(fields: &Map<String, Json>, sensor: &str, stamp: Stamp, builder: &mut Builder) {
    for (key, quantity, unit) in KEYS {
        if let Some(value) = fields.get(key) {
            builder.add(sensor, quantity, value, unit, stamp);
        }
    }
}

/// Whether a topic level is a MAC address, with or without separators.
fn is_mac(level: &str) -> bool {
    let num_digits = level.bytes().filter(u8::is_ascii_hexdigit).count();
    let num_separators = level.bytes().filter(|byte| matches!(byte, b':' | b'-')).count();
    num_digits == 12 && matches!(num_separators, 0 | 5) && level.len() == 12 + num_separators
}

/// Formats a MAC address in upper case with colons; other strings are returned unchanged.
fn with_colons(level: &str) -> String {
    if !is_mac(level) {
        return level.to_owned();
    }
    let digits: Vec<char> = level.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    pairs.join(":").to_ascii_uppercase()
}

impl Format for Ruuvi {
    fn name(&self) -> &'static str {
        "ruuvi"
    }

    fn key(&self) -> String {
        match &*self.base {
            BASE => "ruuvi".to_owned(),
            base => format!("ruuvi {base}"),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        let below = |levels| Filter::optional(format!("{}/{levels}", self.base));
        vec![below("+"), below("+/+")]
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.topic(topic) {
            Some(Topic::Tag(_) | Topic::Gateway(_)) => Claim::Decodes,
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
            Some(Topic::Tag(tag)) => self.decode_tag(&with_colons(tag), message),
            Some(Topic::Gateway(gateway)) => availability::decode(&with_colons(gateway), message),
            Some(Topic::Other) | None => Ok(Decoded::ignored("nothing on this topic is a reading")),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
