//! The texts of a rule: patterns of sensors and locations, the message with its placeholders.
//!
//! A pattern that can't match and an unknown placeholder are reported here, not in the night of the alarm.

use std::sync::Arc;

use super::errors::{Mistake, quote};
use super::expand::Names;
use super::inspector::At;
use super::reader::TableReader;
use super::similar::one_of;
use crate::domain::glob;

/// Limit of patterns: each new sensor is matched against all. Enough for the rooms of a site, not for its sensors.
const MOST_PATTERNS: usize = 1_000;

/// No id is longer.
const LONGEST_PATTERN_BYTES: usize = 256;

/// It is sent and stored with each event, and read on a phone.
const LONGEST_MESSAGE_BYTES: usize = 1_024;

/// Longest address that browsers and chat programs pass on unchanged.
pub(super) const LONGEST_RUNBOOK_BYTES: usize = 2_048;

/// Far more than a person understands, and little to evaluate per reading.
pub(super) const LONGEST_EXPRESSION_BYTES: usize = 4_096;

/// Placeholders of a message.
const PLACEHOLDERS: [&str; 7] =
    ["{value}", "{unit}", "{limit}", "{sensor}", "{location}", "{quantity}", "{rule}"];

/// List of patterns; empty if absent. `example` is for the hint.
pub(super) fn patterns(
    table: &mut TableReader<'_>,
    key: &'static str,
    example: &str,
) -> Vec<Arc<str>> {
    let Some(item) = table.item(key) else { return Vec::new() };
    let Some(list) = item.value.as_array() else {
        table.wrong_type::<()>(key, item, "a list", example);
        return Vec::new();
    };
    if list.is_empty() {
        let hint = "without this line the rule holds for all; [\"*\"] says so too";
        table.wrong(item.at, format!("`{key}` is an empty list"), hint);
    } else if list.len() > MOST_PATTERNS {
        let what = format!("`{key}` has more than {MOST_PATTERNS} patterns");
        table.wrong(item.at, what, format!("let one stand for many: {key} = {example}"));
        return Vec::new();
    }
    let mut patterns = Vec::with_capacity(list.len());
    for item in list {
        let at = table.base + item.span().start;
        let Some(text) = item.get_ref().as_str() else {
            let hint = format!("put it in quotes: {key} = {example}");
            table.wrong(at, format!("a pattern in `{key}` is not text"), hint);
            continue;
        };
        patterns.extend(table.inspector.check(at, pattern(text, key)));
    }
    patterns
}

fn pattern(text: &str, key: &str) -> Result<Arc<str>, Mistake> {
    let mistake = |what: String, hint: &str| Err(Mistake::new(what, hint));
    let named = glob::excluded(text).unwrap_or(text);
    if named.trim().is_empty() {
        let hint = "`*` stands for any characters, `?` for one";
        let what = if text.starts_with('!') { "excludes nothing" } else { "is empty" };
        return mistake(format!("a pattern in `{key}` {what}"), hint);
    }
    if text.len() > LONGEST_PATTERN_BYTES {
        let what = format!("a pattern in `{key}` is longer than {LONGEST_PATTERN_BYTES} bytes");
        return mistake(what, "let `*` stand for the rest");
    }
    if text.contains(char::is_control) {
        let what = format!("a pattern in `{key}` has a control character in it");
        return mistake(what, "keep to one line of plain text");
    }
    // Ranges are for naming sensors; as a pattern this one would match none of them.
    if matches!(Names::parse(named), Ok(Names::Many { .. })) {
        let what = format!("{} is a range, not a pattern", quote(text));
        return mistake(what, "let `*` stand for any characters and `?` for one");
    }
    Ok(text.into())
}

/// The message, after a look at its placeholders.
pub(super) fn message(table: &mut TableReader<'_>) -> Option<Arc<str>> {
    let message = text_up_to(table, "message", LONGEST_MESSAGE_BYTES)?;
    for mistake in mistakes_in_placeholders(message.value) {
        table.inspector.wrong(message.at, mistake);
    }
    Some(message.value.into())
}

