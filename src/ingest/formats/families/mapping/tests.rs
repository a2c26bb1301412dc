//! Mapping tables applied to messages of each kind.

mod mistakes;
mod properties;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::*;
use crate::config::{MappedAvailability, MappedValue};
use crate::domain::{News, ReadingClock};

const RECEIVED: &str = "2025-06-01T12:00:00Z";

fn received_at() -> DateTime<Utc> {
    RECEIVED.parse().unwrap()
}

fn value(quantity: &str, at: &str, unit: &str) -> MappedValue {
    let unit = (!unit.is_empty()).then(|| unit.to_owned());
    MappedValue { quantity: quantity.into(), at: at.into(), unit, ..MappedValue::default() }
}

fn table(topic: &str) -> Mapping {
    Mapping { topic: topic.into(), ..Mapping::default() }
}

#[track_caller]
fn format(mapping: &Mapping) -> MappingFormat {
    MappingFormat::new(mapping, Tz::Europe__Paris).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(ToString::to_string).collect::<String>())
    })
}

/// Formats readings as `sensor quantity=value unit @time`, availability as `device is …`, faults as
/// `! why`, and an ignored message as `(why)`.
fn shown(decoded: Result<Decoded, String>) -> Vec<String> {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(why) => return vec![format!("rejected: {why}")],
    };
    let mut lines = Vec::new();
    for it in &decoded.measurements {
        assert_eq!(it.news, News::Live);
        let reading = &it.reading;
        let time = match it.clock {
            ReadingClock::Receipt => String::new(),
            ReadingClock::Sender => format!(" @{}", reading.timestamp.format("%d %H:%M:%S%.f")),
        };
        let place = match reading.location.as_str() {
            "" => String::new(),
            place => format!(" in {place}"),
        };
        let (sensor, quantity) = (&reading.sensor_id, &reading.quantity);
        let unit = reading.unit.as_str();
        lines.push(format!("{sensor} {quantity}={}{unit}{place}{time}", reading.value));
    }
    let is = |it: &crate::domain::Availability| format!("{} is {:?}", it.device, it.presence);
    lines.extend(decoded.availability.iter().map(is));
    lines.extend(decoded.faults.iter().map(|why| format!("! {why}")));
    lines.extend(decoded.ignored.iter().map(|why| format!("({why})")));
    lines
}

fn decode(format: &MappingFormat, topic: &str, payload: &[u8]) -> Vec<String> {
    assert_eq!(format.claim(topic), Claim::Decodes, "{topic}");
    let message = Message { topic, payload, received_at: received_at(), is_replayed: false };
    shown(format.decode(&message, &mut Vec::new()))
}

#[track_caller]
fn gives(mapping: &Mapping, topic: &str, payload: &str, expected: &[&str]) {
    assert_eq!(decode(&format(mapping), topic, payload.as_bytes()), expected, "{topic} {payload}");
}

#[test]
fn a_topic_a_value() {
    let table = table("works/{location}/{sensor}/{quantity}");
    for (quantity, payload, expected) in [
        ("temp", "18.25", "oven temperature=18.25°C in north"),
        ("flow", "7", "oven flow=7 in north"),
        ("pressure", "\"4.5 bar\"", "oven pressure=4.5bar in north"),
        ("vent", "open", "oven vent=1 in north"),
        ("Co2", "{\"value\":612,\"unit\":\"ppm\"}", "oven co2=612ppm in north"),
        ("humidity", "{\"rh\":{\"v\":51,\"u\":\"%\"},\"seq\":1}", "oven humidity=51% in north"),
        ("co2", "n/a", "(\"n/a\" stands for no value)"),
        ("vent", "offline", "(\"offline\" is a word of availability)"),
        ("co2", "off", "! `co2` of oven: \"off\" is true or false, not a number"),
        ("mode", "heating", "! `mode` of oven: \"heating\" is not a number"),
        ("temp", "-280 °C", "! `temperature` of oven: -280 is below absolute zero"),
        (
            "flow",
            "{\"a\":1,\"b\":2}",
            "! `flow` of oven: its value is not said; write value = \"/…\" with one of its keys; keys here: a, b",
        ),
    ] {
        gives(&table, &format!("works/north/oven/{quantity}"), payload, &[expected]);
    }
    let cut = decode(&format(&table), "works/n/o/t", b"{\"value\":");
    assert!(cut[0].starts_with("rejected: the payload is not JSON"), "{cut:?}");
    assert_eq!(format(&table).claim("works/north/oven"), Claim::Foreign);
}

