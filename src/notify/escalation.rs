//! Escalation from one receiver to another: settings and message.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::domain::AlarmKey;
use crate::supervisor::Route;

/// Receiver → receiver: tell of these alarms, which nobody acknowledged. Answered with whether all of them are known or
/// over, and kept; until then it is asked again.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Escalate {
    /// Each alert's id, and the number of its last event.
    pub alarms: Vec<(Arc<str>, u64)>,
}

/// How a receiver escalates.
#[derive(Clone)]
pub struct EscalationSettings {
    /// Time from the first attempt to tell an alarm.
    pub after: Duration,
    /// Name of the second receiver.
    pub to: Arc<str>,
    /// Route to it.
    pub route: Route<Escalate>,
    /// Says whether an operator has an alarm in hand.
    pub attention: Arc<dyn Fn(&AlarmKey) -> Attention + Send + Sync>,
}

/// Whether an operator has an alarm in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Not known yet, as at the start; or it is at rest, and its end on the way.
    Unknown,
    /// It stands, and nobody has acknowledged it.
    Open,
    /// It is acknowledged, shelved, suppressed or out of service, or it has returned.
    InHand,
}
