//! Whatever is lost, acknowledged late or resumed, in the end the client's table is the server's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::frames::State;
use super::protocol::{Feed, NextStep, TICK};
use crate::alarms::engine::SeriesView;
use crate::config::TimeStyle;
use crate::domain::{
    AlarmKey, AlarmOf, AlarmView, LiveAlarm, Location, Priority, Quantity, SensorId, SeriesFlags,
    Unit, Value as Reading,
};
use crate::evaluator::{LiveTable, LiveUpdate, SeriesKey};

/// Little room, so that states come in parts.
const PART: usize = 700;

const TIMES: TimeStyle = TimeStyle { naive: false, zone: chrono_tz::Tz::UTC };

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A sensor measures something, somewhere.
    Measure {
        sensor: u8,
        value: i16,
        place: u8,
    },
    /// An alarm stands, or comes to rest.
    Alarm {
        sensor: u8,
        since: Option<u8>,
    },
    /// The sensors below are expected and never heard; those above are no more.
    Expect(u8),
    /// A flood of alarms that are over: more than there are tombstones.
    Flood,
    /// The daemon starts anew.
    Restart,
    Tick(u8),
    /// The client is given so many frames that are on their way.
    Deliver(u8),
    /// The client's words arrive.
    Hear,
    Cut,
    Connect,
    ClientInterest {
        hz: u8,
        alarms: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..20_u8, any::<i16>(), 0..3_u8)
            .prop_map(|(sensor, value, place)| Step::Measure { sensor, value, place }),
        4 => (0..6_u8, any::<Option<u8>>())
            .prop_map(|(sensor, since)| Step::Alarm { sensor, since }),
        1 => (20..24_u8).prop_map(Step::Expect),
        1 => Just(Step::Flood),
        1 => Just(Step::Restart),
        6 => (1..9_u8).prop_map(Step::Tick),
        6 => (1..4_u8).prop_map(Step::Deliver),
        4 => Just(Step::Hear),
        2 => Just(Step::Cut),
        3 => Just(Step::Connect),
        1 => (0..5_u8, any::<bool>()).prop_map(|(hz, alarms)| Step::ClientInterest { hz, alarms }),
    ]
}

fn key(sensor: u8) -> SeriesKey {
    (SensorId::new(&format!("T{sensor}")).unwrap(), Quantity::temperature())
}

fn view(value: Option<i16>, place: u8) -> SeriesView {
    SeriesView {
        value: value.map(|value| Reading::new(f64::from(value)).unwrap()),
        timestamp: DateTime::UNIX_EPOCH,
        flags: SeriesFlags::default(),
        location: Location::new(&format!("hall {place}")),
        unit: Unit::new("celsius"),
        low: None,
        high: Some(35.0),
        every: None,
        is_judged: false,
        stale_after: None,
    }
}

fn alarm(sensor: &str, since: u8) -> LiveAlarm {
    LiveAlarm {
        view: AlarmView {
            of: AlarmOf {
                alert_id: None,
                rule: "warm".into(),
                sensor_id: SensorId::new(sensor).unwrap(),
            },
            alert_type: "HIGH_TEMPERATURE".into(),
            location: Location::new("hall"),
            quantity: Quantity::temperature(),
            value: None,
            unit: Unit::new("celsius"),
            threshold: 35.0,
            severity: Priority::High,
            state: "unacknowledged",
            since: DateTime::from_timestamp(since.into(), 0),
            withheld: None,
            acknowledged: None,
            shelved: None,
            suppressed_by: None,
            out_of_service: None,
        },
        runbook: Some("https://wiki/warm".into()),
    }
}

/// What a client knows. It follows the few rules of `docs/live-feed.md`.
#[derive(Debug, Default, PartialEq)]
struct Known {
    series: BTreeMap<u64, Value>,
    values: BTreeMap<u64, Value>,
    alarms: BTreeMap<String, Value>,
}

impl Known {
    fn apply(&mut self, frame: &Value) {
        if frame["full"] == true {
            *self = Self::default();
        }
        let items = |key: &str| frame[key].as_array().cloned().unwrap_or_default();
        for series in items("series") {
            self.series.insert(series["i"].as_u64().unwrap(), series);
        }
        for value in items("values") {
            self.values.insert(value[0].as_u64().unwrap(), value);
        }
        for gone in items("gone") {
            self.alarms.remove(gone.as_str().unwrap());
        }
        for alarm in items("alarms") {
            let text = |key: &str| alarm[key].as_str().unwrap().to_owned();
            self.alarms.insert(format!("{}/{}", text("rule"), text("sensor_id")), alarm);
        }
    }
}

#[derive(Default)]
struct Plant {
    table: LiveTable,
    now: Duration,
    feed: Option<Feed>,
    /// Frames on their way to the client, and its own.
    down: VecDeque<String>,
    up: VecDeque<String>,
    known: Known,
    epoch: Option<String>,
    seq: u64,
    want: (u8, bool),
    most_in_flight: usize,
    /// Series that are heard, with the place of each.
    heard: BTreeMap<u8, (i16, u8)>,
}

