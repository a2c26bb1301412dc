//! The whole gateway against a real broker.

mod authority;
mod connecting;
mod fake;
mod mosquitto;
mod outbox;
mod probing;
mod rights;
mod stage;

use std::time::{Duration, Instant};

use mosquitto::{Mosquitto, free_port};
use serde_json::Value as Json;
use stage::{DEADLINE, Stage, alert, log_of, on_stage, reading, readings, settings, until};
use tokio::sync::{oneshot, watch};

use crate::config::{Endpoint, MqttVersion, ReadingTopic};
use crate::messages::{AlertsWaiting, BrokerAddress, PublishReadings};

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
    if !mosquitto::is_here() {
        return;
    }
    for (name, version) in [("round-v5", MqttVersion::V5), ("round-v4", MqttVersion::V3_1_1)] {
        on_stage(async {
            let broker = Mosquitto::start();
            let mut world = broker.subscribe("factory/#");
            let mut settings = settings(name, broker.port);
            settings.mqtt.version = version;
            let stage = Stage::new(settings);
            let gateway = stage.start();
            gateway.until_ready().await;
            assert!(world.next().await.contains(r#"factory/sensors/status {"status":"online""#));

            let (delivered, told) = oneshot::channel();
            let message = PublishReadings { readings: readings(0..3), delivered: Some(delivered) };
            stage.publish.send(message, DEADLINE).await.unwrap();
            tokio::time::timeout(DEADLINE, told).await.unwrap().unwrap();
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
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let broker = Mosquitto::start();
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
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let broker = Mosquitto::start();
        let mut world = broker.subscribe("factory/alerts/#");
        let stage = Stage::new(settings("alerts", broker.port));
        stage.notes.lock().unwrap().pending = (1..=50).map(alert).collect();
        let gateway = stage.start();
        let order = async |world: &mut mosquitto::Subscriber,
                           rows: std::ops::RangeInclusive<i64>| {
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
        stage.waiting.send(AlertsWaiting::default(), DEADLINE).await.unwrap();
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
fn a_broker_that_dies_and_comes_back_costs_nothing() {
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let mut broker = Mosquitto::start();
        let stage = Stage::new(settings("phoenix", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..10)).await;
        until("the first ten", || stage.numbers().len() == 10).await;

        broker.kill();
        until("the loss is noticed", || log_of("phoenix lost").len() == 1).await;
        stage.send(readings(10..200)).await;
        stage.notes.lock().unwrap().pending = vec![alert(1), alert(2)];
        stage.waiting.send(AlertsWaiting::default(), DEADLINE).await.unwrap();
        until("a failed attempt is told", || log_of("connect to phoenix").len() == 1).await;
        let reason = &log_of("connect to phoenix")[0];
        assert!(
            reason.contains(&format!("127.0.0.1:{} refuses connections", broker.port)),
            "{reason}"
        );

        broker.restart();
        let mut world = broker.subscribe("factory/alerts/#");
        until("all readings arrive", || stage.numbers().last() == Some(&199.0)).await;
        // A broker that is killed forgets some of what was acknowledged to it, and sends it again.
        assert_eq!(first_times(&stage.numbers()), (0..200).map(f64::from).collect::<Vec<_>>());
        until("storage is told", || stage.notes.lock().unwrap().delivered == [1, 2]).await;
        world.next().await;
        world.next().await;
        assert_eq!(log_of("Connected to phoenix").len(), 2);
        assert_eq!(log_of("phoenix lost").len(), 1);
        stage.stop(gateway).await;
    });
}

#[test]
fn what_was_in_flight_when_the_broker_died_goes_again() {
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let mut broker = Mosquitto::start();
        let stage = Stage::new(settings("in-flight", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        let (delivered, mut told) = oneshot::channel();
        let message = PublishReadings { readings: readings(0..3000), delivered: Some(delivered) };
        stage.publish.send(message, DEADLINE).await.unwrap();
        until("it has begun", || stage.numbers().len() > 300).await;
        broker.kill();
        assert!(told.try_recv().is_err(), "too late to be a test");
        broker.restart();
        tokio::time::timeout(DEADLINE, told).await.unwrap().unwrap();
        // What the broker had acknowledged, and lost with its memory when it was killed, is its
        // affair; what it had not, comes again. The last one must be there, and the order kept.
        until("the last one", || stage.numbers().last() == Some(&2999.0)).await;
        let numbers = stage.numbers();
        let steps_back = numbers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert!(steps_back <= 1, "once, at the restart");
        stage.stop(gateway).await;
    });
}

/// Paho C frees a message twice when its write fails: see `client`. Unless that is kept from
/// happening, about every fourth kill under load takes this process down.
#[test]
fn a_broker_killed_under_load_again_and_again_is_survived() {
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let mut broker = Mosquitto::start();
        // As the embedded broker, for its shorter delays between attempts.
        let mut settings = settings("sisyphus", 0);
        settings.mqtt.endpoint = Endpoint::Embedded;
        let addr = ([127, 0, 0, 1], broker.port).into();
        let (_place, watch) =
            watch::channel(Some(BrokerAddress { addr, public: addr, credentials: None }));
        settings.embedded = Some(watch);
        let stage = Stage::new(settings);
        let gateway = stage.start();
        for round in 1..=8 {
            until("connected", || log_of("Connected to sisyphus").len() == round).await;
            let before = stage.numbers().len();
            let load = async {
                while log_of("sisyphus lost").len() < round {
                    stage.send(readings(0..100)).await;
                    tokio::task::yield_now().await;
                }
            };
            let kill = async {
                until("the load is on", || stage.numbers().len() > before + 50).await;
                broker.kill();
            };
            tokio::join!(load, kill);
            broker.restart();
        }
        stage.send(vec![reading(12_345)]).await;
        until("the last one", || stage.numbers().last() == Some(&12_345.0)).await;
        stage.stop(gateway).await;
    });
}

#[test]
fn the_status_topic_tells_how_it_is() {
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let broker = Mosquitto::start();
        let stage = Stage::new(settings("status", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        let json = |line: &str| -> Json {
            serde_json::from_str(line.split_once("status ").unwrap().1).unwrap()
        };
        let mut world = broker.subscribe("factory/sensors/status");
        let line = world.next().await;
        assert!(line.starts_with("1 1 "), "retained: {line}");
        let online = json(&line);
        assert_eq!((&online["status"], &online["sensors"]), (&"online".into(), &4.into()));
        assert_eq!((&online["client_id"], &online["version"]), (&"vigie".into(), &"0.0.0".into()));

        // Another client with the publishing client's id ends its connection without a DISCONNECT.
        let thief = broker.subscribe_as("nothing", &["-i", "vigie-pub", "-V", "mqttv5"]);
        let will = json(&world.next().await);
        assert_eq!(
            (&will["status"], &will["reason"]),
            (&"offline".into(), &"connection lost".into())
        );
        // Mosquitto 2.0 does not say why it closes.
        until("the theft is told", || log_of("status lost").len() == 1).await;
        let line = &log_of("status lost")[0];
        assert!(line.contains("that no other client uses the same mqtt.client_id"), "{line}");
        drop(thief);
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
fn a_stop_with_the_broker_gone_is_quick() {
    on_stage(async {
        let stage = Stage::new(settings("nobody", free_port()));
        let gateway = stage.start();
        stage.send(readings(0..10)).await;
        until("a failure is told", || log_of("connect to nobody").len() == 1).await;
        let begin = Instant::now();
        stage.stop(gateway).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    });
}

#[test]
fn a_broker_that_hangs_holds_up_neither_sensors_nor_the_stop() {
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let broker = Mosquitto::start();
        let stage = Stage::new(settings("frozen", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        stage.send(readings(0..1)).await;
        until("it flows", || stage.numbers() == [0.0]).await;
        broker.freeze();
        // One message more than the route holds: the last waits for a permit.
        for _ in 0..=stage.publish.capacity() {
            stage.send(readings(0..100)).await;
        }
        let begin = Instant::now();
        stage.stop(gateway).await;
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    });
}

#[test]
fn the_session_keeps_what_comes_while_the_daemon_is_away() {
    if !mosquitto::is_here() {
        return;
    }
    for (name, version) in [("away-v5", MqttVersion::V5), ("away-v4", MqttVersion::V3_1_1)] {
        on_stage(async {
            let mut broker = Mosquitto::start();
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
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let mut broker = Mosquitto::start();
        let stage = Stage::new(settings("panic", broker.port));
        let gateway = stage.start();
        gateway.until_ready().await;
        broker.kill();
        until("the loss is noticed", || log_of("panic lost").len() == 1).await;
        stage.send(readings(0..50)).await;
        until("they are taken", || stage.publish.depth() == 0).await;
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
    if !mosquitto::is_here() {
        return;
    }
    on_stage(async {
        let broker = Mosquitto::start();
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
