//! The live feed: one WebSocket a client, on which it gets the state of the fleet and then what changes of it; and the
//! same by plain GET. `docs/live-feed.md` has it frame by frame.
//!
//! A session holds a few numbers for its client (`protocol`, pure): versions of the live table that the client has
//! acknowledged. What it is sent next is read from the table as it is then, so there is no queue of events, and a
//! client that stops reading costs a socket. Frames are written part by part (`frames`, pure), and shared by clients
//! that are in step (`hub`).
//!
//! Always: at most [`MOST_FEEDS`] feeds; each wait for a client has an end; a stop closes the feeds first.
//! Never: a client that the way of a reading waits for, or a state that is held for a client.

mod frames;
pub(super) mod hub;
#[cfg(test)]
mod page_tests;
mod protocol;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Deserialize;

pub(super) use self::frames::seconds;
pub(super) use self::hub::Hub;
use super::answers::error;
use super::api::Shared;
use super::guard::Principal;
use crate::domain::{LiveChanges, LiveHeads, SeriesDescription, SeriesValue};

/// Feeds at a time: each is a connection for its lifetime, of which there are three times as many.
const MOST_FEEDS: usize = 32;

/// Frames of a client: its hello is some 200 bytes long.
const LARGEST_FRAME: usize = 4 * 1024;

/// What the feed shows. Each call returns within the time of a copy.
pub trait LiveSource: Send + Sync {
    /// Name of the process's indexes and versions.
    fn epoch(&self) -> Arc<str>;
    /// Versions of the last changes.
    fn heads(&self) -> LiveHeads;
    /// Changes after a version of the series and one of the alarms; `None` leaves out the kind, 0 is before everything.
    fn since(&self, series: Option<u64>, alarms: Option<u64>) -> LiveChanges;
    /// Series from an index on, some at a time, each with its value.
    fn page(&self, from: u32, at_most: usize) -> Vec<(SeriesDescription, SeriesValue)>;
}

/// The query of a poll: where it resumes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    epoch: Option<String>,
    seq: Option<u64>,
}

/// A feed to who asks for a WebSocket, and one complete state to everybody else.
pub(super) async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    api: Shared,
) -> HttpResponse {
    let Some(visitor) = request.extensions().get::<Principal>().cloned() else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "nobody decided who may ask this");
    };
    if !request.headers().contains_key(header::UPGRADE) {
        return poll(&request, &visitor, &api.hub);
    }
    match actix_ws::handle(&request, payload) {
        Ok((response, socket, messages)) => {
            let messages = messages.max_frame_size(LARGEST_FRAME);
            actix_web::rt::spawn(session::run(api.clone(), visitor, socket, messages));
            response
        }
        Err(why) => {
            error(StatusCode::BAD_REQUEST, format!("this is no opening of a WebSocket: {why}"))
        }
    }
}

fn poll(request: &HttpRequest, visitor: &Principal, hub: &Hub) -> HttpResponse {
    match web::Query::<Resume>::from_query(request.query_string()) {
        Ok(web::Query(Resume { epoch, seq })) => HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(hub.poll(visitor, epoch.as_deref(), seq)),
        Err(why) => error(StatusCode::UNPROCESSABLE_ENTITY, why.to_string()),
    }
}
