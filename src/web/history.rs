//! `GET /api/v1/readings`, `GET /api/v1/sparklines` and `GET /api/v1/rejected`: history of a series
//! for a chart, the last hour of many, and rejected messages.
//!
//! Always: at most the requested number of buckets, whatever the span. Never: a database read on
//! the worker's thread.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::answers::{blocking, error};
use super::api::Shared;
use crate::domain::{Quantity, SensorId, time};

/// Range of a chart's columns.
const PX: std::ops::RangeInclusive<u16> = 2..=2000;

/// Columns by default.
const PX_DEFAULT: u16 = 1000;

/// Limit of sparklines per request: the rows of a page, and some more.
const MOST_SPARKLINES: usize = 200;

/// Rejected messages per answer, by default and at most; some 4 KiB each.
const REJECTED: u64 = 20;
const MOST_REJECTED: u64 = 1000;

/// Query for the history of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingsRequest {
    /// Sensor.
    pub sensor_id: SensorId,
    /// Quantity.
    pub quantity: Quantity,
    /// Start of the span.
    pub from: DateTime<Utc>,
    /// End of the span, excluded; after `from`.
    pub until: DateTime<Utc>,
    /// Bucket limit.
    pub px: u16,
}

/// Query string of `GET /api/v1/readings`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadingsQuery {
    sensor: String,
    quantity: Option<String>,
    from: String,
    to: String,
    px: Option<u16>,
}

impl ReadingsQuery {
    fn understood(self) -> Result<ReadingsRequest, String> {
        let sensor_id =
            SensorId::new(&self.sensor).map_err(|error| format!("`sensor`: {error}"))?;
        let quantity = match self.quantity {
            Some(name) => Quantity::new(&name).map_err(|error| format!("`quantity`: {error}"))?,
            None => Quantity::temperature(),
        };
        let (from, until) = (moment("from", &self.from)?, moment("to", &self.to)?);
        if until <= from {
            return Err("`to` is not after `from`".into());
        }
        let px = self.px.unwrap_or(PX_DEFAULT);
        if !PX.contains(&px) {
            let (least, most) = (PX.start(), PX.end());
            return Err(format!("`px` is {px}: it is the width of the chart, {least} to {most}"));
        }
        Ok(ReadingsRequest { sensor_id, quantity, from, until, px })
    }
}

pub(super) fn moment(name: &str, text: &str) -> Result<DateTime<Utc>, String> {
    time::parse(text, chrono_tz::Tz::UTC).map_err(|error| format!("`{name}`: {error}"))
}

/// Query string of `GET /api/v1/sparklines`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SparklinesQuery {
    series: String,
}

impl SparklinesQuery {
    fn understood(&self) -> Result<Vec<u32>, String> {
        let indexes: Result<Vec<u32>, _> = self.series.split(',').map(str::parse).collect();
        let indexes = indexes
            .map_err(|_| "`series` is a list of indexes from the live feed, such as 0,5,9")?;
        if indexes.len() > MOST_SPARKLINES {
            return Err(format!("`series` has more than {MOST_SPARKLINES} indexes"));
        }
        Ok(indexes)
    }
}

fn query<T: for<'q> Deserialize<'q>>(request: &HttpRequest) -> Result<T, String> {
    let query = web::Query::<T>::from_query(request.query_string());
    query.map(web::Query::into_inner).map_err(|error| error.to_string())
}

pub(super) async fn readings(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = query::<ReadingsQuery>(&request).and_then(ReadingsQuery::understood);
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let (read, question) = (api.settings.readings.clone(), asked.clone());
    match blocking(move || read(&question)).await {
        Ok(Some(found)) => HttpResponse::Ok().json(found),
        Ok(None) => {
            let (sensor, quantity) = (asked.sensor_id, asked.quantity.as_str());
            let why = format!("no reading of `{sensor}` and `{quantity}` was ever stored");
            error(StatusCode::NOT_FOUND, why)
        }
        Err(unavailable) => unavailable,
    }
}

pub(super) async fn sparklines(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = query::<SparklinesQuery>(&request).and_then(|query| query.understood());
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let read = api.settings.sparklines.clone();
    match blocking(move || read(&asked)).await {
        Ok(found) => HttpResponse::Ok().json(found),
        Err(unavailable) => unavailable,
    }
}

/// Query string of `GET /api/v1/rejected`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RejectedQuery {
    limit: Option<u64>,
}

pub(super) async fn rejected(request: HttpRequest, api: Shared) -> HttpResponse {
    let limit = match query::<RejectedQuery>(&request) {
        Ok(query) => query.limit.unwrap_or(REJECTED),
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    if !(1..=MOST_REJECTED).contains(&limit) {
        let why = format!("`limit` is not between 1 and {MOST_REJECTED}");
        return error(StatusCode::UNPROCESSABLE_ENTITY, why);
    }
    let read = api.settings.rejected.clone();
    match blocking(move || read(limit)).await {
        Ok(found) => HttpResponse::Ok().json(found),
        Err(unavailable) => unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<ReadingsRequest, String> {
        let query = web::Query::<ReadingsQuery>::from_query(query);
        query.map_err(|error| error.to_string())?.into_inner().understood()
    }

    #[test]
    fn a_query_is_understood_or_refused() {
        let of = "sensor=T%201&from=2024-08-14T10:30:00Z";
        let found = asked(&format!("{of}&to=2024-08-14T11:30:00.5Z")).unwrap();
        assert_eq!((found.sensor_id.as_str(), found.px), ("T 1", 1000));
        assert_eq!(found.quantity, Quantity::temperature());
        assert_eq!((found.until - found.from).num_milliseconds(), 3_600_500);
        for (rest, what) in [
            ("", "missing field `to`"),
            ("&to=2024-08-14T10:30:00Z", "`to` is not after `from`"),
            ("&to=later", "`to`: `later` is no timestamp"),
            ("&to=2024-08-15T10:30:00Z&px=1", "`px` is 1: it is the width of the chart, 2 to 2000"),
            ("&to=2024-08-15T10:30:00Z&px=2001", "2 to 2000"),
            ("&to=2024-08-15T10:30:00Z&quantity=No", "`quantity`: `No` is no name"),
            ("&to=2024-08-15T10:30:00Z&limit=5", "unknown field `limit`"),
        ] {
            let refused = asked(&format!("{of}{rest}")).unwrap_err();
            assert!(refused.contains(what), "{rest}: {refused}");
        }
    }

    #[test]
    fn sparklines_are_asked_for_by_index() {
        let of = |series: &str| SparklinesQuery { series: series.into() }.understood();
        assert_eq!(of("0,5,9"), Ok(vec![0, 5, 9]));
        assert!(of("").is_err() && of("0,,1").is_err() && of("TEMP_001").is_err());
        assert!(of(&["1"; 200].join(",")).is_ok() && of(&["1"; 201].join(",")).is_err());
    }
}