#[test]
fn values_by_pointers_are_alone_in_their_fate() {
    let mut table = table("site/{device}/{sensor}/state");
    table.time = Some("/ts".into());
    table.invalid = vec![-127.0];
    table.values = vec![
        MappedValue { scale: Some(0.1), ..value("temperature", "/t/deci", "°C") },
        MappedValue { invalid: vec![255.0], ..value("battery", "bat", "%") },
        value("probe/*/temperature", "/probes/*/t", "°F"),
        value("door", "/door", ""),
    ];
    let topic = "site/box/1/state";
    gives(
        &table,
        topic,
        r#"{"t":{"deci":-103},"bat":"87","probes":{"a":{"t":50},"b":{},"c":{"t":-127}},"ts":1748779200}"#,
        &[
            "box/1 temperature=-10.3°C @01 12:00:00",
            "box/1 battery=87% @01 12:00:00",
            "box/1/probe/a temperature=50°F @01 12:00:00",
        ],
    );
    gives(
        &table,
        topic,
        r#"{"t":{"deci":true},"bat":255,"door":"closed","ts":"2025-06-01 13:59"}"#,
        &[
            "box/1 door=0 @01 11:59:00",
            "! `temperature` of box/1: true is true or false, not a number",
        ],
    );
    gives(&table, topic, r#"{"x":1,"ts":"never"}"#, &["(none of the table's values is in it)"]);
    gives(&table, topic, r#"{"bat":null}"#, &["(none of the table's values is in it)"]);
    let late = decode(&format(&table), topic, br#"{"bat":5,"door":"on","ts":"never"}"#);
    assert!(late.len() == 1 && late[0].starts_with("! `time`: the timestamp `never`"), "{late:?}");
    assert!(decode(&format(&table), topic, b"17.5")[0].starts_with("(none"));
    assert!(decode(&format(&table), topic, b"t=17.5")[0].starts_with("rejected"));
}

#[test]
fn each_element_is_read_by_itself() {
    let mut table = table("gw/{gateway}");
    table.each = Some("/list/*".into());
    table.sensor = Some("{gateway}/{id}".into());
    table.quantity = Some("what".into());
    table.unit = Some("uom".into());
    table.value = vec!["v".into(), "alt".into()];
    table.time = Some("../../at".into());
    table.when = Some("!has(item.ok) || item.ok".into());
    table.quantities =
        [("17".to_owned(), "flow".to_owned()), ("hPa".into(), "pressure".into())].into();
    gives(
        &table,
        "gw/g",
        r#"{"at":1748779200,"list":[
            {"id":1,"what":"Temp","uom":"C","v":3},
            {"id":2,"what":17,"alt":4.5,"uom":"L/min"},
            {"id":3,"what":"humidity","v":990,"uom":"hPa"},
            {"id":4,"what":"temp","v":9,"ok":false},
            {"id":5,"what":"name","v":"roof"},
            {"id":6,"what":"temp","v":"roof"},
            {"id":7,"v":1},
            {"what":"x","v":1},
            "word", 5, null]}"#,
        &[
            "g/1 temperature=3°C @01 12:00:00",
            "g/2 flow=4.5L/min @01 12:00:00",
            "g/3 pressure=990hPa @01 12:00:00",
            "! `temperature` of g/6: \"roof\" is not a number",
            "! `quantity`: nothing at what; keys here: id, v; for the text itself write quantity = \"'what'\"",
            "! `sensor`: nothing at id; keys here: v, what",
        ],
    );
    gives(&table, "gw/g", r#"{"list":[]}"#, &["(none of the table's values is in it)"]);
}

#[test]
fn elements_of_objects_are_named_by_their_keys() {
    let mut table = table("heat");
    table.each = Some("/*/*".into());
    table.sensor = Some("heat/{path}".into());
    table.unit = Some("unit".into());
    table.value = vec!["value".into()];
    gives(
        &table,
        "heat",
        r#"{"boiler":{"flow_0x1":{"value":"61.5","unit":"°C"},"pump":{"value":"an"}},"hk":{"mix":{"value":8,"unit":"%"}}}"#,
        &["heat/boiler/flow_0x1 temperature=61.5°C", "heat/hk/mix value=8%"],
    );
    table.sensor = Some("{*}".into());
    table.each = Some("/*".into());
    table.value = vec![];
    table.quantity = Some("temperature".into());
    gives(
        &table,
        "heat",
        r#"{"a":19,"b":{"value":20}}"#,
        &["a temperature=19°C", "b temperature=20°C"],
    );
    table.values = vec![value("*", "/*", "")];
    (table.each, table.quantity, table.unit) = (None, None, None);
    table.sensor = Some("heat".into());
    gives(
        &table,
        "heat",
        r#"{"Supply Temp":19,"fw":"v1.2","up":true,"l":[1]}"#,
        &["heat supply_temp=19", "heat up=1"],
    );
}

#[test]
fn times_count_from_a_base_or_are_put_together() {
    let mut table = table("log/{sensor}");
    table.each = Some("/s/*".into());
    table.values = vec![value("temperature", "1", "°C")];
    table.time = Some("$base + item[0] / 1000".into());
    table.time_base = Some("/t0".into());
    let payload = |base: &str| format!(r#"{{"t0":{base},"s":[[0,4.5],[1500,5]]}}"#);
    for base in ["1748779200", "\"1748779200\"", "\"2025-06-01T12:00:00Z\""] {
        let expected = ["x temperature=4.5°C @01 12:00:00", "x temperature=5°C @01 12:00:01.500"];
        gives(&table, "log/x", &payload(base), &expected);
    }
    gives(&table, "log/x", r#"{"s":[[0,4.5]]}"#, &["x temperature=4.5°C"]);
    gives(
        &table,
        "log/x",
        r#"{"t0":1748779200,"s":[["a",4.5]]}"#,
        &["! `time`: item[0]: the text `a` stands where a number must be"],
    );
    (table.each, table.time_base) = (None, None);
    (table.split, table.time) = (Some(",".into()), Some("{0}T{2}".into()));
    gives(&table, "log/x", "2025-06-01, 7.5, 14:00:00", &["x temperature=7.5°C @01 12:00:00"]);
}

#[test]
fn fields_of_a_text() {
    let mut table = table("csv");
    table.split = Some(";".into());
    table.sensor = Some("0".into());
    table.decimal = Some(',');
    table.values = vec![value("humidity", "2", "%"), value("level", "9", "m")];
    table.expr = vec![("dew/temperature".into(), "double(payload[3]) / 10".into())];
    table.unit = Some("°C".into());
    gives(&table, "csv", "S7;x;48,5;215", &["S7 humidity=48.5%", "S7/dew temperature=21.5°C"]);
    gives(&table, "csv", "S7;x;wet;", &["! `humidity` of S7: \"wet\" is not a number"]);
    (table.sensor, table.split) = (Some("id".into()), Some("&".into()));
    table.values = vec![value("humidity", "h", "%")];
    table.expr.clear();
    gives(&table, "csv", "id=A&h=40", &["A humidity=40%"]);
    gives(
        &table,
        "csv",
        "h=40",
        &["! `sensor`: nothing at id; keys here: h; for the text itself write sensor = \"'id'\""],
    );
}

#[test]
fn words_have_the_numbers_of_the_map() {
    let mut table = table("doors/{sensor}");
    table.quantity = Some("open".into());
    table.map = [("AJAR".to_owned(), 0.5), ("SHUT".into(), 0.0)].into();
    table.invalid_words = vec!["?".into()];
    table.scale = Some(10.0);
    gives(&table, "doors/d", "ajar", &["d open=0.5"]);
    gives(&table, "doors/d", "7", &["d open=70"]);
    gives(&table, "doors/d", "?", &["(\"?\" stands for no value)"]);
    gives(&table, "doors/d", "BENT", &["(\"BENT\" is not in `map`)"]);
}

#[test]
fn expressions_say_what_pointers_cannot() {
    let mut table = table("dev/{sensor}/up");
    table.expr = vec![
        ("temperature".into(), "math.bitAnd(payload.word, 4095) * 0.1".into()),
        ("alarm".into(), "payload.word > 32767".into()),
    ];
    table.unit = Some("°C".into());
    table.when = Some("topic[1] != 'test'".into());
    gives(
        &table,
        "dev/a/up",
        r#"{"word":33011}"#,
        &["a temperature=24.3°C", "! `alarm` of a: true is true or false, not a number"],
    );
    gives(&table, "dev/a/up", "{}", &["(none of the table's values is in it)"]);
    gives(&table, "dev/test/up", r#"{"word":1}"#, &["(`when`: topic[1] != 'test' is false)"]);
    gives(
        &table,
        "dev/a/up",
        r#"{"word":"x"}"#,
        &[
            "! `expr.temperature`: payload.word: the text `x` stands where a number must be",
            "! `expr.alarm`: the text `x` stands where a number must be",
        ],
    );
}

#[test]
fn units_come_on_a_topic_of_their_own_and_are_remembered() {
    let mut table = table("plc/{sensor}/{quantity}/value");
    table.unit_topic = Some("plc/{sensor}/{quantity}/unit".into());
    let mut format = format(&table);
    let filters: Vec<String> = format.filters().into_iter().map(|filter| filter.text).collect();
    assert_eq!(filters, ["plc/+/+/value", "plc/+/+/unit"]);
    assert_eq!(decode(&format, "plc/a/level/value", b"3"), ["a level=3"]);

    let said = |format: &mut MappingFormat, payload: &[u8]| {
        let (topic, received_at) = ("plc/a/level/unit", received_at());
        let message = Message { topic, payload, received_at, is_replayed: false };
        let mut changes = Vec::new();
        let decoded = format.decode(&message, &mut changes);
        for (key, value) in &changes {
            format.remember(key, value.as_deref());
        }
        (decoded.map(|it| it.is_empty()), changes)
    };
    let change = |unit: Option<&str>| {
        vec![(Box::from("a/level"), unit.map(|unit| unit.as_bytes().to_vec()))]
    };
    assert_eq!(said(&mut format, b"\"mm\""), (Ok(true), change(Some("mm"))));
    assert_eq!(said(&mut format, b" mm"), (Ok(true), Vec::new()));
    assert_eq!(decode(&format, "plc/a/level/value", b"3"), ["a level=3mm"]);
    assert_eq!(decode(&format, "plc/b/level/value", b"3 m"), ["b level=3m"]);
    assert!(said(&mut format, &[b'x'; 40]).0.is_err());
    assert_eq!(said(&mut format, b""), (Ok(true), change(None)));
    assert_eq!(decode(&format, "plc/a/level/value", b"3"), ["a level=3"]);
    format.remember("a/level", Some(b"\xff"));
    assert_eq!(format.fresh().key(), "mapping plc/{sensor}/{quantity}/value");
}

#[test]
fn availability_is_of_the_device_that_sensors_are_of() {
    let said = |topic: &str, online: &str, offline: &str| MappedAvailability {
        topic: topic.into(),
        online: online.into(),
        offline: offline.into(),
    };
    let mut table = table("plant/{device}/{sensor}/{quantity}");
    table.availability = Some(said("plant/{device}/lwt/state", "1", "0"));
    gives(&table, "plant/p/lwt/state", "0", &["p is Offline"]);
    gives(&table, "plant/p/lwt/state", "{\"state\":\"1\"}", &["p is Online"]);
    gives(&table, "plant/p/lwt/state", "2", &["(\"2\" is neither `1` nor `0`)"]);
    gives(&table, "plant/p/lwt/state", "", &["(an empty payload clears a retained message)"]);

    table.sensor = Some("north/{device}-{sensor}".into());
    gives(&table, "plant/p/lwt/state", "1", &["north is Online"]);
    table.availability = Some(said("plant/lwt", "Up", "Down"));
    gives(&table, "plant/lwt", "DOWN", &["north is Offline"]);

    // Availability and values share a topic: other words are values.
    let mut table = self::table("t/{sensor}");
    table.quantity = Some("level".into());
    table.availability = Some(said("t/{sensor}", "up", "down"));
    gives(&table, "t/a", "down", &["a is Offline"]);
    gives(&table, "t/a", "5", &["a level=5"]);
}

#[test]
fn what_a_message_lacks_is_explained() {
    let mut table = table("site/{sensor}/state");
    table.values = vec![value("temperature", "/t", "°C"), value("humidity", "/h", "%")];
    table.expr = vec![("dew".into(), "payload.d / 10".into())];
    table.time = Some("/ts".into());
    let explain = |table: &Mapping, topic: &str, payload: &str| {
        let (payload, received_at) = (payload.as_bytes(), received_at());
        format(table).explain(&Message { topic, payload, received_at, is_replayed: false })
    };
    assert_eq!(
        explain(&table, "site/a/state", r#"{"t":1,"hum":2}"#),
        [
            "time: nothing at /ts; keys here: hum, t; the time of receipt stands in",
            "values.humidity: nothing at /h; keys here: hum, t",
            "expr.dew: payload.d is not there; keys here: hum, t",
        ]
    );
    assert!(explain(&table, "site/a/state", r#"{"t":1,"h":2,"d":3,"ts":1748779200}"#).is_empty());
    assert_eq!(explain(&table, "site/a", "1"), ["topic: it is not of site/{sensor}/state"]);
    assert!(explain(&table, "site/a/state", "{")[0].starts_with("payload: the payload is not"));
    table.each = Some("/list/*".into());
    assert_eq!(explain(&table, "site/a/state", "{}"), ["each: nothing at /list/*; no keys here"]);
    table.when = Some("item.ok".into());
    assert_eq!(
        explain(&table, "site/a/state", r#"{"list":[{"a":1},{"b":1}]}"#),
        ["when: item.ok is not there; keys here: a"]
    );
}
