//! Common parts of device families: tolerant JSON, values, names and units as devices send them, timestamps, topics
//! with named levels, and the builder of decoded messages.
//!
//! Always: only unambiguous input is read; an ambiguous one is an error or has no unit. Never: a guess.

mod builder;
pub mod json;
pub mod names;
#[cfg(test)]
pub mod testing;
pub mod times;
pub mod topics;
pub mod units;
pub mod values;

pub use builder::{Builder, Stamp};
