//! Output of LoRaWAN codecs: an object with keys chosen by the device maker.
//!
//! * **Id**: `<device>/<path without the last key>`. A number at the end of a measured quantity's
//!   key becomes the last level of the sensor id, as does the name of a temperature or humidity
//!   probe: `TempC2` is `<device>/2`, `TempC_SHT` `<device>/SHT`, `temperature_chn1`
//!   `<device>/chn1`. A channel below a quantity (`temperatureSensor: {"1": 25}`) becomes a level,
//!   too.
//! * **Unit**: in the key (`Distance_cm`, `TempC_DS`), in the value string (`"21.50 °C"`), or none.
//! * **History**: `history: [{timestamp, …}]`, measured while the device was out of range.
//! * **Traps**: numbers may be strings; `"NULL"` and 327.67 °C mean an open probe; a battery is in
//!   per cent or, as `BatV`, `Bat` or `"3.386 V"`, in volts; ids and versions are numbers, too.

use serde_json::{Map, Value as Json};

use super::open_schema;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, names};

/// Reason for a frame without readings: it was not decoded by the network server.
pub const NO_CODEC: &str =
    "the network server has no codec for the device, and bytes alone are not guessed at";

/// Adds the values of a decoded frame.
pub fn add(
    builder: &mut Builder,
    device: &str,
    object: &Map<String, Json>,
    stamp: Stamp,
    times: &TimeReader,
) {
    for (key, value) in object {
        match value {
            Json::Array(samples) if is_history(key) => {
                for sample in samples.iter().filter_map(Json::as_object) {
                    add_sample(builder, device, sample, times);
                }
            }
            _ => add_tree(builder, device, key, value, stamp),
        }
    }
}

fn is_history(key: &str) -> bool {
    key == "history" || key.ends_with("_history")
}

/// Adds a sample from the device's history. A sample without a time is a fault, since its receipt
/// is not its time.
fn add_sample(builder: &mut Builder, device: &str, sample: &Map<String, Json>, times: &TimeReader) {
    let Some(time) = sample.get("timestamp").or_else(|| sample.get("time")) else {
        return builder.fault(format!("a sample of the history of {device} has no `timestamp`"));
    };
    match times.read(time) {
        Ok(Some(at)) => {
            for (key, value) in sample {
                add_tree(builder, device, key, value, Stamp::StoredState(at));
            }
        }
        Ok(None) => builder.fault(format!("a sample of the history of {device} has no time")),
        Err(why) => builder.fault(format!("a sample of the history of {device}: {why}")),
    }
}

fn add_tree(builder: &mut Builder, device: &str, key: &str, value: &Json, stamp: Stamp) {
    json::leaves(key, value, &mut |keys, leaf| add_leaf(builder, device, keys, leaf, stamp));
}

fn add_leaf(builder: &mut Builder, device: &str, keys: &[&str], value: &Json, stamp: Stamp) {
    let Some((last, levels)) = keys.split_last() else { return };
    let mut levels = levels.to_vec();
    let name = match levels.last() {
        Some(quantity) if is_number(last) => {
            let quantity = quantity.strip_suffix("Sensor").unwrap_or(quantity);
            levels.push(last);
            Name::of(quantity)
        }
        _ => Name::of(last),
    };
    if is_time(last) || open_schema::is_naming(&names::snake_case(last)) {
        return;
    }
    levels.extend(name.probe);
    let sensor = levels.iter().fold(device.to_owned(), |id, level| format!("{id}/{level}"));
    if !is_open_probe(&name.quantity, value) {
        open_schema::add(builder, &sensor, &name.quantity, value, name.unit, stamp);
    }
}

/// Whether a key is a timestamp of the device's own clock, which may not be synchronized.
fn is_time(key: &str) -> bool {
    const TIMES: [&str; 6] =
        ["time", "timestamp", "systimestamp", "data_time", "recv_time", "date"];
    TIMES.contains(&names::snake_case(key).as_str())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Limits of a 16-bit integer in tenths or hundredths of a degree: how codecs decode "no probe".
const OPEN_PROBE: [f64; 4] = [327.67, 3276.7, -327.68, -3276.8];

fn is_open_probe(quantity: &str, value: &Json) -> bool {
    let is_one = |number: f64| OPEN_PROBE.iter().any(|it| (it - number).abs() < 1e-9);
    quantity == "temperature" && value.as_f64().is_some_and(is_one)
}

/// A parsed key.
#[derive(Debug, PartialEq)]
struct Name<'a> {
    quantity: String,
    probe: Option<&'a str>,
    unit: &'static str,
}

/// Prefixes of temperature and humidity keys, with quantity and unit; longer ones first.
const PROBED: [(&str, &str, &str); 12] = [
    ("temperature", "temperature", ""),
    ("Temperature", "temperature", ""),
    ("relative_humidity", "humidity", ""),
    ("humidity", "humidity", ""),
    ("Humidity", "humidity", ""),
    ("TempC", "temperature", "°C"),
    ("tempC", "temperature", "°C"),
    ("TempF", "temperature", "°F"),
    ("Temp", "temperature", ""),
    ("temp", "temperature", ""),
    ("Hum", "humidity", ""),
    ("hum", "humidity", ""),
];

