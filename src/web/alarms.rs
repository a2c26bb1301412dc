//! Alarms and their history, and what operators do with them.
//!
//! Always: an action is answered when it is committed, under the name of who asked. Never: an action without a JSON
//! body.

#![expect(clippy::disallowed_methods, reason = "an action happens when it is asked for")]

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde_json::{Value, json};

use super::CLI_AGENT;
use super::answers::{blocking, error, whole_body};
use super::guard::Door;
use super::input::{self, AlertsQuery, Verb};
use super::routes::{self, ANSWER_PATIENCE, Shared};
use crate::domain::{AlarmName, AlarmView, Refused, Via};
use crate::messages::Operate;
use crate::wire::AlarmJson;

pub(super) async fn alarms(api: Shared) -> HttpResponse {
    match read_alarms(&api).await {
        Ok(alarms) => {
            let json = |alarm| AlarmJson::new(alarm, api.settings.times);
            HttpResponse::Ok()
                .json(json!({ "alarms": alarms.iter().map(json).collect::<Vec<_>>() }))
        }
        Err(unavailable) => unavailable,
    }
}

pub(super) async fn alarm(id: web::Path<String>, api: Shared) -> HttpResponse {
    let name: AlarmName = match id.parse() {
        Ok(name) => name,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}")),
    };
    let alarms = match read_alarms(&api).await {
        Ok(alarms) => alarms,
        Err(unavailable) => return unavailable,
    };
    match alarms.iter().find(|alarm| is_named(alarm, &name)) {
        Some(alarm) => HttpResponse::Ok().json(AlarmJson::new(alarm, api.settings.times)),
        None => {
            let why = format!("{name}: no such alarm stands, waits for a word, or is withheld");
            error(StatusCode::NOT_FOUND, why)
        }
    }
}

fn is_named(alarm: &AlarmView, name: &AlarmName) -> bool {
    match name {
        AlarmName::Id(id) => alarm.of.alert_id.as_ref() == Some(id),
        AlarmName::Of { rule, sensor_id } => {
            (&alarm.of.rule, &alarm.of.sensor_id) == (rule, sensor_id)
        }
    }
}

async fn read_alarms(api: &Shared) -> Result<Vec<AlarmView>, HttpResponse> {
    let read = api.settings.alarms.clone();
    blocking(move || read()).await
}

pub(super) async fn alerts(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = web::Query::<AlertsQuery>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.into_inner().understood(Utc::now()));
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let (read, limit) = (api.settings.alerts.clone(), asked.newest);
    match blocking(move || read(&asked)).await {
        Ok(alerts) => {
            let is_page = alerts.len() as u64 == limit;
            let next = alerts.first().filter(|_| is_page).map(|(number, _)| *number);
            let numbered = |(number, mut alert): (u64, Value)| {
                alert["number"] = number.into();
                alert
            };
            let alerts: Vec<_> = alerts.into_iter().map(numbered).collect();
            HttpResponse::Ok().json(json!({ "alerts": alerts, "next": next }))
        }
        Err(unavailable) => unavailable,
    }
}

pub(super) async fn change(
    verb: Verb,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let body = match whole_body(&request, payload).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let (via, user) = (via(&request, &api.door), routes::visitor(&request).and_then(|it| it.user));
    let action = id
        .parse::<AlarmName>()
        .map_err(|error| error.to_string())
        .and_then(|alarm| input::action(verb, alarm, user.as_deref(), &body, Utc::now(), via));
    let action = match action {
        Ok(action) => action,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let operate = Operate { action };
    let answer = api.settings.operate.request(operate, ANSWER_PATIENCE).await;
    let record = match answer.map_err(|error| error.to_string()).and_then(|answer| answer) {
        Ok(record) => record,
        Err(why) => {
            let why = format!("{why}: look whether it was done before you ask again");
            return error(StatusCode::SERVICE_UNAVAILABLE, why);
        }
    };
    match record.outcome {
        Ok(has_changed) => HttpResponse::Ok().json(json!({
            "id": record.of.as_ref().and_then(|of| of.alert_id.clone()),
            "rule": record.of.as_ref().map(|of| of.rule.clone()),
            "sensor_id": record.of.as_ref().map(|of| of.sensor_id.to_string()),
            "changed": has_changed,
        })),
        Err(Refused::Unknown(why)) => error(StatusCode::NOT_FOUND, why),
        Err(Refused::NotNow(why)) => error(StatusCode::CONFLICT, why),
    }
}

/// What comes by TCP is not believed to be our own command.
fn via(request: &HttpRequest, door: &Door) -> Via {
    let agent = request.headers().get(header::USER_AGENT);
    let is_ours = agent.is_some_and(|agent| agent.as_bytes() == CLI_AGENT.as_bytes());
    if is_ours && matches!(door, Door::Local) { Via::Cli } else { Via::Api }
}
