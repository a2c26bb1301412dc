//! Evaluation as a fold over the log: state and one record give the next state and what to store. Pure.
//!
//! Always: the same records give the same rows, alerts and ids, however they are divided into batches, and whether
//! or not the state was restored in between. Time comes from the records alone. Never: a clock, a file, a reading
//! twice.

use std::hash::{Hash, Hasher};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::announce;
use super::dedup::Dedup;
use super::live::{LiveUpdate, SeriesKey};
pub(super) use super::notes::{Effects, LogNote};
use super::sender_clocks::SenderClocks;
use crate::alarms::engine::{
    Deadlines, Engine, Live, Outcome, RecordTime, SeriesView, StoredState,
};
use crate::domain::{
    AlertEvent, Fingerprint, Ingress, ListeningClocks, LiveAlarm, Measurement, News,
    OperatorAction, Position, QuickSet, Reading, ReadingClock, Rejected, SensorId,
};
use crate::ingest::{EntryContent, LogEntry};
use crate::locale::Words;
use crate::messages::{AlarmConfig, Judged, ResumePoint, Store};

/// Microseconds: the precision of a stored time.
const SUBSECOND_DIGITS: u16 = 6;

/// Times that evaluation begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Zone of the time of day in expressions.
    pub zone: chrono_tz::Tz,
    /// Default time if no record is stored.
    pub at: DateTime<Utc>,
    /// Build time of the program: this machine's clock can't be right before it.
    pub built_at: DateTime<Utc>,
}

/// At a restart, this machine's clock is taken to be at most this far behind what it has shown. If it has shown
/// more, it was ahead then and is right now.
const MOST_BEHIND: TimeDelta = TimeDelta::days(1);

/// State of the fold.
pub(super) struct Fold {
    engine: Engine,
    dedup: Dedup,
    /// Series of the daemon's own sensors, by hash.
    own: QuickSet<u64>,
    time: RecordTime,
    /// Ingress of records of the previous version, which don't state it.
    default_ingress: Ingress,
    words: &'static Words,
    /// Number of the last alert event.
    last_event: u64,
    /// Readings since the last periodic checkpoint.
    readings_since_checkpoint: usize,
    clocks: SenderClocks,
    /// Readings in a unit that does not convert into that of a rule, since the start of the process.
    num_unfit: u64,
}

/// Readings per periodic checkpoint of a series. So a restart reads at most 64 rows again for each active series
/// with rules, regardless of silent ones.
const READINGS_A_CHECKPOINT: usize = 64;

impl Fold {
    /// Empty fold; must be restored before use.
    pub fn new(words: &'static Words, default_ingress: Ingress) -> Self {
        Self {
            engine: Engine::default(),
            dedup: Dedup::default(),
            own: QuickSet::default(),
            time: RecordTime {
                position: 0,
                received_at: DateTime::UNIX_EPOCH,
                clocks: ListeningClocks::default(),
            },
            default_ingress,
            words,
            last_event: 0,
            readings_since_checkpoint: 0,
            clocks: SenderClocks::default(),
            num_unfit: 0,
        }
    }

    /// Restores the state from storage, with the given rules.
    ///
    /// # Errors
    /// If the stored state can't be read.
    pub fn restore(
        &mut self,
        point: ResumePoint,
        ruling: AlarmConfig,
        start: Start,
        batch: &mut Store,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let ResumePoint { position, received_at, latest_received_at, .. } = point;
        let ResumePoint { clocks, standing, alarms, .. } = point;
        let AlarmConfig { rules, quiet, expected } = ruling;
        self.last_event = point.last_event;
        let mut outcomes = Vec::new();
        self.time = RecordTime { position, received_at: received_at.unwrap_or(start.at), clocks };
        let is_near = |latest: &DateTime<Utc>| {
            received_at.is_some_and(|at| latest.signed_duration_since(at) <= MOST_BEHIND)
        };
        let latest = latest_received_at.filter(is_near).max(received_at);
        self.clocks.begin(latest.max(Some(start.built_at)));
        let past = StoredState {
            clocks,
            received_at: Some(self.time.received_at),
            former_ingress: self.default_ingress,
            series: point.series,
            since_checkpoints: point.since_checkpoints,
            alarms,
            standing,
        };
        let mut failed = None;
        let since = point.since.map_while(|reading| reading.map_err(|why| failed = Some(why)).ok());
        self.engine = Engine::restore(rules, start.zone, past, since, &mut outcomes);
        if let Some(why) = failed {
            return Err(why);
        }
        for (sensor_id, rule) in self.engine.take_unreadable() {
            effects.notes.push(LogNote::Unreadable { rule, sensor_id });
        }
        self.engine.keep_quiet(quiet);
        self.engine.expect(&expected, &mut outcomes);
        self.own = expected.iter().map(|it| series_hash(&it.sensor_id, &it.quantity)).collect();
        self.dedup = Dedup::restore(point.recent);
        self.add_events(outcomes, batch);
        Ok(())
    }

