//! The published targets, and whether a period meets them. Pure.
//!
//! The numbers are those of ISA-18.2-2016 (16.4.2, Table 5) and IEC 62682 as publicly restated: for one
//! operator's console, over thirty days or more. Where a text says "about", the number itself is taken.
//! Never: a verdict where there is nothing to judge.

use serde::Serialize;

use super::Measures;
use super::intervals::FLOOD_BEGINS_ABOVE;

/// Unit of a measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Alarms, or an average of them.
    Alarms,
    /// A share, 0 to 1.
    Share,
}

/// One measure beside its target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// What is measured, for a person to read.
    pub measure: &'static str,
    /// Measured value, in `scale`.
    pub value: f64,
    /// Unit of the value.
    pub scale: Scale,
    /// The target, for a person to read.
    pub target: &'static str,
    /// `None` when no alarm was raised that the target could speak of.
    pub is_met: Option<bool>,
}

/// Every target, in the order of a report.
#[must_use]
pub(super) fn judged(measures: &Measures) -> Vec<Target> {
    use Scale::{Alarms, Share};

    let count = |count: u64| super::ratio(count, 1);
    let at_most = |measure, value: f64, scale, target, limit: f64| Target {
        measure,
        value,
        scale,
        target,
        is_met: Some(value <= limit),
    };
    let below = |measure, value: f64, scale, target, limit: f64| Target {
        measure,
        value,
        scale,
        target,
        is_met: Some(value < limit),
    };
    let average = measures.average;
    let mut targets = vec![
        at_most("Average a day", average.per_day, Alarms, "at most 150", 150.0),
        at_most("Average an hour", average.per_hour, Alarms, "at most 6", 6.0),
        at_most("Average in 10 minutes", average.per_10_minutes, Alarms, "at most 1", 1.0),
        at_most(
            "Most in one 10-minute interval",
            count(measures.most_in_10_minutes),
            Alarms,
            "at most 10",
            count(FLOOD_BEGINS_ABOVE),
        ),
        below("Intervals with more than 10", measures.busy_share, Share, "below 1 %", 0.01),
        below("Time in flood", measures.floods.share_of_time, Share, "below 1 %", 0.01),
        at_most("Chattering", count(measures.chattering.raised), Alarms, "none", 0.0),
        at_most("Fleeting", count(measures.fleeting), Alarms, "none", 0.0),
        below(
            "Stale, most on one day",
            count(measures.stale.most_on_one_day),
            Alarms,
            "fewer than 5",
            5.0,
        ),
        at_most("Top ten's share", measures.top_share, Share, "at most 5 %", 0.05),
    ];
    let [_, medium, high, critical, _] = measures.priorities.map(|each| each.share);
    targets.extend([
        at_most("Priority critical", critical, Share, "at most 1 %", 0.01),
        at_most("Priority high", high, Share, "at most 5 %", 0.05),
        at_most("Priority medium", medium, Share, "at most 15 %", 0.15),
    ]);
    if measures.raised == 0 {
        // Shares of nothing: neither kept nor missed.
        for target in &mut targets[9..] {
            target.is_met = None;
        }
    }
    targets
}
