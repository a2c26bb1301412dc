//! Tells people and programs of alarms beside the broker: by webhook, by mail. One actor a receiver.
//!
//! What is told is pure: [`groups`] gathers the stored alert events in groups and says which are due,
//! [`notification`] puts a group's news into one message, [`alertmanager`] and [`template`] write it
//! down. How it gets there is a [`channel`]'s. The [`actor`] moves events in and outcomes back.
//!
//! Invariant: what a receiver has taken in and not told is in the database, so that neither a kill
//! nor an outage of a day loses any of it, and a restart goes on where it stopped. A notification counts
//! as told when the receiver has said so; killed between that and the commit, it is sent once more,
//! with the same id. One receiver waits for no other.
//! Never: an event told that was not announced, but for ends that their rules announce to nobody;
//! a secret in a log line; the past told to a receiver that is new.

mod actor;
mod alertmanager;
mod attempt;
mod channel;
mod clock;
mod downtime;
mod draft;
mod ehlo;
mod escalation;
mod fingerprint;
#[cfg(test)]
mod fixtures;
mod gauges;
mod group;
mod groups;
mod heartbeat;
mod http;
mod log_target;
mod mail;
mod notification;
mod outcome;
mod persisted;
mod policy;
mod proxy;
mod recipients;
mod redirect;
mod retry;
mod runbooks;
mod services;
mod settings;
mod smtp_reply;
mod standby;
mod status;
mod template;
mod test_notification;

pub use actor::Receiver;
pub use escalation::{Attention, Escalate, EscalationSettings};
pub use gauges::{ReceiverCounts, ReceiverGauges};
pub use heartbeat::{DeliveryHealth, Heartbeat, HeartbeatGauge, HeartbeatSettings};
pub use runbooks::SharedRunbooks;
pub use settings::{ReceiverRoutes, ReceiverSettings, StartInfo};
pub use test_notification::{ReceiverTestResult, send_test_notification};
