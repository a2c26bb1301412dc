//! Acceptance: this version against the one before, installations that it left, and what users see to the
//! letter.
//!
//! `cargo test` runs what is quick. The rest is asked for: see [`scale`].

mod backlog;
mod before;
mod differential;
mod echo;
mod fuzz;
mod history;
mod installations;
mod locked;
mod mutations;
mod outage;
mod outcome;
mod own;
mod page;
mod payloads;
mod pipeline;
mod replay_log;
mod scale;
mod sequence;
mod sequence_run;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
mod windows;
