//! The actor's part of discovery: polls the live table at each tick and publishes what `book` says is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use log::{info, warn};

use super::birth::Births;
use super::book::{Book, MOST_SERIES};
use super::description::Describer;
use super::{DiscoverySettings, SeriesSource};
use crate::domain::LiveHeads;
use crate::locale::{Published, Refusal};
use crate::mqtt::actor::{Gateway, now};
use crate::mqtt::link::{Outgoing, Qos, Tag};
use crate::mqtt::{Settings, flow};
use crate::wire::Topics;

/// Discovery of one incarnation of the gateway.
pub(in crate::mqtt) struct Discovery {
    series: Arc<dyn SeriesSource>,
    book: Book,
    births: Births,
    /// Version of the live table that the book has; 0 for none.
    version: u64,
    heads: LiveHeads,
    /// Version of the known origins, which are Home Assistant's own.
    origins: u64,
    has_warned: bool,
    /// The broker refused a message for now: none is sent before this.
    rests_until: Option<Instant>,
}

/// Pause after the broker refused a message for now, such as for a quota of retained ones. Only discovery waits.
const REST: Duration = Duration::from_secs(60);

impl Discovery {
    /// `None` if discovery is off.
    pub fn new(settings: &Settings, topics: &Topics) -> Option<Self> {
        let DiscoverySettings { config, series } = settings.discovery.as_ref()?;
        let Settings { version, words, times, .. } = settings;
        let describer = Describer::new(config, topics.status(), version, words, *times);
        Some(Self {
            series: series.clone(),
            book: Book::new(describer),
            births: Births::default(),
            version: 0,
            heads: LiveHeads::default(),
            origins: 0,
            has_warned: false,
            rests_until: None,
        })
    }
}

impl Gateway {
    /// Discards what is in flight: the next connection publishes everything.
    pub(in crate::mqtt) fn rewind_discovery(&mut self) {
        if let Some(Discovery { book, births, .. }) = &mut self.discovery {
            book.begin_anew(true);
            births.forget();
        }
    }

    /// Handles a birth message of Home Assistant.
    pub(in crate::mqtt) fn hear_birth(&mut self) {
        if let Some(Discovery { births, .. }) = &mut self.discovery {
            births.hear(now(), rand::random());
        }
    }

    /// Applies the changes of the live table.
    pub(in crate::mqtt) fn look_at_series(&mut self) {
        let Some(discovery) = &mut self.discovery else { return };
        let Discovery { series, book, births, version, heads, origins, has_warned, .. } = discovery;
        book.tick();
        let subscriptions = &self.settings.subscriptions;
        let new_origins = subscriptions.origins();
        if std::mem::replace(origins, new_origins) != new_origins {
            *version = 0;
        }
        let new_heads = series.heads();
        if std::mem::replace(heads, new_heads) != new_heads || *version == 0 {
            let changes = series.since(*version);
            let is_all = changes.is_full || *version == 0;
            *version = changes.version;
            let is_shown = |sensor: &_, quantity: &_| subscriptions.may_show(sensor, quantity);
            book.take(changes, is_all, is_shown, now());
        }
        if book.take_left_out() && !std::mem::replace(has_warned, true) {
            warn!(
                target: "vigie::gateway",
                "more than {MOST_SERIES} series are watched: those beyond are not shown in Home Assistant"
            );
        }
        if births.take_due(now()) {
            info!(target: "vigie::gateway", "Home Assistant has started: everything is described to it again");
            book.begin_anew(false);
        }
    }

    /// Publishes what is due, within the window.
    pub(in crate::mqtt) fn send_discovery(&mut self, ctx: &mut Context<Self>) {
        let rests_until = self.discovery.as_ref().and_then(|it| it.rests_until);
        if self.discovery.is_none()
            || self.stop.is_some()
            || rests_until.is_some_and(|until| now() < until)
        {
            return;
        }
        let topics = self.discovery_topics();
        if self.poison.is_held(Tag::Discovery(0), &topics, now()) {
            self.note_refused_topic(&topics, Published::Discovery, Refusal::EndsConnection);
            return;
        }
        while self.poison.may_publish(now())
            && let Some(due) = self.discovery.as_mut().and_then(|it| it.book.dispatch(now()))
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
    pub(in crate::mqtt) fn discovery_delivered(&mut self, tag: u64) {
        if self.settings.gauges.is_refused()
            && self.settings.gauges.accept(&self.discovery_topics())
        {
            info!(target: "vigie::gateway", "the broker accepts messages for Home Assistant again");
        }
        if let Some(Discovery { book, .. }) = &mut self.discovery {
            book.finish(tag);
        }
    }

    /// Handles a refusal, which affects no other messages.
    pub(in crate::mqtt) fn discovery_refused(&mut self, tag: u64, why: Refusal) {
        let Some(Discovery { book, rests_until, .. }) = &mut self.discovery else { return };
        let is_for_now = !flow::is_about_its_topic(why);
        if is_for_now {
            book.put_back(tag);
            *rests_until = Some(now() + REST);
        } else {
            book.finish(tag);
        }
    }
}
