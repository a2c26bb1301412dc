//! Routing table of the API.
//!
//! `ROUTES` lists every path that is served; a test compares it with `openapi.json`. The
//! dashboard's files are beside it ([`assets`]).

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Route, web};
use tokio::sync::Semaphore;

use super::answers::{error, not_read, read_only, refusal, wrong_method};
use super::api::{Api, Shared};
use super::guard::{self, Denial, Door, Principal, RequestFacts, RequiredRights};
use super::input::ChangeKind;
use super::live::Hub;
use super::{
    LARGEST_BODY, Settings, alarms, assets, daemon, history, live, login, maintenance, probes,
    sensors, trial,
};

/// Connections per socket: a few operators with a browser each, and the live feeds.
pub(super) const CONNECTIONS: usize = 96;

/// Requests per socket that may wait for an answer. The rest stays free for the state of the
/// daemon, however slow storage is.
const SLOTS: usize = 64;

/// Timeout for one of those slots.
const SLOT_PATIENCE: Duration = Duration::from_secs(1);

/// Handler of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Endpoint {
    OpenApi,
    Status,
    Reload,
    Alarms,
    Alarm,
    Alerts,
    Live,
    Sensors,
    System,
    Broker,
    Devices,
    Readings,
    Sparklines,
    Rejected,
    AlarmReport,
    Maintenance,
    TryRule,
    Change(ChangeKind),
    Forget,
    Session,
    LogIn,
    LogOut,
}

const STATUS: &str = "/api/v1/status";
const SYSTEM: &str = "/api/v1/system";
const LIVE: &str = "/api/v1/live";
const SESSION: &str = "/api/v1/session";

/// Paths that never wait, and need no slot.
const NEED_NO_SLOT: [&str; 3] = [STATUS, SYSTEM, LIVE];

pub(super) const ROUTES: [(&str, Endpoint); 27] = [
    ("/api/v1/openapi.json", Endpoint::OpenApi),
    (STATUS, Endpoint::Status),
    ("/api/v1/reload", Endpoint::Reload),
    ("/api/v1/alarms", Endpoint::Alarms),
    ("/api/v1/alerts", Endpoint::Alerts),
    (LIVE, Endpoint::Live),
    ("/api/v1/sensors", Endpoint::Sensors),
    (SYSTEM, Endpoint::System),
    ("/api/v1/broker", Endpoint::Broker),
    ("/api/v1/devices", Endpoint::Devices),
    ("/api/v1/readings", Endpoint::Readings),
    ("/api/v1/sparklines", Endpoint::Sparklines),
    ("/api/v1/rejected", Endpoint::Rejected),
    ("/api/v1/report", Endpoint::AlarmReport),
    ("/api/v1/maintenance", Endpoint::Maintenance),
    ("/api/v1/rules/try", Endpoint::TryRule),
    ("/api/v1/alarms/{id}/ack", Endpoint::Change(ChangeKind::Ack)),
    ("/api/v1/alarms/{id}/shelve", Endpoint::Change(ChangeKind::Shelve)),
    ("/api/v1/alarms/{id}/unshelve", Endpoint::Change(ChangeKind::Unshelve)),
    ("/api/v1/alarms/{id}/out-of-service", Endpoint::Change(ChangeKind::OutOfService)),
    ("/api/v1/alarms/{id}/return-to-service", Endpoint::Change(ChangeKind::ReturnToService)),
    ("/api/v1/alarms/{id}/reset", Endpoint::Change(ChangeKind::Reset)),
    ("/api/v1/sensors/{id}/forget", Endpoint::Forget),
    // Last, since an id may contain slashes.
    ("/api/v1/alarms/{id}", Endpoint::Alarm),
    (SESSION, Endpoint::Session),
    (SESSION, Endpoint::LogIn),
    (SESSION, Endpoint::LogOut),
];

/// Registers all paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.app_data(web::PayloadConfig::new(LARGEST_BODY));
    // Endpoints of one path are adjacent.
    for of_path in ROUTES.chunk_by(|(path, _), (next, _)| path == next) {
        let methods: Vec<_> =
            of_path.iter().map(|(_, endpoint)| endpoint.method().to_uppercase()).collect();
        let methods = methods.join(", ");
        let only = format!("this path answers {methods} only");
        // Reverse proxies decode the %2F of an alarm's id.
        let resource = web::resource(of_path[0].0.replace("{id}", "{id:.+}"));
        let resource =
            of_path.iter().fold(resource, |it, (_, endpoint)| it.route(endpoint.route()));
        config.service(resource.default_service(wrong_method(only, methods)));
    }
    probes::configure(config);
    let page = web::resource("/").route(read_only(web::to(page)));
    config.service(page.default_service(not_read("the page is only read")));
    let file = web::resource("/a/{hash}/{path:.*}").route(read_only(web::to(file)));
    config.service(file.default_service(not_read("files are only read")));
    config.default_service(web::to(nothing_here));
}

