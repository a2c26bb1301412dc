//! The promise of supervision: a failing part is restarted and the others don't notice; one that
//! keeps failing takes the daemon down. Real supervisor, real actors, real time.

mod changes;
mod fairness;
mod fixture;
mod fleet;
mod order;
mod panics;
mod policies;
mod sensors;
