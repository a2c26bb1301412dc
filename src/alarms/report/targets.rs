//! The published targets, and whether a period meets them. Pure.
//!
//! Numbers of ISA-18.2-2016 (16.4.2, Table 5) and IEC 62682 as publicly restated: for one operator's console, over
//! thirty days or more. For "about", the number itself is used. Never: a verdict without alarms to judge.

use serde::Serialize;

use super::Measures;
use super::intervals::FLOOD_BEGINS_ABOVE;

/// Unit of a measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Alarms, or an average of them.
    Alarms,
    /// Share, 0 to 1.
    Share,
}

/// One measure with its target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// Stable name of the measure, for programs.
    pub id: &'static str,
    /// Name of the measure, for people.
    pub measure: &'static str,
    /// Measured value, in `scale`.
    pub value: f64,
    /// Unit of the value.
    pub scale: Scale,
    /// The target, for a person to read.
    pub target: &'static str,
    /// `None` if no alarm was raised to which the target applies.
    pub is_met: Option<bool>,
}

/// Every target, in the order of a report.
#[must_use]
pub(super) fn judged(measures: &Measures) -> Vec<Target> {
    use Scale::{Alarms, Share};

    let count = |count: u64| super::ratio(count, 1);
    let at_most = |id, measure, value: f64, scale, target, limit: f64| {
        let is_met = Some(value <= limit);
        Target { id, measure, value, scale, target, is_met }
    };
    let below = |id, measure, value: f64, scale, target, limit: f64| {
        let is_met = Some(value < limit);
        Target { id, measure, value, scale, target, is_met }
    };
    let average = measures.average;
    let most = count(measures.most_in_10_minutes);
    let flood = count(FLOOD_BEGINS_ABOVE);
    let busy = measures.busy_share;
    let in_flood = measures.floods.share_of_time;
    let chattering = count(measures.chattering.raised);
    let fleeting = count(measures.fleeting);
    let stale = count(measures.stale.most_on_one_day);
    let [_, medium, high, critical, _] = measures.priorities.map(|each| each.share);
    let mut targets = vec![
        at_most("per_day", "Average a day", average.per_day, Alarms, "at most 150", 150.0),
        at_most("per_hour", "Average an hour", average.per_hour, Alarms, "at most 6", 6.0),
        at_most(
            "per_10_minutes",
            "Average in 10 minutes",
            average.per_10_minutes,
            Alarms,
            "at most 1",
            1.0,
        ),
        at_most(
            "most_in_10_minutes",
            "Most in one 10-minute interval",
            most,
            Alarms,
            "at most 10",
            flood,
        ),
        below("busy_share", "Intervals with more than 10", busy, Share, "below 1 %", 0.01),
        below("flood_share", "Time in flood", in_flood, Share, "below 1 %", 0.01),
        at_most("chattering", "Chattering", chattering, Alarms, "none", 0.0),
        at_most("fleeting", "Fleeting", fleeting, Alarms, "none", 0.0),
        below("stale", "Stale, most on one day", stale, Alarms, "fewer than 5", 5.0),
        at_most("top_share", "Top ten's share", measures.top_share, Share, "at most 5 %", 0.05),
        at_most("critical_share", "Priority critical", critical, Share, "at most 1 %", 0.01),
        at_most("high_share", "Priority high", high, Share, "at most 5 %", 0.05),
        at_most("medium_share", "Priority medium", medium, Share, "at most 15 %", 0.15),
    ];
    if measures.raised == 0 {
        // Shares of nothing: neither met nor missed.
        for target in &mut targets[9..] {
            target.is_met = None;
        }
    }
    targets
}
