//! What families of payloads share: tolerant JSON, values, names and units as devices write them, timestamps, topics
//! with named levels, and the builder that makes readings of them.
//!
//! Always: what has one meaning only is read; where two are possible, it is an error or no unit, never a guess.

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
