//! Series with their newest values, by page, for plain HTTP clients.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::error;
use super::api::Shared;
use super::live::seconds;
use crate::config::TimeStyle;
use crate::domain::{SeriesDescription, SeriesFlags, SeriesValue, Value};

/// Series per page, by default and at most.
const PAGE: usize = 500;
const LARGEST_PAGE: usize = 5000;

/// Query string.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
struct SensorJson<'a> {
    sensor_id: &'a str,
    location: &'a str,
    quantity: &'a str,
    unit: &'a str,
    value: Option<Value>,
    timestamp: Option<String>,
    low: Option<f64>,
    high: Option<f64>,
    every: Option<f64>,
    state: StateJson,
}

#[derive(Serialize)]
struct StateJson {
    /// Severity of the most severe active alarm.
    severity: Option<&'static str>,
    unacknowledged: bool,
    silent: bool,
    withheld: bool,
}

impl Query {
    /// Index of the page's first series, and the page's length.
    fn understood(&self) -> Result<(u32, usize), String> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            return Err(format!(
                "`limit` is from 1 to {LARGEST_PAGE}: ask for the next page by `after`"
            ));
        }
        let from = match self.after.as_deref().map(str::parse::<u32>) {
            None => 0,
            Some(Ok(last)) => last.saturating_add(1),
            Some(Err(_)) => return Err("`after` is no `next` of a page".to_owned()),
        };
        Ok((from, limit))
    }
}

impl From<SeriesFlags> for StateJson {
    fn from(flags: SeriesFlags) -> Self {
        Self {
            severity: flags.standing().map(crate::domain::Priority::as_str),
            unacknowledged: flags.is_unacknowledged(),
            silent: flags.is_silent(),
            withheld: flags.is_withheld(),
        }
    }
}

/// A page of series, in the order of their first reading.
pub(super) async fn sensors(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = web::Query::<Query>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.understood());
    let (from, limit) = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    // One more shows whether there is another page.
    let mut page = api.settings.live.page(from, limit + 1);
    let has_more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| has_more).map(|(last, _)| last.index.to_string());
    let times = api.settings.times;
    let sensors: Vec<_> = page.iter().map(|(of, value)| sensor(of, value, times)).collect();
    HttpResponse::Ok().json(json!({ "sensors": sensors, "next": next }))
}

fn sensor<'a>(of: &'a SeriesDescription, value: &SeriesValue, times: TimeStyle) -> SensorJson<'a> {
    SensorJson {
        sensor_id: of.sensor_id.as_str(),
        location: of.location.as_str(),
        quantity: of.quantity.as_str(),
        unit: of.unit.as_str(),
        value: value.value,
        timestamp: value.at.map(|at| times.write(at)),
        low: of.low,
        high: of.high,
        every: of.every.map(seconds),
        state: value.flags.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_after_the_last_of_the_page_before() {
        let query = |limit, after: Option<&str>| {
            Query { limit, after: after.map(str::to_owned) }.understood()
        };
        assert_eq!(query(None, None), Ok((0, 500)));
        assert_eq!(query(Some(2), Some("7")), Ok((8, 2)));
        for (limit, after) in
            [(Some(0), None), (Some(5001), None), (None, Some("x")), (None, Some("-1"))]
        {
            assert!(query(limit, after).is_err(), "{limit:?} {after:?}");
        }
    }
}
