//! Every configuration in `config/` is valid, and `vigie check` handles large fleets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vigie::config::{self, Config, Endpoint, Limits, ReplayTimes, Source, Speed};
use vigie::domain::Quantity;
use vigie::locale::Language;

fn config_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

/// A configuration of `config/`; the files that it names are assumed to exist.
fn shipped(name: &str) -> Config {
    let text = std::fs::read_to_string(config_dir().join(name)).unwrap();
    config::parse(&text, name).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_shipped_config_is_valid() {
    let mut num_checked = 0;
    for entry in std::fs::read_dir(config_dir()).unwrap() {
        let path = entry.unwrap().path();
        // Rule tests in the same folder are not configurations: see `rule_tests.rs`.
        let name = path.display().to_string();
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        if !is_toml || name.ends_with(".test.toml") {
            continue;
        }
        // Tests run in the package's folder, as `make run` does, so relative paths are the same.
        config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
        num_checked += 1;
    }
    assert!(num_checked >= 3, "found only {num_checked} configurations");
}

#[test]
fn the_factory_has_the_origins_fleet() {
    let config = shipped("factory.toml");
    assert_eq!(config.language, Language::French);
    assert_eq!(config.mqtt.endpoint, Endpoint::Embedded);
    assert_eq!(config.broker.unwrap().listen, "127.0.0.1:1883".parse().unwrap());
    assert_eq!(config.mqtt.topic_prefix, "factory");
    assert_eq!(config.fleet.sensor_reading_interval.as_secs(), 2);
    assert_eq!(config.fleet.cycle_pause.as_secs(), 5);
    let sensors: Vec<_> = config
        .sensors
        .iter()
        .map(|sensor| (sensor.id.as_str(), sensor.location.as_str()))
        .collect();
    assert_eq!(
        sensors,
        [
            ("TEMP_001", "Atelier Production"),
            ("TEMP_002", "Entrepôt"),
            ("TEMP_003", "Bureau"),
            ("TEMP_004", "Salle Serveurs")
        ]
    );
    let thresholds = &config.alerts.thresholds[&Quantity::temperature()];
    assert_eq!(thresholds.default, Limits { high: Some(35.0), low: Some(10.0) });
    assert_eq!(config.storage.path, Path::new("sensor_data.db"));
}

/// The first alert comes soon, and from a simulated fault: normal readings stay within the limits.
#[test]
fn the_factory_shows_an_alert_soon() {
    let config = shipped("factory.toml");
    let limits = config.alerts.thresholds[&Quantity::temperature()].default;
    let mut none_in_a_round = 1.0;
    for sensor in &config.sensors {
        let Source::Simulated(simulation) = &sensor.source else { panic!("{}", sensor.id) };
        let room = 5.0 * simulation.noise;
        assert!(simulation.mean + simulation.spread + room < limits.high.unwrap());
        assert!(simulation.mean - simulation.spread - room > limits.low.unwrap());
        none_in_a_round *= 1.0 - simulation.faults.spike;
    }
    let num_sensors = u32::try_from(config.sensors.len()).unwrap();
    let round = config.fleet.sensor_reading_interval * num_sensors + config.fleet.cycle_pause;
    let rounds_in_two_minutes = 120.0 / round.as_secs_f64();
    let none_in_two_minutes = f64::powf(none_in_a_round, rounds_in_two_minutes);
    assert!(none_in_two_minutes < 0.1, "{none_in_two_minutes}");
}

#[test]
fn hivemq_differs_from_the_factory_by_its_broker() {
    let (factory, hivemq) = (shipped("factory.toml"), shipped("hivemq.toml"));
    assert!(hivemq.broker.is_none());
    let host = "your-cluster.s1.eu.hivemq.cloud".into();
    assert_eq!(hivemq.mqtt.endpoint, Endpoint::Remote { host, port: 8883, tls: true });
    assert_eq!(hivemq.mqtt.name.as_deref(), Some("HiveMQ Cloud"));
    assert!(hivemq.mqtt.credentials.is_some());
    assert_eq!(format!("{:?}", hivemq.sensors), format!("{:?}", factory.sensors));
    assert_eq!(hivemq.fleet, factory.fleet);
    assert_eq!(format!("{:?}", hivemq.alerts), format!("{:?}", factory.alerts));
}

#[test]
fn the_replay_configuration_plays_the_recording() {
    let config = shipped("replay.toml");
    let [sensor] = config.sensors.as_slice() else { panic!("{:?}", config.sensors) };
    assert_eq!(sensor.unit.as_str(), "fahrenheit");
    let Source::Replay(replay) = &sensor.source else { panic!("{:?}", sensor.source) };
    assert_eq!(replay.file, Path::new("config/machine_temperature.csv"));
    assert_eq!((replay.speed, replay.times), (Speed::Times(3600.0), ReplayTimes::File));
}

#[test]
fn a_hundred_thousand_tables_are_a_hundred_thousand_sensors() {
    let mut text = String::from("[broker]\n");
    for number in 1..=100_000 {
        writeln!(
            text,
            "[[sensors]]\nid = \"S_{number:06}\"\nlocation = \"Hall {}\"\n\
             source = {{ type = \"simulated\", mean = 24.0, seed = {number} }}",
            number % 10
        )
        .unwrap();
    }
    let config = config::parse(&text, "large.toml").unwrap();
    assert_eq!(config.sensors.len(), 100_000);
    assert_eq!(config.sensors[99_999].id.as_str(), "S_100000");

    // A repeated id in the middle is reported with both places.
    text.push_str("[[sensors]]\nid = \"S_050000\"\nsource = { type = \"simulated\" }\n");
    let errors = config::parse(&text, "large.toml").unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors}") };
    assert_eq!(error.place.unwrap().line, 400_003);
    assert!(error.mistake.what.contains("first at large.toml:199999:6"), "{error}");
}

