//! The actor's part of publishing: own readings and forwarded messages from the log, requests to devices, discovery,
//! and heartbeats. Order and windows are decided in `publication`, `requesting` and `discovery`.

#![expect(clippy::disallowed_methods, reason = "a beat bears the time it was sent")]

use actix::prelude::*;
use futures_util::stream::unfold;
use log::{error, info, warn};

use super::actor::{Gateway, now};
use super::link::{Outgoing, Qos, Tag};
use super::publication::Progress;
use crate::domain::{Position, Reading};
use crate::ingest::{OutboundContent, PUBLICATION_CAPACITY, outbound_appended};
use crate::locale::{Published, Refusal};
use crate::messages::Beat;
use crate::supervisor::Routed;
use crate::wire::payload;

/// The target of the line that each published reading has.
const SENT: &str = "vigie::sent";
/// Backlog of the log for forwarded messages, in KiB: some millions of readings, two and a half hours at 500 a
/// second.
const FORWARD_KIB: u64 = 1 << 20;
/// Messages skipped at a time: a few milliseconds of the arbiter.
const SKIPPED_AT_ONCE: usize = 256;

/// Something to publish was appended to the log, or may have been.
pub(super) struct OutboundAppended;

impl Gateway {
    pub(super) fn await_outbound(&mut self, ctx: &mut Context<Self>) {
        let log = self.settings.log.clone();
        ctx.add_stream(unfold(log, async |log| {
            outbound_appended(&log).await;
            Some((OutboundAppended, log))
        }));
    }

    pub(super) fn send_readings(&mut self, ctx: &mut Context<Self>) {
        while self.readings_paused_until.is_none() && self.poison.may_publish(now()) {
            let room = self.publication.room();
            if room > 0 && self.outbound.has_more() {
                let polled = self.outbound.poll(room);
                self.publication.add(polled);
            }
            let Some((position, content)) = self.publication.dispatch() else { return };
            let message = match content {
                OutboundContent::Reading(reading) => Outgoing {
                    topic: self.topics.reading(&reading.quantity, &reading.sensor_id),
                    payload: payload::reading(reading, self.settings.times),
                    qos: Qos::AtLeastOnce,
                    retained: false,
                    is_forwarded: false,
                },
                OutboundContent::Forwarded { topic, payload, is_retained } => Outgoing {
                    topic: topic.clone(),
                    payload: payload.clone(),
                    qos: Qos::AtLeastOnce,
                    retained: *is_retained,
                    is_forwarded: true,
                },
            };
            if let Err(why) = self.publish(Tag::Outbound(position), message, ctx) {
                self.settle(Tag::Outbound(position), why);
            }
        }
    }

    /// The broker has acknowledged something.
    pub(super) fn published(&mut self, position: Position) {
        match self.publication.acknowledge(position) {
            Some(OutboundContent::Reading(reading)) => {
                self.note_taken(&reading);
                self.log_sent(&reading);
            }
            Some(OutboundContent::Forwarded { .. }) => self.settings.gauges.count_forwarded(),
            None => {}
        }
        self.move_cursor();
    }

    fn note_taken(&self, reading: &Reading) {
        let gauges = &self.settings.gauges;
        if gauges.is_refused() {
            let topic = self.topics.reading(&reading.quantity, &reading.sensor_id);
            if gauges.accept(&topic) {
                info!(target: "vigie::gateway", "the broker takes readings on {topic} again");
            }
        }
    }

    pub(super) fn move_cursor(&mut self) {
        if let Some(Progress { through, readings }) = self.publication.take_progress() {
            self.settings.log.publish_through(through, readings);
        }
    }

    /// Whether nothing waits for publication.
    pub(super) fn is_published(&self) -> bool {
        self.publication.unfinished() == 0 && !self.outbound.has_more()
    }

    /// Skips the oldest readings beyond the backlog's limit.
    pub(super) fn skip_excess(&mut self) {
        let before = self.publication.given_up();
        while self.excess() > 0 {
            if !self.publication.skip_oldest() {
                let wanted = usize::try_from(self.excess()).unwrap_or(usize::MAX);
                let polled = self.outbound.poll(wanted.min(SKIPPED_AT_ONCE));
                if polled.is_empty() {
                    break;
                }
                self.publication.add(polled);
                continue;
            }
            self.move_cursor();
        }
        if self.publication.given_up() > before && self.lines.skipped.admit(now()).is_some() {
            self.say_skipped();
        }
    }

    /// Number of readings beyond the limit, in count, or in bytes if devices choose their size. Already skipped
    /// ones behind something in flight are not counted.
    fn excess(&self) -> u64 {
        let log = &self.settings.log;
        let waiting = log.unpublished();
        let most = if self.settings.forward_mark.is_some() {
            // As many as fit in by their average size.
            let kib = (log.unpublished_bytes() >> 10).max(1);
            if kib <= FORWARD_KIB { waiting } else { waiting.saturating_mul(FORWARD_KIB) / kib }
        } else {
            PUBLICATION_CAPACITY
        };
        waiting.saturating_sub(most).saturating_sub(self.publication.num_ahead())
    }

