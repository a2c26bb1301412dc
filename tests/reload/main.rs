//! The configuration changes while the daemon runs: what changed is applied, and the rest doesn't notice.

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod quieting;
mod stage;
