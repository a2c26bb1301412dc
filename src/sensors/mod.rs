//! Sensors that live in this process: simulated ones and recordings played back.
//!
//! Each is one actor ([`Sensor`]) which takes a reading when its schedule says so and hands it to
//! the gateway. What it would measure is decided by a pure source. A sensor never waits for
//! another, and never takes its next reading before the gateway has accepted the last.

mod actor;
mod csv;
mod replay;
mod schedule;
mod simulated;

pub use actor::{Rescheduled, Sensor, SensorSettings};
pub use schedule::{CurrentSchedule, FleetClock, Schedule};
