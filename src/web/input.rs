//! Parses requests. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::config::duration;
use crate::domain::{
    Action, AlarmKey, AlarmName, AlarmView, AlertState, Operator, OperatorAction, SHELVED_FOR, Via,
    time,
};

/// Alert events per answer, by default and at most.
const ALERTS_TOLD: u64 = 1000;
const MOST_ALERTS: u64 = 10_000;

/// Alarms per page, by default and at most: 4 MB.
const ALARMS_TOLD: usize = 1000;
const MOST_ALARMS: usize = 10_000;

/// Kind of a change, by the last level of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Ack,
    Shelve,
    Unshelve,
    OutOfService,
    ReturnToService,
    Reset,
    Forget,
}

/// Body of a change: `{"by":…,"why":…,"for":"2h","one_shot":false}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    by: Option<String>,
    why: Option<String>,
    r#for: Option<String>,
    one_shot: Option<bool>,
}

/// # Errors
/// If the body is invalid, or the action is.
pub(super) fn action(
    verb: ChangeKind,
    alarm: AlarmName,
    user: Option<&str>,
    body: &[u8],
    at: DateTime<Utc>,
    via: Via,
) -> Result<OperatorAction, String> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not what is asked for: {error}"))?;
    // A logged-in user can't act under another name.
    let by = user.or(body.by.as_deref()).ok_or("`by` is missing: say who you are")?;
    let operator = Operator::new(by, body.why.as_deref()).map_err(|error| error.to_string())?;
    if verb != ChangeKind::Shelve && (body.r#for.is_some() || body.one_shot.is_some()) {
        return Err("`for` and `one_shot` belong to `shelve`".into());
    }
    let what = match verb {
        ChangeKind::Ack => Action::Acknowledge,
        ChangeKind::Shelve => Action::Shelve {
            lasting: lasting(body.r#for.as_deref())?,
            is_one_shot: body.one_shot.unwrap_or_default(),
        },
        ChangeKind::Unshelve => Action::Unshelve,
        ChangeKind::OutOfService => Action::TakeOutOfService,
        ChangeKind::ReturnToService => Action::ReturnToService,
        ChangeKind::Reset => Action::Reset,
        ChangeKind::Forget => Action::Forget,
    };
    let action = OperatorAction { what, alarm, operator, at, via };
    action.checked().map_err(|error| error.to_string())
}

fn lasting(text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(SHELVED_FOR) };
    duration::parse(text).map_err(|mistake| format!("`for`: {mistake}"))
}

/// Query for alarms that are not normal, ordered by sensor and rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmsRequest {
    /// Only alarms after this one; `None` for all.
    pub after: Option<AlarmKey>,
    /// Only the alarm of this name; `None` for all.
    pub named: Option<AlarmName>,
    /// Row limit; keeps the first.
    pub at_most: usize,
}

impl AlarmsRequest {
    /// Whether the query selects an alarm, by its name.
    #[must_use]
    pub fn includes(&self, alarm: &AlarmView) -> bool {
        match &self.named {
            None => true,
            Some(AlarmName::Id(id)) => alarm.of.alert_id.as_ref() == Some(id),
            Some(AlarmName::Of { rule, sensor_id }) => {
                (&alarm.of.rule, &alarm.of.sensor_id) == (rule, sensor_id)
            }
            Some(AlarmName::AllOf(sensor_id)) => alarm.of.sensor_id == *sensor_id,
        }
    }
}

/// Query string of `GET /api/v1/alarms`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmsQuery {
    after: Option<String>,
    limit: Option<usize>,
}

impl AlarmsQuery {
    /// # Errors
    /// If a parameter is invalid.
    pub fn understood(self) -> Result<AlarmsRequest, String> {
        let at_most = self.limit.unwrap_or(ALARMS_TOLD);
        if !(1..=MOST_ALARMS).contains(&at_most) {
            return Err(format!(
                "`limit` is from 1 to {MOST_ALARMS}: ask for the next page by `after`"
            ));
        }
        let after = match self.after.as_deref().map(str::parse) {
            None => None,
            Some(Ok(AlarmName::Of { rule, sensor_id })) => Some(AlarmKey { rule, sensor_id }),
            Some(_) => return Err("`after` is no `next` of a page".to_owned()),
        };
        Ok(AlarmsRequest { after, named: None, at_most })
    }
}

/// Query for alert events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsRequest {
    /// Earliest time; `None` for all.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, excluded; `None` for all.
    pub until: Option<DateTime<Utc>>,
    /// Only events before this number; `None` for all.
    pub before: Option<u64>,
    /// Id of the sensor; `None` for all.
    pub sensor: Option<String>,
    /// Active: alerts that are active now.
    pub state: Option<AlertState>,
    /// Row limit; keeps the newest.
    pub newest: u64,
}