#[test]
fn a_range_makes_a_hundred_thousand_sensors() {
    let text = "[broker]\n[[sensors]]\nid = \"S_{00001..100000}\"\n\
                source = { type = \"simulated\", seed = 7 }\n";
    let config = config::parse(text, "large.toml").unwrap();
    assert_eq!(config.sensors.len(), 100_000);
    let (first, last) = (&config.sensors[0], &config.sensors[99_999]);
    assert_eq!((first.id.as_str(), last.id.as_str()), ("S_00001", "S_100000"));
    let seed = |source: &Source| match source {
        Source::Simulated(simulation) => simulation.seed,
        Source::Replay(_) => panic!("{source:?}"),
    };
    assert_eq!((seed(&first.source), seed(&last.source)), (7, 100_006));
}

/// The examples of `[[receivers]]` on the page on notifications.
#[test]
fn the_manuals_receivers_are_valid() {
    let server_room = std::fs::read_to_string(config_dir().join("server-room.toml")).unwrap();
    let shown: String = server_room
        .lines()
        .skip_while(|line| *line != "# [[receivers]]")
        .map_while(|line| line.strip_prefix('#'))
        .fold(String::new(), |text, line| text + line.trim() + "\n");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notifications.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let blocks = manual.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| block.split_once("```").expect("its end").0).collect();
    let counts: Vec<_> = blocks.iter().map(|it| it.matches("[[receivers]]").count()).collect();
    assert_eq!(counts, [4, 5, 2, 0], "the last one is of the heartbeat");
    let shown = [(shown.as_str(), 2)].into_iter().chain(blocks.into_iter().zip(counts));
    for (text, count) in shown {
        let text = format!("[broker]\n{text}");
        let config = config::parse(&text, "shown").unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.receivers.len(), count, "{text}");
    }
}

/// The examples on the page on the embedded broker, each with a `[broker]` table.
#[test]
fn the_manuals_broker_examples_are_valid() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/broker.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let examples: Vec<_> = manual.split("```toml\n").skip(1).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let (text, _) = example.split_once("```").expect("its end");
        let text =
            if text.contains("[broker]\n") { text.to_owned() } else { format!("[broker]\n{text}") };
        let config = config::parse(&text, "shown").unwrap_or_else(|errors| panic!("{errors}"));
        let broker = config.broker.expect("a broker");
        if text.contains("[broker.limits]") {
            let defaults = config::parse("[broker]", "default").unwrap().broker.unwrap().limits;
            assert_eq!(broker.limits, defaults, "the page shows the defaults");
        }
    }
}
