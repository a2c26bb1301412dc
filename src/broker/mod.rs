//! The embedded broker, for fleets that have none: MQTT 3.1.1 and 5, QoS 0 to 2, retained messages, wills, persistent
//! and shared sessions, users with rights of their own, TLS.
//!
//! The gateway connects to it like any other client, at the address in
//! [`BrokerAddress`](crate::messages::BrokerAddress). Messages of devices are logged by the [`PublishHook`], not by
//! a subscription. Path of a packet: `server` accepts, `handshake` authenticates, `connection` reads, `wire`
//! decodes, `publish_hook` logs, `hub` routes; then back.
//!
//! Invariants: beyond loopback, credentials are required; all state is bounded (`limits`), in bytes where a client
//! chooses the size; a stop releases the ports in bounded time. Sessions that outlive their connection, their
//! queues, and retained messages outlive the process too (`keep`); what depends on them is acknowledged once it is
//! written.

mod access;
mod actor;
mod certificate;
mod clients;
mod connection;
mod files;
mod gauges;
mod handshake;
mod hub;
mod limits;
mod listeners;
mod login_throttle;
mod losses;
mod persisting;
mod publish_hook;
mod rights;
mod server;
mod shared;
mod storage;
#[cfg(test)]
mod tests;
mod websocket;
mod wire;

pub use access::Access;
pub use actor::{Broker, Settings};
pub use clients::{ClientView, Clients};
pub use gauges::{BrokerBound, BrokerCounts, BrokerGauges};
pub use publish_hook::PublishHook;
pub use storage::{BrokerStore, random_mark};
