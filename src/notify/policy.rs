//! Notification policy of a receiver: which alarms it is notified of, how they are grouped, and when. Pure.

use std::time::Duration;

use crate::config::GroupLabel;

/// How a receiver wants to be told.
#[derive(Debug, Clone)]
pub struct GroupingPolicy {
    /// Labels by which alarms are grouped.
    pub group_by: Vec<GroupLabel>,
    /// Delay of the first notification of a group.
    pub wait: Duration,
    /// Least time between notifications of a group that has changed.
    pub interval: Duration,
    /// Time after which a notification without news is repeated.
    pub repeat: Duration,
    /// Whether resolved alarms are notified.
    pub send_resolved: bool,
    /// Alarms in one notification; above 0.
    pub at_most: usize,
    /// Whether a repetition without room for all is followed by the rest: for a receiver that forgets what is not
    /// repeated.
    pub names_all: bool,
    /// Time without an acknowledgement after which an alarm goes on to a second receiver; `None` for never.
    pub escalate_after: Option<Duration>,
}

/// Whether a receiver is to hear of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It isn't.
    None,
    /// If another receiver escalates it.
    OnEscalation,
    /// It is.
    Immediate,
}
