use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::config::Preset;

fn format(topic: Option<&str>) -> SenMl {
    let topic = topic.map(str::to_owned);
    let preset = Preset::Senml;
    SenMl::new(&PresetTable { preset, base: None, topic, device: None, precision: None }, Tz::UTC)
        .unwrap()
}

fn decode(payload: &[u8]) -> Result<Decoded, String> {
    let received_at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
    let message = Message { topic: "senml", payload, received_at, is_replayed: false };
    format(None).decode(&message, &mut Vec::new())
}

#[track_caller]
fn reads(payload: &[u8], expected: &[&str]) {
    let decoded = decode(payload).unwrap();
    let shown: Vec<String> = decoded
        .measurements
        .iter()
        .map(|it| {
            let (at, it) = (it.reading.timestamp.timestamp_millis(), &it.reading);
            format!("{} {} {} {} @{at}", it.sensor_id, it.quantity, it.value, it.unit.as_str())
        })
        .chain(decoded.faults)
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn base_fields_hold_until_the_next() {
    reads(
        br#"[{"bn":"pump-1/","bt":1759990000.5,"bu":"Cel","bv":20,"n":"in","v":1},
            {"n":"out","v":2.5,"t":-10},{"bn":"pump-2/","n":"in","u":"V","v":-8},{"n":"run","vb":true}]"#,
        &[
            "pump-1/in temperature 21 °C @1759990000500",
            "pump-1/out temperature 22.5 °C @1759989990500",
            "pump-2/in voltage 12 V @1759990000500",
            "pump-2/run state 1  @1759990000500",
        ],
    );
}

#[test]
fn small_times_count_from_the_receipt() {
    reads(
        br#"[{"n":"a","u":"lx","t":-2.5,"v":7},{"n":"a","u":"lx","v":8}]"#,
        &["a illuminance 7 lx @1759999997500", "a illuminance 8 lx @1760000000000"],
    );
}

#[test]
fn units_tell_the_quantity() {
    reads(
        br#"[{"n":"a","u":"C","v":1},{"n":"a","u":"F","v":2},{"n":"a","u":"dBW","v":3},{"n":"a","u":"furlong","v":4},
            {"n":"a","u":"W","s":5},{"n":"a","v":6}]"#,
        &[
            "a charge 1 coulomb @1760000000000",
            "a capacitance 2 farad @1760000000000",
            "a power_level 3 dBW @1760000000000",
            "a value 4 furlong @1760000000000",
            "a power_sum 5 J @1760000000000",
            "a value 6  @1760000000000",
        ],
    );
}

#[test]
fn one_wrong_record_costs_no_other() {
    reads(
        br#"[{"n":"a","v":"4"},{"n":"b"},{"v":4},{"n":"c","vs":"text"},{"n":"d","v":4,"t":"now"},{"n":"e","v":nan},
            {"n":"f","vb":1},{"bn":"x"},{"n":"g","u":"K","v":-1},{"n":"h","v":4}]"#,
        &[
            "xh value 4  @1760000000000",
            "`v` is a text, not a number",
            "b has neither value nor sum",
            "a record has no name",
            "`t` is a text, not a number",
            "`vb` of f is a number",
            "`temperature` of xg: -1 is below absolute zero",
        ],
    );
}

#[test]
fn a_unit_that_is_too_long_is_a_fault() {
    let unit = "u".repeat(257);
    let payload = format!(r#"[{{"bu":"{unit}","n":"a","v":1}},{{"n":"b","v":1,"u":"W"}}]"#);
    reads(payload.as_bytes(), &["b power 1 W @1760000000000", "a unit is longer than 256 bytes"]);
}

#[test]
fn what_must_be_understood_refuses_the_pack() {
    for (payload, why) in [
        (r#"[{"n":"a","v":1},{"n":"b","v":1,"qos_":1}]"#, "`qos_` is unknown"),
        (r#"[{"bver":64,"n":"a","v":1}]"#, "version 64"),
        (r#"[{"bver":"new","n":"a","v":1}]"#, "version"),
        (r#"[{"bt":"now","n":"a","v":1}]"#, "`bt` is a text"),
        ("[1]", "no object"),
        ("7", "not a list"),
        ("[", "not JSON"),
    ] {
        let error = decode(payload.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{payload}: {error}");
    }
    assert!(decode(b"").unwrap().is_empty());
    assert!(decode(br#"{"bver":26,"n":"a","v":1,"note":2}"#).unwrap().measurements.len() == 1);
}

/// `[{-2: "m/", -1: 10, 0: "t", 1: "Cel", 2: …}]`
fn cbor(value: &[u8]) -> Vec<u8> {
    let start = b"\x81\xa5\x21\x62m/\x20\x0a\x00\x61t\x01\x63Cel\x02";
    [start, value].concat()
}

#[test]
fn numbers_of_cbor() {
    for (value, shown) in [
        (&b"\x18\x2a"[..], "42"),
        (b"\x38\x63", "-100"),
        (b"\xf9\x3e\x00", "1.5"),
        (b"\xf9\xc0\x00", "-2.0"),
        (b"\xf9\x00\x01", "5.960464477539063e-8"),
        (b"\xfa\x41\x48\x00\x00", "12.5"),
        (b"\xfb\x40\x34\x19\x99\x99\x99\x99\x9a", "20.1"),
        (b"\xc4\x82\x21\x19\x08\x35", "21.01"),
    ] {
        reads(&cbor(value), &[&format!("m/t temperature {shown} °C @1760000000000")]);
    }
    reads(&cbor(b"\xf9\x7e\x00"), &[]);
    reads(&cbor(b"\xf9\x7c\x00"), &["`v` is a text, not a number"]);
    reads(b"\x9f\xbf\x00\x61a\x04\xf5\xff\xff", &["a state 1  @1760000000000"]);
    reads(b"\xd9\xd9\xf7\x81\xa2\x00\x61a\x08\x43abc", &[]);
}

#[test]
fn broken_cbor_is_an_error() {
    for payload in [
        &b"\x81"[..],
        b"\x81\xa1\x00",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81",
        b"\x81\xa1\x00\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\xa1\x1a\x00\x01\x00\x00\x01",
        b"\x80\x01",
        b"\x81\x1c",
    ] {
        assert!(decode(payload).is_err(), "{payload:x?}");
    }
}

#[test]
fn topics_are_the_tables_or_a_default() {
    let claims = ["senml", "plant/senml/a", "a/b/senml", "plant/a"]
        .map(|topic| format(None).claim(topic) == Claim::Decodes);
    assert_eq!(claims, [true, true, true, false]);
    let own = format(Some("m/{location}"));
    assert_eq!(own.filters(), [Filter::optional("m/+")]);
    let received_at = DateTime::UNIX_EPOCH;
    let payload = br#"[{"n":"a","v":1}]"#;
    let message = Message { topic: "m/hall", payload, received_at, is_replayed: false };
    let decoded = own.decode(&message, &mut Vec::new()).unwrap();
    assert_eq!(decoded.measurements[0].reading.location.as_str(), "hall");
}

proptest! {
    #[test]
    fn no_bytes_panic(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&payload);
        let _ = decode(&[b"\x81".as_slice(), &payload].concat());
    }

    #[test]
    fn no_record_panics(name in ".{0,8}", value in any::<f64>(), time in any::<f64>(), unit in ".{0,4}") {
        let record = serde_json::json!([{ "bn": name, "bv": value, "v": value, "t": time, "bt": time, "u": unit }]);
        let _ = decode(record.to_string().as_bytes());
    }
}
