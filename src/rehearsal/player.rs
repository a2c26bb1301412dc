//! Plays readings to the alarm engine, the clocks following their times. Pure.
//!
//! In the daemon the listening clocks run while their ingresses are open. Here they show the time since the first
//! moment played, without what [`Player::skip`] leaves out. Deadlines in between are processed at their exact
//! times, and the wall clock shows the same time, for maintenance. A reading at a deadline is in time, as in the
//! daemon, which processes readings first.

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
    /// Last time of the listening clocks.
    listened: Duration,
    skipped: Duration,
    /// Records played.
    position: u64,
}

impl Player {
    /// Engine with the rules of a configuration, without any reading.
    #[must_use]
    pub fn new(config: &Config, origin: DateTime<Utc>) -> Self {
        let rules = [evaluator::short_form(&config.alerts), config.rules.clone()].concat();
        let mut engine = Engine::new(rules, config.times.zone);
        engine.keep_quiet(config.quiet());
        let (listened, skipped) = (Duration::ZERO, Duration::ZERO);
        Self { engine, origin, listened, skipped, position: 0 }
    }

    /// Plays a reading at its own time; a late one now.
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

    /// Advances without readings.
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

    /// Skips a time in which nothing could be received: the listening clocks stop.
    pub fn skip(&mut self, unheard: Duration) {
        self.skipped = self.skipped.saturating_add(unheard);
    }

    fn listened_at(&self, at: DateTime<Utc>) -> Duration {
        let passed = (at - self.origin).to_std().unwrap_or_default();
        passed.saturating_sub(self.skipped).max(self.listened)
    }
}
