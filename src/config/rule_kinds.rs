//! `kind` of a rule: its condition, with the keys of that kind.
//!
//! Each kind has its own keys. A key of another kind is a mistake that names its kind, since a silently ignored
//! limit is an alarm that silently doesn't come.

use std::time::Duration;

use super::duration;
use super::inspector::At;
use super::reader::TableReader;
use super::rule_texts::{LONGEST_EXPRESSION_BYTES, text_up_to};
use super::sensors::sensor_id;
use crate::alarms::expression::{Expression, ExpressionError};
use crate::alarms::rule::Kind;
use crate::domain::SensorId;

/// A longer delay is a disabled alarm, for which there are other means.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(30 * 86_400);

/// A window's readings are kept in memory, for each sensor of the rule.
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);

/// Name of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    High,
    Low,
    Rate,
    Stale,
    Flatline,
    Deviation,
    Difference,
    Expression,
}

const KINDS: [(&str, Word); 8] = [
    ("high", Word::High),
    ("low", Word::Low),
    ("rate", Word::Rate),
    ("stale", Word::Stale),
    ("flatline", Word::Flatline),
    ("deviation", Word::Deviation),
    ("difference", Word::Difference),
    ("expression", Word::Expression),
];

/// The keys that not every kind has, and the kinds that have them.
const KEYS: [(&str, &[Word]); 11] = [
    ("limit", &[Word::High, Word::Low, Word::Difference]),
    ("deadband", &[Word::High, Word::Low, Word::Difference]),
    (
        "unit",
        &[Word::High, Word::Low, Word::Rate, Word::Flatline, Word::Difference, Word::Expression],
    ),
    ("per_minute", &[Word::Rate]),
    ("window", &[Word::Rate, Word::Deviation]),
    ("after", &[Word::Stale]),
    ("lasting", &[Word::Flatline]),
    ("within", &[Word::Flatline]),
    ("deviations", &[Word::Deviation]),
    ("other", &[Word::Difference]),
    ("when", &[Word::Expression]),
];

/// Reads `kind` and its keys; `None` when something of them was reported.
pub(super) fn kind(table: &mut TableReader<'_>) -> Option<Kind> {
    let word = table.choice("kind", &KINDS);
    let hint = "say what breaks the rule: kind = \"high\"";
    let Some(word) = table.require(word, "kind", hint) else {
        // Which of these belong here depends on the kind, so without it none are looked at.
        for (key, _) in KEYS.iter().filter(|(key, _)| *key != "unit") {
            table.item(key);
        }
        return None;
    };
    for (key, kinds) in KEYS {
        if !kinds.contains(&word) {
            refuse(table, key, kinds, word);
        }
    }
    match word {
        Word::High => {
            let limit = limit(table, "write the highest value that is still good: limit = 8.0");
            Some(Kind::High { deadband: deadband(table), limit: limit?.value })
        }
        Word::Low => {
            let limit = limit(table, "write the lowest value that is still good: limit = 2.0");
            Some(Kind::Low { deadband: deadband(table), limit: limit?.value })
        }
        Word::Rate => rate(table),
        Word::Stale => stale(table),
        Word::Flatline => flatline(table),
        Word::Deviation => deviation(table),
        Word::Difference => difference(table),
        Word::Expression => expression(table),
    }
}

/// Reports a key of other kinds.
fn refuse(table: &mut TableReader<'_>, key: &'static str, kinds: &[Word], word: Word) {
    let Some(at) = table.refused(key) else { return };
    let name = |word: Word| {
        let name = KINDS.iter().find(|(_, kind)| *kind == word).map_or("", |(name, _)| *name);
        format!("`{name}`")
    };
    let owners: Vec<String> = kinds.iter().map(|kind| name(*kind)).collect();
    let (owners, hint) = match &owners[..] {
        [only] => (format!("the kind {only}"), format!("remove the line, or make the kind {only}")),
        [some @ .., last] => (
            format!("the kinds {} and {last}", some.join(", ")),
            "remove the line, or change the kind".into(),
        ),
        [] => return,
    };
    table.wrong(at, format!("`{key}` belongs to {owners}, not to {}", name(word)), hint);
}

fn rate(table: &mut TableReader<'_>) -> Option<Kind> {
    let per_minute = table.number("per_minute");
    let hint = "write the fastest change that is still good: per_minute = 2.0, below 0 for falling";
    let per_minute = table.require(per_minute, "per_minute", hint);
    let is_nonzero = |value| value != 0.0;
    let hint = "write a change a minute: above 0 for rising, below 0 for falling";
    let per_minute = only_if(table, "per_minute", per_minute, is_nonzero, "zero", hint);
    let window = window(table, "say over how long the change is measured: window = \"10m\"");
    Some(Kind::Rate { per_minute: per_minute?.value, window: window? })
}

fn stale(table: &mut TableReader<'_>) -> Option<Kind> {
    let hint = "a sensor silent for so long is better left out of the rule";
    let after = duration_up_to(table, "after", LONGEST_DELAY, hint);
    let hint = "say how long a sensor may be silent: after = \"15m\"";
    Some(Kind::Stale { after: table.require(after, "after", hint)? })
}

