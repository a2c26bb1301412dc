//! The paths, and what answers on each.
//!
//! `ROUTES` is all there is: what isn't in it isn't served, and a test holds `openapi.json` against it.

#![expect(clippy::disallowed_methods, reason = "an action happens when it is asked for")]

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, Route, web};
use chrono::Utc;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::guard::{self, Asking, Denied, Door, Need, Visitor};
use super::input::{self, AlertsQuery, Verb};
use super::{CLI_AGENT, LARGEST_BODY, Settings, login, probes};
use crate::domain::{AlarmName, AlarmView, Refused, Via};
use crate::messages::{Operate, Reload, ReloadAnswer};
use crate::supervisor::RequestError;
use crate::wire::AlarmJson;

/// How long its answer may take: its turn, and a commit on a busy disk.
const ANSWER_PATIENCE: Duration = Duration::from_secs(35);

/// How long a reload may take: a hundred thousand sensors start in some seconds.
const RELOAD_AT_MOST: Duration = Duration::from_secs(120);

/// How long a client may take to send its request's head, and then its body.
pub(super) const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// Connections at a time, a socket: a few operators, each with a browser's worth.
pub(super) const CONNECTIONS: usize = 96;

/// Those of them that may wait for an answer: however long storage takes, there is room to ask how the
/// daemon is.
const SLOTS: usize = 64;

/// How long a request waits for one of those places.
const SLOT_PATIENCE: Duration = Duration::from_secs(1);

/// A path, and what is done there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Endpoint {
    OpenApi,
    Status,
    Reload,
    Alarms,
    Alarm,
    Alerts,
    Change(Verb),
    Session,
    LogIn,
    LogOut,
}

const STATUS: &str = "/api/v1/status";
const SESSION: &str = "/api/v1/session";

pub(super) const ROUTES: [(&str, Endpoint); 15] = [
    ("/api/v1/openapi.json", Endpoint::OpenApi),
    (STATUS, Endpoint::Status),
    ("/api/v1/reload", Endpoint::Reload),
    ("/api/v1/alarms", Endpoint::Alarms),
    ("/api/v1/alarms/{id}", Endpoint::Alarm),
    ("/api/v1/alerts", Endpoint::Alerts),
    ("/api/v1/alarms/{id}/ack", Endpoint::Change(Verb::Ack)),
    ("/api/v1/alarms/{id}/shelve", Endpoint::Change(Verb::Shelve)),
    ("/api/v1/alarms/{id}/unshelve", Endpoint::Change(Verb::Unshelve)),
    ("/api/v1/alarms/{id}/out-of-service", Endpoint::Change(Verb::OutOfService)),
    ("/api/v1/alarms/{id}/return-to-service", Endpoint::Change(Verb::ReturnToService)),
    ("/api/v1/alarms/{id}/reset", Endpoint::Change(Verb::Reset)),
    (SESSION, Endpoint::Session),
    (SESSION, Endpoint::LogIn),
    (SESSION, Endpoint::LogOut),
];

const OPENAPI: &str = include_str!("openapi.json");

/// What every handler needs.
pub(super) struct Api {
    pub settings: Settings,
    pub door: Door,
    pub slots: Semaphore,
}

pub(super) type Shared = web::Data<Api>;

/// Everything that is served.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.app_data(web::PayloadConfig::new(LARGEST_BODY));
    // Endpoints of one path stand together.
    for of_path in ROUTES.chunk_by(|(path, _), (next, _)| path == next) {
        let methods: Vec<_> =
            of_path.iter().map(|(_, endpoint)| endpoint.method().to_uppercase()).collect();
        let only = format!("this path answers {} only", methods.join(", "));
        let resource = web::resource(of_path[0].0);
        let resource =
            of_path.iter().fold(resource, |it, (_, endpoint)| it.route(endpoint.route()));
        config.service(resource.default_service(wrong_method(only)));
    }
    probes::configure(config);
    let nothing_here = || async {
        error(StatusCode::NOT_FOUND, "there is nothing here: see /api/v1/openapi.json")
    };
    config.default_service(web::to(nothing_here));
}

pub(super) fn read_only(route: Route) -> Route {
    route.guard(Any(Get()).or(Head()))
}

pub(super) fn wrong_method(why: String) -> Route {
    web::to(move || {
        let refused = error(StatusCode::METHOD_NOT_ALLOWED, why.clone());
        async move { refused }
    })
}

impl Endpoint {
    pub const fn method(self) -> &'static str {
        match self {
            Self::Reload | Self::Change(_) | Self::LogIn => "post",
            Self::OpenApi | Self::Status | Self::Alarms | Self::Alarm | Self::Alerts => "get",
            Self::Session => "get",
            Self::LogOut => "delete",
        }
    }

    fn route(self) -> Route {
        match self {
            Self::OpenApi => web::get().to(openapi),
            Self::Status => web::get().to(status),
            Self::Reload => web::post().to(reload),
            Self::Alarms => web::get().to(alarms),
            Self::Alarm => web::get().to(alarm),
            Self::Alerts => web::get().to(alerts),
            Self::Session => web::get().to(login::who),
            Self::LogIn => web::post().to(login::log_in),
            Self::LogOut => web::delete().to(login::log_out),
            Self::Change(verb) => web::post()
                .to(move |request, id, payload, api| change(verb, request, id, payload, api)),
        }
    }
}

