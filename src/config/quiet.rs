//! Suppression: `suppressed_by` of a rule, `[alerts.chattering]`, `[alerts.flood]`.
//!
//! Rules that explain each other in a circle would all be silent, and a name that no rule has explains
//! nothing: both are found here.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::errors::{Mistake, quote};
use super::inspector::{At, Inspector};
use super::reader::TableReader;
use super::rule_kinds::duration_up_to;
use super::similar::closest;
use crate::alarms::quiet::chatter::Chattering;
use crate::alarms::quiet::flood::FloodLimits;
use crate::alarms::rule::{Same, Suppression};

/// Default wait of a raised alarm for its cause: a gateway's alarm comes within seconds of those behind it, if its
/// rule has the same delay.
const WAIT: Duration = Duration::from_secs(30);

/// Default time to recover after the cause: readings usually come each minute.
const SETTLE: Duration = Duration::from_secs(60);

/// Longer is no wait but an alarm switched off.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Limit of causes: more than a person keeps in mind.
const MOST_CAUSES: usize = 100;

const SAME: [(&str, Same); 3] =
    [("location", Same::Location), ("sensor", Same::Sensor), ("any", Same::Any)];

/// Keys that depend on `suppressed_by`.
const MORE: [&str; 3] = ["same", "suppression_wait", "suppression_settle"];

/// A rule that references others.
pub(super) struct Reference<'a> {
    rule: &'a str,
    causes: Vec<At<&'a str>>,
}

/// `suppressed_by` and its dependent keys.
pub(super) fn suppression<'a>(
    table: &mut TableReader<'a>,
    rule: Option<&'a str>,
    references: &mut Vec<Reference<'a>>,
) -> Option<Suppression> {
    let Some(item) = table.item("suppressed_by") else {
        for key in MORE {
            if let Some(at) = table.refused(key) {
                let hint = "say what explains the alarm: suppressed_by = [\"gateway-silent\"]";
                table.wrong(at, format!("`{key}` is given without `suppressed_by`"), hint);
            }
        }
        return None;
    };
    let same = table.choice("same", &SAME).unwrap_or(Same::Location);
    let hint = "to have no alarm for so long, shelve it or take it out of service";
    let mut duration = |key| duration_up_to(table, key, LONGEST_WAIT, hint);
    let wait = duration("suppression_wait").unwrap_or(WAIT);
    let settle = duration("suppression_settle").unwrap_or(SETTLE);
    const EXAMPLE: &str = "[\"gateway-silent\"]";
    let Some(list) = item.value.as_array() else {
        return table.wrong_type("suppressed_by", item, "a list", EXAMPLE);
    };
    if list.is_empty() || list.len() > MOST_CAUSES {
        let what = format!("`suppressed_by` has {} rules in it", list.len());
        table.wrong(item.at, what, format!("name 1 to {MOST_CAUSES}, or remove the line"));
        return None;
    }
    let mut causes = Vec::with_capacity(list.len());
    for item in list {
        let at = table.base + item.span().start;
        match item.get_ref().as_str() {
            Some(value) => causes.push(At { at, value }),
            None => {
                let what = "a name in `suppressed_by` is not text";
                table.wrong(at, what, format!("put it in quotes: suppressed_by = {EXAMPLE}"));
            }
        }
    }
    let by = causes.iter().map(|cause| cause.value.into()).collect();
    references.extend(rule.map(|rule| Reference { rule, causes }));
    Some(Suppression { by, same, wait, settle })
}

