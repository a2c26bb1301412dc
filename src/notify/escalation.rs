//! Escalation from one receiver to another: settings and message.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::domain::AlarmKey;
use crate::supervisor::Route;

/// Receiver → receiver: notify of these unacknowledged alarms. Answered with whether all of them
/// are known or ended, and persisted; until then it is sent again.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Escalate {
    /// Each alert's id, and the number of its last event.
    pub alarms: Vec<(Arc<str>, u64)>,
}

/// Escalation settings of a receiver.
#[derive(Clone)]
pub struct EscalationSettings {
    /// Time from the first attempt to notify.
    pub after: Duration,
    /// Name of the second receiver.
    pub to: Arc<str>,
    /// Route to the second receiver.
    pub route: Route<Escalate>,
    /// Returns whether an operator has acknowledged an alarm.
    pub attention: Arc<dyn Fn(&AlarmKey) -> Attention + Send + Sync>,
}

/// Whether an alarm has an operator's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Unknown, as at the start; or the alarm is normal, and its end is about to arrive.
    Unknown,
    /// Active and unacknowledged.
    Open,
    /// Acknowledged, shelved, suppressed, out of service, or returned.
    InHand,
}
