//! Sensors that live in this process: simulated ones and recordings played back.
//!
//! Each sensor is one actor ([`Sensor`]) that produces a reading when its schedule says so and sends it to the
//! intake. A pure source decides the value. Sensors are independent, and none produces its next reading before the
//! last one is accepted.

mod actor;

mod recording;
mod replay;
mod schedule;
mod simulated;

pub use actor::{Rescheduled, Sensor, SensorSettings};
pub use schedule::{CurrentSchedule, FleetClock, SensorSchedule};
