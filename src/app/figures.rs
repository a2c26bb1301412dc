//! Finds the figures of the pages where they are: the daemon's, and those of its broker.
//!
//! Always: from what others show of themselves; nothing here waits for anybody.

#![expect(clippy::disallowed_methods, reason = "rates, and the beginnings of what is wrong")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::meter::{Ledger, Meter};
use super::report::Reporting;
use crate::broker::{ClientView, Clients};
use crate::ingest::TopicActivity;
use crate::locale::{Problem, Words};
use crate::supervisor::ChildState;
use crate::web::figures::{
    BrokerReport, DatabaseReport, ProblemReport, SessionReport, SystemReport, TopicReport,
};
use crate::web::report::{ReceiverState, StatusReport};

/// Topics that are shown, by rate.
const TOPICS: usize = 20;

/// Where the figures are.
pub(super) struct Figures {
    reporting: Reporting,
    words: &'static Words,
    /// Sessions of the embedded broker, if the daemon publishes to it.
    clients: Option<Clients>,
    began: Instant,
    started_at: DateTime<Utc>,
    measured: Mutex<Measured>,
}

/// What is sampled each second.
#[derive(Default)]
struct Measured {
    readings: Meter,
    messages_in: Meter,
    messages_out: Meter,
    wrong: Ledger,
}

impl Figures {
    pub fn new(reporting: Reporting, words: &'static Words, clients: Option<Clients>) -> Self {
        let measured = Mutex::default();
        Self { reporting, words, clients, began: Instant::now(), started_at: Utc::now(), measured }
    }

    /// The state as the command line has it.
    pub fn status(&self) -> StatusReport {
        self.reporting.now()
    }

    /// To be called each second.
    pub fn sample(&self) {
        let log = &self.reporting.log;
        log.traffic().sample();
        let at = self.began.elapsed();
        let (messages_in, messages_out) = log.traffic().totals();
        let wrong = self.wrong(&self.status());
        let mut measured = self.measured();
        measured.readings.sample(at, self.reporting.live.num_readings());
        measured.messages_in.sample(at, messages_in);
        measured.messages_out.sample(at, messages_out);
        measured.wrong.note(&wrong, Utc::now());
    }

    pub fn system(&self) -> SystemReport {
        let status = self.status();
        let measured = self.measured();
        let problem = |(what, since): (&str, _)| ProblemReport { since, what: what.to_owned() };
        SystemReport {
            status,
            started_at: self.started_at,
            readings_per_s: measured.readings.per_second(),
            problems: measured.wrong.standing().map(problem).collect(),
            database: Self::database(),
        }
    }

    pub fn broker(&self) -> BrokerReport {
        let Reporting { broker, gauges, log, .. } = &self.reporting;
        let limits = gauges.limits();
        let sessions = self.clients.as_ref().map(Clients::shown);
        let measured = self.measured();
        BrokerReport {
            name: broker.clone(),
            embedded: self.clients.is_some(),
            connected: gauges.connected(),
            since: gauges.since(),
            limits: limits.into_iter().map(self.words.broker_limit).collect(),
            in_per_s: measured.messages_in.per_second(),
            out_per_s: measured.messages_out.per_second(),
            topics: log.traffic().busiest(TOPICS).into_iter().map(topic).collect(),
            sessions: sessions.map(|sessions| sessions.into_iter().map(session).collect()),
            sys: None,
        }
    }

    /// Nobody measures the database yet.
    const fn database() -> Option<DatabaseReport> {
        None
    }

    /// What is wrong now, in the daemon's language.
    fn wrong(&self, status: &StatusReport) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |problem| wrong.push((self.words.problem)(problem));
        if !status.broker.connected {
            say(Problem::NotConnected { broker: &status.broker.name });
        }
        if !self.reporting.log.is_taking() {
            say(Problem::NothingTaken);
        }
        if status.queues.store.depth >= status.queues.store.capacity {
            say(Problem::StorageFull);
        }
        let tree = status.tree.iter();
        let troubled = |state: ChildState| !matches!(state, ChildState::Up | ChildState::Stopped);
        for tree in tree {
            let children = tree.children.iter().filter(|child| troubled(child.state));
            let members = tree.groups.iter().flat_map(|group| &group.troubled);
            let members = members.filter(|child| troubled(child.state));
            for child in children.chain(members) {
                say(Problem::PartDown { name: &child.name });
            }
        }
        for receiver in &status.receivers {
            if receiver.state == ReceiverState::Failing {
                let why = receiver.last_error.as_ref().map_or("", |error| error.why.as_str());
                say(Problem::ReceiverFails { name: &receiver.name, why });
            }
        }
        wrong
    }

    // Each change is whole: a poisoned lock is as good.
    fn measured(&self) -> MutexGuard<'_, Measured> {
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
