//! Texts of summaries: of many alarms, or of a chattering one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{en, fr};
use crate::alarms::quiet::Summary;
use crate::alarms::quiet::chatter::Count;
use crate::alarms::quiet::flood::Counts;
use crate::domain::{Quantity, duration};

/// How many rules and locations a message names.
const NAMED: usize = 5;

pub fn english(summary: &Summary, quantity: &Quantity) -> String {
    let noun = || en::noun(quantity);
    match summary {
        Summary::Chattering(count) => {
            let (times, within) = (count.raised, lasted(count, "d"));
            format!("{}: the alarm chatters, raised {times} times in {within}: held back", noun())
        }
        Summary::Calm { raised, stands } => {
            let (times, within) = (raised.raised, lasted(raised, "d"));
            let how = if *stands { "it stands" } else { "back to normal" };
            format!("{}: the alarm is calm, after {times} raises in {within}; {how}", noun())
        }
        Summary::Flood(counts) => format!("Flood of alarms: {}", totals(counts, "in", "d")),
        Summary::FloodOver(counts) => {
            format!("Flood of alarms over: {}", totals(counts, "in", "d"))
        }
    }
}

pub fn french(summary: &Summary, quantity: &Quantity) -> String {
    let noun = || fr::noun(quantity).0;
    match summary {
        Summary::Chattering(count) => {
            let (times, within) = (count.raised, lasted(count, "j"));
            format!("{}: l'alarme bagote, levée {times} fois en {within}: retenue", noun())
        }
        Summary::Calm { raised, stands } => {
            let (times, within) = (raised.raised, lasted(raised, "j"));
            let how = if *stands { "elle est active" } else { "retour à la normale" };
            format!("{}: l'alarme est calmée, levée {times} fois en {within}; {how}", noun())
        }
        Summary::Flood(counts) => format!("Avalanche d'alarmes: {}", totals(counts, "en", "j")),
        Summary::FloodOver(counts) => {
            format!("Fin de l'avalanche d'alarmes: {}", totals(counts, "en", "j"))
        }
    }
}

/// `240 in 12 min (silent 200, warm 40; Hall A 180, Hall B 60)`
fn totals(counts: &Counts, within: &str, day: &str) -> String {
    let lasting = duration::words(at_least_a_second(counts.lasting), day);
    let (rules, locations) = (most(&counts.by_rule), most(&counts.by_location));
    format!("{} {within} {lasting} ({rules}; {locations})", counts.alarms)
}

fn most(by: &BTreeMap<Arc<str>, u64>) -> String {
    let named = Counts::most(by, NAMED).into_iter().map(|(name, count)| {
        let name = if name.is_empty() { "–" } else { name };
        format!("{name} {count}")
    });
    let mut named: Vec<_> = named.collect();
    if by.len() > NAMED {
        named.push("…".into());
    }
    named.join(", ")
}

fn lasted(count: &Count, day: &str) -> String {
    let lasted = (count.last - count.first).to_std().unwrap_or_default();
    duration::words(at_least_a_second(lasted), day)
}

fn at_least_a_second(duration: Duration) -> Duration {
    duration.max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn summaries_say_how_many_and_where() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let temperature = Quantity::temperature();
        let said = |summary: &Summary| [english, french].map(|say| say(summary, &temperature));
        let count = Count { raised: 14, first: at(0), last: at(60) };
        assert_eq!(
            said(&Summary::Chattering(count)),
            [
                "Temperature: the alarm chatters, raised 14 times in 1 min: held back",
                "Température: l'alarme bagote, levée 14 fois en 1 min: retenue"
            ]
        );
        assert_eq!(
            said(&Summary::Calm { raised: count, stands: false }),
            [
                "Temperature: the alarm is calm, after 14 raises in 1 min; back to normal",
                "Température: l'alarme est calmée, levée 14 fois en 1 min; retour à la normale"
            ]
        );
        let by =
            |names: &[(&str, u64)]| names.iter().map(|(name, n)| ((*name).into(), *n)).collect();
        let counts = Counts {
            alarms: 240,
            since: at(0),
            lasting: Duration::from_secs(720),
            by_rule: by(&[("warm", 40), ("silent", 200)]),
            by_location: by(&[("", 3), ("A", 7), ("B", 7), ("C", 6), ("D", 5), ("E", 4)]),
        };
        assert_eq!(
            said(&Summary::FloodOver(counts)),
            [
                "Flood of alarms over: 240 in 12 min (silent 200, warm 40; A 7, B 7, C 6, D 5, E 4, …)",
                "Fin de l'avalanche d'alarmes: 240 en 12 min (silent 200, warm 40; A 7, B 7, C 6, D 5, E 4, …)"
            ]
        );
    }
}
