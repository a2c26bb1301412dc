//! The gateway: the daemon's only door to the broker.

mod alerts;
pub mod codec;
mod outbox;
mod retry;
mod times;
pub mod topics;
mod wire;