    pub(super) fn say_skipped(&self) {
        let total = self.publication.given_up();
        if self.settings.forward_mark.is_some() {
            error!(
                target: "vigie::gateway",
                "{} MiB wait for the broker: the oldest messages are skipped, {total} so far; their readings are stored, \
                 and not published",
                FORWARD_KIB >> 10,
            );
            return;
        }
        error!(
            target: "vigie::gateway",
            "{PUBLICATION_CAPACITY} own readings wait for the broker: the oldest are skipped, {total} so far; \
             they are stored, and not published"
        );
    }

    fn log_sent(&mut self, reading: &Reading) {
        if let Some(suppressed_before) = self.lines.sent.admit(now()) {
            self.log_sent_more(suppressed_before);
            info!(target: SENT, "{}", (self.settings.words.reading_sent)(reading));
        }
    }

    pub(super) fn log_sent_more(&self, more: u64) {
        if more > 0 {
            info!(target: SENT, "{}", (self.settings.words.readings_sent_more)(more));
        }
    }

    /// Logs at the stop what the broker does not have.
    pub(super) fn tell_unpublished(&self) {
        let left = usize::try_from(self.settings.log.unpublished()).unwrap_or(usize::MAX);
        if left > 0 {
            let folder = self.settings.log.folder().display().to_string();
            warn!(target: "vigie::gateway", "{}", (self.settings.words.readings_left)(left, &folder));
        }
    }

    /// Publishes the requests that are due.
    pub(super) fn send_requests(&mut self, ctx: &mut Context<Self>) {
        if !self.carries() || self.stop.is_some() {
            return;
        }
        let requests = self.settings.subscriptions.requests();
        if requests.is_empty() {
            return;
        }
        let Some(is_for_all) = self.requesting.take_due(now()) else { return };
        for request in requests {
            let payload = if is_for_all { request.payload_for_all } else { request.payload };
            let message = Outgoing {
                topic: request.topic,
                payload: payload.as_bytes().to_vec(),
                qos: Qos::AtLeastOnce,
                retained: false,
                is_forwarded: false,
            };
            let tag = Tag::Request(self.requesting.next_number());
            if let Err(why) = self.publish(tag, message, ctx) {
                self.settle(tag, why);
            }
        }
    }

    /// Publishes what is due, within the window.
    pub(super) fn send_discovery(&mut self, ctx: &mut Context<Self>) {
        if self.discovery.is_none() || self.stop.is_some() {
            return;
        }
        let topics = self.discovery_topics();
        if self.poison.is_held(Tag::Discovery(0), &topics, now()) {
            self.note_refused_topic(&topics, Published::Discovery, Refusal::EndsConnection);
            return;
        }
        while self.poison.may_publish(now())
            && let Some(due) = self.discovery.as_mut().and_then(|it| it.dispatch(now()))
        {
            let message = Outgoing {
                topic: due.topic,
                payload: due.payload,
                qos: Qos::AtLeastOnce,
                retained: true,
                is_forwarded: false,
            };
            if let Err(why) = self.publish(Tag::Discovery(due.tag), message, ctx) {
                self.settle(Tag::Discovery(due.tag), why);
            }
        }
    }

    /// All topics of discovery, as a filter.
    fn discovery_topics(&self) -> String {
        let config = self.settings.discovery.as_ref().map(|it| &it.config);
        config.map_or_else(String::new, |config| format!("{}/#", config.prefix))
    }

    /// The broker has it.
    pub(super) fn discovery_delivered(&mut self, tag: u64) {
        if self.settings.gauges.is_refused()
            && self.settings.gauges.accept(&self.discovery_topics())
        {
            info!(target: "vigie::gateway", "the broker accepts messages for Home Assistant again");
        }
        if let Some(discovery) = &mut self.discovery {
            discovery.delivered(tag);
        }
    }
}

impl StreamHandler<OutboundAppended> for Gateway {
    fn handle(&mut self, _: OutboundAppended, ctx: &mut Context<Self>) {
        self.flow(ctx);
    }

    /// The stream has no end.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

/// A heartbeat is published at once or not at all: a queued one would be stale.
impl Handler<Routed<Beat>> for Gateway {
    type Result = bool;

    fn handle(&mut self, beat: Routed<Beat>, ctx: &mut Context<Self>) -> bool {
        let (Beat { topic }, _room) = beat.split();
        if !self.carries() || !self.poison.may_publish(now()) || self.stop.is_some() {
            return false;
        }
        let client_id = &self.settings.mqtt.client_id;
        let beat = Outgoing {
            topic: topic.to_string(),
            payload: payload::beat(chrono::Utc::now(), client_id, self.settings.times),
            qos: Qos::AtLeastOnce,
            retained: false,
            is_forwarded: false,
        };
        let published = self.publish(Tag::Beat, beat, ctx);
        if let Err(why) = published {
            self.settle(Tag::Beat, why);
        }
        published.is_ok()
    }
}
