//! The embedded broker: rmqtt in library mode, the only place that names it.
//!
//! A full MQTT 3.1.1 and 5 broker in this process, for fleets that have none: QoS 0 to 2, retained
//! messages, wills, persistent sessions, passwords, TLS. The gateway connects to it like any other
//! client; what it needs for that travels as a [`BrokerAddress`](crate::messages::BrokerAddress). What
//! devices publish to it is logged by its [`PublishHook`], not through a subscription.
//!
//! Holds always: nobody gets in without credentials beyond loopback; everything kept is bounded
//! (`limits`); stopping frees the ports in bounded time and leaves nothing behind in the process.
//! Never: anything on disk of its own (readings are, in the log). Sessions, queues and retained
//! messages live and die with an incarnation.

mod access;
mod actor;
mod clients;
mod handover;
mod limits;
mod listeners;
mod losses;
mod publish_hook;
mod retained;
mod server;
mod sessions;
#[cfg(test)]
mod tests;
mod window;

pub use actor::{Broker, Settings};
pub use clients::{ClientView, Clients};
pub use publish_hook::PublishHook;
