//! The report as one HTML page that needs nothing else: its style and its charts are in it. Pure.
//!
//! Light and dark follow the reader's system; a narrow screen loses nothing. Whether a target is met is stated in
//! text, never by colour alone. Never: a script, or anything loaded from
//! elsewhere.

use std::time::Duration;

use chrono::{DateTime, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::intervals::FLOOD_BEGINS_ABOVE;
use super::targets::{Scale, Target};
use super::{Measures, TARGET_DAYS, charts, series};
use crate::domain::duration;

const STYLE: &str = include_str!("style.css");

/// Note on the meaning of the targets.
pub const NOTE: &str = "Uses the measures of ISA-18.2 and IEC 62682, with their targets as publicly \
    restated: for one operator's console, over 30 days or more. It does not claim compliance.";

/// Note on a period shorter than the targets are meant for.
pub const SHORT: &str = "This period is shorter than 30 days: take the verdicts as a first look.";

/// HTML page; `source` names where the history was read from.
#[must_use]
pub fn html(measures: &Measures, source: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Alarm report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(measures, source))
                (targets(measures))
                (over_time(measures))
                (floods(measures))
                (nuisances(measures))
                (top(measures))
                (priorities(measures))
            }
        }
    };
    page.into_string()
}

fn head(measures: &Measures, source: &str) -> Markup {
    let judged = || measures.targets.iter().filter_map(|target| target.is_met);
    let met = format!("{} of {}", judged().filter(|is_met| *is_met).count(), judged().count());
    let cards = [
        (measures.raised.to_string(), "alarms raised"),
        (met, "targets met"),
        (measures.floods.count.to_string(), "floods"),
        (measures.standing.to_string(), "standing at the end"),
    ];
    html! {
        h1 { "Alarm report" }
        p { (minute(measures.period.from())) " to " (minute(measures.period.to())) " (UTC)" }
        p.soft { "Source: " (printable(source)) }
        p.soft { (NOTE) }
        @if measures.is_short() { p.soft { (SHORT) } }
        @if measures.left_out > 0 {
            p.soft {
                "Too many rules and sensors: " (measures.left_out) " events are in the rates alone."
            }
        }
        div.cards { @for (value, name) in &cards { div { b { (value) } (name) } } }
    }
}

fn targets(measures: &Measures) -> Markup {
    html! {
        h2 { "Measures and targets" }
        table.measures {
            tr { th { "Measure" } th.n { "Value" } th { "Target" } th { "Result" } }
            @for target in &measures.targets {
                tr {
                    td { (target.measure) }
                    td.n { (value(target)) }
                    // The percent sign never stands on a line of its own.
                    td.target { (target.target.replace(" %", "\u{a0}%")) }
                    td class=(class(target)) { (verdict(target)) }
                }
            }
        }
    }
}

fn over_time(measures: &Measures) -> Markup {
    let bars = &measures.timeline.bars;
    let raised: Vec<_> = bars.iter().map(|bar| bar.raised).collect();
    let most: Vec<_> = bars.iter().map(|bar| bar.most_in_10_minutes).collect();
    let highest = raised.iter().max().copied().unwrap_or_default();
    let ends = html! {
        div.ends {
            span { (minute(measures.period.from())) }
            span { (minute(measures.period.to())) }
        }
    };
    html! {
        h2 { "Over time" }
        figure {
            figcaption {
                "Alarms raised, one bar for " (length(measures.timeline.bar_minutes))
                "; the highest bar is " (highest) "."
            }
            (charts::bars(&raised, None, "Alarms raised over time"))
            (ends)
        }
        figure {
            figcaption {
                "The most in one 10-minute interval of each bar; the dashed line is the target of "
                (FLOOD_BEGINS_ABOVE) ", the most was " (measures.most_in_10_minutes)
                @if let Some(at) = measures.most_at { " from " (minute(at)) }
                "."
            }
            (charts::bars(&most, Some(FLOOD_BEGINS_ABOVE), "Most in 10 minutes over time"))
            (ends)
        }
    }
}

