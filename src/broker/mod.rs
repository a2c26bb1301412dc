//! The embedded broker, for fleets that have none: MQTT 3.1.1 and 5, QoS 0 to 2, retained messages, wills, persistent
//! and shared sessions, users with rights of their own, TLS.
//!
//! The gateway connects to it like any other client; what it needs for that travels as a
//! [`BrokerAddress`](crate::messages::BrokerAddress). What devices publish to it is logged by its [`PublishHook`], not
//! through a subscription. A packet's way: `server` accepts, `handshake` lets in, `connection` reads, `wire` decodes,
//! `publish_hook` logs, `hub` decides who gets it; back the other way.
//!
//! Holds always: nobody gets in without credentials beyond loopback; everything kept is bounded
//! (`limits`), in bytes where a client chooses the size; stopping frees the ports in bounded time and leaves nothing
//! behind in the process.
//! Sessions that outlive their connection, what waits for them, and retained messages outlive the process too (`keep`);
//! what depends on them is acknowledged once it is written.

mod access;
mod actor;
mod brake;
mod certificate;
mod clients;
mod connection;
mod files;
mod gauges;
mod handshake;
mod hub;
mod keep;
mod limits;
mod listeners;
mod losses;
mod publish_hook;
mod rights;
mod server;
mod shared;
#[cfg(test)]
mod tests;
mod websocket;
mod wire;

pub use access::Access;
pub use actor::{Broker, Settings};
pub use clients::{ClientView, Clients};
pub use gauges::{BrokerBound, BrokerCounts, BrokerGauges};
pub use keep::{Keep, random_mark};
pub use publish_hook::PublishHook;
