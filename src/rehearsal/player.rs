//! Plays readings to the alarm engine, the clocks following their times. Pure.
//!
//! In the daemon the watch clock runs while somebody listens. Here it shows how much time has passed
//! from the first moment played, less what [`Player::skip`] leaves out. What runs out in between is
//! looked at at the very time it does, and the wall clock shows the same time, for planned work; what
//! comes just then is a reading in time, as it is for the daemon, which looks for readings first.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::alarms::engine::{Engine, Outcome};
use crate::config::Config;
use crate::domain::Reading;
use crate::evaluator;

/// Plays readings to the rules of a configuration, with the readings' own clock.
pub struct Player {
    engine: Engine,
    origin: DateTime<Utc>,
    /// What the watch clock showed last.
    watch: Duration,
    skipped: Duration,
}

impl Player {
    /// An engine with the rules of a configuration that has heard nothing yet.
    #[must_use]
    pub fn new(config: &Config, origin: DateTime<Utc>) -> Self {
        let rules = [evaluator::short_form(&config.alerts), config.rules.clone()].concat();
        let mut engine = Engine::new(rules, config.times.zone);
        engine.keep_quiet(config.quiet());
        Self { engine, origin, watch: Duration::ZERO, skipped: Duration::ZERO }
    }

    /// A reading comes at its own time; one that is late comes now.
    pub fn hear(&mut self, reading: &Reading, out: &mut Vec<Outcome>) {
        let watch = self.watch_at(reading.timestamp);
        while let Some(due) = self.engine.next_look().filter(|due| *due < watch) {
            self.elapse(due, out);
        }
        self.watch = watch;
        self.engine.tick(self.wall_at(watch), watch, out);
        self.engine.judge(reading, watch, out);
    }

    /// Nothing more comes up to a moment.
    pub fn wait(&mut self, until: DateTime<Utc>, out: &mut Vec<Outcome>) {
        let watch = self.watch_at(until);
        while let Some(due) = self.engine.next_look().filter(|due| *due <= watch) {
            self.elapse(due, out);
        }
        self.watch = watch;
        self.engine.tick(self.wall_at(watch), watch, out);
    }

    fn elapse(&mut self, due: Duration, out: &mut Vec<Outcome>) {
        self.engine.tick(self.wall_at(due), due, out);
        self.engine.elapse(due, out);
    }

    fn wall_at(&self, watch: Duration) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(watch.saturating_add(self.skipped)).ok();
        let wall = passed.and_then(|passed| self.origin.checked_add_signed(passed));
        wall.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Nobody listened for so long from now on: the watch clock stands still for it.
    pub fn skip(&mut self, unheard: Duration) {
        self.skipped = self.skipped.saturating_add(unheard);
    }

    fn watch_at(&self, at: DateTime<Utc>) -> Duration {
        let passed = (at - self.origin).to_std().unwrap_or_default();
        passed.saturating_sub(self.skipped).max(self.watch)
    }
}
