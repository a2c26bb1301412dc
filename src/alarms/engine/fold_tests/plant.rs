//! An engine among sensors, operators and storage.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;

use super::script::{self, LOCATIONS, Record, SENSORS, Told, UNITS, VALUES, What};
use crate::alarms::engine::stored::StoredSeries;
use crate::alarms::engine::*;
use crate::alarms::machine::Change;
use crate::alarms::series::is_timed;
use crate::domain::unit::convert;
use crate::domain::{
    Action, AlarmName, Availability, Location, Operator, OperatorAction, Presence, Quantity, Reach,
    Value, Via, time as times,
};

/// What storage holds.
#[derive(Clone, Default)]
pub struct Stored {
    alarms: BTreeMap<(SensorId, Arc<str>), AlarmState>,
    pub series: StoredSeries,
    rows: Vec<Reading>,
    clocks: ListeningClocks,
    received_at: Option<DateTime<Utc>>,
}

/// An engine among sensors, operators and storage.
pub struct Plant {
    pub engine: Engine,
    rules: usize,
    pub stored: Stored,
    clocks: ListeningClocks,
    wall: DateTime<Utc>,
    position: u64,
    /// By what the sensors' clocks are set.
    truth: DateTime<Utc>,
    /// Of each sensor's own clock to that.
    offsets: [i64; SENSORS.len()],
    last: [Option<Reading>; SENSORS.len()],
    /// Of the batch.
    rows: Vec<Reading>,
    pub said: Vec<String>,
}

impl Plant {
    pub fn new() -> Self {
        let wall = "2024-03-31T00:50:00.000000123Z".parse().unwrap();
        let mut offsets = [0; SENSORS.len()];
        offsets[5] = -350_000_000; // 2013
        let mut plant = Self {
            engine: Engine::default(),
            rules: 0,
            stored: Stored::default(),
            clocks: ListeningClocks::default(),
            wall,
            truth: wall,
            position: 0,
            offsets,
            last: Default::default(),
            rows: Vec::new(),
            said: Vec::new(),
        };
        plant.restore();
        plant.advance(([1_000; 3], 0), 0);
        plant.expect();
        plant
    }

    pub fn restore(&mut self) {
        let Stored { alarms, series, rows, clocks, received_at } = self.stored.clone();
        let alarms = alarms.into_values().collect();
        let since_checkpoints = series.since_checkpoints(&rows);
        let (series, since) = (series.states(), series.since(&rows));
        let past = StoredState {
            clocks,
            received_at,
            series,
            since_checkpoints,
            alarms,
            ..StoredState::default()
        };
        let mut out = Vec::new();
        self.engine =
            Engine::restore(script::rules(self.rules), Tz::Europe__Paris, past, since, &mut out);
        self.engine.keep_quiet(script::quiet());
        assert!(self.engine.take_unreadable().is_empty());
        self.note(out);
        if received_at.is_some() {
            self.expect();
        }
    }

    fn expect(&mut self) {
        let mut out = Vec::new();
        self.engine.expect(&script::expected(), &mut out);
        self.note(out);
    }

    pub fn commit(&mut self, at_most: usize) {
        for change in self.engine.changes() {
            let key = (change.sensor_id.clone(), change.rule.clone());
            match change.state {
                Some(_) => self.stored.alarms.insert(key, change),
                None => self.stored.alarms.remove(&key),
            };
        }
        self.stored.rows.append(&mut self.rows);
        let Stored { series, rows, .. } = &mut self.stored;
        series.commit(&mut self.engine, at_most, rows);
        (self.stored.clocks, self.stored.received_at) = (self.clocks, Some(self.wall));
    }

    fn advance(&mut self, (passed, passed_in_truth): ([u64; 3], i64), back: i64) {
        for (ingress, passed) in Ingress::ALL.into_iter().zip(passed) {
            let time = self.clocks.get(ingress) + Duration::from_millis(passed);
            self.clocks.set_at_least(ingress, time);
        }
        self.truth += TimeDelta::milliseconds(passed_in_truth);
        self.wall += TimeDelta::milliseconds(passed_in_truth - back);
        self.position += 1;
        let (position, received_at, clocks) = (self.position, self.wall, self.clocks);
        let mut out = Vec::new();
        self.engine.advance(RecordTime { position, received_at, clocks }, &mut out);
        self.note(out);
    }

