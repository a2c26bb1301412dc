//! The actor's part in the status message: publishes it, retries a refused one, and checks that it comes back by the
//! subscription.

#![expect(clippy::disallowed_methods, reason = "a status message bears the time it was sent")]

use std::time::Duration;

use actix::prelude::*;
use log::{info, warn};

use super::actor::{Gateway, now};
use super::attempt;
use super::echo::Echo;
use super::link::Tag;
use crate::locale::{Published, Refusal};
use crate::wire::payload::State;

/// Delay before a refused status is published again.
const STATUS_RETRY: Duration = Duration::from_secs(10);

impl Gateway {
    pub(super) fn publish_status(&mut self, state: State, ctx: &mut Context<Self>) {
        let timestamp = Some(chrono::Utc::now());
        let status = attempt::status(&self.settings, &self.topics, state, timestamp);
        let tag = if state == State::Online { Tag::Online } else { Tag::Offline };
        if let Err(why) = self.publish(tag, status, ctx) {
            self.status_answered(tag, Err(why));
        }
    }

    pub(super) fn status_answered(&mut self, tag: Tag, result: Result<(), Refusal>) {
        self.goodbye_completed |= tag == Tag::Offline;
        let topic = self.topics.status();
        match result {
            Err(why) => {
                self.note_refused_topic(&topic, Published::Status, why);
                self.status_retry_at = Some(now() + STATUS_RETRY);
            }
            Ok(()) => {
                if self.settings.gauges.accept(&topic) {
                    info!(target: "vigie::gateway", "the broker accepts the status on {topic} again");
                }
                if self.intake.plan.as_ref().is_some_and(|it| it.status_echo.is_some()) {
                    let (messages_in, _) = self.settings.log.traffic().totals();
                    self.echo.published(messages_in, now());
                }
            }
        }
    }

    pub(super) fn on_echo(&mut self) {
        self.echo.received();
        self.note_echo();
    }

    /// Called each second while the status is published.
    pub(super) fn check_echo(&mut self) {
        let (messages_in, _) = self.settings.log.traffic().totals();
        if self.echo.take_timeout(messages_in, now()) {
            let status = self.topics.status();
            warn!(
                target: "vigie::gateway",
                "the broker grants the subscription to readings and delivers nothing: this daemon's status on {status} does \
                 not come back; check this user's right to read, and to publish the status"
            );
            self.settings.gauges.show_silent(Some((status, chrono::Utc::now())));
        }
        self.note_echo();
    }

    fn note_echo(&self) {
        if self.echo == Echo::Received && self.settings.gauges.silent().is_some() {
            self.settings.gauges.show_silent(None);
            info!(target: "vigie::gateway", "the broker delivers by the subscription again");
        }
    }
}
