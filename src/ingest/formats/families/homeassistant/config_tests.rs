//! Configs in their many spellings, and those that are refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SENSOR: Place<'static> = Place { component: "sensor", node: None, object: "attic_heat" };

#[track_caller]
fn one(place: Place<'_>, config: &Json) -> Spec {
    let mut announced = read(place, config.to_string().as_bytes()).unwrap();
    assert_eq!(
        (announced.specs.len(), &announced.remarks, &announced.faults),
        (1, &vec![], &vec![])
    );
    announced.specs.remove(0)
}

fn refused(place: Place<'_>, config: &Json) -> String {
    read(place, config.to_string().as_bytes()).unwrap_err()
}

#[test]
fn short_and_long_keys_say_the_same() {
    let short = json!({
        "~": "attic/7", "uniq_id": "attic-7-t", "stat_t": "~/state", "dev_cla": "temperature",
        "unit_of_meas": "°C", "val_tpl": "{{ value_json.t }}", "exp_aft": "90",
        "avty": { "t": "lwt/~", "pl_avail": 1, "pl_not_avail": false }, "avty_mode": "any",
        "dev": { "ids": ["attic-7"], "sa": "Attic" },
    });
    let long = json!({
        "unique_id": "attic-7-t", "state_topic": "attic/7/state", "device_class": "temperature",
        "unit_of_measurement": "°C", "value_template": "{{ value_json.t }}", "expire_after": 90,
        "availability": [{ "topic": "lwt/attic/7", "payload_available": "1", "payload_not_available": "False" }],
        "availability_mode": "any", "device": { "identifiers": "attic-7", "suggested_area": "Attic" },
    });
    let spec = one(SENSOR, &short);
    assert_eq!(spec, one(SENSOR, &long));
    assert_eq!((&*spec.sensor, &*spec.quantity, &*spec.unit), ("attic-7-t", "temperature", "°C"));
    assert_eq!(
        (&*spec.topic, spec.expire_after, &*spec.area),
        ("attic/7/state", Some(90), "Attic")
    );
    assert_eq!(spec.mode, Mode::Any);
}

#[test]
fn a_tilde_stands_at_the_start_or_end_of_topics_only() {
    let spec = one(
        SENSOR,
        &json!({
            "~": "base", "stat_t": "a/~/b", "avty_t": "x/~", "val_tpl": "~", "name": "~",
        }),
    );
    assert_eq!((&*spec.topic, spec.template.as_deref()), ("a/~/b", Some("~")));
    assert_eq!(&*spec.availability[0].topic, "x/base");
}

#[test]
fn names_where_a_config_has_none() {
    let node = Place { node: Some("attic"), ..SENSOR };
    for (place, config, sensor, quantity) in [
        (SENSOR, json!({ "stat_t": "t" }), "attic_heat", "attic_heat"),
        (node, json!({ "stat_t": "t", "name": null }), "attic/attic_heat", "attic_heat"),
        (SENSOR, json!({ "stat_t": "t", "uniq_id": 17, "name": "Pump Hours" }), "17", "pump_hours"),
        (SENSOR, json!({ "stat_t": "t", "uniq_id": "a", "name": "温度" }), "a", "attic_heat"),
        (SENSOR, json!({ "stat_t": "t", "uniq_id": "a", "dev_cla": "carbon_dioxide" }), "a", "co2"),
        (SENSOR, json!({ "stat_t": "t", "uniq_id": "a", "def_ent_id": "sensor.oil" }), "a", "oil"),
    ] {
        let spec = one(place, &config);
        assert_eq!((&*spec.sensor, &*spec.quantity), (sensor, quantity), "{config}");
    }
}

#[test]
fn what_makes_a_state_a_number() {
    let kind = |config: Json| {
        let mut config = config;
        config["stat_t"] = "t".into();
        one(SENSOR, &config).kind
    };
    assert_eq!(kind(json!({})), Kind::Any);
    assert_eq!(kind(json!({ "unit_of_meas": "" })), Kind::Any);
    for config in [
        json!({ "unit_of_meas": "W" }),
        json!({ "stat_cla": "total" }),
        json!({ "dev_cla": "power" }),
        json!({ "sug_dsp_prc": 0 }),
    ] {
        assert_eq!(kind(config.clone()), Kind::Number, "{config}");
    }
    let place = Place { component: "binary_sensor", ..SENSOR };
    let spec = one(place, &json!({ "stat_t": "t", "pl_on": true }));
    assert_eq!(spec.kind, Kind::Flag { on: "True".into(), off: "OFF".into() });
}

