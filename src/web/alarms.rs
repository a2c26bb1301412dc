//! Alarms, their history, and operators' actions.
//!
//! Always: an action is answered once it is committed, and recorded under the requester's name.
//! Never: an action without a JSON body.

#![expect(clippy::disallowed_methods, reason = "an action happens when it is asked for")]

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};

use super::CLI_AGENT;
use super::answers::{blocking, error, whole_body};
use super::api::{self, ANSWER_PATIENCE, Shared};
use super::guard::Door;
use super::input::{self, AlarmsQuery, AlarmsRequest, AlertsQuery, ChangeKind};
use crate::domain::{AlarmName, AlarmView, Refused, SensorId, Via};
use crate::messages::Operate;
use crate::wire::AlarmJson;

/// Serialized directly: a page as a tree of values would take ten times the memory.
#[derive(Serialize)]
struct AlarmsPage<'a> {
    alarms: Vec<AlarmJson<'a>>,
    /// Last alarm of the page, if more may follow.
    next: Option<String>,
}

pub(super) async fn alarms(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = web::Query::<AlarmsQuery>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.into_inner().understood());
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let at_most = asked.at_most;
    match read_alarms(&api, asked).await {
        Ok(alarms) => {
            let name = |last: &AlarmView| format!("{}/{}", last.of.rule, last.of.sensor_id);
            let next = alarms.last().filter(|_| alarms.len() == at_most).map(name);
            let json = |alarm| AlarmJson::new(alarm, api.settings.times);
            HttpResponse::Ok().json(AlarmsPage { alarms: alarms.iter().map(json).collect(), next })
        }
        Err(unavailable) => unavailable,
    }
}

pub(super) async fn alarm(id: web::Path<String>, api: Shared) -> HttpResponse {
    let name: AlarmName = match id.parse() {
        Ok(name) => name,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}")),
    };
    let asked = AlarmsRequest { after: None, named: Some(name.clone()), at_most: 1 };
    let found = match read_alarms(&api, asked).await {
        Ok(found) => found,
        Err(unavailable) => return unavailable,
    };
    match found.first() {
        Some(alarm) => HttpResponse::Ok().json(AlarmJson::new(alarm, api.settings.times)),
        None => {
            let why = format!("{name}: no such alarm stands, waits for a word, or is withheld");
            error(StatusCode::NOT_FOUND, why)
        }
    }
}

async fn read_alarms(api: &Shared, asked: AlarmsRequest) -> Result<Vec<AlarmView>, HttpResponse> {
    let read = api.settings.alarms.clone();
    blocking(move || read(&asked)).await
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
    verb: ChangeKind,
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let alarm = id.parse::<AlarmName>().map_err(|error| error.to_string());
    act(verb, alarm, &request, payload, &api).await
}

pub(super) async fn forget(
    request: HttpRequest,
    id: web::Path<String>,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let sensor = SensorId::new(&id).map(AlarmName::AllOf).map_err(|error| error.to_string());
    act(ChangeKind::Forget, sensor, &request, payload, &api).await
}

async fn act(
    verb: ChangeKind,
    alarm: Result<AlarmName, String>,
    request: &HttpRequest,
    payload: web::Payload,
    api: &Shared,
) -> HttpResponse {
    let body = match whole_body(request, payload).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let (via, user) = (via(request, &api.door), api::visitor(request).and_then(|it| it.user));
    let understood = |alarm| input::action(verb, alarm, user.as_deref(), &body, Utc::now(), via);
    let action = match alarm.and_then(understood) {
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

/// Requests by TCP don't count as the CLI's, whatever they claim.
fn via(request: &HttpRequest, door: &Door) -> Via {
    let agent = request.headers().get(header::USER_AGENT);
    let is_ours = agent.is_some_and(|agent| agent.as_bytes() == CLI_AGENT.as_bytes());
    if is_ours && matches!(door, Door::Local) { Via::Cli } else { Via::Api }
}
