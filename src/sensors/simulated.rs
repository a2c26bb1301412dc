//! Simulated sensor: a seeded random walk around a mean with a daily swing, and faults.
//!
//! Pure: the same seed, incarnation and sequence of calls give the same values on any machine, for the locked
//! version of `rand`. Simulated time is an argument.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::config::{Faults, Simulation};

const DAY_SECONDS: f64 = 86_400.0;
/// Share of its distance by which the walk returns to the mean in each step.
const PULL: f64 = 0.1;
/// Length of the faults `stuck` and `drift`, in readings.
const STUCK_READINGS: u32 = 20;
const DRIFT_READINGS: u32 = 50;

/// Result of one request to a simulated sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// Measured, rounded to a tenth.
    Measured(f64),
    /// The fault `dropout`: no reading this time.
    Dropout,
    /// The fault `crash`: the caller panics.
    Crash,
}

/// State of the random walk. Its parameters are arguments, since the sensor holds them.
#[derive(Debug, Clone)]
pub struct Simulator {
    rng: SmallRng,
    /// Distance of the walk from the swing.
    walk: f64,
    stuck: Option<(f64, u32)>,
    drift: Option<u32>,
}

impl Simulator {
    /// `incarnation` varies the draws of a restarted sensor: the same draws would crash it at the same reading for
    /// ever.
    #[must_use]
    pub fn new(simulation: &Simulation, incarnation: u32) -> Self {
        let seed = simulation.seed ^ u64::from(incarnation.saturating_sub(1)).rotate_left(32);
        Self { rng: SmallRng::seed_from_u64(seed), walk: 0.0, stuck: None, drift: None }
    }

    /// The next sample, `elapsed` after the start of the simulated day.
    pub fn sample(&mut self, simulation: &Simulation, elapsed: Duration) -> Sample {
        // Every fault is drawn every time, so that one fault's probability doesn't shift the others.
        let Faults { spike, stuck, drift, dropout, crash } = simulation.faults;
        let [spikes, sticks, drifts, drops, crashes] =
            [spike, stuck, drift, dropout, crash].map(|chance| self.rng.random::<f64>() < chance);
        let true_value = self.step(simulation, elapsed);
        if crashes {
            return Sample::Crash;
        }
        if drops {
            return Sample::Dropout;
        }
        let mut value = true_value + self.drifted(simulation, drifts);
        if spikes {
            value += self.spike(simulation);
        }
        Sample::Measured(self.held(sticks, round_to_tenth(value)))
    }

    /// One step of the walk, on top of the swing.
    fn step(&mut self, simulation: &Simulation, elapsed: Duration) -> f64 {
        let Simulation { mean, spread, noise, .. } = *simulation;
        self.walk += noise * self.gaussian() - PULL * self.walk;
        let swing = (elapsed.as_secs_f64() / DAY_SECONDS * std::f64::consts::TAU).sin();
        mean + spread * swing + self.walk
    }

    /// A spike always leaves the range of the swing, up or down.
    fn spike(&mut self, simulation: &Simulation) -> f64 {
        let size = 2.0 * simulation.spread + 10.0 * simulation.noise;
        if self.rng.random::<bool>() { size } else { -size }
    }

    /// Offset by drift. It grows to five spreads and then ends.
    fn drifted(&mut self, simulation: &Simulation, begins: bool) -> f64 {
        if begins && self.drift.is_none() {
            self.drift = Some(0);
        }
        let Some(readings) = self.drift else { return 0.0 };
        self.drift = (readings < DRIFT_READINGS).then_some(readings + 1);
        simulation.spread * 0.1 * f64::from(readings)
    }

    /// Value that a stuck sensor repeats, or the given one.
    fn held(&mut self, begins: bool, value: f64) -> f64 {
        if begins && self.stuck.is_none() {
            self.stuck = Some((value, STUCK_READINGS));
        }
        let Some((held, left)) = self.stuck else { return value };
        self.stuck = (left > 1).then_some((held, left - 1));
        held
    }

    /// Normally distributed, mean 0, deviation 1 (Box and Muller, 1958).
    fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        radius * (self.rng.random::<f64>() * std::f64::consts::TAU).cos()
    }
}

fn round_to_tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Simulation =
        Simulation { mean: 24.0, spread: 6.0, noise: 0.3, seed: 1, faults: NO_FAULTS };
    const NO_FAULTS: Faults =
        Faults { spike: 0.0, stuck: 0.0, drift: 0.0, dropout: 0.0, crash: 0.0 };

    fn samples(simulation: Simulation, incarnation: u32, count: u32) -> Vec<Sample> {
        let mut simulator = Simulator::new(&simulation, incarnation);
        (0..count).map(|n| simulator.sample(&simulation, Duration::from_secs(60) * n)).collect()
    }

    fn values(simulation: Simulation, count: u32) -> Vec<f64> {
        samples(simulation, 1, count)
            .into_iter()
            .filter_map(|sample| match sample {
                Sample::Measured(value) => Some(value),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_readings() {
        assert_eq!(values(CALM, 500), values(CALM, 500));
        assert_ne!(values(CALM, 500), values(Simulation { seed: 2, ..CALM }, 500));
        assert_ne!(samples(CALM, 1, 500), samples(CALM, 2, 500));
    }

    #[test]
    fn the_value_swings_around_the_mean_once_a_day() {
        let day = values(CALM, 1440);
        let mean = day.iter().sum::<f64>() / 1440.0;
        assert!((mean - 24.0).abs() < 0.5, "{mean}");
        assert!(day[360] > 27.0 && day[1080] < 21.0, "{} {}", day[360], day[1080]);
        assert!(day.iter().all(|value| (14.0..34.0).contains(value)));
    }

    #[test]
    fn faults_come_at_their_rate() {
        let crashing = Simulation { faults: Faults { crash: 0.05, ..NO_FAULTS }, ..CALM };
        let crashes =
            samples(crashing, 1, 10_000).into_iter().filter(|s| *s == Sample::Crash).count();
        assert!((400..600).contains(&crashes), "{crashes}");

        let dropping = Simulation { faults: Faults { dropout: 0.5, ..NO_FAULTS }, ..CALM };
        assert!((4_500..5_500).contains(&values(dropping, 10_000).len()));

        let spiky = Simulation { faults: Faults { spike: 1.0, ..NO_FAULTS }, ..CALM };
        let truth = values(CALM, 1)[0];
        assert!((values(spiky, 1)[0] - truth).abs() > 14.0);

        let stuck = Simulation { faults: Faults { stuck: 1.0, ..NO_FAULTS }, ..CALM };
        let held = values(stuck, STUCK_READINGS);
        assert!(held.iter().all(|value| *value == held[0]));

        let drifting = Simulation { faults: Faults { drift: 1.0, ..NO_FAULTS }, ..CALM };
        let far = values(drifting, DRIFT_READINGS)[DRIFT_READINGS as usize - 1];
        assert!(far > 24.0 + 4.0 * 6.0, "{far}");
    }
}
