//! What Home Assistant is shown, through the gateway.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::{DiscoverySettings, SeriesSource, Settings};
use super::fake::{self, Script};
use super::peer::{Peer, Subscriber};
use super::stage::{Stage, log_of, on_stage, readings, settings, until};
use crate::config::{HomeAssistantConfig, MqttVersion};
use crate::domain::{
    LiveChanges, LiveHeads, Location, Quantity, SensorId, SeriesDescription, SeriesFlags,
    SeriesValue, Unit, Value,
};

/// A table with one series.
#[derive(Default)]
struct Table(Mutex<(u64, f64)>);

impl Table {
    fn set(&self, value: f64) {
        let mut table = self.0.lock().unwrap();
        *table = (table.0 + 1, value);
    }
}

impl SeriesSource for Table {
    fn heads(&self) -> LiveHeads {
        LiveHeads { series: self.0.lock().unwrap().0, alarms: 0 }
    }

    fn since(&self, since: u64) -> LiveChanges {
        let (version, value) = *self.0.lock().unwrap();
        let mut changes = LiveChanges { version, ..LiveChanges::default() };
        if since == 0 {
            changes.descriptions.push(SeriesDescription {
                index: 0,
                sensor_id: SensorId::new("A").unwrap(),
                quantity: Quantity::temperature(),
                location: Location::new(""),
                unit: Unit::new("celsius"),
                low: None,
                high: None,
                every: None,
                is_judged: false,
                stale_after: None,
            });
        }
        if since < version {
            let value = Value::new(value).ok();
            changes.values.push(SeriesValue {
                index: 0,
                value,
                at: None,
                flags: SeriesFlags::default(),
            });
        }
        changes
    }
}

fn shown(name: &str, port: u16) -> (Settings, Arc<Table>) {
    let table = Arc::new(Table::default());
    let config =
        HomeAssistantConfig { prefix: "homeassistant".into(), topic_prefix: "vigie".into() };
    let discovery = Some(DiscoverySettings { config, series: table.clone() });
    (Settings { discovery, ..settings(name, port) }, table)
}

/// The next payload on a topic, of QoS 1.
async fn next_on(world: &mut Subscriber, topic: &str) -> String {
    loop {
        let line = world.next().await;
        let (head, payload) = line.split_at(line.find(topic).unwrap_or(line.len()));
        if let ("1 0 " | "1 1 ", Some(payload)) = (head, payload.strip_prefix(topic)) {
            return payload[1..].to_owned();
        }
    }
}

const CONFIG: &str = "homeassistant/sensor/vigie/A-temperature/config";
const STATE: &str = "vigie/state/A-temperature";

#[test]
fn states_follow_and_home_assistant_is_answered() {
    for (name, version) in [("shown-v5", MqttVersion::V5), ("shown-v4", MqttVersion::V3_1_1)] {
        on_stage(async {
            let mut broker = Peer::start();
            let mut world = broker.subscribe("#");
            let (mut settings, table) = shown(name, broker.port);
            settings.mqtt.version = version;
            let stage = Stage::new(settings);
            table.set(1.0);
            let gateway = stage.start();
            assert!(next_on(&mut world, CONFIG).await.contains("\"name\":\"Vigie\""));
            assert_eq!(next_on(&mut world, STATE).await, "1.0");
            table.set(2.0);
            table.set(3.0);
            assert_eq!(next_on(&mut world, STATE).await, "3.0", "the newest alone");
            let logged = stage.log.last();
            broker.publish("homeassistant/status", 0, &["offline".into()]);
            broker.publish("homeassistant/status", 0, &["online".into()]);
            next_on(&mut world, CONFIG).await;
            assert_eq!(next_on(&mut world, STATE).await, "3.0");
            assert_eq!(stage.log.last(), logged, "nothing of it is for the log");

            broker.kill();
            until("the loss is noticed", || log_of(&format!("{name} lost")).len() == 1).await;
            table.set(4.0);
            broker.restart();
            let mut world = broker.subscribe("#");
            next_on(&mut world, CONFIG).await;
            while next_on(&mut world, STATE).await != "4.0" {}
            stage.stop(gateway).await;
        });
    }
}

#[test]
fn without_the_right_to_show_anything_the_rest_goes_on() {
    on_stage(async {
        let broker = Peer::start();
        broker.set_rights(&["factory/#"]);
        let (settings, table) = shown("not-shown", broker.port);
        let stage = Stage::new(settings);
        let gateway = stage.start();
        gateway.until_ready().await;
        table.set(1.0);
        let refused = "refuses a message for Home Assistant";
        until("it is told", || !log_of(refused).is_empty()).await;
        let begun = tokio::time::Instant::now();
        stage.send(readings(0..500)).await;
        stage.until_published().await;
        // A pause would take five seconds.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        stage.stop(gateway).await;
    });
}

/// A subscription to one filter alone that is refused is done without like one of several.
#[test]
fn without_the_right_to_hear_home_assistant_the_rest_goes_on() {
    for (name, v5) in [("not-heard-5", true), ("not-heard-4", false)] {
        on_stage(async move {
            let script = Arc::new(Script::default());
            script.suback_of_wishes.store(if v5 { 0x87 } else { 0x80 }, Ordering::SeqCst);
            let (mut settings, _table) = shown(name, fake::start(script, v5));
            settings.mqtt.version = if v5 { MqttVersion::V5 } else { MqttVersion::V3_1_1 };
            let stage = Stage::new(settings);
            let gateway = stage.start();
            gateway.until_ready().await;
            let refused = "refuses the subscription to homeassistant/status: going on without";
            until("the refusal is told", || !log_of(refused).is_empty()).await;
            stage.stop(gateway).await;
        });
    }
}
