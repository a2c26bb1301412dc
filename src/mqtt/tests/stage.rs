//! The gateway on a stage: an evaluator and a storage that only take notes, and a log that is read.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use actix::prelude::*;
use chrono::DateTime;
use chrono_tz::Tz;
use tempfile::TempDir;

use super::super::actor::Crash;
use super::super::{Gateway, Routes, Settings, factory};
use crate::config::{ClientTls, Endpoint, MqttConfig, MqttVersion, ReadingTopic, TimeStyle};
use crate::domain::Ingress;
use crate::domain::{AlertEvent, Location, Quantity, Reading, Rejected, SensorId, Unit, Value};
use crate::ingest::formats::{Formats, OriginJson};
use crate::ingest::{EntryContent, Log, LogConsumer, Subscriptions, testing};
use crate::locale::Language;
use crate::messages::{GatewayLink, PushAlerts, PushReport};
use crate::supervisor::testing::{Incarnation, Stand, mqtt_turn};
use crate::supervisor::{ChildEnv, Failure, GracefulStop, Mailbox, Route, Routed};
use crate::wire::Topics;

pub const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a test on an arbiter, with a time limit.
pub fn on_stage<F: Future<Output = ()>>(test: F) {
    let _turn = mqtt_turn();
    listen_to_the_log();
    actix_rt::System::new().block_on(async {
        tokio::time::timeout(Duration::from_secs(100), test).await.expect("the test ends in time");
    });
}

/// Waits for the thing itself.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "in vain: {what}");
}

/// What the other actors were told.
#[derive(Default)]
pub struct Notes {
    pub readings: Vec<Reading>,
    pub rejected: Vec<Rejected>,
    /// Events not delivered yet, in order.
    pub pending: Vec<AlertEvent>,
    /// Numbers, as they were reported.
    pub delivered: Vec<u64>,
}

/// Plays storage: pushes what is pending, by 20 credits.
struct Others {
    notes: Arc<Mutex<Notes>>,
    gateway: Route<PushAlerts>,
    link: Option<GatewayLink>,
    in_flight: BTreeSet<u64>,
    /// Refused topics: their first event, and when it is tried again.
    set_aside: HashMap<Quantity, (u64, Instant)>,
}

impl Actor for Others {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(Duration::from_millis(10), |act, _| act.push());
    }
}

impl Others {
    fn push(&mut self) {
        let Some(GatewayLink { incarnation, .. }) = self.link else { return };
        let notes = self.notes.lock().unwrap();
        let (set_aside, in_flight) = (&self.set_aside, &mut self.in_flight);
        let is_due = |event: &&AlertEvent| match set_aside.get(&event.quantity) {
            Some((first, retry_at)) => *first == event.number && *retry_at <= Instant::now(),
            None => true,
        };
        let mut events = Vec::new();
        for event in notes.pending.iter().filter(is_due) {
            if in_flight.len() < 20 && in_flight.insert(event.number) {
                events.push(Arc::new(event.clone()));
            }
        }
        if !events.is_empty() {
            self.gateway.try_send(PushAlerts { incarnation, events }).unwrap();
        }
    }
}

impl Handler<Routed<PushReport>> for Others {
    type Result = bool;

    fn handle(&mut self, routed: Routed<PushReport>, _: &mut Context<Self>) -> bool {
        let (PushReport { link, delivered, refused }, _room) = routed.split();
        let mut notes = self.notes.lock().unwrap();
        self.set_aside.retain(|_, (first, _)| !delivered.contains(first));
        notes.pending.retain(|event| !delivered.contains(&event.number));
        if self.link.replace(link).is_some_and(|known| known.incarnation != link.incarnation) {
            self.in_flight.clear();
        }
        self.in_flight.retain(|number| !delivered.contains(number) && !refused.contains(number));
        for event in notes.pending.iter().filter(|event| refused.contains(&event.number)) {
            let retry_at = Instant::now() + Duration::from_secs(1);
            let (first, at) =
                self.set_aside.entry(event.quantity.clone()).or_insert((event.number, retry_at));
            (*first, *at) = ((*first).min(event.number), retry_at);
        }
        notes.delivered.extend(delivered);
        drop(notes);
        self.push();
        !self.in_flight.is_empty()
    }
}

/// Notes what comes in from the broker, as an evaluator would.
async fn evaluate(mut consumer: LogConsumer, notes: Arc<Mutex<Notes>>) {
    loop {
        let polled = consumer.next().await;
        let mut notes = notes.lock().unwrap();
        for entry in polled.entries.into_iter().filter(|it| it.ingress == Some(Ingress::Remote)) {
            match entry.content {
                EntryContent::Data(data) => {
                    let readings = data.measurements.into_iter().map(|it| it.reading);
                    notes.readings.extend(readings);
                }
                EntryContent::Rejected(rejected) => notes.rejected.push(rejected),
                _ => {}
            }
        }
    }
}

type Factory = Rc<dyn Fn(&ChildEnv) -> Result<Gateway, Failure>>;

