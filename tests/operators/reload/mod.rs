//! The configuration changes while the daemon runs: what changed is applied, and the rest doesn't notice.

mod changes;
mod fixture;
mod quieting;
