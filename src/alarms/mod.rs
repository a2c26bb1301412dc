//! Alarms and their behaviour, after ANSI/ISA-18.2 and IEC 62682 (OPC UA Part 9 for the model). Pure: a function of
//! state, event and time.
//!
//! Two clocks. A reading's own time decides about values: their order, delays, windows. The *listening* clock,
//! which counts how long this installation could receive, decides what no reading shows: a delay that elapses in
//! silence, a silent sensor. It stops while nothing can be received, so neither a restart nor a jump of the system
//! clock raises a storm.
//!
//! Invariant: withholding an alarm (shelved, suppressed, out of service) stops announcing it, never
//! judging or recording it. Never: a clock, a file, a socket, or an actor.

pub mod builtin;
mod checkpoint;
mod context;
pub mod engine;
pub mod expression;
mod key;
pub mod kinds;
pub mod machine;
mod newest;
pub mod overview;
mod persisted;
pub mod quiet;
mod remarks;
pub mod report;
pub mod rule;
pub mod select;
mod series;
pub mod units;
mod verdict;
pub mod window;