async fn nothing_here() -> HttpResponse {
    error(StatusCode::NOT_FOUND, "there is nothing here: see /api/v1/openapi.json")
}

async fn page(request: HttpRequest) -> HttpResponse {
    assets::page(&request)
}

async fn file(request: HttpRequest, place: web::Path<(String, String)>) -> HttpResponse {
    let (hash, path) = place.into_inner();
    match assets::file(&request, &hash, &path) {
        Some(file) => file,
        None => error(StatusCode::NOT_FOUND, "this build has no such file: load the page anew"),
    }
}

impl Endpoint {
    pub const fn method(self) -> &'static str {
        match self {
            Self::Reload | Self::TryRule | Self::Change(_) | Self::Forget | Self::LogIn => "post",
            Self::LogOut => "delete",
            _ => "get",
        }
    }

    fn route(self) -> Route {
        match self {
            Self::OpenApi => web::get().to(daemon::openapi),
            Self::Status => web::get().to(daemon::status),
            Self::Reload => web::post().to(daemon::reload),
            Self::Alarms => web::get().to(alarms::alarms),
            Self::Alarm => web::get().to(alarms::alarm),
            Self::Alerts => web::get().to(alarms::alerts),
            Self::Session => web::get().to(login::who),
            Self::LogIn => web::post().to(login::log_in),
            Self::LogOut => web::delete().to(login::log_out),
            Self::Live => web::get().to(live::serve),
            Self::Sensors => web::get().to(sensors::sensors),
            Self::System => web::get().to(daemon::system),
            Self::Broker => web::get().to(daemon::broker),
            Self::Devices => web::get().to(daemon::devices),
            Self::Readings => web::get().to(history::readings),
            Self::Sparklines => web::get().to(history::sparklines),
            Self::Rejected => web::get().to(history::rejected),
            Self::AlarmReport => web::get().to(trial::alarm_report),
            Self::Maintenance => web::get().to(maintenance::maintenance),
            Self::TryRule => web::post().to(trial::try_rule),
            Self::Change(verb) => web::post().to(move |request, id, payload, api| {
                alarms::change(verb, request, id, payload, api)
            }),
            Self::Forget => web::post().to(alarms::forget),
        }
    }
}

/// Middleware of every path. Admitted requests carry their [`Principal`].
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(api) = request.app_data::<Shared>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError()));
    };
    let visitor = match is_admitted(&request, &api) {
        Ok(visitor) => visitor,
        Err(denied) => return Ok(safe(request.into_response(refusal(denied)))),
    };
    if let Some(visitor) = visitor {
        request.extensions_mut().insert(visitor);
    }
    let _slot = if NEED_NO_SLOT.contains(&request.path()) {
        None
    } else {
        match tokio::time::timeout(SLOT_PATIENCE, api.slots.acquire()).await {
            Ok(Ok(slot)) => Some(slot),
            Ok(Err(_)) | Err(_) => {
                let why = "too many wait for an answer already: ask again in a moment";
                let busy = error(StatusCode::SERVICE_UNAVAILABLE, why);
                return Ok(safe(request.into_response(busy)));
            }
        }
    };
    Ok(safe(next.call(request).await?.map_into_boxed_body()))
}

/// Adds headers: no sniffing of types, no caching, unless the handler has set them.
fn safe(mut answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let headers = answer.headers_mut();
    for (name, value) in
        [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")]
    {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    answer
}

fn is_admitted(request: &ServiceRequest, api: &Api) -> Result<Option<Principal>, Denial> {
    let access = &api.settings.access;
    let key = login::session_key(request.headers());
    let session = key.and_then(|key| Some((key, access.find(&key)?)));
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let hosts = request.headers().get_all(header::HOST);
    let hosts: Vec<_> = hosts.map(|host| host.to_str().unwrap_or_default()).collect();
    let asking = RequestFacts {
        need: RequiredRights::of(request.path(), request.method().is_safe()),
        hosts: &hosts,
        authorization: header(header::AUTHORIZATION),
        origin: header(header::ORIGIN),
        session: session.as_ref(),
        fetch_site: header(HeaderName::from_static("sec-fetch-site")),
        is_change: !request.method().is_safe(),
        is_post: request.method() == Method::POST,
        is_upgrade: request.headers().contains_key(header::UPGRADE),
        content_type: header(header::CONTENT_TYPE),
    };
    guard::admit(&api.door, access.is_open(), asking)
}

/// State of the handlers of one listener.
pub(super) fn shared(settings: &Settings, door: Door, hub: Arc<Hub>) -> Shared {
    let (slots, turns) = (Semaphore::new(SLOTS), Arc::new(Semaphore::new(1)));
    web::Data::from(Arc::new(Api { settings: settings.clone(), door, slots, hub, turns }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::api::OPENAPI;
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