    pub fn play(&mut self, record: &Record) {
        self.advance(record.passed, record.back);
        let mut out = Vec::new();
        match &record.what {
            What::Mark => {}
            What::Readings(all) => {
                for told in all {
                    let reading = self.reading(told);
                    let judgement = self.engine.judge(&reading, told.ingress, &mut out);
                    self.said.push(format!("{judgement:?}"));
                    self.store(&reading);
                    self.last[told.sensor] = Some(reading);
                }
            }
            What::Again(sensor, ingress) => {
                if let Some(reading) = &self.last[*sensor] {
                    self.engine.note_duplicate(reading, *ingress, &mut out);
                }
            }
            What::Availability(sensor, is_online, ingress) => {
                let sensor_id = SensorId::new(SENSORS[*sensor]).unwrap();
                let presence = if *is_online { Presence::Online } else { Presence::Offline };
                let heard = Availability {
                    device: sensor_id,
                    reach: Reach::Sensor,
                    presence,
                    at: self.wall,
                };
                self.engine.apply_availability(&heard, *ingress, &mut out);
            }
            What::Operate(what, rule, sensor) => {
                let record = self.operate(*what, rule, *sensor, &mut out);
                self.said.push(record);
            }
            What::Forget(sensor) => {
                let action = OperatorAction {
                    what: Action::Forget,
                    alarm: AlarmName::AllOf(SensorId::new(SENSORS[*sensor]).unwrap()),
                    operator: Operator::new("anne", Some("why")).unwrap(),
                    at: self.wall,
                    via: Via::Api,
                };
                let record = self.engine.operate(action, &mut out);
                self.said.push(format!("{record:?}"));
            }
            What::SetClock(sensor, offset) => self.offsets[*sensor] = *offset,
            What::Reload(set) => {
                self.rules = *set;
                self.engine.reload(script::rules(*set), script::quiet(), &mut out);
                self.engine.expect(&script::expected(), &mut out);
            }
        }
        self.note(out);
    }

    fn reading(&self, told: &Told) -> Reading {
        // The fifth is nearly stuck.
        let value = VALUES[if told.sensor == 4 { told.value % 2 } else { told.value }];
        let unit = UNITS[told.unit];
        let value = convert("°C", unit).apply(value).unwrap_or(value);
        let offset = TimeDelta::seconds(self.offsets[told.sensor] - told.late_by);
        Reading {
            sensor_id: SensorId::new(SENSORS[told.sensor]).unwrap(),
            location: Location::new(LOCATIONS[told.location]),
            quantity: Quantity::temperature(),
            value: Value::from_parts(
                value,
                told.is_integer && value.fract() == 0.0 && value != 0.0,
            )
            .unwrap(),
            unit: Unit::new(unit),
            timestamp: self.truth + offset + TimeDelta::nanoseconds(told.nanos),
        }
    }

    /// As a row, which has neither nanoseconds nor integers, and no unit but the last one of its sensor.
    fn store(&mut self, reading: &Reading) {
        let others = self.rows.iter_mut().filter(|row| row.sensor_id == reading.sensor_id);
        for row in others.filter(|row| row.unit != reading.unit) {
            row.unit = reading.unit.clone();
        }
        let timestamp = times::as_stored(reading.timestamp);
        let value = Value::new(reading.value.get()).unwrap();
        self.rows.push(Reading { value, timestamp, ..reading.clone() });
    }

    fn operate(
        &mut self,
        what: crate::domain::Action,
        rule: &str,
        sensor: usize,
        out: &mut Vec<Outcome>,
    ) -> String {
        let mut action = OperatorAction {
            what,
            alarm: format!("{rule}/{}", SENSORS[sensor]).parse().unwrap(),
            operator: Operator::new("anne", Some("why")).unwrap(),
            at: self.wall,
            via: Via::Api,
        };
        let by_name = self.engine.operate(action.clone(), out);
        let id = by_name.of.as_ref().and_then(|of| of.alert_id.clone());
        let said = format!("{by_name:?}");
        let Some(id) = id else { return said };
        action.alarm = id.parse().unwrap();
        format!("{said} {:?}", self.engine.operate(action, out))
    }

    fn note(&mut self, out: Vec<Outcome>) {
        for outcome in out {
            let Outcome { rule, alert_id, sensor_id, location, transition, .. } = &outcome;
            let Outcome { value, summary, operator, .. } = &outcome;
            let Outcome { is_offline, is_silent_end, in_flood, threshold, .. } = &outcome;
            // What is done to an alarm at rest shows a value of a row, which knows no integers.
            let value = match transition.change {
                Change::Shelved | Change::Unshelved | Change::TakenOutOfService => {
                    format!("{:?}", value.map(|value| value.get() + 0.0))
                }
                _ => format!("{value:?}"),
            };
            self.said.push(format!(
                "{} {} {alert_id} {sensor_id} {location} {threshold} {value} {transition:?} \
                 {summary:?} {operator:?} {is_offline} {is_silent_end} {in_flood}",
                self.position, rule.name
            ));
        }
    }

    /// All that the engine goes on from.
    pub fn state(&mut self) -> Vec<String> {
        let engine = &mut self.engine;
        let mut all = vec![format!("{:?}", engine.next_deadline())];
        let flood = engine.quieting.flood.as_ref();
        all.push(format!("{flood:?} {:?}", engine.quieting.windows.open()));
        let mut keys: Vec<_> = engine.series.keys().collect();
        keys.sort();
        for key in keys {
            let series = &engine.series[key];
            let Newest { location, unit, value, at, heard, ingress, .. } = &series.newest;
            let value = value.map(|value| value.get() + 0.0);
            all.push(format!("{key:?} {location} {unit:?} {value:?} {at} {:?}", series.lateness()));
            let is_timed =
                |entry: &Entry| !entry.is_at_rest() || is_timed(&engine.rules[entry.rule]);
            if series.entries.iter().any(is_timed) {
                all.push(format!("{heard:?} {ingress:?}"));
            }
            for entry in &series.entries {
                all.push(format!("{} {entry:?}", engine.rules[entry.rule].name));
            }
        }
        all
    }
}
