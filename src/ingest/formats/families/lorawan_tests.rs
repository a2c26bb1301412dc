use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::*;
use crate::domain::News;
use crate::ingest::formats::Message;

fn received_at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_000, 0).unwrap()
}

#[track_caller]
fn check(object: &Json, expected: &[&str]) {
    let message =
        Message { topic: "t", payload: b"", received_at: received_at(), is_replayed: false };
    let mut builder = Builder::new(&message);
    let times = TimeReader::new(Tz::UTC, received_at());
    add(&mut builder, "d", object.as_object().unwrap(), Stamp::Receipt, &times);
    let decoded = builder.finish("nothing");
    let mut shown: Vec<String> = Vec::new();
    for it in &decoded.measurements {
        let past = if it.news == News::Historical {
            format!(" @{}", it.reading.timestamp.timestamp())
        } else {
            String::new()
        };
        let it = &it.reading;
        let unit = it.unit.as_str();
        shown.push(format!("{} {} {} {unit}{past}", it.sensor_id, it.quantity, it.value));
    }
    shown.extend(decoded.faults);
    let shown: Vec<&str> = shown.iter().map(|it| it.trim_end()).collect();
    assert_eq!(shown, expected, "{object}");
}

#[test]
fn keys_name_quantity_probe_and_unit() {
    check(
        &json!({
            "Bat": 3.31, "Distance_cm": 81, "Hum_SHT31": 55.5, "TempC1": -4, "TempC1MIN": -20,
            "Temp_Channel2": 5.5, "airtemp": 3, "battery_mv": 2980, "tempDS18B20": "6.25",
            "temperature_chn2": 7, "temperature_error": 0, "light_lux": 120, "barometric_pressure_3": 1001.5,
            "analog_in_4": 1.5, "temperature_2_C": 8, "humidity1": 50, "pm2_5": 4, "AVI1_V": 2.5,
        }),
        &[
            "d avi1 2.5 V",
            "d battery_voltage 3.31 V",
            "d distance 81 cm",
            "d/SHT31 humidity 55.5 %",
            "d/1 temperature -4 °C",
            "d temp_c1_min -20",
            "d/Channel2 temperature 5.5 °C",
            "d airtemp 3",
            "d analog_in_4 1.5",
            "d/3 pressure 1001.5 hPa",
            "d battery_voltage 2980 mV",
            "d/1 humidity 50 %",
            "d illuminance 120 lx",
            "d pm2_5 4",
            "d/DS18B20 temperature 6.25 °C",
            "d/2 temperature 8 °C",
            "d/chn2 temperature 7 °C",
            "d temperature_error 0",
        ],
    );
}

#[test]
fn channels_are_levels() {
    check(
        &json!({
            "accelerometer": { "3": { "x": 0.25 } }, "analogInput": { "2": 7.5 },
            "barometer": { "4": 1002.5 }, "temperatureSensor": { "1": 4.5 }, "temperature_9": 8,
        }),
        &[
            "d/accelerometer/3 x 0.25",
            "d/analogInput/2 analog_input 7.5",
            "d/barometer/4 pressure 1002.5 hPa",
            "d/temperatureSensor/1 temperature 4.5 °C",
            "d/9 temperature 8 °C",
        ],
    );
}

#[test]
fn a_probe_that_is_not_there_has_no_value() {
    check(
        &json!({ "TempC2": "NULL", "TempC3": 3276.7, "TempC_DS": 327.67, "TempC_SHT": "err" }),
        &["`temperature` of d/SHT: \"err\" is not a number"],
    );
}

#[test]
fn names_and_times_are_no_values() {
    check(
        &json!({
            "Systimestamp": 1_700_000_000, "firmware_version": "1.4", "sn": "67413", "hardware_version": 2,
            "timestamp": 1_700_000_000, "Work_mode": "DS18B20", "power": "on",
        }),
        &["d power 1"],
    );
}

#[test]
fn samples_of_the_past_have_their_time() {
    check(
        &json!({ "history": [
            { "temperature": 4.5, "timestamp": 1_759_000_000 },
            { "temperature": 5 },
            { "temperature": 5, "timestamp": "soon" },
            7,
        ] }),
        &[
            "d temperature 4.5 °C @1759000000",
            "a sample of the history of d has no `timestamp`",
            "a sample of the history of d: the timestamp `soon` is neither RFC 3339 nor a number of seconds, \
             or a part of them, since 1970",
        ],
    );
}

#[test]
fn the_strongest_gateway_counts() {
    let message =
        Message { topic: "t", payload: b"", received_at: received_at(), is_replayed: false };
    let mut builder = Builder::new(&message);
    let gateways = json!([{ "rssi": -97, "snr": 2 }, { "rssi": -61, "loRaSNR": 8.5 }, {}, 4]);
    add_link(&mut builder, "d", Some(&gateways), Stamp::Receipt);
    add_link(&mut builder, "d", Some(&json!("none")), Stamp::Receipt);
    let values: Vec<f64> =
        builder.finish("").measurements.iter().map(|it| it.reading.value.get()).collect();
    assert_eq!(values, [-61.0, 8.5]);
}