/// Stands before every path.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(api) = request.app_data::<Shared>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError()));
    };
    let visitor = match visitor(&request, &api) {
        Ok(visitor) => visitor,
        Err(denied) => return Ok(request.into_response(refusal(denied))),
    };
    request.extensions_mut().insert(visitor);
    let _slot = if request.path() == STATUS {
        None
    } else {
        match tokio::time::timeout(SLOT_PATIENCE, api.slots.acquire()).await {
            Ok(Ok(slot)) => Some(slot),
            Ok(Err(_)) | Err(_) => {
                let why = "too many wait for an answer already: ask again in a moment";
                return Ok(request.into_response(error(StatusCode::SERVICE_UNAVAILABLE, why)));
            }
        }
    };
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn visitor(request: &ServiceRequest, api: &Api) -> Result<Visitor, Denied> {
    let access = &api.settings.access;
    let session = login::session_key(request.headers()).and_then(|key| access.find(&key));
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let hosts = request.headers().get_all(header::HOST);
    let hosts: Vec<_> = hosts.map(|host| host.to_str().unwrap_or_default()).collect();
    let asking = Asking {
        hosts: &hosts,
        need: Need::of(request.path(), request.method().is_safe()),
        authorization: header(header::AUTHORIZATION),
        session: session.as_ref(),
        origin: header(header::ORIGIN),
        fetch_site: header(HeaderName::from_static("sec-fetch-site")),
        is_change: !request.method().is_safe(),
        is_post: request.method() == Method::POST,
        content_type: header(header::CONTENT_TYPE),
    };
    guard::admit(&api.door, access.is_open(), asking)
}

async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI)
}

async fn status(request: HttpRequest, api: Shared) -> HttpResponse {
    match guard::admit_owner(&who(&request)) {
        Ok(()) => HttpResponse::Ok().json((api.settings.status)()),
        Err(denied) => refusal(denied),
    }
}

/// Who asks, as the guard has found.
pub(super) fn who(request: &HttpRequest) -> Visitor {
    request.extensions().get::<Visitor>().cloned().unwrap_or(Visitor::Stranger)
}

/// One that is asked for while the daemon starts waits for its turn.
async fn reload(request: HttpRequest, api: Shared) -> HttpResponse {
    if let Err(denied) = guard::admit_owner(&who(&request)) {
        return refusal(denied);
    }
    match api.settings.reload.request(Reload, RELOAD_AT_MOST).await {
        Ok(ReloadAnswer::Done(changes)) => HttpResponse::Ok().json(json!({ "changes": changes })),
        Ok(ReloadAnswer::Refused(why)) => error(StatusCode::UNPROCESSABLE_ENTITY, why),
        Ok(ReloadAnswer::Failed(why)) => error(StatusCode::INTERNAL_SERVER_ERROR, why),
        Err(why @ RequestError::Timeout) => {
            error(StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
        }
        Err(why @ RequestError::Closed) => {
            let why = format!("{why}: the daemon is stopping, or its log says more");
            error(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

async fn alarms(api: Shared) -> HttpResponse {
    match read_alarms(&api).await {
        Ok(alarms) => {
            let json = |alarm| AlarmJson::new(alarm, api.settings.times);
            HttpResponse::Ok()
                .json(json!({ "alarms": alarms.iter().map(json).collect::<Vec<_>>() }))
        }
        Err(unavailable) => unavailable,
    }
}

async fn alarm(id: web::Path<String>, api: Shared) -> HttpResponse {
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

async fn alerts(request: HttpRequest, api: Shared) -> HttpResponse {
    let asked = web::Query::<AlertsQuery>::from_query(request.query_string())
        .map_err(|error| error.to_string())
        .and_then(|query| query.into_inner().understood(Utc::now()));
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::UNPROCESSABLE_ENTITY, why),
    };
    let read = api.settings.alerts.clone();
    match blocking(move || read(&asked)).await {
        Ok(alerts) => HttpResponse::Ok().json(json!({ "alerts": alerts })),
        Err(unavailable) => unavailable,
    }
}

/// Reads the database on a thread that may wait.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, HttpResponse> {
    let read = web::block(read).await.map_err(|error| error.to_string());
    read.and_then(|found| found).map_err(|why| error(StatusCode::SERVICE_UNAVAILABLE, why))
}

pub(super) async fn whole_body(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<web::Bytes, HttpResponse> {
    let body = web::Bytes::from_request(request, &mut payload.into_inner());
    match tokio::time::timeout(REQUEST_PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(why)) => Err(error(why.as_response_error().status_code(), why.to_string())),
        Err(_) => {
            let why = format!("the request's body was not there within {REQUEST_PATIENCE:?}");
            Err(error(StatusCode::REQUEST_TIMEOUT, why))
        }
    }
}

async fn change(
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
    let (via, visitor) = (via(&request, &api.door), who(&request));
    let action = id
        .parse::<AlarmName>()
        .map_err(|error| error.to_string())
        .and_then(|alarm| input::action(verb, alarm, visitor.user(), &body, Utc::now(), via));
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

fn refusal(denied: Denied) -> HttpResponse {
    let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::FORBIDDEN);
    error(status, denied.to_string())
}

pub(super) fn error(status: StatusCode, why: impl Into<Value>) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": why.into() }))
}

/// The handlers' state for one door.
pub(super) fn shared(settings: &Settings, door: Door) -> Shared {
    let slots = Semaphore::new(SLOTS);
    web::Data::from(Arc::new(Api { settings: settings.clone(), door, slots }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let served: BTreeSet<_> =
            ROUTES.iter().map(|(path, what)| (*path, what.method())).collect();
        assert_eq!(served.len(), ROUTES.len());
        let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, item)| {
                let of_path = methods.into_iter().filter(|method| item.get(method).is_some());
                of_path.map(|method| (path.as_str(), method))
            })
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_reference_in_the_description_leads_somewhere() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut num_references = 0;
        let mut left = vec![&document];
        while let Some(value) = left.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
                num_references += 1;
            }
            left.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            left.extend(value.as_array().into_iter().flatten());
        }
        assert!(num_references > 10);
    }
}
