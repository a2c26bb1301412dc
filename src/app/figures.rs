//! Figures of the pages, collected from the daemon and its broker.
//!
//! Always: from gauges; nothing here blocks.

#![expect(clippy::disallowed_methods, reason = "rates, and the beginnings of what is wrong")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::meter::{Ledger, Meter};
use super::problems;
use super::report::Reporting;
use crate::broker::{ClientView, Clients};
use crate::ingest::TopicActivity;
use crate::locale::Words;
use crate::web::figures::{BrokerReport, DatabaseReport, SessionReport, SystemReport, TopicReport};
use crate::web::report::{ProblemReport, StatusReport};

/// Topics that are shown, by rate.
const TOPICS: usize = 20;

/// Samples between two checks for problems, while no page polls.
const LOOK_EACH: u32 = 10;

/// Sources of the figures.
pub(super) struct Figures {
    reporting: Reporting,
    words: &'static Words,
    /// Sessions of the embedded broker, if the daemon publishes to it.
    clients: Option<Clients>,
    began: Instant,
    started_at: DateTime<Utc>,
    measured: Mutex<SampledFigures>,
}

/// Figures sampled each second.
#[derive(Default)]
struct SampledFigures {
    readings: Meter,
    messages_in: Meter,
    messages_out: Meter,
    wrong: Ledger,
    /// Samples since the last check for problems.
    samples: u32,
}

impl SampledFigures {
    fn is_look_due(&mut self) -> bool {
        self.samples = (self.samples + 1) % LOOK_EACH;
        self.samples == 0
    }
}

impl Figures {
    pub fn new(reporting: Reporting, words: &'static Words, clients: Option<Clients>) -> Self {
        let measured = Mutex::default();
        Self { reporting, words, clients, began: Instant::now(), started_at: Utc::now(), measured }
    }

    /// The state as the command line has it.
    pub fn status(&self) -> StatusReport {
        let mut status = self.reporting.now();
        status.broker.limits = self.limits();
        let wrong = problems::find(&self.reporting, &status, self.words);
        let mut measured = self.measured();
        measured.wrong.note(wrong, Utc::now());
        let problem = |(what, since): (&str, _)| ProblemReport { since, what: what.to_owned() };
        status.problems = measured.wrong.standing().map(problem).collect();
        status
    }

    fn limits(&self) -> Vec<String> {
        let limits = self.reporting.gauges.limits();
        limits.into_iter().map(self.words.broker_limit).collect()
    }

    /// Called each second.
    pub fn sample(&self) {
        let log = &self.reporting.log;
        log.traffic().sample();
        let at = self.began.elapsed();
        let (messages_in, messages_out) = log.traffic().totals();
        let is_due = self.measured().is_look_due();
        if is_due {
            // Checking all children of a large fleet takes milliseconds.
            self.status();
        }
        let mut measured = self.measured();
        measured.readings.sample(at, self.reporting.live.num_readings());
        measured.messages_in.sample(at, messages_in);
        measured.messages_out.sample(at, messages_out);
    }

    pub fn system(&self) -> SystemReport {
        SystemReport {
            status: self.status(),
            started_at: self.started_at,
            readings_per_s: self.measured().readings.per_second(),
            database: self.database(),
        }
    }

    pub fn broker(&self) -> BrokerReport {
        let Reporting { broker, gauges, log, .. } = &self.reporting;
        let sessions = self.clients.as_ref().map(Clients::shown);
        let measured = self.measured();
        BrokerReport {
            name: broker.clone(),
            embedded: self.clients.is_some(),
            connected: gauges.connected(),
            since: gauges.since(),
            limits: self.limits(),
            in_per_s: measured.messages_in.per_second(),
            out_per_s: measured.messages_out.per_second(),
            topics: log.traffic().busiest(TOPICS).into_iter().map(topic).collect(),
            sessions: sessions.map(|sessions| sessions.into_iter().map(session).collect()),
            sys: None,
        }
    }

    /// `None` before it was first measured.
    fn database(&self) -> Option<DatabaseReport> {
        let growth = &self.reporting.growth;
        growth.figures().map(|figures| DatabaseReport {
            path: growth.path().to_owned(),
            bytes: figures.bytes,
            grows_bytes_a_day: figures.bytes_a_day,
            disk_free_bytes: figures.disk_free_bytes,
            days_left: figures.days_left,
        })
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn measured(&self) -> MutexGuard<'_, SampledFigures> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn topic(activity: TopicActivity) -> TopicReport {
    let TopicActivity { topic, per_second, last_at, payload, is_cut, is_retained } = activity;
    TopicReport { topic, per_s: per_second, last_at, payload, is_cut, retained: is_retained }
}

fn session(client: ClientView) -> SessionReport {
    let ClientView { client_id, address, since, connected, queued, subscriptions } = client;
    SessionReport { client_id, address, since, connected, queued, subscriptions }
}