impl Plant {
    fn take(&mut self, step: Step) {
        match step {
            Step::Measure { sensor, value, place } => {
                self.heard.insert(sensor, (value, place));
                let series = vec![(key(sensor), view(Some(value), place))];
                self.table.update(LiveUpdate { series, ..LiveUpdate::default() });
            }
            Step::Alarm { sensor, since } => self.set_alarm(&format!("T{sensor}"), since),
            Step::Expect(below) => {
                let heard = self.heard.iter();
                let heard = heard
                    .map(|(sensor, (value, place))| (key(*sensor), view(Some(*value), *place)));
                let expected = (20..below).map(|sensor| (key(sensor), view(None, 0)));
                self.table.replace(heard.chain(expected), std::iter::empty());
            }
            Step::Flood => {
                for number in 0..2100 {
                    let sensor = format!("F{number}");
                    self.set_alarm(&sensor, Some(1));
                    self.set_alarm(&sensor, None);
                }
            }
            Step::Restart => {
                self.cut();
                (self.table, self.heard) = (LiveTable::default(), BTreeMap::new());
            }
            Step::Tick(ticks) => (0..ticks).for_each(|_| self.tick()),
            Step::Deliver(frames) => (0..frames).for_each(|_| self.deliver()),
            Step::Hear => self.hear(),
            Step::Cut => self.cut(),
            Step::Connect => self.connect(),
            Step::ClientInterest { hz, alarms } => {
                self.want = (hz, alarms);
                let want = json!({ "series": hz, "alarms": alarms });
                self.up.push_back(json!({ "want": want }).to_string());
            }
        }
    }

    fn set_alarm(&self, sensor: &str, since: Option<u8>) {
        let key = AlarmKey { rule: "warm".into(), sensor_id: SensorId::new(sensor).unwrap() };
        let alarms = vec![(key, since.map(|since| alarm(sensor, since)))];
        self.table.update(LiveUpdate { alarms, ..LiveUpdate::default() });
    }

    fn cut(&mut self) {
        self.feed = None;
        self.down.clear();
        self.up.clear();
    }

    fn connect(&mut self) {
        self.cut();
        self.feed = Some(Feed::new(self.now));
        let (hz, alarms) = self.want;
        let hello = json!({
            "hello": 1, "epoch": self.epoch, "seq": self.seq,
            "want": { "series": hz, "alarms": alarms },
        });
        self.up.push_back(hello.to_string());
        // The server has it before anything else; the welcome names the epoch.
        self.hear();
        if self.epoch.as_deref() != Some(&**self.table.epoch()) {
            self.epoch = Some(self.table.epoch().to_string());
            self.seq = 0;
        }
    }

    fn hear(&mut self) {
        let version = self.table.since(None, None).version;
        while let Some(text) = self.up.pop_front() {
            let Some(feed) = &mut self.feed else { return };
            // So many frames at once are more than a client may send.
            self.now += Duration::from_millis(100);
            feed.hear(&text, self.now, (self.table.epoch(), version)).unwrap();
        }
    }

    fn tick(&mut self) {
        self.now += TICK;
        let Some(feed) = &mut self.feed else { return };
        let NextStep::State(ask) = feed.next(self.now, self.table.heads(), (0, 0)) else { return };
        let (series, alarms) = ask.since();
        match State::of(&ask, self.table.since(series, alarms), TIMES) {
            None => feed.renew(),
            Some((version, state)) => {
                feed.sending(&ask, version, self.now);
                let mut parts = state.parts_of(PART);
                let before = self.down.len();
                assert_eq!(before, 0, "a state before the one before was acknowledged");
                while let Some(part) = parts.next_part(0) {
                    self.down.push_back(part);
                }
                self.most_in_flight = self.most_in_flight.max(self.down.len());
            }
        }
    }

    fn deliver(&mut self) {
        let Some(frame) = self.down.pop_front() else { return };
        let frame: Value = serde_json::from_str(&frame).unwrap();
        self.known.apply(&frame);
        self.seq = frame["seq"].as_u64().unwrap();
        if frame["more"].is_null() {
            self.up.push_back(json!({ "ack": self.seq }).to_string());
        }
    }

    /// The link holds for a while, and the client wants everything.
    fn settle(&mut self) {
        self.want = (4, true);
        self.connect();
        for _ in 0..8 {
            self.tick();
            while !self.down.is_empty() {
                self.deliver();
            }
            self.hear();
        }
    }

    fn truth(&self) -> Known {
        let ask = super::protocol::UpdateRequest::everything(0);
        let (_, state) = State::of(&ask, self.table.since(Some(0), Some(0)), TIMES).unwrap();
        let mut truth = Known::default();
        truth.apply(&serde_json::from_str(&state.whole(0)).unwrap());
        truth
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 5000 }))]

    #[test]
    fn the_clients_table_is_the_servers_in_the_end(steps in prop::collection::vec(step(), 0..60)) {
        let mut plant = Plant::default();
        steps.into_iter().for_each(|step| plant.take(step));
        plant.settle();
        prop_assert_eq!(&plant.known, &plant.truth());
        // A cut that loses nothing brings nothing, unless there is nothing yet.
        prop_assume!(plant.seq > 0);
        plant.connect();
        plant.tick();
        prop_assert!(plant.down.is_empty(), "{:?}", plant.down);
    }
}