    /// Other rules hold from the next record on. Everything before it must be stored.
    pub fn reload(&mut self, ruling: AlarmConfig, batch: &mut Store) {
        let AlarmConfig { rules, quiet, expected } = ruling;
        let mut outcomes = Vec::new();
        self.engine.reload(rules, quiet, &mut outcomes);
        self.engine.expect(&expected, &mut outcomes);
        self.own.extend(expected.iter().map(|it| series_hash(&it.sensor_id, &it.quantity)));
        self.add_events(outcomes, batch);
    }

    /// Readings that may be echoes older than the dedup memory: an own sensor's, received from a broker. They must
    /// be looked up in storage before their records are applied.
    pub fn echo_candidates(&self, entries: &[LogEntry]) -> Vec<Reading> {
        if self.own.is_empty() {
            return Vec::new();
        }
        let by_broker = entries.iter().filter(|entry| entry.ingress != Some(Ingress::Own));
        let readings = by_broker.filter_map(|entry| match &entry.content {
            EntryContent::Data(data) => Some(&data.measurements),
            _ => None,
        });
        let readings = readings.flatten().map(|measurement| &measurement.reading);
        let is_candidate = |reading: &&Reading| {
            self.own.contains(&series_hash(&reading.sensor_id, &reading.quantity))
        };
        let candidates = readings.filter(is_candidate).map(|it| to_micros(it.clone()));
        candidates.filter(|reading| !self.dedup.knows(reading)).collect()
    }

    /// Applies one record. `stored` has the fingerprints of the echo candidates that are stored.
    pub fn apply(
        &mut self,
        entry: LogEntry,
        stored: &QuickSet<Fingerprint>,
        batch: &mut Store,
        effects: &mut Effects,
    ) {
        let LogEntry { position, receipt, ingress, content, mut decoders } = entry;
        let ingress = ingress.unwrap_or(self.default_ingress);
        let clocks = receipt.clocks.map_or(self.time.clocks, |it| it.max(self.time.clocks));
        self.time = RecordTime { position, received_at: receipt.at, clocks };
        effects.notes.extend(self.clocks.advance(receipt.at));
        let mut outcomes = Vec::new();
        self.engine.advance(self.time, &mut outcomes);
        match content {
            EntryContent::Data(data) => {
                for heard in &data.availability {
                    self.engine.apply_availability(heard, ingress, &mut outcomes);
                }
                // A retained message may be the present value too: that one is live.
                let (live, kept): (Vec<_>, Vec<_>) =
                    data.measurements.into_iter().partition(|it| it.news == News::Live);
                for measurement in live.into_iter().chain(kept) {
                    let measurement = self.timed(measurement, ingress, effects);
                    let is_stored = !stored.is_empty()
                        && stored.contains(&Fingerprint::from(&measurement.reading));
                    self.judge(measurement, (ingress, is_stored), &mut outcomes, batch, effects);
                }
                batch.rejected.extend(data.faulty);
            }
            EntryContent::Action { action, message } => {
                self.operate(action, (position, message), &mut outcomes, batch, effects);
            }
            EntryContent::Rejected(rejected) => batch.rejected.push(rejected),
            EntryContent::Finding(finding) => self.engine.apply_finding(&finding, &mut outcomes),
            EntryContent::Nothing => {}
        }
        batch.decoders.append(&mut decoders);
        batch.through = position;
        effects.notes.extend(self.engine.take_unit_notices().into_iter().map(LogNote::Units));
        effects.notes.extend(self.engine.take_made_room().into_iter().map(LogNote::MadeRoom));
        self.add_events(outcomes, batch);
    }