/// Unit suffixes of keys, with the unit and the quantity to which they are restricted; empty for
/// any.
const ENDINGS: [(&str, &str, &str); 26] = [
    ("_mV", "mV", ""),
    ("_mv", "mV", ""),
    ("_mA", "mA", ""),
    ("_ma", "mA", ""),
    ("_hPa", "hPa", ""),
    ("_hpa", "hPa", ""),
    ("_kPa", "kPa", ""),
    ("_kpa", "kPa", ""),
    ("_MPa", "MPa", ""),
    ("_Pa", "Pa", ""),
    ("_mm", "mm", ""),
    ("_cm", "cm", ""),
    ("_ppm", "ppm", ""),
    ("_ppb", "ppb", ""),
    ("_lux", "lx", ""),
    ("_lx", "lx", ""),
    ("_dBm", "dBm", ""),
    ("_dbm", "dBm", ""),
    ("_kWh", "kWh", ""),
    ("_kwh", "kWh", ""),
    ("_Wh", "Wh", ""),
    ("_V", "V", ""),
    ("_C", "°C", "temperature"),
    ("_c", "°C", "temperature"),
    ("_F", "°F", "temperature"),
    ("_A", "A", "current"),
];

impl<'a> Name<'a> {
    fn of(key: &'a str) -> Self {
        if let "Bat" | "BAT" | "BatV" | "Bat_V" | "BAT_V" | "batV" = key {
            return Self { quantity: "battery_voltage".into(), probe: None, unit: "V" };
        }
        let with_unit = |(end, unit, only): &(&str, &'static str, &str)| {
            let name = Self::without_unit(key.strip_suffix(end)?);
            let quantity = match (name.quantity.as_str(), *unit) {
                ("battery", "V" | "mV") => "battery_voltage".into(),
                ("light", "lx") => "illuminance".into(),
                _ => name.quantity,
            };
            let is_taken = only.is_empty() || *only == quantity;
            is_taken.then_some(Self { quantity, unit, ..name })
        };
        let found = ENDINGS.iter().find_map(with_unit);
        found.unwrap_or_else(|| Self::without_unit(key))
    }

    fn without_unit(key: &'a str) -> Self {
        let with_probe = |(start, quantity, unit): &(&str, &str, &'static str)| {
            let rest = key.strip_prefix(start)?;
            let probe = rest.strip_prefix('_').unwrap_or(rest);
            let is_apart = probe.len() < rest.len() || start.ends_with(char::is_lowercase);
            let is_known = rest.is_empty() || is_number(probe) || is_apart && is_probe(probe);
            is_known.then(|| Self {
                quantity: (*quantity).to_owned(),
                probe: (!rest.is_empty()).then_some(probe),
                unit,
            })
        };
        let named = PROBED.iter().find_map(with_probe);
        named.or_else(|| Self::counted(key)).unwrap_or_else(|| Self {
            quantity: names::canonical(key),
            probe: None,
            unit: "",
        })
    }

    /// Parses a measured quantity with a trailing probe number.
    fn counted(key: &'a str) -> Option<Self> {
        let start = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let probe = key.get(start.len()..).filter(|probe| is_number(probe))?;
        let quantity = names::canonical(start.trim_end_matches('_'));
        let is_whole = open_schema::is_measured(&names::canonical(key));
        let is_counted = !is_whole && open_schema::is_measured(&quantity);
        is_counted.then_some(Self { quantity, probe: Some(probe), unit: "" })
    }
}

/// Whether the rest of a key names a probe: a number, also after `chn`, `ch`, `channel` or `probe`;
/// or a probe type in upper case. `MAX` and `MIN` are not types.
fn is_probe(rest: &str) -> bool {
    const COUNTED: [&str; 5] = ["chn", "channel", "Channel", "ch", "probe"];
    let number = COUNTED.iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
    if is_number(number.trim_start_matches('_')) {
        return true;
    }
    let is_type = rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    rest.len() > 1 && is_type && !rest.ends_with("MAX") && !rest.ends_with("MIN")
}

/// Adds `rssi` (dBm) and `snr` (dB) of the gateway with the strongest signal. Network servers use
/// different keys for the latter.
pub fn add_link(builder: &mut Builder, device: &str, gateways: Option<&Json>, stamp: Stamp) {
    let gateways = gateways.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let signals = gateways.iter().filter_map(|gateway| {
        let snr = ["snr", "loRaSNR", "loraSnr"].iter().find_map(|key| gateway.get(key));
        Some((gateway.get("rssi")?, snr))
    });
    let strength = |rssi: &Json| rssi.as_f64().unwrap_or(f64::NEG_INFINITY);
    let best = signals.max_by(|(one, _), (other, _)| strength(one).total_cmp(&strength(other)));
    let Some((rssi, snr)) = best else { return };
    builder.add(device, "rssi", rssi, "dBm", stamp);
    if let Some(snr) = snr {
        builder.add(device, "snr", snr, "dB", stamp);
    }
}

#[cfg(test)]
#[path = "lorawan_tests.rs"]
mod tests;
