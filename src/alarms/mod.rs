//! What an alarm is and how it behaves, as control rooms settled it (ANSI/ISA-18.2, IEC 62682; OPC UA
//! Part 9 for the model): pure, a function of state, event and time.
//!
//! Two clocks. A reading's own time decides all about values: their order, delays, windows. The *listening*
//! clock, how long this installation has been listening in all, decides what no reading tells: a delay
//! that runs out in silence, a sensor that stays silent. It stands still while nobody listens, so
//! neither a restart nor a jump of the system's clock raises a storm.
//!
//! Holds always: withholding an alarm (shelved, suppressed, out of service) stops announcing it, never
//! judging or recording it. Never: a clock, a file, a socket, or an actor.

mod around;
mod checkpoint;
pub mod engine;
pub mod expression;
mod kept;
pub mod kinds;
pub mod machine;
mod newest;
pub mod overview;
pub mod own;
pub mod quiet;
mod remarks;
pub mod report;
pub mod rule;
pub mod select;
mod series;
pub mod units;
mod verdict;
pub mod window;
