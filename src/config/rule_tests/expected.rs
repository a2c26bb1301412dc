//! What a rule test expects: the alarms that stand at a time, and all that happens.

use std::sync::Arc;

use super::{ExpectedAlarm, ExpectedTransition, StandingAt, Tested, offset, sensor, words};
use crate::config::reader::TableReader;
use crate::domain::SensorId;

const AT: &str = "say when, from the start of the test: at = \"25m\"";

/// The only rules that a test looks at.
pub(super) fn only(table: &mut TableReader<'_>, tested: &Tested<'_>) -> Option<Vec<Arc<str>>> {
    let item = table.item("rules")?;
    let Some(list) = item.value.as_array() else {
        return table.wrong_type("rules", item, "a list", "[\"cold-room-warm\"]");
    };
    if list.is_empty() {
        table.wrong(item.at, "`rules` is an empty list", "without this line all are looked at");
    }
    let mut rules = Vec::new();
    for item in list {
        let at = table.base + item.span().start;
        match item.get_ref().as_str() {
            Some(name) => rules.extend(table.inspector.check(at, tested.rule(name))),
            None => table.wrong(at, "a name in `rules` is not text", "put it in quotes"),
        }
    }
    Some(rules)
}

/// `[[tests.expect]]`, in order of time.
pub(super) fn standing(table: &mut TableReader<'_>, tested: &Tested<'_>) -> Vec<StandingAt> {
    let mut standing = Vec::new();
    for mut table in table.tables("expect", "[[tests.expect]]") {
        let at = offset(&mut table, "at");
        let at = table.require(at, "at", AT);
        let alarms: Vec<_> = table.tables("alarms", "[[tests.expect.alarms]]").collect();
        if !table.has("alarms") {
            table.missing("alarms", "list those that stand: alarms = [] when there is none");
        }
        table.finish();
        let alarms = alarms.into_iter().filter_map(|table| alarm(table, tested)).collect();
        standing.extend(at.map(|at| StandingAt { at, alarms }));
    }
    standing.sort_by_key(|standing| standing.at);
    standing
}

fn alarm(mut table: TableReader<'_>, tested: &Tested<'_>) -> Option<ExpectedAlarm> {
    let (rule, sensor_id) = named(&mut table, tested);
    let states = words::STATES.map(|word| (word, word));
    let state = table.choice("state", &states);
    table.finish();
    Some(ExpectedAlarm { rule: rule?, sensor_id: sensor_id?, state })
}

/// `transitions`: all that happens, in order.
pub(super) fn transitions(
    table: &mut TableReader<'_>,
    tested: &Tested<'_>,
) -> Option<Vec<ExpectedTransition>> {
    let tables: Vec<_> = table.tables("transitions", "[[tests.transitions]]").collect();
    table
        .has("transitions")
        .then(|| tables.into_iter().filter_map(|table| transition(table, tested)).collect())
}

fn transition(mut table: TableReader<'_>, tested: &Tested<'_>) -> Option<ExpectedTransition> {
    let at = offset(&mut table, "at");
    let at = table.require(at, "at", AT);
    let (rule, sensor_id) = named(&mut table, tested);
    let change = table.choice("change", &words::CHANGES);
    let change = table.require(change, "change", "say what happens: change = \"raised\"");
    let message = table.text("message").map(|message| message.value.to_owned());
    table.finish();
    Some(ExpectedTransition {
        at: at?,
        rule: rule?,
        sensor_id: sensor_id?,
        change: change?,
        message,
    })
}

fn named(table: &mut TableReader<'_>, tested: &Tested<'_>) -> (Option<Arc<str>>, Option<SensorId>) {
    let rule = table.string("rule");
    let rule = table
        .require(rule, "rule", "name the rule: rule = \"cold-room-warm\"")
        .and_then(|rule| table.inspector.check(rule.at, tested.rule(rule.value)));
    (rule, sensor(table))
}
