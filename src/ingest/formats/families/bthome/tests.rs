use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Preset;
use crate::ingest::formats::Format;
use crate::ingest::formats::kit::testing::{decode, preset_table};

const TOPIC: &str = "home/attic/BTtoMQTT/E0E1E2E3E4E5";

fn format() -> Theengs {
    new(&preset_table(Preset::Bthome, None), Tz::UTC).unwrap()
}

/// Readings of service data; the sensor id is omitted if it is that of the topic.
fn readings(data: &str) -> Vec<String> {
    let payload =
        json!({ "id": "E0:E1:E2:E3:E4:E5", "servicedatauuid": "0xfcd2", "servicedata": data });
    let lines = decode(&mut format(), TOPIC, &payload.to_string());
    lines.iter().map(|line| line.replacen("E0E1E2E3E4E5", "", 1).trim_start().to_owned()).collect()
}

#[test]
fn numbers_have_a_length_a_sign_and_a_factor() {
    for (data, expected) in [
        ("400164", "battery=100 %"),
        ("4002 18fc", "temperature=-10.0 °C"),
        ("4045 6bff", "temperature=-14.9 °C"),
        ("4058 f6", "temperature=-3.5 °C"),
        ("4004 e48b01", "pressure=1013.48 hPa"),
        ("4005 a08601", "illuminance=1000.0 lx"),
        ("403e ffffffff", "count=4294967295"),
        ("405b ffffffff", "count=-1"),
        ("405c 18fcffff", "power=-10.0 W"),
        ("4063 c0bdf0ff", "acceleration=-1.0 m/s²"),
        ("404d 00ca9a3b", "energy=1000000.0 kWh"),
        ("4056 2c01", "conductivity=300 µS/cm"),
    ] {
        assert_eq!(readings(&data.replace(' ', "")), [expected], "{data}");
    }
}

#[test]
fn states_are_0_or_1_and_never_named_like_a_number() {
    assert_eq!(readings("4010011501"), ["power_on=1", "battery_low=1"]);
    assert_eq!(readings("4021002d02"), ["motion=0", "window=1"]);
}

#[test]
fn several_of_one_quantity_are_probes() {
    let lines = ["/1 temperature=20.0 °C", "/2 temperature=21.5 °C", "humidity=50 %"];
    assert_eq!(readings("4002d0072e3245d700"), [lines[0], lines[2], lines[1]]);
}

#[test]
fn what_is_no_measurement_is_stepped_over() {
    // Packet id, a button, text of two bytes, a firmware version, then humidity.
    assert_eq!(readings("4400073a0153026869f1010203042e28"), ["humidity=40 %"]);
    assert_eq!(readings("403a01"), ["ignored: nothing in it is a measured value"]);
}

#[test]
fn reading_ends_at_the_first_unknown_object() {
    assert_eq!(readings("400132e0012e28"), ["battery=50 %"]);
    assert_eq!(readings("40e0012e28"), ["ignored: nothing in it is a measured value"]);
}

#[test]
fn an_address_may_come_first() {
    assert_eq!(readings("42e5e4e3e2e1e02e28"), ["humidity=40 %"]);
    assert_eq!(readings("42e5e4"), ["error: `servicedata` ends within the address"]);
}

#[test]
fn encrypted_data_is_no_error() {
    assert_eq!(
        readings("41a0b0c0d0e0f00011223344556677"),
        ["ignored: BTHome data is encrypted: its values need the key"]
    );
}

#[test]
fn broken_data_is_said() {
    assert_eq!(readings("40012e02d0"), ["battery=46 %", "fault: object 0x02 is cut off"]);
    assert_eq!(readings("4g"), ["error: `servicedata` is not hexadecimal"]);
    assert_eq!(readings(""), ["error: `servicedata` has 0 bytes"]);
    assert_eq!(readings("200164"), ["error: `servicedata` is of BTHome version 1, not 2"]);
    assert!(readings(&"40".repeat(300))[0].contains("has 300 bytes"));
}

#[test]
fn service_data_of_others_is_ignored() {
    let payload = json!({ "servicedatauuid": "0x181a", "servicedata": "400164", "rssi": -70 });
    let lines = decode(&mut format(), TOPIC, &payload.to_string());
    assert_eq!(lines, ["ignored: nothing in it is a measured value"]);
}

#[test]
fn it_shares_the_gateways_topics_under_its_own_name() {
    let based = new(&preset_table(Preset::Bthome, Some("plant/ble")), Tz::UTC).unwrap();
    assert_eq!((format().key(), based.key()), ("bthome".into(), "bthome plant/ble".into()));
    assert_eq!(based.filters()[0].text, "plant/ble/+/BTtoMQTT/+");
}

proptest! {
    #[test]
    fn no_service_data_panics(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        readings(&hex);
        readings(&format!("40{hex}"));
    }
}
