//! Notification of alarms beside the broker: by webhook, service or mail. One actor per receiver.
//!
//! Decisions are pure: [`groups`] groups the stored alert events and decides which are due,
//! [`notification`] composes the message, [`alertmanager`] and [`template`] encode it. A
//! [`channel`] sends it. The [`actor`] moves events in and outcomes back.
//!
//! Invariant: pending alarms of a receiver are in the database, so that no kill or outage loses
//! them, and a restart continues. A notification counts as delivered once the receiver has accepted
//! it; after a kill between that and the commit, it is sent again with the same id. Receivers don't
//! wait for each other. Never: notification of an event that was not announced, except for ends
//! that their rules announce to no one; a secret in a log line; notification of past events to a
//! new receiver.

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