/// Query string of `GET /api/v1/alerts`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertsQuery {
    since: Option<String>,
    until: Option<String>,
    before: Option<u64>,
    sensor: Option<String>,
    state: Option<String>,
    limit: Option<u64>,
}

impl AlertsQuery {
    /// # Errors
    /// If a parameter is invalid.
    pub fn understood(self, now: DateTime<Utc>) -> Result<AlertsRequest, String> {
        let newest = self.limit.unwrap_or(ALERTS_TOLD);
        if newest > MOST_ALERTS {
            return Err(format!(
                "`limit` is above {MOST_ALERTS}: ask for the next page by `before`"
            ));
        }
        let moment = |text: Option<String>, name| {
            text.map(|text| moment(&text, now).map_err(|why| format!("`{name}`: {why}")))
                .transpose()
        };
        let (since, until) = (moment(self.since, "since")?, moment(self.until, "until")?);
        let state = self.state.map(|text| text.parse()).transpose()?;
        Ok(AlertsRequest { since, until, before: self.before, sensor: self.sensor, state, newest })
    }
}

/// `1h` (ago), or a time in UTC.
pub(super) fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if let Ok(ago) = duration::parse(text) {
        let ago = TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago));
        return Ok(ago.unwrap_or(DateTime::<Utc>::MIN_UTC));
    }
    time::parse(text, chrono_tz::Tz::UTC).map_err(|error| format!("{error}, or 1h for ago"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verb: ChangeKind, body: &str) -> Result<Action, String> {
        let alarm = "warm/T".parse().unwrap();
        let at = DateTime::UNIX_EPOCH;
        action(verb, alarm, None, body.as_bytes(), at, Via::Api).map(|action| action.what)
    }

    #[test]
    fn a_user_acts_in_his_own_name() {
        for body in ["{}", "{\"by\":\"mallory\"}"] {
            let (alarm, at) = ("warm/T".parse().unwrap(), DateTime::UNIX_EPOCH);
            let asked = action(ChangeKind::Ack, alarm, Some("anne"), body.as_bytes(), at, Via::Api);
            assert_eq!(&*asked.unwrap().operator.by, "anne", "{body}");
        }
    }

    #[test]
    fn a_shelf_lasts_eight_hours_unless_it_is_said() {
        let shelf = |seconds, is_one_shot| {
            Ok(Action::Shelve { lasting: Duration::from_secs(seconds), is_one_shot })
        };
        let why = "\"by\":\"anne\",\"why\":\"door\"";
        assert_eq!(asked(ChangeKind::Shelve, &format!("{{{why}}}")), shelf(8 * 3600, false));
        let body = format!("{{{why},\"for\":\"24h\",\"one_shot\":true}}");
        assert_eq!(asked(ChangeKind::Shelve, &body), shelf(24 * 3600, true));
        for (body, what) in [
            (format!("{{{why},\"for\":\"25h\"}}"), "at most 24h"),
            (format!("{{{why},\"for\":\"0s\"}}"), "at most 24h"),
            (format!("{{{why},\"for\":\"2\"}}"), "`for`: `2` has no unit"),
            ("{\"by\":\"anne\"}".to_owned(), "a reason is required"),
        ] {
            let said = asked(ChangeKind::Shelve, &body).unwrap_err();
            assert!(said.contains(what), "{body}: {said}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said() {
        for (body, what) in [
            ("", "the body is not what is asked for"),
            ("{}", "`by` is missing"),
            ("{\"by\":\"\"}", "`by` is empty"),
            ("{\"by\":1}", "invalid type"),
            ("{\"by\":\"a\",\"wy\":\"b\"}", "unknown field `wy`"),
            ("{\"by\":\"a\",\"for\":\"1h\"}", "belong to `shelve`"),
        ] {
            let said = asked(ChangeKind::Ack, body).unwrap_err();
            assert!(said.contains(what), "{body}: {said}");
        }
        assert_eq!(asked(ChangeKind::Ack, "{\"by\":\"anne\"}"), Ok(Action::Acknowledge));
        assert!(
            asked(ChangeKind::OutOfService, "{\"by\":\"anne\"}").unwrap_err().contains("reason")
        );
    }

    #[test]
    fn a_query_is_understood_or_refused() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        let query = |since: Option<&str>, state: Option<&str>, limit| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            AlertsQuery { since: text(since), state: text(state), limit, ..AlertsQuery::default() }
                .understood(now)
        };
        let asked = query(Some("1h"), Some("active"), None).unwrap();
        assert_eq!(asked.since, Some(DateTime::UNIX_EPOCH + TimeDelta::hours(1)));
        assert_eq!((asked.state, asked.newest), (Some(AlertState::Active), 1000));
        assert!(query(Some("yesterday"), None, None).is_err());
        assert!(query(None, Some("odd"), None).is_err());
        assert!(query(None, None, Some(10_001)).is_err());
    }
}
