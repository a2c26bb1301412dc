//! The embedded broker, for fleets that have none: MQTT 3.1.1 and 5, QoS 0 to 2, retained messages, wills, persistent
//! and shared sessions, passwords, TLS.
//!
//! The gateway connects to it like any other client; what it needs for that travels as a
//! [`BrokerAddress`](crate::messages::BrokerAddress). What devices publish to it is logged by its [`PublishHook`], not
//! through a subscription. A packet's way: `server` accepts, `handshake` lets in, `connection` reads, `wire` decodes,
//! `publish_hook` logs, `hub` decides who gets it; back the other way.
//!
//! Holds always: nobody gets in without credentials beyond loopback; everything kept is bounded
//! (`limits`), in bytes where a client chooses the size; stopping frees the ports in bounded time and leaves nothing
//! behind in the process.
//! Never: anything on disk of its own (readings are, in the log). Sessions, queues and retained
//! messages live and die with an incarnation.

mod access;
mod actor;
mod clients;
mod connection;
mod files;
mod handshake;
mod hub;
mod limits;
mod listeners;
mod losses;
mod publish_hook;
mod server;
mod shared;
#[cfg(test)]
mod tests;
mod wire;

pub use actor::{Broker, Settings};
pub use clients::{ClientView, Clients};
pub use publish_hook::PublishHook;
