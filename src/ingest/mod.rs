//! The way in: one log on disk of everything that evaluation depends on, and what reads it.
//!
//! Into the [`Log`] lead two doors for messages, the MQTT client's subscription (`mqtt/`) and the embedded
//! broker's publish hook (`broker/`), which call it directly and acknowledge when it returns; and the [`Intake`]
//! actor, which takes readings of own sensors and operators' actions. Out of it lead two cursors: the
//! [`LogConsumer`] of the evaluator, which decodes every record, and [`OutboundReader`], which finds the own
//! readings that are still to be published.
//!
//! Always: what was accepted is on disk (with `durability = "power"`: on the device) and stays there until both
//! cursors are past it. When the disk doesn't take it, or too much waits for storage, nothing is accepted, so
//! nothing is acknowledged: the broker keeps it.
//! Never: a message in memory alone, or a panic in `accept` (a caller is C).

mod append;
mod consumer;
pub mod formats;
mod intake;
pub mod inventory;
pub mod journal;
mod listening;
mod log;
mod origins;
mod outbound;
mod outbox_migration;
mod own_reading;
mod pace;
mod record;
mod replies;
mod stall;
mod subscriptions;
mod sync;
mod traffic;
mod unpublished;

pub use consumer::{DeviceData, EntryContent, LogConsumer, LogEntry, Polled};
pub use intake::{Intake, IntakeSettings};
pub use log::{Log, LogResume, LogSettings, Now};
pub use outbound::appended as outbound_appended;
pub use outbound::{Outbound, OutboundContent, OutboundReader, PUBLICATION_CAPACITY};
pub use outbox_migration::{OutboxMigration, migrate_outbox};
pub use record::{FORWARDED_PROPERTY, Forward, IncomingMessage, Receipt};
pub use replies::ActionAnswer;
pub use subscriptions::Subscriptions;
pub use traffic::{TopicActivity, Traffic};

#[cfg(test)]
pub use log::testing;
