//! Turns an alarm's transitions into outcomes with the id of its alert. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use super::time::Cause;
use super::{Outcome, summaries};
use crate::alarms::machine::{Announcement, Change};
use crate::alarms::persisted;
use crate::alarms::quiet::{NamedSummary, Summary};
use crate::alarms::rule::Rule;
use crate::alarms::series::{Entry, Key, Newest, Step};
use crate::domain::SensorId;

/// Marks an alarm as changed, and reports its transitions.
pub(super) fn apply(
    (changed, cause): (&mut HashSet<(Key, usize)>, Cause),
    rule: &Arc<Rule>,
    key: &Key,
    entry: &mut Entry,
    newest: &Newest,
    step: Step,
    out: &mut Vec<Outcome>,
) {
    if step.has_changed {
        changed.insert((key.clone(), entry.rule));
    }
    emit(cause, rule, key, entry, newest, step, out);
}

/// Reports an alarm's transitions. A raise gets a new id, unless the last alert is still open because its end was
/// not announced.
pub(super) fn emit(
    cause: Cause,
    rule: &Arc<Rule>,
    key: &Key,
    entry: &mut Entry,
    newest: &Newest,
    step: Step,
    out: &mut Vec<Outcome>,
) {
    if step.summary.is_none() && step.transitions.is_empty() {
        return;
    }
    // Value and limit are given in the reading's unit.
    let rule = &entry.fit.rule(rule).clone();
    if let Some(NamedSummary { summary, id }) = step.summary {
        let id = id.unwrap_or_else(|| summary_id(cause, rule, &key.0, &summary));
        entry.name_chatter(&id);
        out.push(summaries::summary_of_one(rule, key, newest, summary, id));
    }
    let (mut is_told, mut stands) = (step.was_told, step.stood);
    for mut transition in step.transitions {
        let is_new = transition.change == Change::Raised && !is_told && !stands;
        stands = transition.state.condition.stands();
        is_told = transition.announced.map_or(is_told, |told| told != Announcement::Returned);
        let is_silent_end =
            rule.announces_each_reading && transition.announced == Some(Announcement::Returned);
        if is_silent_end {
            transition.announced = None; // its consumers know of breaking readings only
        }
        if is_new || entry.id.is_none() {
            entry.id = Some(cause.alert_id(&rule.name, &key.0));
        }
        let done = step.cause.as_ref().filter(|(change, _)| *change == transition.change);
        let operator = done.map(|(_, operator)| operator.clone());
        entry.remarks.note(transition.change, operator.as_ref(), transition.at);
        let alert_id = entry.id.clone().unwrap_or_default();
        let Newest { location, unit, value, .. } = newest.clone();
        out.push(Outcome {
            rule: rule.clone(),
            alert_type: rule.alert_type().into(),
            threshold: rule.kind.threshold(),
            alert_id,
            sensor_id: key.0.clone(),
            location,
            unit,
            value,
            transition,
            is_offline: entry.is_offline,
            summary: None,
            is_silent_end,
            in_flood: false,
            operator,
        });
    }
}

/// The id of a summary that has none yet: it begins, or an earlier version began it.
fn summary_id(cause: Cause, rule: &Rule, sensor_id: &SensorId, summary: &Summary) -> Arc<str> {
    let name = summaries::chattering(&rule.name);
    match summary {
        Summary::Calm { raised, .. } => persisted::former_alert_id(&name, sensor_id, raised.first),
        _ => cause.alert_id(&name, sensor_id),
    }
}
