//! The whole gateway against a broker in this process; what real brokers do is for `tests/`.

mod authority;
mod connecting;
mod discovery;
mod fake;
mod outages;
mod peer;
mod probing;
mod publication;
mod rights;
mod stage;
mod tls;

use std::time::{Duration, Instant};

use peer::{Peer, free_port};
use serde_json::Value as Json;
use stage::{Stage, alert, log_of, on_stage, reading, readings, settings, until};
use tokio::sync::watch;

use crate::config::{Endpoint, MqttVersion, ReadingTopic};
use crate::messages::BrokerAddress;

const SHARED: &str = "factory/sensors/temperature";

fn payload(number: u32) -> String {
    format!(r#"{{"sensor_id":"DEV","temperature":{number}}}"#)
}

/// Without repetitions.
fn first_times(numbers: &[f64]) -> Vec<f64> {
    let mut seen = Vec::new();
    for number in numbers {
        if !seen.contains(number) {
            seen.push(*number);
        }
    }
    seen
}

#[test]
fn readings_go_out_and_come_in() {
    for (name, version) in [("round-v5", MqttVersion::V5), ("round-v4", MqttVersion::V3_1_1)] {
        on_stage(async {
            let broker = Peer::start();
            let mut world = broker.subscribe("factory/#");
            let mut settings = settings(name, broker.port);
            settings.mqtt.version = version;
            let stage = Stage::new(settings);
            let gateway = stage.start();
            gateway.until_ready().await;
            assert!(world.next().await.contains(r#"factory/sensors/status {"status":"online""#));

            stage.send(readings(0..3)).await;
            stage.until_published().await;
            for number in 0..3 {
                let expected = format!(
                    "1 0 {SHARED} {{\"sensor_id\":\"TEMP_001\",\"location\":\"Atelier Production\",\
                     \"temperature\":{number}.0,\"timestamp\":\"2024-08-14T10:30:00.123456+00:00\",\
                     \"unit\":\"celsius\"}}"
                );
                assert_eq!(world.next().await, expected);
            }
            until("its own readings come back", || stage.notes.lock().unwrap().readings.len() == 3)
                .await;
            assert_eq!(stage.notes.lock().unwrap().readings, readings(0..3));
            stage.stop(gateway).await;
        });
    }
}

#[test]
fn what_others_publish_is_decoded_rejected_or_ignored() {
    on_stage(async {
        let broker = Peer::start();
        let stage = Stage::new(settings("others", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        for qos in 0..3 {
            broker.publish(SHARED, qos, &[payload(qos.into())]);
        }
        broker.publish("factory/sensors/humidity/H_1", 1, &[r#"{"humidity":51}"#.into()]);
        broker.publish("factory/sensors/status", 1, &["online".into()]);
        broker.publish(SHARED, 1, &["rubbish".into()]);
        until("everything arrives", || {
            let notes = stage.notes.lock().unwrap();
            notes.readings.len() == 4 && !notes.rejected.is_empty()
        })
        .await;
        stage.stop(gateway).await;
        let notes = stage.notes.lock().unwrap();
        assert_eq!(notes.readings[3].sensor_id.as_str(), "H_1");
        assert_eq!(notes.readings[3].quantity.as_str(), "humidity");
        assert_eq!(notes.rejected.len(), 1);
        assert_eq!(notes.rejected[0].topic, SHARED);
        assert_eq!(notes.rejected[0].payload, b"rubbish");
    });
}

#[test]
fn alerts_go_out_in_order_and_storage_is_told() {
    on_stage(async {
        let broker = Peer::start();
        let mut world = broker.subscribe("factory/alerts/#");
        let stage = Stage::new(settings("alerts", broker.port));
        stage.notes.lock().unwrap().pending = (1..=50).map(alert).collect();
        let gateway = stage.start();
        let order = async |world: &mut peer::Subscriber, rows: std::ops::RangeInclusive<u64>| {
            for row in rows {
                let line = world.next().await;
                let json = line.strip_prefix("2 0 factory/alerts/temperature ").unwrap();
                let json: Json = serde_json::from_str(json).unwrap();
                assert_eq!(json["alert_id"], format!("a-{row}"));
            }
        };
        order(&mut world, 1..=50).await;
        until("storage is told", || stage.notes.lock().unwrap().pending.is_empty()).await;
        stage.notes.lock().unwrap().pending = vec![alert(51), alert(53)];
        order(&mut world, 51..=51).await;
        order(&mut world, 53..=53).await;
        until("storage is told", || stage.notes.lock().unwrap().pending.is_empty()).await;
        let mut delivered = stage.notes.lock().unwrap().delivered.clone();
        delivered.sort_unstable();
        assert_eq!(delivered, (1..=51).chain([53]).collect::<Vec<_>>(), "each once");
        stage.stop(gateway).await;
        assert_eq!(world.rest(), Vec::<String>::new());
    });
}

#[test]
fn the_status_topic_tells_how_it_is() {
    on_stage(async {
        let broker = Peer::start();
        let stage = Stage::new(settings("status", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        let json = |line: &str| -> Json {
            serde_json::from_str(line.split_once("status ").unwrap().1).unwrap()
        };
        broker.subscribe("factory/sensors/status").next().await; // it has been published
        let mut world = broker.subscribe("factory/sensors/status");
        let line = world.next().await;
        assert!(line.starts_with("1 1 "), "retained: {line}");
        let online = json(&line);
        assert_eq!((&online["status"], &online["sensors"]), (&"online".into(), &4.into()));
        assert_eq!((&online["client_id"], &online["version"]), (&"vigie".into(), &"0.0.0".into()));

        // Another client with the publishing client's id ends its connection without a DISCONNECT.
        broker.take_over("vigie-pub");
        let will = json(&world.next().await);
        assert_eq!(
            (&will["status"], &will["reason"]),
            (&"offline".into(), &"connection lost".into())
        );
        // Brokers needn't say why they close; Mosquitto 2.0 doesn't.
        until("the theft is told", || log_of("status lost").len() == 1).await;
        let line = &log_of("status lost")[0];
        assert!(line.contains("that no other client uses the same mqtt.client_id"), "{line}");
        assert_eq!(json(&world.next().await)["status"], "online", "back after a while");

        stage.stop(gateway).await;
        let offline = json(&world.next().await);
        assert_eq!(
            (&offline["status"], &offline["reason"]),
            (&"offline".into(), &"shutdown".into())
        );
        assert!(offline["timestamp"].is_string());
        assert_eq!(world.rest(), Vec::<String>::new(), "and no will after it");
    });
}

#[test]
fn the_session_keeps_what_comes_while_the_daemon_is_away() {
    for (name, version) in [("away-v5", MqttVersion::V5), ("away-v4", MqttVersion::V3_1_1)] {
        on_stage(async {
            let mut broker = Peer::start();
            let mut settings = settings(name, broker.port);
            settings.mqtt.version = version;
            let stage = Stage::new(settings);
            let gateway = stage.start();
            gateway.until_ready().await;
            stage.stop(gateway).await;
            broker.publish(SHARED, 1, &(0..500).map(payload).collect::<Vec<_>>());
            // Whoever restarts the broker keeps the session, too.
            broker.stop();
            broker.restart();
            let gateway = stage.start();
            until("all of it", || stage.numbers().len() >= 500).await;
            assert_eq!(stage.numbers(), (0..500).map(f64::from).collect::<Vec<_>>());
            stage.stop(gateway).await;
        });
    }
}

#[test]
fn a_panic_keeps_what_was_accepted() {
    on_stage(async {
        let mut broker = Peer::start();
        let stage = Stage::new(settings("panic", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        broker.kill();
        until("the loss is noticed", || log_of("panic lost").len() == 1).await;
        stage.send(readings(0..50)).await;
        stage.crash(gateway).await;
        stage.send(readings(50..60)).await;
        broker.restart();
        let gateway = stage.start();
        until("all of it", || stage.numbers().len() >= 60).await;
        assert_eq!(stage.numbers(), (0..60).map(f64::from).collect::<Vec<_>>());
        stage.crash(gateway).await;
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(vec![reading(60)]).await;
        until("and again", || stage.numbers().last() == Some(&60.0)).await;
        stage.stop(gateway).await;
    });
}

#[test]
fn each_sensor_may_have_its_own_topic() {
    on_stage(async {
        let broker = Peer::start();
        let mut world = broker.subscribe("factory/sensors/+/+");
        let mut settings = settings("own-topic", broker.port);
        settings.mqtt.reading_topic = ReadingTopic::PerSensor;
        let stage = Stage::new(settings);
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..1)).await;
        assert!(world.next().await.starts_with("1 0 factory/sensors/temperature/TEMP_001 {"));
        until("it comes back once", || stage.numbers() == [0.0]).await;
        stage.stop(gateway).await;
    });
}
