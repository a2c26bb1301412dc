//! Schedule of a sensor's readings. Pure: takes the time since the fleet's start, returns a wait.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{FleetConfig, SensorConfig};

/// Start time of the fleet, shared by all sensors so that they keep their turns across restarts. Set at the first
/// use.
#[derive(Debug, Clone, Default)]
pub struct FleetClock(Arc<OnceLock<Instant>>);

impl FleetClock {
    /// Time since the fleet's start, which is `now` at the first call.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.0.get_or_init(|| now))
    }
}

/// A fixed period: the first reading at `offset` after the fleet's start, then one each `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorSchedule {
    /// Delay of the first reading after the start of the fleet.
    pub offset: Duration,
    /// Time between two readings.
    pub period: Duration,
}

/// Current schedule of a sensor. It changes when others join or leave its cycle.
#[derive(Debug)]
pub struct CurrentSchedule(Mutex<SensorSchedule>);

impl CurrentSchedule {
    /// Schedule that can be replaced later.
    #[must_use]
    pub const fn new(schedule: SensorSchedule) -> Self {
        Self(Mutex::new(schedule))
    }

    /// The schedule in force.
    #[must_use]
    pub fn get(&self) -> SensorSchedule {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the schedule. Returns whether it differs from the previous one.
    #[must_use = "a sensor that waits for its next reading must be notified of a change"]
    pub fn set(&self, schedule: SensorSchedule) -> bool {
        let before = std::mem::replace(
            &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner),
            schedule,
        );
        before != schedule
    }
}

impl SensorSchedule {
    /// Schedules of the sensors, in their order. Those without an interval take turns: one reading each
    /// `sensor_reading_interval`, a `cycle_pause` after the last, and again. Those with an interval are spread
    /// evenly over it, so that a large fleet doesn't publish in bursts.
    #[must_use]
    pub fn of_fleet(fleet: FleetConfig, sensors: &[SensorConfig]) -> Vec<Self> {
        let in_turn = count(sensors.iter().filter(|sensor| sensor.interval.is_none()));
        let all = count(sensors.iter());
        let cycle = fleet.sensor_reading_interval * in_turn + fleet.cycle_pause;
        let mut turn = 0;
        let mut index = 0;
        sensors
            .iter()
            .map(|sensor| {
                let schedule = match sensor.interval {
                    Some(period) => {
                        Self { offset: period.mul_f64(f64::from(index) / f64::from(all)), period }
                    }
                    None => Self { offset: fleet.sensor_reading_interval * turn, period: cycle },
                };
                turn += u32::from(sensor.interval.is_none());
                index += 1;
                schedule
            })
            .collect()
    }

    /// Wait from `elapsed` to the next period, and its number from 0. A period that starts at `elapsed` counts as
    /// past: a late sensor skips periods and never bursts.
    #[must_use]
    pub fn next_after(&self, elapsed: Duration) -> (Duration, u64) {
        let Some(since_first) = elapsed.checked_sub(self.offset) else {
            return (self.offset.saturating_sub(elapsed), 0);
        };
        let period_nanos = self.period.as_nanos().max(1);
        let tick = since_first.as_nanos() / period_nanos + 1;
        let wait_nanos = tick * period_nanos - since_first.as_nanos();
        (nanos(wait_nanos), u64::try_from(tick).unwrap_or(u64::MAX))
    }
}

fn count<'a>(sensors: impl Iterator<Item = &'a SensorConfig>) -> u32 {
    u32::try_from(sensors.count()).unwrap_or(u32::MAX)
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Simulation, Source};
    use crate::domain::{Location, Quantity, SensorId, Unit};

    fn sensor(interval: Option<Duration>) -> SensorConfig {
        SensorConfig {
            id: SensorId::new("S").unwrap(),
            location: Location::new(""),
            quantity: Quantity::temperature(),
            unit: Unit::new("celsius"),
            interval,
            source: Source::Simulated(Simulation {
                mean: 20.0,
                spread: 0.0,
                noise: 0.0,
                seed: 1,
                faults: crate::config::Faults::default(),
            }),
        }
    }

    const FLEET: FleetConfig = FleetConfig {
        sensor_reading_interval: Duration::from_secs(2),
        cycle_pause: Duration::from_secs(5),
    };

    #[test]
    fn four_sensors_take_turns_as_the_origin() {
        let schedules = SensorSchedule::of_fleet(FLEET, &[(); 4].map(|()| sensor(None)));
        let offsets: Vec<_> = schedules.iter().map(|s| s.offset.as_secs()).collect();
        assert_eq!(offsets, [0, 2, 4, 6]);
        assert!(schedules.iter().all(|s| s.period == Duration::from_secs(13)));
    }

    #[test]
    fn sensors_with_an_interval_are_spread_evenly() {
        let second = Some(Duration::from_secs(1));
        let schedules = SensorSchedule::of_fleet(FLEET, &[(); 4].map(|()| sensor(second)));
        let offsets: Vec<_> = schedules.iter().map(|s| s.offset.as_millis()).collect();
        assert_eq!(offsets, [0, 250, 500, 750]);
    }

    #[test]
    fn a_late_sensor_skips_ticks_and_keeps_its_turn() {
        let schedule =
            SensorSchedule { offset: Duration::from_secs(2), period: Duration::from_secs(10) };
        let next = |millis| schedule.next_after(Duration::from_millis(millis));
        assert_eq!(next(0), (Duration::from_secs(2), 0));
        assert_eq!(next(2_000), (Duration::from_secs(10), 1));
        assert_eq!(next(2_100), (Duration::from_millis(9_900), 1));
        assert_eq!(next(55_000), (Duration::from_secs(7), 6));
    }
}