#[test]
fn a_device_shares_its_options_with_its_entities() {
    let device = Place { component: "device", ..SENSOR };
    let config = json!({
        "dev": { "ids": "d1" }, "o": { "name": "maker" }, "stat_t": "d1/state", "avty_t": "d1/lwt",
        "cmps": {
            "a": { "p": "sensor", "uniq_id": "d1a", "unit_of_meas": "V" },
            "b": { "p": "sensor", "stat_t": "d1/b", "avty": [{ "t": "d1/b/lwt" }] },
            "c": { "p": "sensor" },
            "d": { "p": "switch", "cmd_t": "d1/set" },
            "e": { "p": "sensor", "dev_cla": "timestamp", "uniq_id": "d1e" },
            "f": { "p": "binary_sensor", "stat_t": "#" },
            "g": 5,
        },
    });
    let announced = read(device, config.to_string().as_bytes()).unwrap();
    let told: Vec<_> = announced
        .specs
        .iter()
        .map(|it| (&*it.sensor, &*it.topic, &*it.availability[0].topic))
        .collect();
    let expected = [("d1a", "d1/state", "d1/lwt"), ("attic_heat/b", "d1/b", "d1/b/lwt")];
    assert_eq!(told, expected);
    assert_eq!((announced.remarks.len(), announced.faults.len()), (1, 1));
    assert!(announced.faults[0].starts_with("component `f`: `state_topic`"));
}

#[test]
fn some_configs_announce_nothing() {
    let remark =
        |config: Json| read(SENSOR, config.to_string().as_bytes()).unwrap().remarks[0].clone();
    assert!(remark(json!({ "stat_t": "t", "o": { "name": "Vigie" } })).contains("own"));
    assert!(remark(json!({ "stat_t": "t", "dev_cla": "enum" })).contains("no measurement"));
    assert!(remark(json!({ "stat_t": "t", "e": "" })).contains("encoding"));
    assert_eq!(read(SENSOR, b""), Ok(Announced::default()));
    assert!(read(SENSOR, br#"{"migr_discvry":true}"#).unwrap().is_moving);
}

#[test]
fn what_cannot_be_a_config_is_refused_for_a_reason() {
    for (config, why) in [
        (json!([]), "not an object"),
        (json!({ "name": "x" }), "no `state_topic`"),
        (json!({ "stat_t": "#" }), "every topic"),
        (json!({ "stat_t": "+/#" }), "every topic"),
        (json!({ "stat_t": "$SYS/load" }), "no topic"),
        (json!({ "stat_t": "a/b+" }), "whole level"),
        (json!({ "stat_t": "a/#/b" }), "its end"),
        (json!({ "stat_t": "x".repeat(513) }), "longer"),
        (json!({ "stat_t": ["t"] }), "a list"),
        (json!({ "stat_t": "t", "avty_mode": "most" }), "neither"),
        (json!({ "stat_t": "t", "uniq_id": "a\nb" }), "control character"),
        (json!({ "stat_t": "t", "avty": [{ "pl_avail": "x" }] }), "no `topic`"),
    ] {
        assert!(refused(SENSOR, &config).contains(why), "{config}: {}", refused(SENSOR, &config));
    }
    assert!(read(SENSOR, b"{\"unit_of_meas\":\"\xb0C\"}").unwrap_err().contains("UTF-8"));
    assert!(read(SENSOR, &vec![b' '; MOST_ENTITY_BYTES + 1]).unwrap_err().contains("64 KiB"));
}

proptest! {
    #[test]
    fn no_config_panics(
        keys in prop::collection::vec(
            prop::sample::select(vec!["~", "stat_t", "avty", "cmps", "dev", "p", "uniq_id", "val_tpl", "exp_aft", "name", "o"]),
            0..6,
        ),
        values in prop::collection::vec(
            prop::sample::select(vec![
                json!("~"), json!("~/é~"), json!(null), json!([{ "t": "~" }]), json!({ "ids": [] }), json!(-1),
                json!({ "a": { "p": "sensor" } }), json!(true), json!(""), json!({ "cns": [["mac", 1]] }),
            ]),
            6,
        ),
    ) {
        let config: Json = keys.iter().zip(&values).map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        for component in ["sensor", "binary_sensor", "device"] {
            let _ = read(Place { component, ..SENSOR }, config.to_string().as_bytes());
        }
    }
}
