//! Discovery of one incarnation of the gateway: polls the live table, and returns the messages that `book` has due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::birth::Births;
use super::book::{Book, Due, MOST_SERIES};
use super::description::Describer;
use super::{DiscoverySettings, SeriesSource};
use crate::domain::LiveHeads;
use crate::ingest::Subscriptions;
use crate::mqtt::Settings;
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

    /// Discards what is in flight: the next connection publishes everything.
    pub fn rewind(&mut self) {
        self.book.begin_anew(true);
        self.births.forget();
    }

    /// Handles a birth message of Home Assistant.
    pub fn hear_birth(&mut self, now: Instant) {
        self.births.hear(now, rand::random());
    }

    /// Applies the changes of the live table.
    pub fn poll_series(&mut self, subscriptions: &Subscriptions, now: Instant) {
        let Self { series, book, births, version, heads, origins, has_warned, .. } = self;
        book.tick();
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
            book.take(changes, is_all, is_shown, now);
        }
        if book.take_left_out() && !std::mem::replace(has_warned, true) {
            warn!(
                target: "vigie::gateway",
                "more than {MOST_SERIES} series are watched: those beyond are not shown in Home Assistant"
            );
        }
        if births.take_due(now) {
            info!(target: "vigie::gateway", "Home Assistant has started: everything is described to it again");
            book.begin_anew(false);
        }
    }

    /// Returns the next message that is due; `None` while discovery rests after a refusal.
    pub fn dispatch(&mut self, now: Instant) -> Option<Due> {
        let rests = self.rests_until.is_some_and(|until| now < until);
        if rests { None } else { self.book.dispatch(now) }
    }

    /// Notes that the broker acknowledged a message.
    pub fn delivered(&mut self, tag: u64) {
        self.book.finish(tag);
    }

    /// Handles a refusal, which affects no other messages: a final one drops the message, others are retried.
    pub fn refused(&mut self, tag: u64, is_final: bool, now: Instant) {
        if is_final {
            self.book.finish(tag);
        } else {
            self.book.put_back(tag);
            self.rests_until = Some(now + REST);
        }
    }
}
