//! Ingestion: the write-ahead log on disk of everything that evaluation depends on, and its consumers.
//!
//! Producers: the MQTT client's subscription (`mqtt/`) and the embedded broker's publish hook (`broker/`) append messages
//! to the [`Log`] directly, and acknowledge them when the call returns. The [`Intake`] actor appends readings of own
//! sensors and operators' actions.
//! Consumers: the evaluator's [`LogConsumer`] decodes every record. The publication's [`OutboundReader`] selects own
//! readings and forwarded messages that are not published yet. Each has a cursor.
//!
//! Always: an accepted record is on disk (with `durability = "power"`: on the device) and stays there until both cursors
//! have passed it. When a write fails or the backlog is full, nothing is accepted, so nothing is acknowledged and the
//! broker keeps it.
//! Never: an accepted message in memory alone, or a panic in `accept` (one caller is C).

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
