//! The gateway: the daemon's only door to the broker.

mod alerts;
mod client;
pub mod codec;
mod diagnosis;
mod intake;
mod link;
mod outbox;
mod probe;
mod retry;
mod times;
pub mod topics;
mod wire;