fn floods(measures: &Measures) -> Markup {
    let floods = &measures.floods;
    let facts = floods.largest.as_ref().map(|largest| {
        let first = &largest.first;
        let first = format!("{} on {}, {}", first.rule, first.sensor_id, minute(first.at));
        facts(&[
            ("Floods", floods.count.to_string()),
            ("Time in flood", percent(floods.share_of_time)),
            ("Longest", length(floods.longest_minutes)),
            ("Alarms in the largest", largest.raised.to_string()),
            ("Its peak in 10 minutes", largest.peak_in_10_minutes.to_string()),
            ("Its first alarm", first),
        ])
    });
    html! {
        h2 { "Floods" }
        @if let Some(facts) = facts { (facts) } @else { p { "None." } }
    }
}

fn nuisances(measures: &Measures) -> Markup {
    let series::Chattering { raised, pairs } = &measures.chattering;
    let chattering = format!("{raised} alarms; pairs of rule and sensor: {pairs}");
    html! {
        h2 { "Nuisance and standing alarms" }
        (facts(&[
            ("Chattering (3 or more in 60 s)", chattering),
            ("Fleeting (returned within 60 s)", measures.fleeting.to_string()),
            ("Stale (active for more than 24 h)", measures.stale.alarms.to_string()),
            ("Standing at the end", measures.standing.to_string()),
        ]))
    }
}

fn top(measures: &Measures) -> Markup {
    html! {
        h2 { "Top ten" }
        table {
            tr { th { "Rule and sensor" } th.n { "Raised" } th.n { "Share" } }
            @for top in &measures.top {
                tr {
                    td {
                        (printable(&top.rule)) " on " (printable(&top.sensor_id)) br;
                        span.soft { (printable(&top.location)) }
                        (charts::share(top.share))
                    }
                    td.n { (top.raised) }
                    td.n { (percent(top.share)) }
                }
            }
        }
    }
}

fn priorities(measures: &Measures) -> Markup {
    let shown =
        measures.priorities.iter().filter(|each| each.priority != "OTHER" || each.raised > 0);
    html! {
        h2 { "Priorities" }
        p.soft {
            "Published split: about 80 % low, 15 % medium, 5 % high, below 1 % highest."
        }
        table {
            tr { th { "Priority" } th.n { "Raised" } th.n { "Share" } }
            @for each in shown {
                tr {
                    td { (each.priority) (charts::share(each.share)) }
                    td.n { (each.raised) }
                    td.n { (percent(each.share)) }
                }
            }
        }
    }
}

fn facts(rows: &[(&str, String)]) -> Markup {
    html! {
        table.facts {
            @for (name, value) in rows { tr { td { (name) } td { (printable(value)) } } }
        }
    }
}

/// Text for whether a target is met.
#[must_use]
pub fn verdict(target: &Target) -> &'static str {
    match target.is_met {
        Some(true) => "met",
        Some(false) => "not met",
        None => "no alarms",
    }
}

const fn class(target: &Target) -> &'static str {
    match target.is_met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "soft",
    }
}

/// Value of a target as text: whole numbers without decimals, shares in percent.
#[must_use]
pub fn value(target: &Target) -> String {
    match target.scale {
        Scale::Share => percent(target.value),
        Scale::Alarms if target.value.fract() == 0.0 => format!("{:.0}", target.value),
        Scale::Alarms => format!("{:.2}", target.value),
    }
}

/// Share, 0 to 1, in percent.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Time to the minute, in UTC.
#[must_use]
pub fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// Length in its two largest units.
#[must_use]
pub fn length(minutes: u64) -> String {
    duration::words(Duration::from_secs(minutes.saturating_mul(60)), "d")
}

/// Text with control characters replaced: no browser shows them.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

impl Measures {
    /// True if the period is shorter than the targets are meant for.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.period.length().num_days() < TARGET_DAYS
    }
}