pub struct Stage {
    stand: Stand<Gateway>,
    factory: Factory,
    addr: Addr<Gateway>,
    pub log: Arc<Log>,
    pub notes: Arc<Mutex<Notes>>,
    _others: Incarnation,
    _journal: TempDir,
}

impl Stage {
    /// With a log of its own.
    pub fn new(mut settings: Settings) -> Self {
        let notes: Arc<Mutex<Notes>> = Arc::default();
        let (journal, log) = testing::log(65_536);
        settings.log = log.clone();
        let topics = Topics::new(&settings.mqtt.topic_prefix, settings.mqtt.reading_topic);
        let formats = Formats::new(vec![Box::new(OriginJson::new(topics, settings.times.zone))]);
        settings.subscriptions = Subscriptions::new(formats, 0);
        let consumer = LogConsumer::new(log.clone(), settings.subscriptions.clone(), Vec::new(), 0);
        actix_rt::spawn(evaluate(consumer, notes.clone()));
        let others = Mailbox::new();
        let routes = Routes { report: others.route(1) };
        let stand = Stand::new("others", others);
        let mailbox = Mailbox::new();
        let running = stand.start(|_| {
            Ok(Others {
                notes: notes.clone(),
                gateway: mailbox.route(20),
                link: None,
                in_flight: BTreeSet::new(),
                set_aside: HashMap::new(),
            })
        });
        Self {
            log,
            addr: mailbox.addr(),
            stand: Stand::new("gateway", mailbox),
            factory: Rc::new(factory(settings, routes)),
            notes,
            _others: running,
            _journal: journal,
        }
    }

    pub fn start(&self) -> Incarnation {
        self.stand.start(&*self.factory)
    }

    pub async fn stop(&self, gateway: Incarnation) {
        self.addr.send(GracefulStop).await.unwrap();
        let ended = tokio::time::timeout(DEADLINE, gateway.ended());
        assert_eq!(ended.await.expect("it stops in time"), Ok(()));
    }

    pub async fn crash(&self, gateway: Incarnation) {
        let _ = self.addr.send(Crash).await;
        assert!(gateway.ended().await.is_err());
    }

    /// The numbers of the readings that came in, in order.
    pub fn numbers(&self) -> Vec<f64> {
        self.notes.lock().unwrap().readings.iter().map(|reading| reading.value.get()).collect()
    }

    /// Appends own readings.
    pub async fn send(&self, readings: Vec<Reading>) {
        self.log.append_own(&readings).await;
    }

    /// Waits until every own reading is published.
    pub async fn until_published(&self) {
        until("all is published", || self.log.unpublished() == 0).await;
    }
}

pub fn settings(name: &str, port: u16) -> Settings {
    Settings {
        forward_mark: None,
        mqtt: MqttConfig {
            endpoint: Endpoint::Remote { host: "127.0.0.1".into(), port, tls: false },
            name: Some(name.into()),
            credentials: None,
            tls: ClientTls::default(),
            client_id: "vigie".into(),
            publish_client_id: "vigie-pub".into(),
            version: MqttVersion::V5,
            keep_alive: Duration::from_secs(60),
            retain: true,
            alert_qos: 2,
            topic_prefix: "factory".into(),
            reading_topic: ReadingTopic::Shared,
        },
        times: TimeStyle { naive: false, zone: Tz::UTC },
        words: Language::English.words(),
        sensors: 4,
        version: "0.0.0".into(),
        embedded: None,
        log: testing::log(65_536).1, // another takes its place
        subscriptions: Subscriptions::new(Formats::new(Vec::new()), 0), // so do others
        subscribes: true,
        discovery: None,
        gauges: Arc::default(),
    }
}

pub fn reading(number: u32) -> Reading {
    Reading {
        sensor_id: SensorId::new("TEMP_001").unwrap(),
        location: Location::new("Atelier Production"),
        quantity: Quantity::temperature(),
        value: Value::new(f64::from(number)).unwrap(),
        unit: Unit::new("celsius"),
        timestamp: DateTime::from_timestamp_micros(1_723_631_400_123_456).unwrap(),
    }
}

pub fn readings(numbers: std::ops::Range<u32>) -> Vec<Reading> {
    numbers.map(reading).collect()
}

pub fn alert(number: u64) -> AlertEvent {
    AlertEvent {
        number,
        alert_id: format!("a-{number}").into(),
        rule: "high-temperature".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        location: Location::new("Atelier Production"),
        value: Some(Value::new(38.2).unwrap()),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        message: "High temperature detected: 38.2°C".into(),
        timestamp: DateTime::from_timestamp_micros(1_723_631_400_123_456).unwrap(),
        announced: true,
        ..AlertEvent::new(SensorId::new("TEMP_001").unwrap(), Quantity::temperature())
    }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// All lines of the log that name `broker`: each test's broker has a name of its own.
pub fn log_of(broker: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.contains(broker)).cloned().collect()
}

fn listen_to_the_log() {
    struct Listener;

    impl log::Log for Listener {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target().starts_with("vigie")
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                let line = format!("{} {}", record.level(), record.args());
                eprintln!("{line}");
                LINES.lock().unwrap().push(line);
            }
        }

        fn flush(&self) {}
    }

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}
