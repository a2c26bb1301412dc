//! `escalate_after`, `escalate_to` and `only_escalated`: escalation of unacknowledged alarms.

use std::collections::HashMap;
use std::time::Duration;

use super::errors::quote;
use super::reader::TableReader;
use super::receiver_model::{AlarmSelection, EscalationConfig, ReceiverConfig};
use super::rule_kinds::duration_up_to;
use super::similar::one_of;

/// Longer is never.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Both keys, or neither.
pub(super) fn escalation(table: &mut TableReader<'_>) -> Option<EscalationConfig> {
    let hint = "15 minutes are usual; a week at most";
    let after = duration_up_to(table, "escalate_after", LONGEST, hint);
    let to = table.text("escalate_to").map(|to| to.value);
    if table.has("escalate_to") && !table.has("escalate_after") {
        table.missing("escalate_after", "say after which time: escalate_after = \"15m\"");
    }
    if table.has("escalate_after") && !table.has("escalate_to") {
        table.missing("escalate_to", "name the receiver that is told then: escalate_to = \"…\"");
    }
    Some(EscalationConfig { after: after?, to: to?.into() })
}

/// References between receivers, to be checked after all tables are read.
#[derive(Default)]
pub(super) struct Escalations<'a> {
    /// Name of a receiver, and the position of its escalation target.
    to: Vec<(&'a str, usize)>,
    /// Name of a receiver, and the position of its `only_escalated`.
    only: Vec<(&'a str, usize)>,
}

impl<'a> Escalations<'a> {
    pub(super) fn note(&mut self, table: &TableReader<'_>, name: Option<&'a str>) {
        let Some(name) = name else { return };
        self.to.extend(table.place_of("escalate_to").map(|at| (name, at)));
        self.only.extend(table.place_of("only_escalated").map(|at| (name, at)));
    }

    /// `names` includes invalid receivers.
    pub(super) fn check(
        &self,
        root: &TableReader<'_>,
        receivers: &[ReceiverConfig],
        names: &HashMap<&str, usize>,
    ) {
        let find = |name: &str| receivers.iter().find(|receiver| &*receiver.name == name);
        for (name, at) in &self.to {
            let Some(to) = find(name).and_then(|it| it.escalation.as_ref()).map(|it| &*it.to)
            else {
                continue; // reported
            };
            let quoted = quote(to);
            if to == *name {
                root.wrong(*at, "a receiver can't escalate to itself", "name another receiver");
            } else if !names.contains_key(to) {
                let others = receivers.iter().map(|it| &*it.name).filter(|other| other != name);
                let hint = one_of(to, others);
                root.wrong(*at, format!("there is no receiver {quoted}"), hint);
            } else if find(to).is_some_and(is_told_of_all) {
                let what = format!("receiver {quoted} is told of every alarm at once");
                let hint = format!("add only_escalated = true to {to}, or say what it is told of");
                root.wrong(*at, what, hint);
            }
        }
        for (name, at) in &self.only {
            let is_told = |it: &&ReceiverConfig| {
                it.escalation.as_ref().is_some_and(|escalation| &*escalation.to == *name)
            };
            if find(name).is_some_and(|it| it.only_escalated)
                && !receivers.iter().any(|it| is_told(&it))
            {
                let what = format!("receiver {} is never told of anything", quote(name));
                root.wrong(*at, what, format!("let another one have escalate_to = \"{name}\""));
            }
        }
    }
}

fn is_told_of_all(receiver: &ReceiverConfig) -> bool {
    !receiver.only_escalated && receiver.selection == AlarmSelection::default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use super::*;

    /// Two receivers; the keys of the first begin on line 6, those of the second on line 10.
    fn two(first: &str, second: &str) -> String {
        let table = |name: &str, keys: &str| {
            format!(
                "[[receivers]]\nname = \"{name}\"\ntype = \"slack\"\nurl = \"http://h\"\n{keys}\n"
            )
        };
        format!("[broker]\n{}{}", table("first", first), table("boss", second))
    }

    const TO_BOSS: &str = "escalate_after = \"15m\"; escalate_to = \"boss\"";

    fn lines(keys: &str) -> String {
        keys.replace("; ", "\n")
    }

    #[test]
    fn an_alarm_goes_on_to_another_receiver() {
        let config = accepted(&two(&lines(TO_BOSS), "only_escalated = true"));
        let [first, boss] = &config.receivers[..] else { panic!() };
        let escalation = EscalationConfig { after: Duration::from_secs(900), to: "boss".into() };
        assert_eq!((&first.escalation, first.only_escalated), (&Some(escalation), false));
        assert_eq!((&boss.escalation, boss.only_escalated), (&None, true));
        accepted(&two(&lines(TO_BOSS), "priorities = [\"critical\"]"));
    }

    #[test]
    fn it_goes_to_one_that_there_is_and_that_does_not_know_it_yet() {
        let only = "only_escalated = true";
        for (first, second, what) in [
            ("escalate_to = \"boss\"", only, "2: `escalate_after` is missing in [[receivers]]"),
            ("escalate_after = \"1m\"", "", "2: `escalate_to` is missing in [[receivers]]"),
            (TO_BOSS, "", "7: receiver `boss` is told of every alarm at once"),
            (&TO_BOSS.replace("boss", "bos"), "", "7: there is no receiver `bos`"),
            (&TO_BOSS.replace("boss", "first"), "", "7: a receiver can't escalate to itself"),
            ("", only, "11: receiver `boss` is never told of anything"),
        ] {
            let said = said(&two(&lines(first), second));
            assert!(said.iter().any(|line| line == what), "{what}: {said:?}");
        }
        let text = two(&lines(&TO_BOSS.replace("boss", "bos")), "");
        assert_eq!(hint(&text), "did you mean `boss`?");
    }
}
