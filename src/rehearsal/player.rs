//! Plays readings to the alarm engine, the clocks following their times. Pure.
//!
//! In the daemon the listening clocks run while their ways in are open. Here they show how much time has passed
//! from the first moment played, less what [`Player::skip`] leaves out. What runs out in between is
//! looked at at the very time it does, and the wall clock shows the same time, for planned work; what
//! comes just then is a reading in time, as it is for the daemon, which looks for readings first.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::alarms::engine::{Engine, Outcome, RecordTime};
use crate::config::Config;
use crate::domain::{Ingress, ListeningClocks, Reading};
use crate::evaluator;

/// Plays readings to the rules of a configuration, with the readings' own clock.
pub struct Player {
    engine: Engine,
    origin: DateTime<Utc>,
    /// What the listening clocks showed last.
    listened: Duration,
    skipped: Duration,
    /// Records played.
    position: u64,
}

impl Player {
    /// An engine with the rules of a configuration that has heard nothing yet.
    #[must_use]
    pub fn new(config: &Config, origin: DateTime<Utc>) -> Self {
        let rules = [evaluator::short_form(&config.alerts), config.rules.clone()].concat();
        let mut engine = Engine::new(rules, config.times.zone);
        engine.keep_quiet(config.quiet());
        let (listened, skipped) = (Duration::ZERO, Duration::ZERO);
        Self { engine, origin, listened, skipped, position: 0 }
    }

    /// A reading comes at its own time; one that is late comes now.
    pub fn hear(&mut self, reading: &Reading, out: &mut Vec<Outcome>) {
        let listened = self.listened_at(reading.timestamp);
        while let Some(due) = self.engine.next_deadline().own.filter(|due| *due < listened) {
            let record = self.record(due);
            self.engine.advance(record, out);
        }
        let record = self.record(listened);
        self.engine.set_time(record, out);
        self.engine.judge(reading, Ingress::Own, out);
    }

    /// Nothing more comes up to a moment.
    pub fn wait(&mut self, until: DateTime<Utc>, out: &mut Vec<Outcome>) {
        let listened = self.listened_at(until);
        while let Some(due) = self.engine.next_deadline().own.filter(|due| *due <= listened) {
            let record = self.record(due);
            self.engine.advance(record, out);
        }
        let record = self.record(listened);
        self.engine.advance(record, out);
    }

    /// The next record, with one clock for all ways in.
    fn record(&mut self, listened: Duration) -> RecordTime {
        self.listened = listened;
        self.position += 1;
        let (position, received_at) = (self.position, self.wall_at(listened));
        RecordTime { position, received_at, clocks: ListeningClocks::all_at(listened) }
    }

    fn wall_at(&self, listened: Duration) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(listened.saturating_add(self.skipped)).ok();
        let wall = passed.and_then(|passed| self.origin.checked_add_signed(passed));
        wall.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Nobody listened for so long from now on: the listening clocks stand still for it.
    pub fn skip(&mut self, unheard: Duration) {
        self.skipped = self.skipped.saturating_add(unheard);
    }

    fn listened_at(&self, at: DateTime<Utc>) -> Duration {
        let passed = (at - self.origin).to_std().unwrap_or_default();
        passed.saturating_sub(self.skipped).max(self.listened)
    }
}