fn flatline(table: &mut TableReader<'_>) -> Option<Kind> {
    let hint = "a sensor stuck for a day is found with lasting = \"1d\"";
    let lasting = duration_up_to(table, "lasting", LONGEST_DELAY, hint);
    let hint = "say how long a value may stay as it is: lasting = \"1h\"";
    let lasting = table.require(lasting, "lasting", hint);
    let within = not_negative(table, "within", "0 asks for the very same value");
    let hint = "say how far values lie apart that count as the same: within = 0.05";
    let within = table.require(within, "within", hint);
    Some(Kind::Flatline { lasting: lasting?, within: within?.value })
}

fn deviation(table: &mut TableReader<'_>) -> Option<Kind> {
    let deviations = table.number("deviations");
    let hint = "say how far from the usual is too far: deviations = 6.0";
    let deviations = table.require(deviations, "deviations", hint);
    let is_positive = |value| value > 0.0;
    let hint = "write a number above 0: 6.0 is rarely reached by chance";
    let deviations = only_if(table, "deviations", deviations, is_positive, "not above 0", hint);
    let window = window(table, "say what the usual is taken from: window = \"1h\"");
    Some(Kind::Deviation { deviations: deviations?.value, window: window? })
}

fn difference(table: &mut TableReader<'_>) -> Option<Kind> {
    let other = table.string("other");
    let hint = "name the sensor to compare with: other = \"COLD_REF\"";
    let other = table.require(other, "other", hint).and_then(|other| one_sensor(table, other));
    let hint = "write how far apart the two may be: limit = 2.0";
    let limit = limit(table, hint);
    let hint = "a difference has no sign: write how far apart the two may be";
    let limit = only_if(table, "limit", limit, |value| value >= 0.0, "below 0", hint);
    let deadband = deadband(table);
    if let Some(limit) = limit
        && deadband > limit.value
    {
        let at = table.place_of("deadband").unwrap_or(limit.at);
        let hint = "the alarm would never be over: write a deadband below the limit";
        table.wrong(at, "`deadband` is above `limit`", hint);
    }
    Some(Kind::Difference { other: other?, limit: limit?.value, deadband })
}

fn one_sensor(table: &TableReader<'_>, id: At<&str>) -> Option<SensorId> {
    if id.value.contains(['*', '?']) {
        let hint = "name one sensor: other = \"COLD_REF\"";
        table.wrong(id.at, "`other` is a pattern", hint);
        return None;
    }
    table.inspector.check(id.at, sensor_id(id.value))
}

fn expression(table: &mut TableReader<'_>) -> Option<Kind> {
    let when = text_up_to(table, "when", LONGEST_EXPRESSION_BYTES);
    let hint = "write what is true when the rule is broken: when = \"value > 8.0\"";
    let when = table.require(when, "when", hint)?;
    match Expression::parse(when.value) {
        Ok(condition) => Some(Kind::Expression { condition }),
        Err(ExpressionError { what, character, remedy }) => {
            let place = character.map(|at| format!(" at character {at}")).unwrap_or_default();
            table.wrong(when.at, format!("`when`{place}: {what}"), remedy);
            None
        }
    }
}

fn limit(table: &mut TableReader<'_>, hint: &str) -> Option<At<f64>> {
    let limit = table.number("limit");
    table.require(limit, "limit", hint)
}

fn deadband(table: &mut TableReader<'_>) -> f64 {
    let hint = "write how far back within the limit a value must be: 0.5";
    not_negative(table, "deadband", hint).map_or(0.0, |deadband| deadband.value)
}

fn not_negative(table: &mut TableReader<'_>, key: &'static str, hint: &str) -> Option<At<f64>> {
    let number = table.number(key);
    only_if(table, key, number, |value| value >= 0.0, "below 0", hint)
}

/// `number` if valid; otherwise it is reported.
fn only_if(
    table: &TableReader<'_>,
    key: &str,
    number: Option<At<f64>>,
    is_fit: impl Fn(f64) -> bool,
    instead: &str,
    hint: &str,
) -> Option<At<f64>> {
    let number = number?;
    if !is_fit(number.value) {
        table.wrong(number.at, format!("`{key}` is {instead}"), hint);
        return None;
    }
    Some(number)
}

fn window(table: &mut TableReader<'_>, missing: &str) -> Option<Duration> {
    let hint = "its readings are kept in memory: a day is the longest";
    let window = duration_up_to(table, "window", LONGEST_WINDOW, hint);
    table.require(window, "window", missing)
}

/// Duration above zero, at most `longest`; `hint` is for a longer one.
pub(super) fn duration_up_to(
    table: &mut TableReader<'_>,
    key: &'static str,
    longest: Duration,
    hint: &str,
) -> Option<Duration> {
    let given = table.duration(key)?;
    not_longer(table, key, given, (longest, hint))
}

/// Duration, unless it exceeds the limit; the hint names the alternative.
pub(super) fn not_longer(
    table: &mut TableReader<'_>,
    key: &'static str,
    At { at, value }: At<Duration>,
    (longest, hint): (Duration, &str),
) -> Option<Duration> {
    if value > longest {
        table.wrong(at, format!("`{key}` is longer than {}", duration::format(longest)), hint);
        return None;
    }
    Some(value)
}

#[cfg(test)]
mod tests;
