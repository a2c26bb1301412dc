//! The Things Stack 3 (The Things Network, The Things Industries).
//!
//! * **Topics**: `v3/<application>[@<tenant>]/devices/<device>/up`; `base` replaces `v3`. Joins, downlinks,
//!   locations and services are no readings.
//! * **Value**: `uplink_message.normalized_payload`, a list of measurements of a fixed schema, if present; else
//!   `decoded_payload` of the payload formatter ([`lorawan`]).
//! * **Unit**: of the schema; the formatter's in its keys, or none.
//! * **Time**: `uplink_message.received_at` (nanoseconds); a normalized measurement may have its own `time`.
//! * **Id**: `<application>/<device>`, then the path: `<application>/<device>/soil`. Values of the air belong to
//!   the device itself.
//! * **Availability**: none; LoRaWAN devices sleep.
//! * **Traps**: without a formatter there are only bytes; `simulated` frames are a test from the console; the time of
//!   the gateway may be missing or wrong.
//!
//! Source: TheThingsIndustries/lorawan-stack-docs (data formats, MQTT, payload formatters).

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::{lorawan, open_schema, table_topics};
use crate::config::PresetTable;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, names};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

/// The format of one table.
#[derive(Debug, Clone)]
pub struct TheThingsStack {
    key: String,
    /// First level, with a slash at its end.
    base: String,
    zone: Tz,
}

impl TheThingsStack {
    /// Topics below the table's `base`.
    ///
    /// # Errors
    /// If the table has a `topic`, which is of no use.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        if table.topic.is_some() {
            return Err("its topics are fixed: give `base` for what stands before them".into());
        }
        let base = table.base.as_deref().unwrap_or("v3");
        let base = format!("{}/", base.trim_end_matches('/'));
        Ok(Self { key: table_topics::key("tts", table), base, zone })
    }

    /// Id of the device of a topic, and the levels after it.
    fn parts<'a>(&self, topic: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let (application, rest) = topic.strip_prefix(&*self.base)?.split_once('/')?;
        let (device, rest) = rest.strip_prefix("devices/")?.split_once('/')?;
        let application = application.split('@').next().unwrap_or(application);
        (!application.is_empty() && !device.is_empty()).then_some((application, device, rest))
    }
}

impl Format for TheThingsStack {
    fn name(&self) -> &'static str {
        "tts"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        vec![Filter::optional(format!("{}+/devices/+/up", self.base))]
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.parts(topic) {
            None => Claim::Foreign,
            Some((_, _, "up")) => Claim::Decodes,
            Some(_) => Claim::Ignores,
        }
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        let Some((application, device, _)) = self.parts(message.topic) else {
            return Ok(Decoded::ignored("not an uplink of a device"));
        };
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        if fields.get("simulated") == Some(&Json::Bool(true)) {
            return Ok(Decoded::ignored("simulated: a test from the console"));
        }
        let uplink = fields.get("uplink_message").or_else(|| fields.get("uplink_normalized"));
        let Some(uplink) = uplink.and_then(Json::as_object) else {
            return Ok(Decoded::ignored("no `uplink_message` in it"));
        };
        let times = TimeReader::new(self.zone, message.received_at);
        let time = uplink.get("received_at").or_else(|| fields.get("received_at"));
        let stamp = Stamp::from(time.map_or(Ok(None), |time| times.read(time))?);
        let mut builder = Builder::new(message);
        let device = format!("{application}/{device}");
        if !add_uplink(&mut builder, &device, uplink, stamp, &times) {
            return Ok(Decoded::ignored(lorawan::NO_CODEC));
        }
        if !builder.is_empty() {
            lorawan::add_link(&mut builder, &device, uplink.get("rx_metadata"), stamp);
        }
        Ok(builder.finish("no measurement in what the payload formatter made of the frame"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

/// Adds the values of a frame; false if it has only bytes.
fn add_uplink(
    builder: &mut Builder,
    device: &str,
    uplink: &Map<String, Json>,
    stamp: Stamp,
    times: &TimeReader,
) -> bool {
    let normalized = match uplink.get("normalized_payload") {
        Some(Json::Array(list)) => list.as_slice(),
        Some(one @ Json::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    for measurement in normalized.iter().filter_map(Json::as_object) {
        add_normalized(builder, device, measurement, stamp, times);
    }
    if !builder.is_empty() {
        return true;
    }
    let decoded = uplink.get("decoded_payload").and_then(Json::as_object);
    if let Some(decoded) = decoded {
        lorawan::add(builder, device, decoded, stamp, times);
    }
    decoded.is_some() || !normalized.is_empty()
}

/// Adds a measurement of the fixed schema.
fn add_normalized(
    builder: &mut Builder,
    device: &str,
    measurement: &Map<String, Json>,
    stamp: Stamp,
    times: &TimeReader,
) {
    let stamp = match measurement.get("time").map_or(Ok(None), |time| times.read(time)) {
        Ok(None) => stamp,
        Ok(Some(at)) => Stamp::At(at),
        Err(why) => return builder.fault(format!("a normalized measurement of {device}: {why}")),
    };
    for (key, value) in measurement.iter().filter(|(key, _)| *key != "time") {
        json::leaves(key, value, &mut |path, leaf| {
            let (levels, quantity, unit) = of_schema(path);
            let sensor = levels.iter().fold(device.to_owned(), |id, level| format!("{id}/{level}"));
            open_schema::add(builder, &sensor, &quantity, leaf, unit, stamp);
        });
    }
}

/// Levels of the sensor, quantity and unit of a field of the schema.
fn of_schema<'a>(path: &[&'a str]) -> (Vec<&'a str>, String, &'static str) {
    let named =
        |levels: &[&'a str], quantity: &str, unit| (levels.to_vec(), quantity.to_owned(), unit);
    match *path {
        ["battery"] => named(&[], "battery_voltage", "V"),
        ["air", "relativeHumidity"] => named(&[], "humidity", "%"),
        ["air", "lightIntensity"] => named(&[], "illuminance", "lx"),
        ["air", key] => named(&[], &names::canonical(key), unit_of(key)),
        ["water", "temperature", "current"] => named(&["water"], "temperature", "°C"),
        ["water", "temperature", key] => {
            named(&["water", "temperature"], &names::snake_case(key), "°C")
        }
        ["wind", "direction"] | ["position", _] => {
            named(&path[..1], &names::snake_case(path[1]), "°")
        }
        ["metering", "water", "total"] => named(&["metering", "water"], "total", "L"),
        _ => {
            let (last, levels) = path.split_last().unwrap_or((&"", &[]));
            named(levels, &names::canonical(last), unit_of(last))
        }
    }
}

/// Unit of a field by its last key.
fn unit_of(key: &str) -> &'static str {
    match key {
        "temperature" => "°C",
        "moisture" => "%",
        "pressure" => "hPa",
        "co2" | "n" | "p" | "k" => "ppm",
        "depth" => "cm",
        "ec" => "dS/m",
        "speed" => "m/s",
        "intensity" => "mm/h",
        "cumulative" => "mm",
        _ => "",
    }
}

#[cfg(test)]
#[path = "tts_tests.rs"]
mod tests;
