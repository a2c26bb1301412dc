//! State and helpers that all handlers share.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest, web};
use tokio::sync::Semaphore;

use super::Settings;
use super::guard::{Door, Principal};
use super::live::hub::Hub;

/// Timeout of an operator's action: its queue, and a commit on a busy disk.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(35);

/// Timeout of a reload: a hundred thousand sensors start in some seconds.
pub(super) const RELOAD_AT_MOST: Duration = Duration::from_secs(120);

pub(super) const OPENAPI: &str = include_str!("openapi.json");

/// State of all handlers.
pub(super) struct Api {
    pub settings: Settings,
    pub door: Door,
    pub slots: Semaphore,
    pub hub: Arc<Hub>,
    /// Limits trials of rules and alarm reports to one at a time.
    pub turns: Arc<Semaphore>,
}

pub(super) type Shared = web::Data<Api>;

/// Sender of an admitted request; `None` for an anonymous one.
pub(super) fn visitor(request: &HttpRequest) -> Option<Principal> {
    request.extensions().get::<Principal>().cloned()
}
