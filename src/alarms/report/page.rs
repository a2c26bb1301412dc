//! The report as one HTML page that needs nothing else: its style and its charts are in it. Pure.
//!
//! Light and dark follow the reader's system; a narrow screen loses nothing. Whether a target is met is stated in
//! text, never by colour alone. Names of sensors and rules are escaped. Never: a script, or anything loaded from
//! elsewhere.

use chrono::{DateTime, Utc};

use super::intervals::FLOOD_BEGINS_ABOVE;
use super::targets::{Scale, Target};
use super::{Measures, TARGET_DAYS, charts};

const STYLE: &str = include_str!("style.css");

/// Note on the meaning of the targets.
pub const NOTE: &str = "Uses the measures of ISA-18.2 and IEC 62682, with their targets as publicly \
    restated: for one operator's console, over 30 days or more. It does not claim compliance.";

/// Note on a period shorter than the targets are meant for.
pub const SHORT: &str = "This period is shorter than 30 days: take the verdicts as a first look.";

/// HTML page; `source` names where the history was read from.
#[must_use]
pub fn html(measures: &Measures, source: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\" />\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\
         <title>Alarm report</title>\n<style>\n{STYLE}</style></head>\n<body>\n"
    );
    page += &head(measures, source);
    page += &targets(measures);
    page += &over_time(measures);
    page += &floods(measures);
    page += &nuisances(measures);
    page += &top(measures);
    page += &priorities(measures);
    page + "</body></html>\n"
}

fn head(measures: &Measures, source: &str) -> String {
    let judged = || measures.targets.iter().filter_map(|target| target.is_met);
    let met = format!("{} of {}", judged().filter(|is_met| *is_met).count(), judged().count());
    let cards = [
        (measures.raised.to_string(), "alarms raised"),
        (met, "targets met"),
        (measures.floods.count.to_string(), "floods"),
        (measures.standing.to_string(), "standing at the end"),
    ];
    let cards: String =
        cards.map(|(value, name)| format!("<div><b>{value}</b>{name}</div>")).concat();
    let mut notes = String::new();
    if measures.is_short() {
        notes += &format!("<p class=\"soft\">{SHORT}</p>\n");
    }
    if measures.left_out > 0 {
        notes += &format!(
            "<p class=\"soft\">Too many rules and sensors: {} events are in the rates alone.</p>\n",
            measures.left_out
        );
    }
    format!(
        "<h1>Alarm report</h1>\n<p>{} to {} (UTC)</p>\n<p class=\"soft\">Source: {}</p>\n\
         <p class=\"soft\">{NOTE}</p>\n{notes}<div class=\"cards\">{cards}</div>\n",
        minute(measures.period.from()),
        minute(measures.period.to()),
        escaped(source)
    )
}

fn targets(measures: &Measures) -> String {
    let rows: String = measures
        .targets
        .iter()
        .map(|target| {
            let (class, verdict) = (class(target), verdict(target));
            format!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"target\">{}</td>\
                 <td class=\"{class}\">{verdict}</td></tr>\n",
                target.measure,
                value(target),
                target.target.replace(" %", "\u{a0}%"), // never a line of its own
            )
        })
        .collect();
    format!(
        "<h2>Measures and targets</h2>\n<table class=\"measures\"><tr><th>Measure</th><th class=\"n\">Value</th>\
         <th>Target</th><th>Result</th></tr>\n{rows}</table>\n"
    )
}

