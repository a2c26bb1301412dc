//! Endpoints for machines: `/metrics`, `/-/healthy`, `/-/ready`.
//!
//! Always: `/-/healthy` answers in any state, so that it fails only if the process hangs or has
//! ended.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Settings;
use super::answers::error;
use super::answers::{not_read, read_only};
use super::api::Shared;
use super::metrics::{Format, ScrapeFigures, WebCounts, exposition};
use super::report::StatusReport;
use crate::supervisor::{ChildHealth, ChildState};

/// Adds the paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let paths = [
        ("/metrics", web::to(metrics)),
        ("/-/healthy", web::to(healthy)),
        ("/-/ready", web::to(ready)),
    ];
    for (path, route) in paths {
        let resource = web::resource(path).route(read_only(route));
        config.service(resource.default_service(not_read("this path is only read")));
    }
}

async fn metrics(request: HttpRequest, api: Shared) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let format = Format::accepted(accept);
    let Settings { system, metrics, access, .. } = &api.settings;
    let counts = WebCounts { feeds: api.hub.num_feeds(), ..access.logins() };
    match exposition(&system(), &metrics(), counts, format) {
        Ok(text) => HttpResponse::Ok().content_type(format.content_type()).body(text),
        Err(why) => error(StatusCode::INTERNAL_SERVER_ERROR, format!("can't be written: {why}")),
    }
}

async fn healthy() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "healthy" }))
}

async fn ready(api: Shared) -> HttpResponse {
    match readiness(&(api.settings.status)(), &(api.settings.metrics)()) {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Err(why) => error(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Whether readings are received, evaluated and stored; the error is why not. External brokers and
/// receivers don't count: other parts are unaffected by them.
fn readiness(report: &StatusReport, figures: &ScrapeFigures) -> Result<(), String> {
    let Some(tree) = &report.tree else { return Err("the daemon is starting".into()) };
    let is_receiver = |child: &ChildHealth| {
        let name = child.name.strip_prefix("notify ");
        name.is_some_and(|name| report.receivers.iter().any(|it| *it.name == *name))
    };
    let down = tree.children.iter().filter(|it| it.state != ChildState::Up && !is_receiver(it));
    let down: Vec<_> =
        down.map(|it| format!("{} is {}", it.name, it.state.word().replace('_', " "))).collect();
    if !down.is_empty() {
        return Err(format!("not ready: {}", down.join(", ")));
    }
    if !figures.is_taking {
        return Err(
            "not ready: the log on disk takes no messages; the daemon's own log says why".into()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::metrics::fixtures::report;
    use super::*;

    #[test]
    fn it_is_ready_when_all_parts_are_up_and_the_log_takes_messages() {
        let taking = ScrapeFigures { is_taking: true, ..ScrapeFigures::default() };
        let mut report = report().status;
        assert_eq!(readiness(&report, &taking), Ok(()));
        let why = readiness(&report, &ScrapeFigures::default()).unwrap_err();
        assert!(why.contains("takes no messages"), "{why}");
        let tree = report.tree.as_mut().unwrap();
        let of = |tree: &mut crate::supervisor::HealthReport, name: &str| {
            tree.children.iter().position(|child| child.name == name).unwrap()
        };
        let receiver = of(tree, "notify on-call");
        tree.children[receiver].state = ChildState::GaveUp;
        assert_eq!(readiness(&report, &taking), Ok(()));
        let tree = report.tree.as_mut().unwrap();
        let storage = of(tree, "storage");
        tree.children[storage].state = ChildState::Starting;
        assert_eq!(readiness(&report, &taking), Err("not ready: storage is starting".into()));
        report.tree = None;
        assert_eq!(readiness(&report, &taking), Err("the daemon is starting".into()));
    }
}
