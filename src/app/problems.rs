//! Problems of the daemon, found in its parts' gauges.
//!
//! Always: whatever keeps readings from being received, judged, stored or notified is listed, with its beginning if
//! its part knows it. Its part logs one line at the beginning and one at the end. Never: blocks.

use chrono::{DateTime, Utc};

use super::report::Reporting;
use crate::broker::BrokerBound;
use crate::locale::{Problem, Words};
use crate::mqtt::RefusedTopic;
use crate::supervisor::{ChildHealth, ChildState};
use crate::web::report::{ReceiverStatus, StatusReport};

/// Problems in the daemon's language, with their beginning; `None` if only the notice time is known.
pub(super) type OngoingProblem = Vec<(String, Option<DateTime<Utc>>)>;

/// Present problems.
pub(super) fn find(reporting: &Reporting, status: &StatusReport, words: &Words) -> OngoingProblem {
    let (refused, stuck) = (reporting.gauges.refused(), reporting.stored.trouble());
    let (kept, astray) = (reporting.broker_gauges.keep_trouble(), reporting.watch.fault());
    let (fails, silent) = (reporting.gauges.publishing_fails(), reporting.gauges.silent());
    let unsent = reporting.heartbeat.unsent();
    let mut wrong = OngoingProblem::new();
    let mut add = |problem, since| wrong.push(((words.problem)(problem), since));
    let broker = &status.broker.name;
    match &fails {
        Some(why) => add(Problem::NotPublishing { broker, why }, status.broker.since),
        None if status.broker.connected => {}
        None => add(Problem::NotConnected { broker }, status.broker.since),
    }
    if let Some((topic, since)) = &silent {
        add(Problem::SubscriptionSilent { topic }, Some(*since));
    }
    for (topic, RefusedTopic { what, why, since }) in &refused {
        add(Problem::Refused { what: *what, topic, why: *why }, Some(*since));
    }
    if let Some((fault, since)) = &astray {
        add(Problem::DatabaseAstray { fault }, Some(*since));
    } else if !reporting.log.is_accepting() {
        add(Problem::NothingTaken, None);
    }
    if let Some(trouble) = &stuck {
        add(Problem::NothingStored { why: &trouble.why }, Some(trouble.since));
    }
    if let Some((why, since)) = &kept {
        add(Problem::SessionsNotKept { why }, Some(*since));
    }
    for (bound, since) in reporting.broker_gauges.reached() {
        let problem = match bound {
            BrokerBound::Queues => Problem::BrokerQueuesFull,
            BrokerBound::Retained => Problem::BrokerRetainedFull,
            BrokerBound::Connections => Problem::BrokerConnectionsFull,
        };
        add(problem, Some(since));
    }
    if status.queues.store.depth >= status.queues.store.capacity {
        add(Problem::StorageFull, None);
    }
    if reporting.growth.figures().and_then(|figures| figures.fills) == Some(true) {
        add(Problem::DiskFull, None);
    }
    if reporting.live.is_clock_behind() {
        add(Problem::ClockBehind, None);
    }
    let count = reporting.live.num_unjudged_series();
    if count > 0 {
        add(Problem::UnitsUnfit { count }, None);
    }
    if let Some((why, since)) = &unsent {
        add(Problem::HeartbeatUnsent { why }, Some(*since));
    }
    for child in parts_down(status) {
        add(Problem::PartDown { name: &child.name }, Some(child.since));
    }
    for ReceiverStatus { name, failing_since, untold, last_error, .. } in &status.receivers {
        if let Some(since) = failing_since {
            let why = last_error.as_ref().map_or("", |error| error.why.as_str());
            add(Problem::ReceiverFails { name, why }, Some(*since));
        }
        if *untold > 0 {
            add(Problem::ReceiverUntold { name }, None);
        }
    }
    wrong
}

/// Parts of the daemon that are not up.
fn parts_down(status: &StatusReport) -> impl Iterator<Item = &ChildHealth> {
    let is_down =
        |child: &&ChildHealth| !matches!(child.state, ChildState::Up | ChildState::Stopped);
    status.tree.iter().flat_map(move |tree| {
        let children = tree.children.iter().filter(is_down);
        let members = tree.groups.iter().flat_map(|group| &group.troubled);
        children.chain(members.filter(is_down))
    })
}