    /// Current state of all series.
    pub fn views(&self) -> impl Iterator<Item = (SeriesKey, SeriesView)> {
        Live::of(&self.engine).views().map(|(key, view)| (key.clone(), view))
    }

    /// All alarms that are not at rest.
    pub fn alarms(&self) -> impl Iterator<Item = LiveAlarm> {
        Live::of(&self.engine).alarms()
    }

    /// Present state of the series and alarms that a batch changed; normal alarms only if requested. Called before
    /// the batch is completed.
    pub fn live_update(&self, batch: &Store, with_rest: bool) -> LiveUpdate {
        let alarms = Live::of(&self.engine).changed_alarms();
        LiveUpdate {
            num_readings: batch.readings.len(),
            series: self.changed_views(batch),
            alarms: alarms.filter(|(_, alarm)| with_rest || alarm.is_some()).collect(),
            gone: Live::of(&self.engine).gone().cloned().collect(),
        }
    }

    fn changed_views(&self, batch: &Store) -> Vec<(SeriesKey, SeriesView)> {
        let by_reading = batch.readings.iter().map(|Judged { reading, .. }| reading);
        let by_reading = by_reading.map(|reading| (&reading.sensor_id, &reading.quantity));
        let by_alarm = Live::of(&self.engine)
            .series_with_changes()
            .map(|(sensor, quantity)| (sensor, quantity));
        let mut seen = QuickSet::default();
        let once = by_reading.chain(by_alarm).filter(|key| seen.insert(*key));
        let keys = once.map(|(sensor_id, quantity)| (sensor_id.clone(), quantity.clone()));
        keys.filter_map(|key| Live::of(&self.engine).view(&key).map(|view| (key, view))).collect()
    }

    /// Completes a batch that is handed over: adds what changed with its records.
    pub fn complete(&mut self, batch: &mut Store) {
        batch.received_at = Some(self.time.received_at);
        batch.clocks = self.time.clocks;
        batch.alarms = self.engine.changes();
        self.readings_since_checkpoint += batch.readings.len();
        let in_turn = self.readings_since_checkpoint / READINGS_A_CHECKPOINT;
        self.readings_since_checkpoint %= READINGS_A_CHECKPOINT;
        batch.series.append(&mut self.engine.take_checkpoints(in_turn));
        batch.since_checkpoints = self.engine.since_checkpoints();
    }

    /// Up to `at_most` checkpoints for a clean stop; none if nothing changed since the last ones.
    pub fn take_checkpoints(&mut self, at_most: usize, batch: &mut Store) -> bool {
        batch.series.append(&mut self.engine.take_checkpoints(at_most));
        !batch.series.is_empty()
    }

    /// Times at which a record must bring the time.
    pub fn deadlines(&mut self) -> Deadlines {
        self.engine.next_deadline()
    }

    /// True if the last finding about a subject is a fault.
    pub fn is_found_wrong(&self, about: &str) -> bool {
        self.engine.is_found_wrong(about)
    }

    /// Readings whose sender's clock was not set, and whether this machine's clock is behind.
    pub const fn clocks(&self) -> (u64, bool) {
        (self.clocks.num_unset(), self.clocks.is_own_behind())
    }

    /// Readings in a unit that does not convert into that of a rule, and series that are not judged for it now.
    pub const fn unfit_units(&self) -> (u64, usize) {
        (self.num_unfit, self.engine.num_unjudged())
    }

    /// Time of the last record applied.
    pub const fn time(&self) -> &RecordTime {
        &self.time
    }

