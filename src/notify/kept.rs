//! What a receiver keeps on disk, as text: a part for each group, each alarm, and each that is held. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::group::{Alarm, Group, Status};
use super::held::HeldAlarm;

/// Names what is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Group(Arc<str>),
    Alarm(Arc<str>),
    Held(Arc<str>),
}

const GROUP: &str = "group ";
const ALARM: &str = "alarm ";
const HELD: &str = "held ";

impl Part {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Group(id) => format!("{GROUP}{id}"),
            Self::Alarm(id) => format!("{ALARM}{id}"),
            Self::Held(id) => format!("{HELD}{id}"),
        }
    }
}

/// Microseconds of Unix time.
type Micros = i64;

#[derive(Serialize, Deserialize)]
struct KeptGroup {
    labels: BTreeMap<String, String>,
    news_at: Option<Micros>,
    told_at: Option<Micros>,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct KeptAlarm {
    group: Arc<str>,
    sensor: Arc<str>,
    rule: Arc<str>,
    /// Named as it was while rows named events.
    #[serde(rename = "row_id")]
    number: u64,
    status: Status,
    starts_at: Micros,
    told: Option<Status>,
    #[serde(default, rename = "given_up")]
    is_given_up: bool,
    #[serde(default)]
    tried_at: Option<Micros>,
    #[serde(default, rename = "escalated")]
    is_escalated: bool,
}

#[derive(Serialize, Deserialize)]
struct KeptHeld {
    sensor: Arc<str>,
    rule: Arc<str>,
    number: u64,
    starts_at: Micros,
    labels: BTreeMap<String, String>,
}

/// All that was kept.
#[derive(Default)]
pub(super) struct Read {
    pub groups: Vec<(Arc<str>, Group)>,
    pub alarms: Vec<ReadAlarm>,
    /// By their `alert_id`.
    pub held: Vec<(Arc<str>, HeldAlarm)>,
}

/// An alarm with what names it and its group.
pub(super) struct ReadAlarm {
    pub alert_id: Arc<str>,
    pub group: Arc<str>,
    pub alarm: Alarm,
}

// Writing texts and numbers has no way to fail.
pub(super) fn group(group: &Group) -> String {
    let micros = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let kept = KeptGroup {
        labels: group.labels.clone(),
        news_at: micros(group.news_at),
        told_at: micros(group.told_at),
        number: group.number,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

pub(super) fn alarm(group: &Arc<str>, alarm: &Alarm) -> String {
    let alarm = alarm.clone();
    let kept = KeptAlarm {
        group: group.clone(),
        sensor: alarm.sensor,
        rule: alarm.rule,
        number: alarm.number,
        status: alarm.status,
        starts_at: alarm.starts_at.timestamp_micros(),
        told: alarm.told,
        is_given_up: alarm.is_given_up,
        tried_at: alarm.tried_at.map(|at| at.timestamp_micros()),
        is_escalated: alarm.is_escalated,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

pub(super) fn held(alarm: &HeldAlarm) -> String {
    let HeldAlarm { sensor, rule, number, starts_at, labels } = alarm.clone();
    let starts_at = starts_at.timestamp_micros();
    let kept = KeptHeld { sensor, rule, number, starts_at, labels };
    serde_json::to_string(&kept).unwrap_or_default()
}

fn time(micros: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// What was kept, and why parts of it can't be read.
pub(super) fn read(parts: &[(String, String)]) -> (Read, Vec<String>) {
    let (mut read, mut unreadable) = (Read::default(), Vec::new());
    for (name, text) in parts {
        let result = if let Some(id) = name.strip_prefix(GROUP) {
            serde_json::from_str(text).map(|kept: KeptGroup| {
                let KeptGroup { labels, news_at, told_at, number } = kept;
                let (news_at, told_at) = (news_at.map(time), told_at.map(time));
                let group = Group { news_at, told_at, number, ..Group::new(labels) };
                read.groups.push((id.into(), group));
            })
        } else if let Some(id) = name.strip_prefix(ALARM) {
            serde_json::from_str(text).map(|kept: KeptAlarm| {
                let alarm = Alarm {
                    sensor: kept.sensor,
                    rule: kept.rule,
                    number: kept.number,
                    status: kept.status,
                    starts_at: time(kept.starts_at),
                    told: kept.told,
                    is_given_up: kept.is_given_up,
                    tried_at: kept.tried_at.map(time),
                    is_escalated: kept.is_escalated,
                };
                read.alarms.push(ReadAlarm { alert_id: id.into(), group: kept.group, alarm });
            })
        } else if let Some(id) = name.strip_prefix(HELD) {
            serde_json::from_str(text).map(|kept: KeptHeld| {
                let KeptHeld { sensor, rule, number, starts_at, labels } = kept;
                let starts_at = time(starts_at);
                let held = HeldAlarm { sensor, rule, number, starts_at, labels };
                read.held.push((id.into(), held));
            })
        } else {
            Ok(()) // of a later version, which knows better
        };
        if let Err(error) = result {
            unreadable.push(format!("`{name}`: {error}"));
        }
    }
    (read, unreadable)
}
