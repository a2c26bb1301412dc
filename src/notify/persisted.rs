//! Persisted state of a receiver, as text: one part per group, per alarm, and per standby alarm.
//! Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::group::{Alarm, Group};
use super::standby::StandbyAlarm;
use super::status::Status;

/// Key of a part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Group(Arc<str>),
    Alarm(Arc<str>),
    Standby(Arc<str>),
}

const GROUP: &str = "group ";
const ALARM: &str = "alarm ";
const STANDBY: &str = "held ";

impl Part {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Group(id) => format!("{GROUP}{id}"),
            Self::Alarm(id) => format!("{ALARM}{id}"),
            Self::Standby(id) => format!("{STANDBY}{id}"),
        }
    }
}

/// Time in microseconds since 1970.
type Micros = i64;

#[derive(Serialize, Deserialize)]
struct PersistedGroup {
    labels: BTreeMap<String, String>,
    news_at: Option<Micros>,
    #[serde(rename = "told_at")]
    notified_at: Option<Micros>,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct PersistedAlarm {
    group: Arc<str>,
    sensor: Arc<str>,
    rule: Arc<str>,
    /// Named so while events were identified by row ids.
    #[serde(rename = "row_id")]
    number: u64,
    status: Status,
    starts_at: Micros,
    #[serde(rename = "told")]
    notified: Option<Status>,
    #[serde(default, rename = "given_up")]
    is_given_up: bool,
    #[serde(default)]
    tried_at: Option<Micros>,
    #[serde(default, rename = "escalated")]
    is_escalated: bool,
}

#[derive(Serialize, Deserialize)]
struct PersistedStandby {
    sensor: Arc<str>,
    rule: Arc<str>,
    number: u64,
    starts_at: Micros,
    labels: BTreeMap<String, String>,
}

/// Restored parts.
#[derive(Default)]
pub(super) struct Loaded {
    pub groups: Vec<(Arc<str>, Group)>,
    pub alarms: Vec<LoadedAlarm>,
    /// Standby alarms by their `alert_id`.
    pub standby: Vec<(Arc<str>, StandbyAlarm)>,
}

/// An alarm with its id and its group's.
pub(super) struct LoadedAlarm {
    pub alert_id: Arc<str>,
    pub group: Arc<str>,
    pub alarm: Alarm,
}

// Serialization of texts and numbers can't fail.
pub(super) fn group(group: &Group) -> String {
    let micros = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
    let kept = PersistedGroup {
        labels: group.labels.clone(),
        news_at: micros(group.news_at),
        notified_at: micros(group.notified_at),
        number: group.number,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

pub(super) fn alarm(group: &Arc<str>, alarm: &Alarm) -> String {
    let alarm = alarm.clone();
    let kept = PersistedAlarm {
        group: group.clone(),
        sensor: alarm.sensor,
        rule: alarm.rule,
        number: alarm.number,
        status: alarm.status,
        starts_at: alarm.starts_at.timestamp_micros(),
        notified: alarm.notified,
        is_given_up: alarm.is_given_up,
        tried_at: alarm.tried_at.map(|at| at.timestamp_micros()),
        is_escalated: alarm.is_escalated,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

pub(super) fn standby(alarm: &StandbyAlarm) -> String {
    let StandbyAlarm { sensor, rule, number, starts_at, labels } = alarm.clone();
    let starts_at = starts_at.timestamp_micros();
    let kept = PersistedStandby { sensor, rule, number, starts_at, labels };
    serde_json::to_string(&kept).unwrap_or_default()
}

fn time(micros: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Decodes the parts; also returns an error text for each unreadable one.
pub(super) fn read(parts: &[(String, String)]) -> (Loaded, Vec<String>) {
    let (mut loaded, mut unreadable) = (Loaded::default(), Vec::new());
    for (name, text) in parts {
        let result = if let Some(id) = name.strip_prefix(GROUP) {
            serde_json::from_str(text).map(|kept: PersistedGroup| {
                let PersistedGroup { labels, news_at, notified_at, number } = kept;
                let (news_at, notified_at) = (news_at.map(time), notified_at.map(time));
                let group = Group { news_at, notified_at, number, ..Group::new(labels) };
                loaded.groups.push((id.into(), group));
            })
        } else if let Some(id) = name.strip_prefix(ALARM) {
            serde_json::from_str(text).map(|kept: PersistedAlarm| {
                let alarm = Alarm {
                    sensor: kept.sensor,
                    rule: kept.rule,
                    number: kept.number,
                    status: kept.status,
                    starts_at: time(kept.starts_at),
                    notified: kept.notified,
                    is_given_up: kept.is_given_up,
                    tried_at: kept.tried_at.map(time),
                    is_escalated: kept.is_escalated,
                };
                loaded.alarms.push(LoadedAlarm { alert_id: id.into(), group: kept.group, alarm });
            })
        } else if let Some(id) = name.strip_prefix(STANDBY) {
            serde_json::from_str(text).map(|kept: PersistedStandby| {
                let PersistedStandby { sensor, rule, number, starts_at, labels } = kept;
                let starts_at = time(starts_at);
                let standby = StandbyAlarm { sensor, rule, number, starts_at, labels };
                loaded.standby.push((id.into(), standby));
            })
        } else {
            Ok(()) // of a later version, which knows better
        };
        if let Err(error) = result {
            unreadable.push(format!("`{name}`: {error}"));
        }
    }
    (loaded, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(part: &Part, text: String) -> (String, String) {
        (part.name(), text)
    }

    #[test]
    fn the_stored_form_stays_as_earlier_versions_wrote_it() {
        let labels = BTreeMap::from([("location".to_owned(), "Hall 3".to_owned())]);
        let stored = Group {
            news_at: Some(time(1)),
            notified_at: Some(time(2)),
            number: 3,
            ..Group::new(labels.clone())
        };
        let id: Arc<str> = "g".into();
        assert_eq!(
            part(&Part::Group(id.clone()), group(&stored)),
            (
                "group g".to_owned(),
                r#"{"labels":{"location":"Hall 3"},"news_at":1,"told_at":2,"number":3}"#.to_owned()
            )
        );
        let stored = Alarm {
            notified: Some(Status::Firing),
            is_given_up: true,
            tried_at: Some(time(5)),
            is_escalated: true,
            ..Alarm::raised("A".into(), "hot".into(), 7, time(4))
        };
        assert_eq!(
            part(&Part::Alarm("a".into()), alarm(&id, &stored)),
            (
                "alarm a".to_owned(),
                concat!(
                    r#"{"group":"g","sensor":"A","rule":"hot","row_id":7,"status":"firing","#,
                    r#""starts_at":4,"told":"firing","given_up":true,"tried_at":5,"escalated":true}"#
                )
                .to_owned()
            )
        );
        let (sensor, rule) = ("A".into(), "hot".into());
        let stored = StandbyAlarm { sensor, rule, number: 8, starts_at: time(4), labels };
        assert_eq!(
            part(&Part::Standby("a".into()), standby(&stored)),
            (
                "held a".to_owned(),
                concat!(
                    r#"{"sensor":"A","rule":"hot","number":8,"starts_at":4,"#,
                    r#""labels":{"location":"Hall 3"}}"#
                )
                .to_owned()
            )
        );
    }
}
