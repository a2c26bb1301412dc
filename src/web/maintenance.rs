//! `GET /api/v1/maintenance`: planned maintenance windows of a sensor.
//!
//! Always: by the configuration in effect, also for the past. Never: more than [`MOST_WINDOWS`]
//! windows in an answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{blocking, error};
use super::api::Shared;
use super::history::moment;
use crate::alarms::quiet::maintenance::Maintenance;
use crate::domain::{Location, SensorId};

/// Limit of windows in an answer: more than a chart can show apart.
const MOST_WINDOWS: usize = 500;

/// Planned maintenance of the configuration in effect; replaced by a reload.
#[derive(Debug, Default)]
pub struct PlannedMaintenance(Mutex<Arc<[Maintenance]>>);

impl PlannedMaintenance {
    /// Planned maintenance of a configuration.
    #[must_use]
    pub fn of(all: &[Maintenance]) -> Self {
        Self(Mutex::new(all.into()))
    }

    /// Replaces it by that of another configuration.
    pub fn replace(&self, all: &[Maintenance]) {
        *self.lock() = all.into();
    }

    /// Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Arc<[Maintenance]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    sensor: String,
    location: Option<String>,
    from: String,
    to: String,
}

struct MaintenanceRequest {
    sensor: SensorId,
    location: Location,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Query {
    fn understood(self) -> Result<MaintenanceRequest, String> {
        let sensor = SensorId::new(&self.sensor).map_err(|error| format!("`sensor`: {error}"))?;
        let location = Location::new(self.location.as_deref().unwrap_or_default());
        let (from, to) = (moment("from", &self.from)?, moment("to", &self.to)?);
        if to <= from {
            return Err("`to` is not after `from`".into());
        }
        Ok(MaintenanceRequest { sensor, location, from, to })
    }
}

/// A window of planned maintenance.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Window {
    name: String,
    /// Patterns of the suppressed rules; empty for all.
    rules: Vec<Arc<str>>,
    from: String,
    to: String,
}

/// Windows of one sensor that overlap a span, by table of the configuration, then by time.
fn windows(all: &[Maintenance], asked: &MaintenanceRequest) -> Vec<Window> {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    all.iter()
        .filter(|work| work.concerns(&asked.sensor, &asked.location))
        .flat_map(|work| work.windows(asked.from, asked.to).map(move |window| (work, window)))
        .take(MOST_WINDOWS)
        .map(|(work, (from, to))| Window {
            name: work.name().to_owned(),
            rules: work.rules.clone(),
            from: text(from),
            to: text(to),
        })
        .collect()
}

pub(super) async fn maintenance(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = web::Query::<Query>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.into_inner().understood());
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let all = api.settings.maintenance.lock().clone();
    match blocking(move || Ok(windows(&all, &asked))).await {
        Ok(found) => HttpResponse::Ok().json(json!({ "windows": found })),
        Err(unavailable) => unavailable,
    }
}
