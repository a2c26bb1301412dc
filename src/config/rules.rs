//! `[[rules]]`: alarm rules beyond the limits of `[alerts]`.
//!
//! A name identifies one rule: stored state, acknowledgement and shelving use it. So names are unique, also among
//! rules that `[alerts.temperature]` implies. Conditions are read in `rule_kinds`, patterns and messages in
//! `rule_texts`. Never: judges a reading or evaluates an expression, which stays text.

use std::collections::HashMap;

use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::AlertsConfig;
use super::quiet::{self, Reference};
use super::reader::TableReader;
use super::rule_kinds::{LONGEST_DELAY, duration_up_to, kind};
use super::rule_texts::{LONGEST_RUNBOOK_BYTES, message, patterns, text_up_to};
use super::sensors::quantity;
use super::units::limit_unit;
use crate::alarms::rule::{Kind, Priority, Rule, Selection, Timing};
use crate::domain::{Quantity, Unit};

/// Limit of rules. Each reading is judged by every rule of its sensor, and a control room handles no more: a higher
/// number is taken for a mistake of a generator.
pub(super) const MOST_RULES: usize = 10_000;

/// Names are shown in columns and stored with each event.
const LONGEST_NAME_BYTES: usize = 64;

const PRIORITIES: [(&str, Priority); 4] = [
    ("low", Priority::Low),
    ("medium", Priority::Medium),
    ("high", Priority::High),
    ("critical", Priority::Critical),
];

/// Reads the `[[rules]]` tables below `root`, in their order; `alerts` is the short form, whose
/// rules have names too.
pub(super) fn rules(root: &mut TableReader<'_>, alerts: &AlertsConfig) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut names = HashMap::new();
    let mut references = Vec::new();
    for (index, mut table) in root.tables("rules", "[[rules]]").enumerate() {
        if index == MOST_RULES {
            let hint = "let one rule hold for many sensors: sensors = [\"COLD_*\"]";
            table.wrong(table.at(), format!("there are more than {MOST_RULES} rules"), hint);
            break;
        }
        let name = name(&mut table);
        if let Some(name) = name {
            report_if_taken(&table, name, &mut names, alerts);
        }
        rules.extend(rule(table, name.map(|name| name.value), alerts.is_strict, &mut references));
    }
    let is_short_form = |name: &str| short_form_quantity(name, alerts).is_some();
    quiet::check_references(root.inspector, &references, &names, &is_short_form);
    rules
}

/// Rule of one table, but for its name, which has been read. References to other rules go to `references`.
fn rule<'a>(
    mut table: TableReader<'a>,
    name: Option<&'a str>,
    is_strict: bool,
    references: &mut Vec<Reference<'a>>,
) -> Option<Rule> {
    let selection = Selection::Matching {
        sensors: patterns(&mut table, "sensors", "[\"COLD_*\"]"),
        locations: patterns(&mut table, "locations", "[\"Hall *\"]"),
    };
    let quantity = quantity_of(&mut table);
    let kind = kind(&mut table);
    let unit = unit(&mut table, kind.as_ref(), quantity.as_ref());
    let timing = timing(&mut table);
    let priority = table.choice("priority", &PRIORITIES).unwrap_or(Priority::High);
    let message = message(&mut table);
    let runbook = text_up_to(&mut table, "runbook", LONGEST_RUNBOOK_BYTES);
    let suppression = quiet::suppression(&mut table, name, references);
    table.finish();
    Some(Rule {
        name: name?.into(),
        selection,
        quantity: quantity?,
        kind: kind?,
        timing,
        priority,
        message,
        runbook: runbook.map(|runbook| runbook.value.into()),
        unit,
        is_strict,
        announces_each_reading: false,
        suppression,
    })
}

fn name<'a>(table: &mut TableReader<'a>) -> Option<At<&'a str>> {
    let hint = "name the rule: name = \"cold-room-warm\"";
    name_of(table, "a rule", hint, "say the rest in `message`")
}

