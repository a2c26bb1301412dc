//! Notification policy of a receiver: which alarms it is notified of, how they are grouped, and when. Pure.

use std::time::Duration;

use crate::config::GroupLabel;

/// Grouping and timing of a receiver's notifications.
#[derive(Debug, Clone)]
pub struct GroupingPolicy {
    /// Labels by which alarms are grouped.
    pub group_by: Vec<GroupLabel>,
    /// Delay of the first notification of a group.
    pub wait: Duration,
    /// Minimum time between notifications of a group that has changed.
    pub interval: Duration,
    /// Time after which a notification without news is repeated.
    pub repeat: Duration,
    /// Whether resolved alarms are notified.
    pub send_resolved: bool,
    /// Limit of alarms in one notification; above 0.
    pub at_most: usize,
    /// Whether a repetition that exceeds the limit is continued in further notifications: for a
    /// receiver that ends what is not repeated.
    pub names_all: bool,
    /// Time without an acknowledgement after which an alarm is escalated; `None` for never.
    pub escalate_after: Option<Duration>,
}

/// Whether a receiver is notified of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Not notified.
    None,
    /// Notified if another receiver escalates it.
    OnEscalation,
    /// Notified.
    Immediate,
}
