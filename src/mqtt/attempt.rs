//! An attempt to connect: what it needs, gathered anew for each, so that a changed password file or a broker that moved
//! to another port needs no restart; and the state that attempts share.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::Settings;
use super::link::{Outgoing, Plan, Qos, Role, Target};
use super::retry::{Announcer, Flaps, Streak};
use crate::config::{Endpoint, Secret};
use crate::ingest::formats::kit::topics::matches;
use crate::locale::ConnectionProblem;
use crate::wire::payload::{self, State, Status};
use crate::wire::{HomeAssistantTopics, Topics};

/// Reconnection state of one connection.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Plan of the last attempt.
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) streak: Streak,
    pub(super) flaps: Flaps,
    pub(super) announcer: Announcer,
    /// Successful attempts.
    pub(super) count: u32,
}

impl Attempts {
    /// Notes a successful attempt.
    pub(super) fn connected(&mut self, now: Instant) {
        self.count += 1;
        self.streak.connected(now);
        self.flaps.connected(now);
        self.announcer.connected();
    }
}

/// Plans a connection: waits for the embedded broker if that is the target, reads the secrets, and returns address
/// and options. The Last Will assumes a broker with all capabilities.
///
/// # Errors
/// If a secret can't be read, or the embedded broker has ended.
pub async fn plan(
    settings: &Settings,
    topics: &Topics,
    role: Role,
    wants_retained: bool,
) -> Result<Plan, ConnectionProblem> {
    let (target, credentials) = match &settings.mqtt.endpoint {
        Endpoint::Embedded => embedded(settings).await?,
        Endpoint::Remote { host, port, tls } => {
            let target = Target {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: *port,
                tls: tls.then(|| settings.mqtt.tls.clone()),
            };
            (target, credentials(settings).await?)
        }
    };
    let birth = settings.discovery.as_ref().map(|it| HomeAssistantTopics::new(&it.config).birth());
    let will = status(settings, topics, State::Offline { reason: "connection lost" }, None);
    let filters = if role.takes_in() { settings.subscriptions.filters().0 } else { Vec::new() };
    let own_status = topics.status();
    let comes_back = filters.iter().any(|filter| matches(&filter.text, &own_status));
    Ok(Plan {
        role,
        target,
        version: settings.mqtt.version,
        client_id: match role {
            Role::Publishing => settings.mqtt.publish_client_id.clone(),
            Role::Intake | Role::Both => settings.mqtt.client_id.clone(),
        },
        credentials,
        keep_alive: settings.mqtt.keep_alive,
        filters,
        wants_retained,
        birth: birth.filter(|_| role.publishes()),
        will: role.publishes().then_some(will),
        status_echo: comes_back.then_some(own_status),
        forward_mark: settings.forward_mark.clone(),
    })
}

type Place = (Target, Option<(String, Secret)>);

async fn embedded(settings: &Settings) -> Result<Place, ConnectionProblem> {
    let mut broker = settings.embedded.clone().ok_or(ConnectionProblem::EmbeddedStopped)?;
    let address =
        broker.wait_for(Option::is_some).await.map_err(|_| ConnectionProblem::EmbeddedStopped)?;
    let address = address.clone().ok_or(ConnectionProblem::EmbeddedStopped)?;
    let target =
        Target { host: address.addr.ip().to_string(), port: address.addr.port(), tls: None };
    Ok((target, address.credentials))
}

async fn credentials(settings: &Settings) -> Result<Option<(String, Secret)>, ConnectionProblem> {
    let Some(credentials) = settings.mqtt.credentials.clone() else { return Ok(None) };
    // A file on a slow disk must not hold up the arbiter.
    let read = tokio::task::spawn_blocking(move || {
        credentials.read_password().map(|it| (credentials.username, it))
    })
    .await;
    match read {
        Ok(Ok((username, password))) => {
            Ok(Some((username, password.unwrap_or_else(|| Secret::new(String::new())))))
        }
        Ok(Err(why)) => Err(ConnectionProblem::SecretUnreadable { why }),
        Err(error) => Err(ConnectionProblem::SecretUnreadable { why: error.to_string() }),
    }
}

/// Retained status message.
#[must_use]
pub fn status(
    settings: &Settings,
    topics: &Topics,
    state: State,
    timestamp: Option<DateTime<Utc>>,
) -> Outgoing {
    let status = Status {
        state,
        timestamp,
        client_id: &settings.mqtt.client_id,
        version: &settings.version,
        sensors: settings.sensors,
    };
    Outgoing {
        topic: topics.status(),
        payload: payload::status(&status, settings.times),
        qos: Qos::AtLeastOnce,
        retained: true,
        is_forwarded: false,
    }
}