fn over_time(measures: &Measures) -> String {
    let timeline = &measures.timeline;
    let of = |value: fn(&super::intervals::Bar) -> u64| -> Vec<u64> {
        timeline.bars.iter().map(value).collect()
    };
    let (raised, most) = (of(|bar| bar.raised), of(|bar| bar.most_in_10_minutes));
    let ends = format!(
        "<div class=\"ends\"><span>{}</span><span>{}</span></div>",
        minute(measures.period.from()),
        minute(measures.period.to())
    );
    let length = length(timeline.bar_minutes);
    let highest = raised.iter().max().copied().unwrap_or_default();
    format!(
        "<h2>Over time</h2>\n<figure><figcaption>Alarms raised, one bar for {length}; the highest bar \
         is {highest}.</figcaption>{}{ends}</figure>\n<figure><figcaption>The most in one 10-minute \
         interval of each bar; the dashed line is the target of {FLOOD_BEGINS_ABOVE}, the most was \
         {}{}.</figcaption>{}{ends}</figure>\n",
        charts::bars(&raised, None, "Alarms raised over time"),
        measures.most_in_10_minutes,
        measures.most_at.map_or_else(String::new, |at| format!(" from {}", minute(at))),
        charts::bars(&most, Some(FLOOD_BEGINS_ABOVE), "Most in 10 minutes over time"),
    )
}

fn floods(measures: &Measures) -> String {
    let floods = &measures.floods;
    let Some(largest) = &floods.largest else {
        return "<h2>Floods</h2>\n<p>None.</p>\n".to_owned();
    };
    let first = &largest.first;
    let rows = [
        ("Floods", floods.count.to_string()),
        ("Time in flood", percent(floods.share_of_time)),
        ("Longest", length(floods.longest_minutes)),
        ("Alarms in the largest", largest.raised.to_string()),
        ("Its peak in 10 minutes", largest.peak_in_10_minutes.to_string()),
        ("Its first alarm", format!("{} on {}, {}", first.rule, first.sensor_id, minute(first.at))),
    ];
    format!("<h2>Floods</h2>\n{}", facts(&rows))
}

fn nuisances(measures: &Measures) -> String {
    let rows = [
        (
            "Chattering (3 or more in 60 s)",
            format!(
                "{} alarms; pairs of rule and sensor: {}",
                measures.chattering.raised, measures.chattering.pairs
            ),
        ),
        ("Fleeting (returned within 60 s)", measures.fleeting.to_string()),
        ("Stale (active for more than 24 h)", measures.stale.alarms.to_string()),
        ("Standing at the end", measures.standing.to_string()),
    ];
    format!("<h2>Nuisance and standing alarms</h2>\n{}", facts(&rows))
}

fn top(measures: &Measures) -> String {
    let rows: String = measures
        .top
        .iter()
        .map(|top| {
            format!(
                "<tr><td>{} on {}<br /><span class=\"soft\">{}</span>{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                escaped(&top.rule),
                escaped(&top.sensor_id),
                escaped(&top.location),
                charts::share(top.share),
                top.raised,
                percent(top.share)
            )
        })
        .collect();
    format!(
        "<h2>Top ten</h2>\n<table><tr><th>Rule and sensor</th><th class=\"n\">Raised</th>\
         <th class=\"n\">Share</th></tr>\n{rows}</table>\n"
    )
}

fn priorities(measures: &Measures) -> String {
    let shown =
        measures.priorities.iter().filter(|each| each.priority != "OTHER" || each.raised > 0);
    let rows: String = shown
        .map(|each| {
            format!(
                "<tr><td>{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                each.priority,
                charts::share(each.share),
                each.raised,
                percent(each.share)
            )
        })
        .collect();
    format!(
        "<h2>Priorities</h2>\n<p class=\"soft\">Published split: about 80 % low, 15 % medium, 5 % \
         high, below 1 % highest.</p>\n<table><tr><th>Priority</th><th class=\"n\">Raised</th>\
         <th class=\"n\">Share</th></tr>\n{rows}</table>\n"
    )
}

fn facts(rows: &[(&str, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><td>{name}</td><td>{}</td></tr>\n", escaped(value)))
        .collect();
    format!("<table class=\"facts\">{rows}</table>\n")
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

/// Length in the largest unit that divides it.
#[must_use]
pub fn length(minutes: u64) -> String {
    match (minutes % 1_440, minutes % 60) {
        (0, _) => format!("{} d", minutes / 1_440),
        (_, 0) => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

impl Measures {
    /// True if the period is shorter than the targets are meant for.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.period.length().num_days() < TARGET_DAYS
    }
}
