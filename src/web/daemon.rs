//! State of the daemon, its reload, and the `OpenAPI` document.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::answers::{error, refusal};
use super::api::{self, OPENAPI, RELOAD_AT_MOST, Shared};
use super::guard;
use crate::messages::{Reload, ReloadAnswer};
use crate::supervisor::RequestError;

pub(super) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI)
}

pub(super) async fn status(request: HttpRequest, api: Shared) -> HttpResponse {
    match guard::admit_owner(api::visitor(&request).as_ref()) {
        Ok(()) => HttpResponse::Ok().json((api.settings.status)()),
        Err(denied) => refusal(denied),
    }
}

pub(super) async fn system(api: Shared) -> HttpResponse {
    HttpResponse::Ok().json((api.settings.system)())
}

pub(super) async fn broker(api: Shared) -> HttpResponse {
    HttpResponse::Ok().json((api.settings.broker)())
}

pub(super) async fn devices(api: Shared) -> HttpResponse {
    HttpResponse::Ok().json((api.settings.devices)())
}

/// A request during the start waits in the queue.
pub(super) async fn reload(request: HttpRequest, api: Shared) -> HttpResponse {
    if let Err(denied) = guard::admit_owner(api::visitor(&request).as_ref()) {
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
