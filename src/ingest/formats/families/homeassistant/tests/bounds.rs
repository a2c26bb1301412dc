//! Bounds of what is learned, what of a config is not read, and what is stored.

use super::*;

#[test]
fn wildcards_are_learned_within_bounds() {
    let mut world = World::new();
    let mut config = thermometer("tag");
    config["stat_t"] = "+/+/seen/AB12".into();
    world.announce("homeassistant/sensor/tag/config", &config);
    config["stat_t"] = "site/#".into();
    config["uniq_id"] = "all".into();
    world.announce("homeassistant/sensor/all/config", &config);
    assert_eq!(world.say("home/gate/seen/AB12", r#"{"t":4}"#), "tag/temperature=4°C");
    assert_eq!(
        world.say("site/gate/seen/AB12", r#"{"t":4}"#),
        "all/temperature=4°C tag/temperature=4°C"
    );
    for foreign in ["home/gate/seen/AB13", "gate/seen/AB12", "$SYS/gate/seen/AB12"] {
        assert_eq!(world.format.claim(foreign), Claim::Foreign, "{foreign}");
    }
    for number in 0..70 {
        config["stat_t"] = format!("n{number}/+").into();
        config["uniq_id"] = number.to_string().into();
        let said =
            world.say(&format!("homeassistant/sensor/n{number}/config"), &config.to_string());
        assert_eq!(
            said.contains("too many topics with wildcards"),
            number >= 63,
            "{number}: {said}"
        );
    }
    assert_eq!(world.restarted().filters(), world.filters());
}

#[test]
fn what_is_not_read_is_said_with_the_config() {
    let mut world = World::new();
    let topic = "homeassistant/sensor/x/config";
    for (change, why) in [
        (
            json!({ "val_tpl": "{{ states('sensor.y') }}" }),
            "its template can't be evaluated: it uses `states`",
        ),
        (json!({ "avty_t": "y", "avty_tpl": "{{ this.state }}" }), "it uses `this`"),
        (json!({ "dev_cla": "timestamp" }), "no measurement"),
        (json!({ "o": { "name": "vigie" } }), "it is Vigie's own"),
    ] {
        let mut config = thermometer("x");
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let said = world.say(topic, &config.to_string());
        assert!(said.starts_with("ignored: a discovery config: ") && said.contains(why), "{said}");
    }
    assert!(world.filters().is_empty());
    let mut config = thermometer("x");
    config["stat_t"] = "homeassistant/sensor/y/config".into();
    assert!(world.say(topic, &config.to_string()).contains("its state topic is a config's"));
    let claims =
        ["homeassistant/light/x/config", "homeassistant/status", "homeassistant/sensor/x/state"];
    assert_eq!(
        claims.map(|topic| world.format.claim(topic)),
        [Claim::Ignores, Claim::Ignores, Claim::Foreign]
    );
}

#[test]
fn what_the_entities_of_a_device_share_is_bounded_over_all_of_them() {
    let mut world = World::new();
    let mut config = |num_bytes: usize| {
        let component = |n: usize| (n.to_string(), json!({ "p": "sensor", "stat_t": "x" }));
        let components: serde_json::Map<_, _> = (0..1024).map(component).collect();
        let word = "w".repeat(num_bytes);
        let config = json!({ "cmps": components, "avty_t": "y", "pl_avail": word });
        world.say("homeassistant/device/d/config", &config.to_string())
    };
    assert!(config(17 << 10).contains("share has more than 16 MiB in all"));
    assert!(config(15 << 10).starts_with("ignored: a discovery config: 1024 entities"));
}

#[test]
fn states_are_numbers_flags_or_texts() {
    let mut world = World::new();
    let plain = json!({ "uniq_id": "count", "name": "Parts made", "stat_t": "parts" });
    world.announce("homeassistant/sensor/count/config", &plain);
    for (payload, expected) in [
        ("17", "count/parts_made=17"),
        ("true", "count/parts_made=1"),
        ("seventeen", VALUELESS),
        ("None", VALUELESS),
    ] {
        assert_eq!(world.say("parts", payload), expected);
    }
    let flag = json!({ "uniq_id": "door", "dev_cla": "battery", "stat_t": "door" });
    world.announce("homeassistant/binary_sensor/door/config", &flag);
    for (payload, expected) in
        [("ON", "door/battery=1"), ("OFF", "door/battery=0"), ("on", VALUELESS)]
    {
        assert_eq!(world.say("door", payload), expected);
    }
    let mut latin = thermometer("old");
    latin["e"] = "iso-8859-1".into();
    latin["val_tpl"] = "{{ value | replace('°C', '') }}".into();
    world.announce("homeassistant/sensor/old/config", &latin);
    assert_eq!(
        shown(&world.say_bytes("old/state", b"21.5\xb0C").unwrap()),
        "old/temperature=21.5°C"
    );
}

#[test]
fn an_area_holds_for_all_entities_of_its_device() {
    let mut world = World::new();
    let mut first = thermometer("one");
    first["dev"] = json!({ "ids": ["box"] });
    world.announce("homeassistant/sensor/one/config", &first);
    let mut second = thermometer("two");
    second["dev"] = json!({ "identifiers": "box", "suggested_area": "Silo" });
    world.announce("homeassistant/sensor/two/config", &second);
    assert_eq!(world.say("one/state", r#"{"t":1}"#), "one/temperature=1°C@Silo");
    world.say("homeassistant/sensor/two/config", "");
    assert_eq!(world.say("one/state", r#"{"t":1}"#), "one/temperature=1°C");
}

#[test]
fn descriptions_are_told_from_states_and_tables_have_their_own() {
    let mut world = World::new();
    world.announce("homeassistant/sensor/a/config", &thermometer("a"));
    assert!(world.format.is_description("homeassistant/sensor/a/config"));
    assert!(!world.format.is_description("a/state"));

    let table = |base: &str| PresetTable {
        preset: Preset::Homeassistant,
        base: Some(base.into()),
        topic: None,
        device: None,
        precision: None,
    };
    let other = HomeAssistant::new(&table("site/ha/"), Tz::UTC).unwrap();
    assert_eq!(
        (world.format.key(), other.key()),
        ("homeassistant".into(), "homeassistant site/ha".into())
    );
    assert_eq!(other.claim("site/ha/sensor/a/config"), Claim::Decodes);
    assert_eq!(other.filters()[1].text, "site/ha/+/+/+/config");
    for base in ["", "#", "a/+", "$SYS", "/"] {
        assert!(HomeAssistant::new(&table(base), Tz::UTC).is_err(), "{base}");
    }
    assert_eq!(world.format.fresh().filters().len(), 2);
}

#[test]
fn entities_of_one_topic_are_bounded() {
    let mut world = World::new();
    let components: serde_json::Map<String, Json> = (0..1_100)
        .map(|number| {
            (
                format!("c{number}"),
                json!({ "p": "sensor", "uniq_id": format!("u{number}"), "val_tpl": "{{ value }}" }),
            )
        })
        .collect();
    let config = json!({ "dev": { "ids": 1 }, "stat_t": "one", "cmps": components });
    let said = world.say("homeassistant/device/one/config", &config.to_string());
    assert!(
        said.contains("1024 entities are read")
            && said.contains("1024 entities read `one` already"),
        "{said}"
    );
    assert_eq!(world.say_bytes("one", b"1").unwrap().measurements.len(), 1_024);
}

#[test]
fn stored_states_of_another_version_are_passed_over() {
    let mut world = World::new();
    world.format.remember("config:homeassistant/sensor/a/config", Some(b"[{\"unknown\":1}]"));
    world.format.remember("availability:a", Some(b"[]"));
    world.format.remember("other", Some(b""));
    assert!(world.filters().is_empty());
    world.announce("homeassistant/sensor/a/config", &thermometer("a"));
    assert_eq!(world.say("a/state", r#"{"t":1}"#), "a/temperature=1°C");
}

proptest! {
    #[test]
    fn no_bytes_panic(payload: Vec<u8>, text in r#"[\[\]{}",:a-z0-9 .eE+\\-]{0,60}"#) {
        let mut world = World::new();
        let mut config = thermometer("a");
        config["avty_t"] = "a/state".into();
        world.announce("homeassistant/sensor/a/config", &config);
        for topic in ["a/state", "homeassistant/device/x/config", "homeassistant/sensor/a/config"] {
            let _ = world.say_bytes(topic, &payload);
            if world.format.claim(topic) == Claim::Decodes {
                let _ = world.say_bytes(topic, text.as_bytes());
            }
            if world.format.claim("a/state") != Claim::Decodes {
                return Ok(());
            }
        }
    }

    /// Whatever is announced and said, a restart at any moment changes nothing of what follows.
    #[test]
    fn a_restart_changes_nothing(
        steps in prop::collection::vec(
            (0..3_usize, prop::sample::select(vec![
                "announce", "announce elsewhere", "delete", r#"{"t":5}"#, r#"{"t":"x"}"#, "online", "offline", "{}",
            ])),
            1..24,
        ),
    ) {
        let (mut world, mut twin) = (World::new(), World::new());
        for (sensor, what) in steps {
            let id = ["a", "b", "c"][sensor];
            let mut config = thermometer(id);
            config["avty"] = json!([{ "t": "bridge" }, { "t": format!("{id}/state"), "val_tpl": "{{ value_json.w }}" }, { "t": id }]);
            config["avty_mode"] = ["all", "any", "latest"][sensor].into();
            if what == "announce elsewhere" {
                config["stat_t"] = "bridge".into();
            }
            let (topic, payload) = match what {
                "announce" | "announce elsewhere" => (format!("homeassistant/sensor/{id}/config"), config.to_string()),
                "delete" => (format!("homeassistant/sensor/{id}/config"), String::new()),
                "online" | "offline" if sensor == 0 => ("bridge".into(), what.into()),
                "online" | "offline" => (id.into(), what.into()),
                payload => (format!("{id}/state"), payload.into()),
            };
            twin = twin.restarted();
            prop_assert_eq!(world.format.claim(&topic), twin.format.claim(&topic));
            if world.format.claim(&topic) == Claim::Decodes {
                prop_assert_eq!(world.say(&topic, &payload), twin.say(&topic, &payload));
            }
            prop_assert_eq!(&world.stored, &twin.stored);
            prop_assert_eq!(world.filters(), twin.filters());
        }
    }
}
