//! The actor's part in publishing own readings: polls them from the log, sends them, moves the cursor, and says
//! what becomes of them. Which is next is decided in `publication`.

use actix::prelude::*;
use futures_util::stream::unfold;
use log::{error, info, warn};

use super::actor::{Gateway, now};
use super::link::{Command, Outgoing, Qos, Tag};
use super::publication::Progress;
use crate::domain::{Position, Reading};
use crate::ingest::{PUBLICATION_CAPACITY, own_readings_appended};
use crate::wire::payload;

/// The target of the line that each published reading has.
const SENT: &str = "vigie::sent";
/// Own readings skipped at a time: a few milliseconds of the arbiter.
const SKIPPED_AT_ONCE: usize = 256;

/// Own readings were appended to the log, or may have been.
pub(super) struct OwnAppended;

impl Gateway {
    pub(super) fn await_own_readings(&mut self, ctx: &mut Context<Self>) {
        let log = self.settings.log.clone();
        ctx.add_stream(unfold(log, async |log| {
            own_readings_appended(&log).await;
            Some((OwnAppended, log))
        }));
    }

    pub(super) fn send_readings(&mut self, ctx: &mut Context<Self>) {
        loop {
            let room = self.publication.room();
            if room > 0 && self.own.has_more() {
                let polled = self.own.poll(room);
                self.publication.add(polled);
            }
            let Some((position, reading)) = self.publication.dispatch() else { return };
            let message = Outgoing {
                topic: self.topics.reading(&reading.quantity, &reading.sensor_id),
                payload: payload::reading(reading, self.settings.times),
                qos: Qos::AtLeastOnce,
                retained: false,
            };
            self.tell(Command::Publish(Tag::Reading(position), message), ctx);
        }
    }

    /// The broker has acknowledged an own reading.
    pub(super) fn published(&mut self, position: Position) {
        if let Some(reading) = self.publication.acknowledge(position) {
            self.log_sent(&reading);
        }
        self.move_cursor();
    }

    pub(super) fn move_cursor(&mut self) {
        if let Some(Progress { through, readings }) = self.publication.take_progress() {
            self.settings.log.publish_through(through, readings);
        }
    }

    /// Whether nothing waits for publication.
    pub(super) fn is_published(&self) -> bool {
        self.publication.unfinished() == 0 && !self.own.has_more()
    }

    /// Skips the oldest readings past the number that may wait.
    pub(super) fn skip_excess(&mut self) {
        let excess =
            |act: &Self| act.settings.log.unpublished().saturating_sub(PUBLICATION_CAPACITY);
        let before = self.publication.given_up();
        while excess(self) > 0 {
            if !self.publication.skip_oldest() {
                let wanted = usize::try_from(excess(self)).unwrap_or(usize::MAX);
                let polled = self.own.poll(wanted.min(SKIPPED_AT_ONCE));
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

    pub(super) fn say_skipped(&self) {
        let total = self.publication.given_up();
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

    /// At the stop: what becomes of the readings that the broker does not have.
    pub(super) fn tell_unpublished(&self) {
        let left = usize::try_from(self.settings.log.unpublished()).unwrap_or(usize::MAX);
        if left > 0 {
            let folder = self.settings.log.folder().display().to_string();
            warn!(target: "vigie::gateway", "{}", (self.settings.words.readings_left)(left, &folder));
        }
    }
}

impl StreamHandler<OwnAppended> for Gateway {
    fn handle(&mut self, _: OwnAppended, ctx: &mut Context<Self>) {
        self.flow(ctx);
    }

    /// The stream has no end.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
