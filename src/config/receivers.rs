//! `[[receivers]]`: receivers of notifications, with their alarms and grouping. Channels are read in
//! `receiver_channels`.
//!
//! Nothing here reads a secret, and nothing is quoted that could be one.

use std::collections::HashMap;
use std::time::Duration;

use super::errors::{Mistake, quote};
use super::inspector::At;
use super::reader::TableReader;
use super::receiver_channels::channel;
use super::receiver_escalation::{Escalations, escalation};
use super::receiver_model::{
    AlarmSelection, ChannelConfig, GroupLabel, ReceiverConfig, ServiceConfig,
};
use super::rule_kinds::{duration_up_to, not_longer};
use super::rule_texts::patterns;
use super::rules::name_of;
use super::similar::one_of;
use crate::domain::Priority;

/// Each has an actor and a thread.
const MOST_RECEIVERS: usize = 50;

/// Longer is no wait but a receiver switched off.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

/// More alarms make a message that no one reads and many servers refuse: each is about 700 bytes of JSON.
const MOST_ALERTS: u64 = 1_000;

const PRIORITIES: [(&str, Priority); 4] = [
    ("low", Priority::Low),
    ("medium", Priority::Medium),
    ("high", Priority::High),
    ("critical", Priority::Critical),
];

const LABELS: [(&str, GroupLabel); 3] = [
    ("location", GroupLabel::Location),
    ("rule", GroupLabel::Rule),
    ("sensor", GroupLabel::Sensor),
];

/// Reads the `[[receivers]]` tables below `root`, in their order.
pub(super) fn receivers(root: &mut TableReader<'_>) -> Vec<ReceiverConfig> {
    let mut receivers = Vec::new();
    let mut names = HashMap::new();
    let mut escalations = Escalations::default();
    for (index, mut table) in root.tables("receivers", "[[receivers]]").enumerate() {
        if index == MOST_RECEIVERS {
            let what = format!("there are more than {MOST_RECEIVERS} receivers");
            table.wrong(table.at(), what, "let one pass on to the others");
            break;
        }
        let name = name(&mut table);
        if let Some(name) = name {
            report_if_taken(&table, name, &mut names);
        }
        escalations.note(&table, name.map(|name| name.value));
        receivers.extend(receiver(table, name.map(|name| name.value)));
    }
    escalations.check(root, &receivers, &names);
    receivers
}

/// Default waits of a notification.
struct UsualWaits {
    group_wait: Duration,
    group_interval: Duration,
    repeat_interval: Duration,
}

/// For people, who should rarely be disturbed.
const PEOPLE: UsualWaits = UsualWaits {
    group_wait: Duration::from_secs(30),
    group_interval: Duration::from_secs(5 * 60),
    repeat_interval: Duration::from_secs(4 * 3600),
};

/// For Alertmanager, which groups, waits and repeats itself, and ends an alarm that is not repeated.
const ALERTMANAGER: UsualWaits = UsualWaits {
    group_wait: Duration::ZERO,
    group_interval: Duration::from_secs(1),
    repeat_interval: Duration::from_secs(60),
};