/// Reports unknown names, and cycles. `names` are those of `[[rules]]`; `is_short_form` recognises those of
/// `[alerts]`.
pub(super) fn check_references(
    inspector: &Inspector<'_>,
    references: &[Reference<'_>],
    names: &HashMap<&str, usize>,
    is_short_form: &dyn Fn(&str) -> bool,
) {
    let causes_of: HashMap<_, _> =
        references.iter().map(|reference| (reference.rule, &reference.causes)).collect();
    for Reference { rule, causes } in references {
        for cause in causes {
            if !names.contains_key(cause.value) && !is_short_form(cause.value) {
                let mut known: Vec<_> = names.keys().copied().filter(|name| name != rule).collect();
                known.sort_unstable();
                let hint = closest(cause.value, known.into_iter()).map_or_else(
                    || "name a rule of [[rules]], or one such as `high-temperature`".into(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                let what = format!("there is no rule {}", quote(cause.value));
                inspector.wrong(cause.at, Mistake::new(what, hint));
            } else if leads_to(cause.value, rule, &causes_of) {
                let what = if cause.value == *rule {
                    format!("rule {} is suppressed by itself", quote(rule))
                } else {
                    format!(
                        "rule {} is suppressed by {}, which is suppressed by it in turn",
                        quote(rule),
                        quote(cause.value)
                    )
                };
                let hint = "leave out one of them: in a circle all would be silent";
                inspector.wrong(cause.at, Mistake::new(what, hint));
            }
        }
    }
}

/// True if a rule depends on another, directly or indirectly.
fn leads_to(from: &str, to: &str, causes_of: &HashMap<&str, &Vec<At<&str>>>) -> bool {
    let (mut seen, mut left) = (HashSet::from([from]), vec![from]);
    while let Some(rule) = left.pop() {
        if rule == to {
            return true;
        }
        let causes = causes_of.get(rule).into_iter().copied().flatten();
        left.extend(causes.map(|cause| cause.value).filter(|cause| seen.insert(*cause)));
    }
    false
}

/// `[alerts.chattering]`: present, it is enabled.
pub(super) fn chattering(mut table: TableReader<'_>) -> Chattering {
    let hint =
        "chattering is over within minutes; an alarm that returns each day is another matter";
    let raises = count(&mut table, "raises", 2, 1_000).unwrap_or(3);
    let within = duration_up_to(&mut table, "within", LONGEST_WAIT, hint);
    let calm = duration_up_to(&mut table, "calm", LONGEST_WAIT, hint);
    table.finish();
    Chattering {
        raises,
        within: within.unwrap_or(Duration::from_secs(60)),
        calm: calm.unwrap_or(Duration::from_secs(300)),
    }
}

/// `[alerts.flood]`: present, it is enabled.
pub(super) fn flood(mut table: TableReader<'_>) -> FloodLimits {
    let hint = "a flood is more than a person takes in at once";
    let alarms = count(&mut table, "alarms", 1, 10_000).unwrap_or(10);
    let within = duration_up_to(&mut table, "within", LONGEST_WAIT, hint);
    let until = count(&mut table, "until", 1, 10_000);
    if let (Some(until), Some(at)) =
        (until.filter(|until| *until > alarms), table.place_of("until"))
    {
        let what = format!("a flood that ends below {until} alarms begins with {alarms}");
        table.wrong(at, what, "let `until` be at most `alarms`");
    }
    table.finish();
    FloodLimits {
        alarms,
        within: within.unwrap_or(Duration::from_secs(600)),
        until: until.unwrap_or(5.min(alarms)),
    }
}

fn count(
    table: &mut TableReader<'_>,
    key: &'static str,
    least: usize,
    most: usize,
) -> Option<usize> {
    let given = table.integer(key)?;
    let count = usize::try_from(given.value).ok().filter(|count| (least..=most).contains(count));
    if count.is_none() {
        let what = format!("`{key}` is out of range");
        table.wrong(given.at, what, format!("write a whole number from {least} to {most}"));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::*;

    fn rule(name: &str, more: &str) -> String {
        format!("[[rules]]\nname = \"{name}\"\nkind = \"stale\"\nafter = \"1m\"\n{more}\n")
    }

    fn said(text: &str) -> Vec<String> {
        super::super::testing::said(&format!("[broker]\n{text}"))
    }

    #[test]
    fn reads_what_explains_a_rule() {
        let rules = accepted(&format!(
            "[broker]\n[alerts.temperature]\nhigh = 1\n{}{}{}",
            rule("gateway", ""),
            rule("sensor", "suppressed_by = [\"gateway\", \"high-temperature\"]"),
            rule(
                "probe",
                "suppressed_by = [\"sensor\"]\nsame = \"sensor\"\nsuppression_wait = \"5s\"\n\
                 suppression_settle = \"2m\""
            ),
        ))
        .rules;
        assert_eq!(rules[0].suppression, None);
        let by = vec!["gateway".into(), "high-temperature".into()];
        let expected = Suppression { by, same: Same::Location, wait: WAIT, settle: SETTLE };
        assert_eq!(rules[1].suppression, Some(expected));
        let (wait, settle) = (Duration::from_secs(5), Duration::from_secs(120));
        let by = vec!["sensor".into()];
        let expected = Suppression { by, same: Same::Sensor, wait, settle };
        assert_eq!(rules[2].suppression, Some(expected));
    }

    #[test]
    fn a_name_that_no_rule_has_is_found() {
        let text = rule("gateway-silent", "") + &rule("a", "suppressed_by = [\"gateway-silnt\"]");
        assert_eq!(said(&text), ["11: there is no rule `gateway-silnt`"]);
        assert_eq!(hint(&format!("[broker]\n{text}")), "did you mean `gateway-silent`?");
        let text = rule("a", "suppressed_by = [\"high-temperature\"]");
        assert_eq!(said(&text), ["6: there is no rule `high-temperature`"]);
    }

    #[test]
    fn circles_are_found_wherever_they_begin() {
        assert_eq!(
            said(&rule("a", "suppressed_by = [\"a\"]")),
            ["6: rule `a` is suppressed by itself"]
        );
        let by = |name: &str, cause: &str| rule(name, &format!("suppressed_by = [\"{cause}\"]"));
        let text = by("a", "b") + &by("b", "c") + &by("c", "b") + &rule("d", "");
        assert_eq!(
            said(&text),
            [
                "11: rule `b` is suppressed by `c`, which is suppressed by it in turn",
                "16: rule `c` is suppressed by `b`, which is suppressed by it in turn"
            ]
        );
        assert!(hint(&format!("[broker]\n{}", by("a", "a"))).contains("all would be silent"));
    }

    #[test]
    fn what_is_said_of_suppression_needs_one() {
        assert_eq!(
            said(&rule("a", "same = \"any\"\nsuppression_wait = \"1s\"")),
            [
                "6: `same` is given without `suppressed_by`",
                "7: `suppression_wait` is given without `suppressed_by`"
            ]
        );
        assert_eq!(
            said(&rule("a", "suppressed_by = \"b\"")),
            ["6: `suppressed_by` must be a list, not text"]
        );
        assert_eq!(
            said(&rule("a", "suppressed_by = []")),
            ["6: `suppressed_by` has 0 rules in it"]
        );
        assert_eq!(
            said(&rule("a", "suppressed_by = [1]\nsame = \"room\"\nsuppression_settle = \"25h\"")),
            [
                "6: a name in `suppressed_by` is not text",
                "7: `same` can't be `room`",
                "8: `suppression_settle` is longer than 1d"
            ]
        );
    }

    #[test]
    fn chattering_and_floods_are_looked_for_where_the_table_is() {
        let alerts = accepted("[broker]\n").alerts;
        assert_eq!((alerts.chattering, alerts.flood), (None, None));
        let alerts = accepted("[broker]\n[alerts.chattering]\n[alerts.flood]\n").alerts;
        let (minute, ten) = (Duration::from_secs(60), Duration::from_secs(600));
        let usual = Chattering { raises: 3, within: minute, calm: 5 * minute };
        assert_eq!(alerts.chattering, Some(usual));
        assert_eq!(alerts.flood, Some(FloodLimits { alarms: 10, within: ten, until: 5 }));
        assert!(alerts.thresholds.is_empty());
        assert_eq!(
            said("[alerts.chattering]\nraises = 1\n[alerts.flood]\nalarms = 3\nuntil = 4\nx = 1\n"),
            [
                "3: `raises` is out of range",
                "6: a flood that ends below 4 alarms begins with 3",
                "7: unknown key `x` in [alerts.flood]"
            ]
        );
    }
}