    /// Drops a duplicate reading. It still counts as a sign of life, unless it is an own sensor's echo, which may
    /// be hours old.
    fn judge(
        &mut self,
        measurement: Measurement,
        (ingress, is_stored): (Ingress, bool),
        outcomes: &mut Vec<Outcome>,
        batch: &mut Store,
        effects: &mut Effects,
    ) {
        let Measurement { reading, clock, news } = measurement;
        if news == News::Replayed {
            if self.engine.is_forgotten(&(reading.sensor_id.clone(), reading.quantity.clone())) {
                return;
            }
            effects.replayed.push(Measurement { reading, clock, news });
            return;
        }
        if is_stored || !self.dedup.is_new(&reading) {
            let is_echo = ingress != Ingress::Own
                && self.own.contains(&series_hash(&reading.sensor_id, &reading.quantity));
            if !is_echo && news == News::Live {
                self.engine.note_duplicate(&reading, ingress, outcomes);
                effects.notes.push(LogNote::Redelivered(reading.sensor_id));
            }
            return;
        }
        if news == News::Historical {
            self.engine.pass_over(&reading);
            batch.readings.push(Judged { reading, alert_triggered: None });
            return;
        }
        if ingress == Ingress::Own {
            self.own.insert(series_hash(&reading.sensor_id, &reading.quantity));
        }
        let judgement = self.engine.judge_by(clock, &reading, ingress, outcomes);
        let went_back = judgement.clock_went_back_from;
        if let Some(from) = went_back.filter(|_| clock == ReadingClock::Sender) {
            let (sensor_id, to) = (reading.sensor_id.clone(), reading.timestamp);
            effects.notes.push(LogNote::ClockWentBack { sensor_id, from, to });
        }
        self.num_unfit += u64::from(judgement.is_unfit);
        if judgement.is_one_too_many {
            effects.notes.push(LogNote::OneTooMany(reading.sensor_id.clone()));
        }
        batch.readings.push(Judged { reading, alert_triggered: Some(judgement.is_broken) });
    }

    /// Reading with its effective time: the receipt time if its sender's clock is unset. Own sensors and their
    /// echoes keep their time, since a replay is of another time.
    fn timed(
        &mut self,
        mut measurement: Measurement,
        ingress: Ingress,
        effects: &mut Effects,
    ) -> Measurement {
        let reading = &measurement.reading;
        let is_own = ingress == Ingress::Own
            || self.own.contains(&series_hash(&reading.sensor_id, &reading.quantity));
        if !is_own {
            let received_at = self.time.received_at;
            effects.notes.extend(self.clocks.check(&mut measurement, received_at));
        }
        Measurement { reading: to_micros(measurement.reading), ..measurement }
    }

    fn operate(
        &mut self,
        action: OperatorAction,
        (position, message): (Position, Option<Rejected>),
        outcomes: &mut Vec<Outcome>,
        batch: &mut Store,
        effects: &mut Effects,
    ) {
        let record = self.engine.operate(action, outcomes);
        match (message, &record.outcome) {
            (None, _) => effects.answers.push((position, record.clone())),
            // No caller waits for the answer to an action by MQTT, so a refused one is stored as rejected.
            (Some(message), Err(why)) => {
                batch.rejected.push(Rejected { reason: why.to_string(), ..message });
            }
            (Some(_), Ok(_)) => {}
        }
        effects.notes.push(LogNote::Operated(record.clone()));
        batch.actions.push(record);
    }

    fn add_events(&mut self, outcomes: Vec<Outcome>, batch: &mut Store) {
        for outcome in outcomes {
            self.last_event += 1;
            let event = announce::event(outcome, self.words);
            batch.alerts.push(AlertEvent { number: self.last_event, ..event });
        }
    }
}

/// Announced events of a batch, from an index on.
pub(super) fn announced(batch: &Store, from: usize) -> impl Iterator<Item = &AlertEvent> {
    batch.alerts[from..].iter().filter(|event| event.announced)
}

fn to_micros(reading: Reading) -> Reading {
    Reading { timestamp: reading.timestamp.trunc_subsecs(SUBSECOND_DIGITS), ..reading }
}

/// Collisions are harmless: one more reading is looked up.
fn series_hash(sensor_id: &SensorId, quantity: &crate::domain::Quantity) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (sensor_id.as_str(), quantity.as_str()).hash(&mut hasher);
    hasher.finish()
}