/// The receiver of one table, but for its name, which has been read.
fn receiver(mut table: TableReader<'_>, name: Option<&str>) -> Option<ReceiverConfig> {
    let mut channel = channel(&mut table);
    let usual = match channel {
        Some(ChannelConfig::Service(_, ServiceConfig::Alertmanager { .. })) => ALERTMANAGER,
        _ => PEOPLE,
    };
    let selection = AlarmSelection {
        priorities: words(&mut table, "priorities", &PRIORITIES).unwrap_or_default(),
        rules: patterns(&mut table, "rules", "[\"cold-room-*\"]"),
        locations: patterns(&mut table, "locations", "[\"Hall *\"]"),
    };
    let group_by =
        words(&mut table, "group_by", &LABELS).unwrap_or_else(|| vec![GroupLabel::Location]);
    let hint = "to tell nobody, take the receiver out of the file";
    // Zero: sent at once.
    let group_wait = table.duration_or_zero("group_wait");
    let group_wait = group_wait
        .and_then(|given| not_longer(&mut table, "group_wait", given, (LONGEST_WAIT, hint)))
        .unwrap_or(usual.group_wait);
    let mut wait =
        |key, usual| duration_up_to(&mut table, key, LONGEST_WAIT, hint).unwrap_or(usual);
    let group_interval = wait("group_interval", usual.group_interval);
    let repeat_interval = wait("repeat_interval", usual.repeat_interval);
    if let Some(ChannelConfig::Service(_, ServiceConfig::Alertmanager { holds_for })) = &mut channel
    {
        *holds_for = holds_until_repeated(repeat_interval.max(group_interval));
    }
    let send_resolved = table.flag("send_resolved").is_none_or(|flag| flag.value);
    let max_alerts = max_alerts(&mut table);
    let tell_start = table.flag("tell_start").is_some_and(|flag| flag.value);
    let only_escalated = table.flag("only_escalated").is_some_and(|flag| flag.value);
    let escalation = escalation(&mut table);
    table.finish();
    Some(ReceiverConfig {
        name: name?.into(),
        channel: channel?,
        selection,
        group_by,
        group_wait,
        group_interval,
        repeat_interval,
        send_resolved,
        max_alerts,
        tell_start,
        escalation,
        only_escalated,
    })
}

/// Four times the interval between two repetitions, as in Prometheus, plus time for a failed attempt.
fn holds_until_repeated(repeat: Duration) -> Duration {
    (repeat * 4).max(Duration::from_secs(90))
}

fn name<'a>(table: &mut TableReader<'a>) -> Option<At<&'a str>> {
    name_of(table, "a receiver", "name the receiver: name = \"on-call\"", "make it shorter")
}

/// Reports a duplicate name, under which state is stored. `names` are those so far, with their positions.
fn report_if_taken<'a>(
    table: &TableReader<'_>,
    name: At<&'a str>,
    names: &mut HashMap<&'a str, usize>,
) {
    if let Some(first_at) = names.get(name.value) {
        let what = format!("receiver {} is defined twice", quote(name.value));
        let mistake = Mistake::new(what, "give each receiver a name of its own");
        table.inspector.duplicate(name.at, *first_at, mistake);
    } else {
        names.insert(name.value, name.at);
    }
}

fn max_alerts(table: &mut TableReader<'_>) -> usize {
    let default = usize::try_from(MOST_ALERTS).unwrap_or(usize::MAX);
    let Some(At { at, value }) = table.integer("max_alerts") else { return default };
    if !(1..=MOST_ALERTS).contains(&value) {
        let what = format!("`max_alerts` can't be {value}");
        table.wrong(at, what, format!("it can be from 1 to {MOST_ALERTS}"));
    }
    usize::try_from(value).unwrap_or(default)
}

/// A list of some words; `None` if absent.
fn words<T: Copy + PartialEq>(
    table: &mut TableReader<'_>,
    key: &'static str,
    choices: &[(&'static str, T)],
) -> Option<Vec<T>> {
    let item = table.item(key)?;
    let example = format!("[\"{}\"]", choices.first().map(|(word, _)| *word).unwrap_or_default());
    let Some(list) = item.value.as_array() else {
        return table.wrong_type(key, item, "a list", &example);
    };
    let mut found = Vec::new();
    for item in list {
        let at = table.base + item.span().start;
        let Some(text) = item.get_ref().as_str() else {
            let hint = format!("put it in quotes: {key} = {example}");
            table.wrong(at, format!("a word in `{key}` is not text"), hint);
            continue;
        };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) if found.contains(choice) => {
                let what = format!("{} is twice in `{key}`", quote(text));
                table.wrong(at, what, "once is enough");
            }
            Some((_, choice)) => found.push(*choice),
            None => {
                let what = format!("`{key}` can't have {} in it", quote(text));
                table.wrong(at, what, one_of(text, choices.iter().map(|(word, _)| *word)));
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