/// Name of a rule, receiver or other subject of notifications.
pub(super) fn name_of<'a>(
    table: &mut TableReader<'a>,
    what: &str,
    missing: &str,
    too_long: &str,
) -> Option<At<&'a str>> {
    let name = table.string("name");
    let name = table.require(name, "name", missing)?;
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.value.is_empty() || !name.value.chars().all(is_fit) {
        let what = format!("{} is no name of {what}", quote(name.value));
        table.wrong(name.at, what, "use letters from a to z, digits, `-` and `_`");
        return None;
    }
    if name.value.len() > LONGEST_NAME_BYTES {
        let what = format!("the name {} is longer than {LONGEST_NAME_BYTES}", quote(name.value));
        table.wrong(name.at, what, too_long);
        return None;
    }
    Some(name)
}

/// Reports a duplicate name. `names` are those so far, with their positions.
fn report_if_taken<'a>(
    table: &TableReader<'_>,
    name: At<&'a str>,
    names: &mut HashMap<&'a str, usize>,
    alerts: &AlertsConfig,
) {
    if let Some(quantity) = short_form_quantity(name.value, alerts) {
        let what = format!("{} is the name of a rule of [alerts.{quantity}]", quote(name.value));
        let hint = format!("give this rule another name, or leave out [alerts.{quantity}]");
        table.wrong(name.at, what, hint);
    }
    if let Some(first_at) = names.get(name.value) {
        let what = format!("rule {} is defined twice", quote(name.value));
        let mistake = Mistake::new(what, "give each rule a name of its own");
        table.inspector.duplicate(name.at, *first_at, mistake);
    } else {
        names.insert(name.value, name.at);
    }
}

/// The quantity of `[alerts]` one of whose rules has this name.
fn short_form_quantity(name: &str, alerts: &AlertsConfig) -> Option<Quantity> {
    let quantity = name.strip_prefix("high-").or_else(|| name.strip_prefix("low-"))?;
    let quantity = Quantity::new(quantity).ok()?;
    alerts.thresholds.contains_key(&quantity).then_some(quantity)
}

/// Quantity, or the default; `None` if invalid.
pub(super) fn quantity_of(table: &mut TableReader<'_>) -> Option<Quantity> {
    match table.string("quantity") {
        Some(name) => table.inspector.check(name.at, quantity(name.value)),
        None => (!table.has("quantity")).then(Quantity::temperature),
    }
}

/// The unit, unless the kind has no figure of one: then it was refused with the keys of other kinds.
fn unit(
    table: &mut TableReader<'_>,
    kind: Option<&Kind>,
    quantity: Option<&Quantity>,
) -> Option<Unit> {
    match kind {
        Some(Kind::Stale { .. } | Kind::Deviation { .. }) => None,
        _ => limit_unit(table, quantity),
    }
}

