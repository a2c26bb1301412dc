//! The promise of supervision: a failing part is restarted without effect on the others; one that keeps failing ends the
//! daemon. Real supervisor, real actors, real time.

mod changes;
mod fairness;
mod fixture;
mod fleet;
mod order;
mod panics;
mod policies;
mod sensors;
