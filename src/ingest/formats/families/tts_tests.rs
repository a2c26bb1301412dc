use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode_once, with_seconds};

fn format(base: Option<&str>) -> TheThingsStack {
    let base = base.map(str::to_owned);
    let table =
        PresetTable { preset: Preset::Tts, base, topic: None, device: None, precision: None };
    TheThingsStack::new(&table, Tz::UTC).unwrap()
}

fn decode(topic: &str, payload: &[u8]) -> Result<Decoded, String> {
    decode_once(&format(None), topic, payload)
}

#[track_caller]
fn reads(payload: &Json, expected: &[&str]) {
    let decoded = decode("v3/greens@ttn/devices/bed-4/up", payload.to_string().as_bytes()).unwrap();
    assert_eq!(with_seconds(decoded), expected, "{payload}");
}

#[test]
fn what_the_formatter_made() {
    reads(
        &json!({ "uplink_message": {
            "decoded_payload": { "event": "tick", "leaf": { "moisture": 12.5 }, "TempC1": 0 },
            "rx_metadata": [{ "rssi": -101, "snr": -2.5 }, { "rssi": -77 }],
            "received_at": "2025-10-09T08:00:00.123456789Z",
        } }),
        &[
            "greens/bed-4/1 temperature 0 °C @1759996800",
            "greens/bed-4/leaf moisture 12.5 % @1759996800",
            "greens/bed-4 rssi -77 dBm @1759996800",
        ],
    );
}

#[test]
fn the_fixed_schema_comes_first() {
    reads(
        &json!({ "uplink_message": {
            "decoded_payload": { "t": 51 },
            "normalized_payload": [
                {
                    "battery": 3.01,
                    "air": { "location": "indoor", "lightIntensity": 40, "pressure": 990 },
                    "water": { "leak": true, "temperature": { "min": 4, "current": 5.5 } },
                    "wind": { "direction": 180, "speed": 2.5 },
                    "action": { "contactState": "open" },
                },
                { "time": "2025-10-09T07:00:00Z", "soil": { "ec": 0.5, "pH": 6.5 } },
                { "time": "never", "soil": { "moisture": 1 } },
            ],
            "received_at": "2025-10-09T08:00:00Z",
        } }),
        &[
            "greens/bed-4/action contact_state 1  @1759996800",
            "greens/bed-4 illuminance 40 lx @1759996800",
            "greens/bed-4 pressure 990 hPa @1759996800",
            "greens/bed-4 battery_voltage 3.01 V @1759996800",
            "greens/bed-4/water leak 1  @1759996800",
            "greens/bed-4/water temperature 5.5 °C @1759996800",
            "greens/bed-4/water/temperature min 4 °C @1759996800",
            "greens/bed-4/wind direction 180 ° @1759996800",
            "greens/bed-4/wind speed 2.5 m/s @1759996800",
            "greens/bed-4/soil ec 0.5 dS/m @1759993200",
            "greens/bed-4/soil p_h 6.5  @1759993200",
            "a normalized measurement of greens/bed-4: the timestamp `never` is neither RFC 3339 nor a number of \
             seconds, or a part of them, since 1970",
        ],
    );
}

#[test]
fn what_brings_nothing_says_why() {
    for (payload, why) in [
        (json!({ "uplink_message": { "f_port": 3, "frm_payload": "AQ==" } }), "no codec"),
        (
            json!({ "simulated": true, "uplink_message": { "decoded_payload": { "t": 1 } } }),
            "simulated",
        ),
        (json!({ "join_accept": {} }), "no `uplink_message`"),
        (json!({ "uplink_message": { "decoded_payload": { "mode": "eco" } } }), "no measurement"),
    ] {
        let decoded = decode("v3/a/devices/d/up", payload.to_string().as_bytes()).unwrap();
        assert!(decoded.is_empty() && decoded.ignored.unwrap().contains(why), "{payload}");
    }
    assert!(decode("v3/a/devices/d/up", b"{").is_err());
    assert!(decode("v3/a/devices/d/up", b"").unwrap().is_empty());
    let wrong = json!({ "uplink_message": { "received_at": true, "decoded_payload": {} } });
    assert!(decode("v3/a/devices/d/up", wrong.to_string().as_bytes()).is_err());
}

#[test]
fn topics_are_claimed() {
    let claims =
        ["v3/a@t/devices/d/up", "v3/a@t/devices/d/down/ack", "v3/a@t/other", "v2/a/devices/d/up"]
            .map(|topic| format(None).claim(topic));
    assert_eq!(claims, [Claim::Decodes, Claim::Ignores, Claim::Foreign, Claim::Foreign]);
    assert_eq!(format(Some("lora/v3")).claim("lora/v3/a/devices/d/up"), Claim::Decodes);
    assert_eq!(format(Some("lora/v3")).key(), "tts lora/v3");
    assert_eq!(format(None).filters(), [Filter::optional("v3/+/devices/+/up")]);
}

proptest! {
    #[test]
    fn no_bytes_panic(topic in "(v3/)?[a-z/@é]{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        format(None).claim(&topic);
        let _ = decode(&topic, &payload);
        let _ = decode("v3/a/devices/d/up", &payload);
    }

    #[test]
    fn no_object_panics(key in "[A-Za-z_]{0,12}", number in any::<f64>(), text in ".{0,12}") {
        let decoded = json!({ &key: number, "b": { &key: &text, "history": [{ &key: &text }] } });
        let payload = json!({ "uplink_message": { "decoded_payload": &decoded, "normalized_payload": [&decoded] } });
        let _ = decode("v3/a/devices/d/up", payload.to_string().as_bytes());
    }
}
