//! What a receiver keeps on disk, as text: a part for each group and each alarm. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::group::{Alarm, Group, Status};

/// Names what is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Group(Arc<str>),
    Alarm(Arc<str>),
}

const GROUP: &str = "group ";
const ALARM: &str = "alarm ";

impl Part {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Group(id) => format!("{GROUP}{id}"),
            Self::Alarm(id) => format!("{ALARM}{id}"),
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
}

/// All that was kept.
#[derive(Default)]
pub(super) struct Read {
    pub groups: Vec<(Arc<str>, Group)>,
    pub alarms: Vec<ReadAlarm>,
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
    let Alarm { sensor, rule, number, status, starts_at, told, is_given_up } = alarm.clone();
    let (group, starts_at) = (group.clone(), starts_at.timestamp_micros());
    let kept = KeptAlarm { group, sensor, rule, number, status, starts_at, told, is_given_up };
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
                let KeptAlarm { group, sensor, rule, number, status, starts_at, told, .. } = kept;
                let (starts_at, is_given_up) = (time(starts_at), kept.is_given_up);
                let alarm = Alarm { sensor, rule, number, status, starts_at, told, is_given_up };
                read.alarms.push(ReadAlarm { alert_id: id.into(), group, alarm });
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
