//! Reloads: changes are applied while the daemon runs, and everything else is uninterrupted.

mod changes;
mod fixture;
mod quieting;
