//! The promise of storage, under everything that can be done to it: no acknowledged reading is
//! lost, and none is doubled.
//!
//! Each scenario counts: readings are numbered, their publishers know which were acknowledged, and
//! the table says which are there and how often. `make test` runs them with small counts, `make
//! chaos` (`VIGIE_CHAOS=full`) with those of the promise. Each prints its seed; `VIGIE_CHAOS_SEED`
//! gives the same moments again.

mod alerts;
mod broker_killed;
mod counting;
mod daemon_killed;
mod devices;
mod disk;
mod embedded;
mod failing_io;
mod journal_damage;
mod panics;
mod power;
mod restore;
mod scale;
mod storage;
mod subscribers;
#[path = "../support/mod.rs"]
mod support;
mod upstream;
