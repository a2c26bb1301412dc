//! What reads much of the history: a limit tried on the stored readings of one series, the report on the alarms.
//!
//! Always: one at a time, on a thread that may wait. Never: a rule that is changed.

#![expect(clippy::disallowed_methods, reason = "a period may end now")]

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::answers::{blocking, error, whole_body};
use super::api::Shared;
use super::input::moment;
use crate::alarms::report::Period;
use crate::config::duration;
use crate::domain::{Limit, TriedRule};

/// How long one waits for the one before it, which takes 10 s at most.
const TURN_WITHIN: Duration = Duration::from_secs(12);

/// Beginning of a report, unless the request has `since`.
const REPORT_SINCE: &str = "7d";

/// A rule to be tried, and the period.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTrialRequest {
    /// The rule.
    pub rule: TriedRule,
    /// Begin of the period.
    pub from: DateTime<Utc>,
    /// End of the period.
    pub to: DateTime<Utc>,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleTrialResult {
    /// When the alarm would have stood, and the lines of configuration.
    Spans {
        /// From when until when; `None` where it still would.
        spans: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
        /// The rule, to be pasted.
        config: String,
    },
    /// What is wrong with the rule or the period.
    Refused(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    sensor: String,
    quantity: String,
    kind: Side,
    limit: f64,
    #[serde(default)]
    deadband: f64,
    unit: Option<String>,
    on_delay: Option<String>,
    from: String,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    High,
    Low,
}

fn understood(body: &[u8], now: DateTime<Utc>) -> Result<RuleTrialRequest, String> {
    let Body { sensor, quantity, kind, limit, deadband, unit, on_delay, from, to } =
        serde_json::from_slice(body)
            .map_err(|error| format!("the body is not what is asked for: {error}"))?;
    let from = moment(&from, now).map_err(|why| format!("`from`: {why}"))?;
    let to = to.map_or(Ok(now), |to| moment(&to, now).map_err(|why| format!("`to`: {why}")))?;
    if from >= to {
        return Err("the period ends before it begins: give a `to` after `from`".to_owned());
    }
    let kind = match kind {
        Side::High => Limit::High,
        Side::Low => Limit::Low,
    };
    // None at all is what the configuration calls it.
    let is_zero = |text: &String| duration::parse(text).is_ok_and(|delay| delay.is_zero());
    let on_delay = on_delay.filter(|text| !is_zero(text));
    let rule = TriedRule { sensor, quantity, kind, limit, deadband, unit, on_delay };
    Ok(RuleTrialRequest { rule, from, to })
}

pub(super) async fn try_rule(
    request: HttpRequest,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let body = match whole_body(&request, payload).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let asked = match understood(&body, Utc::now()) {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let turn = match turn(&api).await {
        Ok(turn) => turn,
        Err(busy) => return busy,
    };
    let try_rule = api.settings.try_rule.clone();
    // The turn goes with the thread, which goes on when the client is gone.
    let tried = blocking(move || {
        let _turn = turn;
        try_rule(&asked)
    });
    match tried.await {
        Ok(RuleTrialResult::Spans { spans, config }) => {
            let millis = |at: DateTime<Utc>| at.timestamp_millis();
            let spans: Vec<_> =
                spans.into_iter().map(|(from, to)| (millis(from), to.map(millis))).collect();
            let (count, spans) = (spans.len(), spans);
            HttpResponse::Ok().json(json!({ "count": count, "spans": spans, "config": config }))
        }
        Ok(RuleTrialResult::Refused(why)) => error(StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(unavailable) => unavailable,
    }
}

async fn turn(api: &Shared) -> Result<OwnedSemaphorePermit, HttpResponse> {
    match tokio::time::timeout(TURN_WITHIN, api.turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) | Err(_) => {
            let why = "another trial or report is under way: ask again";
            Err(error(StatusCode::SERVICE_UNAVAILABLE, why))
        }
    }
}

/// The query of `GET /api/v1/report`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    since: Option<String>,
    until: Option<String>,
}

impl ReportQuery {
    fn understood(self, now: DateTime<Utc>) -> Result<Period, String> {
        let at = |name, text: &str| moment(text, now).map_err(|why| format!("`{name}`: {why}"));
        let until = self.until.map_or(Ok(now), |text| at("until", &text))?;
        let since = at("since", self.since.as_deref().unwrap_or(REPORT_SINCE))?;
        Period::new(since, until).map_err(|error| error.to_string())
    }
}

pub(super) async fn alarm_report(request: HttpRequest, api: Shared) -> HttpResponse {
    let period = web::Query::<ReportQuery>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.into_inner().understood(Utc::now()));
    let period = match period {
        Ok(period) => period,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let turn = match turn(&api).await {
        Ok(turn) => turn,
        Err(busy) => return busy,
    };
    let read = api.settings.alarm_report.clone();
    let report = blocking(move || {
        let _turn = turn;
        read(period)
    });
    match report.await {
        Ok(report) => HttpResponse::Ok().json(report),
        Err(unavailable) => unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_now_unless_it_is_said() {
        let now = DateTime::from_timestamp(7200, 0).unwrap();
        let asked = |more: &str| {
            let body = format!(
                "{{\"sensor\":\"T\",\"quantity\":\"temperature\",\"kind\":\"low\",\"limit\":5,{more}}}"
            );
            understood(body.as_bytes(), now)
        };
        let RuleTrialRequest { rule, from, to } =
            asked("\"from\":\"1h\",\"on_delay\":\"30s\"").unwrap();
        assert_eq!((rule.kind, rule.limit, rule.deadband), (Limit::Low, 5.0, 0.0));
        assert_eq!((from, to), (DateTime::from_timestamp(3600, 0).unwrap(), now));
        assert_eq!(rule.on_delay.as_deref(), Some("30s"));
        assert_eq!(asked("\"from\":\"1h\",\"on_delay\":\"0s\"").unwrap().rule.on_delay, None);
        for (more, what) in [
            ("\"from\":\"x\"", "`from`"),
            ("\"from\":\"1h\",\"to\":\"2h\"", "ends before it begins"),
            ("\"from\":\"1h\",\"too\":\"2h\"", "unknown field"),
            ("\"deadband\":1", "missing field `from`"),
        ] {
            let why = asked(more).unwrap_err();
            assert!(why.contains(what), "{more}: {why}");
        }
    }

    #[test]
    fn a_report_is_of_the_last_week_unless_it_is_said() {
        let now = DateTime::from_timestamp(800_000, 0).unwrap();
        let asked = |since: Option<&str>, until: Option<&str>| {
            let query = ReportQuery { since: since.map(Into::into), until: until.map(Into::into) };
            query.understood(now).map(|it| (it.from().timestamp(), it.to().timestamp()))
        };
        assert_eq!(asked(None, None), Ok((800_000 - 7 * 86_400, 800_000)));
        assert_eq!(asked(Some("1d"), Some("1970-01-10T00:00:00Z")), Ok((713_600, 777_600)));
        assert_eq!(asked(Some("1h"), Some("2h")), Err("the period ends before it begins".into()));
        assert!(asked(Some("x"), None).unwrap_err().contains("`since`"));
    }
}
