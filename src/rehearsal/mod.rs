//! Rehearsal of rules before they go live: on readings written for a test, or on stored ones. Pure.
//!
//! [`player`] drives the daemon's own alarm engine with simulated time; [`test`](mod@test) compares the outcome
//! with a test's expectation; [`replay`] compares it with what was announced; [`trial`] shows when one limit would
//! have alarmed.
//!
//! Invariant: the same readings give the same alarms, at any time and on any machine. Never: a clock, a file, a
//! socket, or its own verdicts.

mod diff;
pub mod player;
pub mod replay;
pub mod test;
pub mod trial;
