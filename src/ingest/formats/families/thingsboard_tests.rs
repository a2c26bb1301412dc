use proptest::prelude::*;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::kit::testing::{decode_once, with_seconds};

fn format(base: Option<&str>, device: Option<&str>) -> Result<ThingsBoard, String> {
    let (base, device) = (base.map(str::to_owned), device.map(str::to_owned));
    let preset = Preset::Thingsboard;
    ThingsBoard::new(&PresetTable { preset, base, topic: None, device, precision: None }, Tz::UTC)
}

#[track_caller]
fn reads(format: &ThingsBoard, topic: &str, payload: &str, expected: &[&str]) {
    let decoded = decode_once(format, topic, payload.as_bytes()).unwrap();
    assert_eq!(with_seconds(decoded), expected, "{payload}");
}

#[test]
fn the_three_shapes_of_a_device() {
    let format = format(None, Some("press-2")).unwrap();
    let topic = "v1/devices/me/telemetry";
    reads(
        &format,
        topic,
        r#"{"pressure":1001.5,"mode":"eco","detail":{"a":1}}"#,
        &["press-2 pressure 1001.5 hPa @1760000000"],
    );
    reads(
        &format,
        "v2/t",
        r#"{"ts":1759990000500,"values":{"co2":620,"ok":false}}"#,
        &["press-2 co2 620 ppm @1759990000", "press-2 ok 0  @1759990000"],
    );
    let list =
        r#"[{"ts":1759990000000,"values":{"oil":1}},{"oil":2},3,{"ts":{},"values":{"oil":4}}]"#;
    reads(
        &format,
        topic,
        list,
        &[
            "press-2 oil 1  @1759990000",
            "press-2 oil 2  @1760000000",
            "a sample of press-2 is a number, not an object",
            "a sample of press-2: the timestamp is neither a text nor a number",
        ],
    );
    reads(
        &format,
        topic,
        r#"{"temperature":"warm"}"#,
        &["`temperature` of press-2: \"warm\" is not a number"],
    );
}

#[test]
fn a_gateway_names_its_devices() {
    let format = format(None, None).unwrap();
    reads(
        &format,
        "v1/gateway/telemetry",
        r#"{"Oven 1":[{"ts":1759990000000,"values":{"temperature":181.5}}],"Oven 2":[{"temperature":90}],"Oven 3":7}"#,
        &[
            "Oven 1 temperature 181.5 °C @1759990000",
            "Oven 2 temperature 90 °C @1760000000",
            "a sample of Oven 3 is a number, not an object",
        ],
    );
    for (topic, presence) in
        [("v1/gateway/connect", Presence::Online), ("v1/gateway/disconnect", Presence::Offline)]
    {
        let decoded = decode_once(&format, topic, br#"{"device":"Oven 1"}"#).unwrap();
        assert_eq!(decoded.availability[0].presence, presence);
        assert!(decode_once(&format, topic, b"{}").is_err());
    }
}

#[test]
fn a_device_has_a_name_or_the_message_is_an_error() {
    let nameless = format(None, None).unwrap();
    let why = decode_once(&nameless, "v1/devices/me/telemetry", br#"{"a":1}"#).unwrap_err();
    assert!(why.contains("device = "));
    let bridged = format(Some("tb/{device}"), None).unwrap();
    reads(&bridged, "tb/lathe/v1/devices/me/telemetry", r#"{"a":1}"#, &["lathe a 1  @1760000000"]);
    assert_eq!(bridged.filters()[0].text, "tb/+/v1/devices/me/telemetry");
    assert!(format(Some("tb/{"), None).is_err());
}

#[test]
fn topics_are_claimed() {
    let format = format(None, None).unwrap();
    for topic in [
        "v1/devices/me/attributes",
        "v1/devices/me/rpc/request/4",
        "v1/gateway/rpc",
        "v2/a",
        "v2/t/p",
    ] {
        assert_eq!(format.claim(topic), Claim::Ignores, "{topic}");
    }
    assert_eq!(format.claim("v2/t"), Claim::Decodes);
    assert_eq!(format.claim("v2/x"), Claim::Foreign);
    assert_eq!(format.filters().len(), 6);
}

proptest! {
    #[test]
    fn no_bytes_panic(topic in "(v1/)?[a-z/é]{0,20}", payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        let format = format(None, Some("x")).unwrap();
        format.claim(&topic);
        let _ = decode_once(&format, &topic, &payload);
        for topic in ["v2/t", "v1/gateway/telemetry", "v1/gateway/connect"] {
            let _ = decode_once(&format, topic, &payload);
        }
    }
}