fn timing(table: &mut TableReader<'_>) -> Timing {
    let hint = "to have no alarm for so long, shelve it or take it out of service";
    let mut duration = |key| duration_up_to(table, key, LONGEST_DELAY, hint);
    let on_delay = duration("on_delay").unwrap_or_default();
    let off_delay = duration("off_delay").unwrap_or_default();
    let reannounce = duration("reannounce");
    let mut flag = |key| table.flag(key).is_some_and(|flag| flag.value);
    let (is_latching, needs_acknowledgement) = (flag("latching"), flag("acknowledge"));
    Timing { on_delay, off_delay, reannounce, is_latching, needs_acknowledgement }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::{accepted, hint};
    use std::time::Duration;

    use super::*;

    const HIGH: &str = "kind = \"high\"\nlimit = 8.0\n";

    fn said(tables: &str) -> Vec<String> {
        super::super::testing::said(&format!("[broker]\n{tables}"))
    }

    /// The rules of a text that is accepted.
    fn rules_of(tables: &str) -> Vec<Rule> {
        accepted(&format!("[broker]\n{tables}")).rules
    }

    /// The table of a rule that is valid but for what `more` says.
    fn table(name: &str, more: &str) -> String {
        format!("[[rules]]\nname = \"{name}\"\n{HIGH}{more}")
    }

    fn hint_for(more: &str) -> String {
        hint(&format!("[broker]\n{}", table("A", more)))
    }

    #[test]
    fn a_rule_needs_a_name_a_kind_and_what_the_kind_asks_for() {
        let [rule] = &rules_of(&table("cold-room_1", ""))[..] else { panic!() };
        assert_eq!(&*rule.name, "cold-room_1");
        assert_eq!(rule.kind, Kind::High { limit: 8.0, deadband: 0.0 });
        assert_eq!(rule.selection, Selection::default());
        assert_eq!(rule.quantity, Quantity::temperature());
        assert_eq!(rule.timing, Timing::default());
        assert_eq!(rule.priority, Priority::High);
        assert_eq!((&rule.message, &rule.runbook), (&None, &None));
        assert_eq!(
            said("[[rules]]\n"),
            ["2: `name` is missing in [[rules]]", "2: `kind` is missing in [[rules]]"]
        );
        assert!(rules_of("").is_empty());
    }

    #[test]
    fn reads_the_rest_of_a_rule() {
        let rules = rules_of(&table(
            "A",
            "sensors = [\"COLD_*\", \"FREEZER_?\"]\nlocations = [\"Chambre *\"]\n\
             quantity = \"co2\"\non_delay = \"5m\"\noff_delay = \"1m\"\nreannounce = \"30d\"\n\
             priority = \"critical\"\nacknowledge = true\nlatching = true\n\
             message = \"Porte ouverte? {value}{unit} à {location}\"\nrunbook = \"https://h/x\"\n",
        ));
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        let selection = Selection::Matching {
            sensors: texts(&["COLD_*", "FREEZER_?"]),
            locations: texts(&["Chambre *"]),
        };
        assert_eq!(rule.selection, selection);
        assert_eq!(rule.quantity.as_str(), "co2");
        let timing = Timing {
            on_delay: Duration::from_secs(300),
            off_delay: Duration::from_secs(60),
            reannounce: Some(LONGEST_DELAY),
            is_latching: true,
            needs_acknowledgement: true,
        };
        assert_eq!(rule.timing, timing);
        assert_eq!(rule.priority, Priority::Critical);
        assert_eq!(rule.message.as_deref(), Some("Porte ouverte? {value}{unit} à {location}"));
        assert_eq!(rule.runbook.as_deref(), Some("https://h/x"));
    }

    #[test]
    fn a_list_of_rules_is_written_with_two_brackets() {
        assert_eq!(said("[rules]\n"), ["2: `rules` must be a list of tables, not a table"]);
        assert!(hint("[broker]\n[rules]\n").contains("[[rules]]"));
    }

    #[test]
    fn a_rule_keeps_its_order_wherever_it_stands() {
        let sensor = "[[sensors]]\nid = \"S\"\nsource = { type = \"simulated\" }\n";
        let rules = rules_of(&format!("{}{sensor}{}", table("B", ""), table("A", "")));
        let names: Vec<_> = rules.iter().map(|rule| &*rule.name).collect();
        assert_eq!(names, ["B", "A"]);
    }

    #[test]
    fn names_have_a_form() {
        for bad in ["", "a b", "é", "a.b", "a/b", "a\\n"] {
            let said = said(&table(bad, ""));
            let [said] = &said[..] else { panic!("{said:?}") };
            assert!(said.starts_with("3: ") && said.ends_with(" is no name of a rule"), "{said}");
        }
        let text = format!("[broker]\n{}", table("a b", ""));
        assert_eq!(hint(&text), "use letters from a to z, digits, `-` and `_`");
        assert_eq!(rules_of(&table(&"x".repeat(64), "")).len(), 1);
        let long = "x".repeat(65);
        let what = format!("3: the name {} is longer than 64", quote(&long));
        assert_eq!(said(&table(&long, "")), [what]);
        let text = format!("[broker]\n{}", table(&long, ""));
        assert_eq!(hint(&text), "say the rest in `message`");
        let text = format!("[[rules]]\nname = 1\n{HIGH}");
        assert_eq!(said(&text), ["3: `name` must be text, not a whole number"]);
    }

    #[test]
    fn a_name_stands_for_one_rule() {
        let three = format!("{}{}{}", table("A", ""), table("B", ""), table("A", "limi = 1\n"));
        assert_eq!(
            said(&three),
            [
                "11: rule `A` is defined twice, first at test.toml:3:8",
                "14: unknown key `limi` in [[rules]]"
            ]
        );
        let two = format!("[broker]\n{}{}", table("A", ""), table("A", ""));
        assert_eq!(hint(&two), "give each rule a name of its own");
        assert_eq!(rules_of(&format!("{}{}", table("a", ""), table("A", ""))).len(), 2);
    }

    #[test]
    fn the_short_form_has_its_names_to_itself() {
        let short = "[alerts.co2]\nhigh = 800.0\n";
        for name in ["high-co2", "low-co2"] {
            let text = format!("{}{short}", table(name, ""));
            assert_eq!(said(&text), [format!("3: `{name}` is the name of a rule of [alerts.co2]")]);
        }
        assert_eq!(
            hint(&format!("[broker]\n{short}{}", table("high-co2", ""))),
            "give this rule another name, or leave out [alerts.co2]"
        );
        for name in ["high-temperature", "co2", "high-", "high-CO2"] {
            assert_eq!(rules_of(&format!("{}{short}", table(name, ""))).len(), 1, "{name}");
        }
    }

    #[test]
    fn delays_are_positive_and_at_most_thirty_days() {
        for key in ["on_delay", "off_delay", "reannounce"] {
            let with = |value: &str| table("A", &format!("{key} = {value}\n"));
            assert_eq!(said(&with("\"0s\"")), [format!("6: `{key}` is zero")]);
            assert_eq!(
                said(&with("\"30d1ms\"")),
                [format!("6: `{key}` is longer than 30d")],
                "{key}"
            );
            let what = format!("6: `{key}` must be a duration in quotes, not a whole number");
            assert_eq!(said(&with("5")), [what]);
            assert_eq!(rules_of(&with("\"30d\"")).len(), 1);
        }
        let hint = hint_for("on_delay = \"31d\"\n");
        assert_eq!(hint, "to have no alarm for so long, shelve it or take it out of service");
    }

    #[test]
    fn how_an_alarm_ends_is_true_or_false() {
        let timing = |more: &str| rules_of(&table("A", more))[0].timing;
        assert!(timing("acknowledge = true\n").needs_acknowledgement);
        assert!(timing("latching = true\n").is_latching);
        assert_eq!(timing("acknowledge = false\nlatching = false\n"), Timing::default());
        assert_eq!(
            said(&table("A", "acknowledge = \"yes\"\nlatching = 1\n")),
            [
                "6: `acknowledge` must be true or false, not text",
                "7: `latching` must be true or false, not a whole number"
            ]
        );
        assert_eq!(hint_for("aknowledge = true\n"), "did you mean `acknowledge`?");
    }

    #[test]
    fn words_are_what_they_should_be() {
        assert_eq!(
            said(&table("A", "priority = \"hihg\"\nquantity = \"Temp\"\n")),
            ["6: `priority` can't be `hihg`", "7: `Temp` is no name of a quantity"]
        );
        assert_eq!(hint_for("priority = \"hihg\"\n"), "did you mean `high`?");
        assert_eq!(hint_for("on_dealy = \"5m\"\n"), "did you mean `on_delay`?");
        assert_eq!(
            hint_for("priority = \"urgent\"\n"),
            "use one of `low`, `medium`, `high`, `critical`"
        );
    }

    #[test]
    fn ten_thousand_rules_are_the_most() {
        let mut text = String::new();
        for number in 0..MOST_RULES {
            // Writing to a string can't fail.
            let _ = write!(text, "{}", table(&format!("R{number}"), ""));
        }
        assert_eq!(rules_of(&text).len(), MOST_RULES);
        text.push_str(&table("one-more", ""));
        text.push_str(&table("and-another", ""));
        assert_eq!(said(&text), ["40002: there are more than 10000 rules"]);
        assert_eq!(
            hint(&format!("[broker]\n{text}")),
            "let one rule hold for many sensors: sensors = [\"COLD_*\"]"
        );
    }
}