/// Each unknown placeholder in braces, and the first unmatched brace.
fn mistakes_in_placeholders(text: &str) -> Vec<Mistake> {
    const HINT: &str = "braces are for placeholders only: {value}{unit}";
    let mut mistakes = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        rest = &rest[open..];
        if rest.starts_with('}') {
            mistakes.push(Mistake::new("`message` has a `}` without its `{`", HINT));
            break;
        }
        let end = rest[1..].find(['{', '}']).map(|at| at + 2);
        let Some(end) = end.filter(|end| rest[..*end].ends_with('}')) else {
            mistakes.push(Mistake::new("`message` has a `{` without its `}`", HINT));
            break;
        };
        let (placeholder, after) = rest.split_at(end);
        if !PLACEHOLDERS.contains(&placeholder) {
            let what = format!("{} in `message` stands for nothing", quote(placeholder));
            mistakes.push(Mistake::new(what, one_of(placeholder, PLACEHOLDERS.into_iter())));
        }
        rest = after;
    }
    mistakes
}

/// Single-line text, not empty, with a length limit.
pub(super) fn text_up_to<'a>(
    table: &mut TableReader<'a>,
    key: &'static str,
    longest_bytes: usize,
) -> Option<At<&'a str>> {
    let text = table.text(key)?;
    if text.value.len() > longest_bytes {
        let what = format!("`{key}` is longer than {longest_bytes} bytes");
        table.wrong(text.at, what, "say it shorter");
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{accepted, hint};
    use super::*;
    use crate::alarms::rule::{Rule, Selection};

    /// The text of a rule with this line.
    fn rule(line: &str) -> String {
        format!("[broker]\n[[rules]]\nname = \"A\"\nkind = \"stale\"\nafter = \"1h\"\n{line}\n")
    }

    fn said(line: &str) -> Vec<String> {
        super::super::testing::said(&rule(line))
    }

    fn sensors(rule: &Rule) -> &[Arc<str>] {
        match &rule.selection {
            Selection::Matching { sensors, .. } => sensors,
            other => panic!("{other:?} has no patterns"),
        }
    }

    #[test]
    fn patterns_are_a_list_of_texts() {
        assert_eq!(said("sensors = \"COLD_*\""), ["6: `sensors` must be a list, not text"]);
        assert_eq!(hint(&rule("sensors = \"COLD_*\"")), "write sensors = [\"COLD_*\"]");
        assert_eq!(hint(&rule("locations = 1")), "write locations = [\"Hall *\"]");
        assert_eq!(
            said("sensors = [\"A\", 1, true]"),
            ["6: a pattern in `sensors` is not text", "6: a pattern in `sensors` is not text"]
        );
        assert_eq!(hint(&rule("sensors = [1]")), "put it in quotes: sensors = [\"COLD_*\"]");
    }

    #[test]
    fn a_mistake_in_a_list_is_placed_at_its_pattern() {
        assert_eq!(
            said("locations = [\n\"Hall *\",\n\"\",\n]"),
            ["8: a pattern in `locations` is empty"]
        );
    }

    #[test]
    fn an_empty_list_is_not_taken_for_all() {
        assert_eq!(said("sensors = []"), ["6: `sensors` is an empty list"]);
        assert_eq!(
            hint(&rule("sensors = []")),
            "without this line the rule holds for all; [\"*\"] says so too"
        );
    }

    #[test]
    fn patterns_have_a_form() {
        let with = |pattern: &str| rule(&format!("sensors = [\"{pattern}\"]"));
        let long = "x".repeat(LONGEST_PATTERN_BYTES + 1);
        for (pattern, what, expected) in [
            (" ", "a pattern in `sensors` is empty", "`*` stands for any characters, `?` for one"),
            (
                "!",
                "a pattern in `sensors` excludes nothing",
                "`*` stands for any characters, `?` for one",
            ),
            (
                &*long,
                "a pattern in `sensors` is longer than 256 bytes",
                "let `*` stand for the rest",
            ),
            (
                "a\\tb",
                "a pattern in `sensors` has a control character in it",
                "keep to one line of plain text",
            ),
            (
                "T_{01..12}",
                "`T_{01..12}` is a range, not a pattern",
                "let `*` stand for any characters and `?` for one",
            ),
        ] {
            assert_eq!(super::super::testing::said(&with(pattern)), [format!("6: {what}")]);
            assert_eq!(hint(&with(pattern)), expected);
        }
        for fit in ["*", "?", "Chambre *", "a{b}", "é"] {
            assert_eq!(&*sensors(&accepted(&with(fit)).rules[0])[0], fit);
        }
    }

    #[test]
    fn a_list_has_its_longest() {
        let with = |count: usize| rule(&format!("sensors = [{}]", "\"A\",".repeat(count)));
        assert_eq!(sensors(&accepted(&with(MOST_PATTERNS)).rules[0]).len(), MOST_PATTERNS);
        assert_eq!(
            super::super::testing::said(&with(MOST_PATTERNS + 1)),
            ["6: `sensors` has more than 1000 patterns"]
        );
        assert_eq!(
            hint(&with(MOST_PATTERNS + 1)),
            "let one stand for many: sensors = [\"COLD_*\"]"
        );
    }

    #[test]
    fn every_placeholder_is_known() {
        let all = PLACEHOLDERS.concat();
        let rules = accepted(&rule(&format!("message = \"{all} à 100 %\""))).rules;
        assert_eq!(rules[0].message.as_deref(), Some(&*format!("{all} à 100 %")));
    }

    #[test]
    fn all_placeholders_that_stand_for_nothing_are_named() {
        assert_eq!(
            said("message = \"{valeur} {unit} {Sensor} {}\""),
            [
                "6: `{valeur}` in `message` stands for nothing",
                "6: `{Sensor}` in `message` stands for nothing",
                "6: `{}` in `message` stands for nothing"
            ]
        );
        let hint_for = |placeholder: &str| hint(&rule(&format!("message = \"{placeholder}\"")));
        assert_eq!(hint_for("{Sensor}"), "did you mean `{sensor}`?");
        assert!(hint_for("{}").starts_with("use one of `{value}`, `{unit}`, "));
    }

    #[test]
    fn braces_come_in_pairs() {
        const HINT: &str = "braces are for placeholders only: {value}{unit}";
        for (message, what) in [
            ("{value", "`message` has a `{` without its `}`"),
            ("{value {unit}", "`message` has a `{` without its `}`"),
            ("{", "`message` has a `{` without its `}`"),
            ("value}", "`message` has a `}` without its `{`"),
            ("{value}}", "`message` has a `}` without its `{`"),
        ] {
            let line = format!("message = \"{message}\"");
            assert_eq!(said(&line), [format!("6: {what}")], "{message}");
            assert_eq!(hint(&rule(&line)), HINT);
        }
    }

    #[test]
    fn messages_and_runbooks_are_one_line_and_not_too_long() {
        for (key, longest) in
            [("message", LONGEST_MESSAGE_BYTES), ("runbook", LONGEST_RUNBOOK_BYTES)]
        {
            let with = |text: &str| format!("{key} = \"{text}\"");
            assert_eq!(said(&with("")), [format!("6: `{key}` is empty")]);
            assert_eq!(said(&with("a\\nb")), [format!("6: `{key}` has a control character in it")]);
            accepted(&rule(&with(&"x".repeat(longest))));
            let long = with(&"x".repeat(longest + 1));
            assert_eq!(said(&long), [format!("6: `{key}` is longer than {longest} bytes")]);
            assert_eq!(hint(&rule(&long)), "say it shorter");
        }
    }

    proptest! {
        /// A message of known placeholders and text without braces has no mistake; one brace more
        /// has.
        #[test]
        fn only_braces_are_looked_at(
            parts in prop::collection::vec(
                prop_oneof![prop::sample::select(&PLACEHOLDERS[..]).prop_map(String::from), "[^{}]{0,8}"],
                0..12,
            ),
            brace in prop::sample::select(&["{", "}"][..]),
        ) {
            let text = parts.concat();
            prop_assert_eq!(mistakes_in_placeholders(&text), []);
            let damaged = text + brace;
            prop_assert!(!mistakes_in_placeholders(&damaged).is_empty());
        }
    }
}
