//! From a plan to a standing connection: a client made, connected, subscribed; and how a client is let go.
//!
//! Never: a client is destroyed inside its own callback (see [`retire`]), or `open` dropped halfway.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use paho_mqtt as paho;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::options::{options, outcome, reason, version, wiping_options};
use super::{Connection, IntakeSink, Signal};
use crate::config::MqttVersion;
use crate::domain::Ingress;
use crate::ingest::formats::Filter;
use crate::ingest::{FORWARDED_PROPERTY, IncomingMessage};
use crate::mqtt::discovery::ONLINE;
use crate::mqtt::link::{Advertised, Failed, Outcome, Plan, Qos};

/// Timeout for connecting, against obstacles outside Paho's own timeout such as an unresponsive name server.
const CONNECT_AT_MOST: Duration = Duration::from_secs(20);
pub(super) const SUBSCRIBE: Duration = Duration::from_secs(10);
/// Filters per SUBSCRIBE: each takes a round trip, and some brokers refuse a large packet.
const TOGETHER: usize = 100;
const DISCONNECT: Duration = Duration::from_millis(300);
/// Capacity of Paho's own queue, above the gateway's maximum in flight.
const PAHO_BUFFER: i32 = 1000;

/// Connects and subscribes. Not to be dropped halfway: see [`retire`].
pub(super) async fn open(
    plan: &Plan,
    doorway: Option<&IntakeSink>,
    signals: &mpsc::Sender<Signal>,
) -> Result<(Connection, Advertised), Failed> {
    let failed = |had_will| move |outcome| Failed { role: plan.role, outcome, had_will };
    keep_paho_running();
    let options = options(plan).map_err(failed(false))?;
    if let Some(options) = wiping_options(plan).map_err(failed(false))? {
        let (wiping, _) = connect(plan, options, |_| {}).await.map_err(failed(false))?;
        retire(wiping).await;
    }
    let (told, lost) = mpsc::channel(4);
    let handler = MessageHandler {
        doorway: doorway.filter(|_| plan.role.takes_in()).cloned(),
        forward_mark: plan.forward_mark.clone(),
        birth: plan.birth.clone(),
        status_echo: plan.status_echo.clone(),
        signals: signals.clone(),
    };
    let opened = connect(plan, options, |client| {
        report_loss(client, &told);
        client.set_message_callback(move |_, message| handler.handle(message));
    });
    let (client, answer) = opened.await.map_err(failed(plan.will.is_some()))?;
    let births: Vec<_> = plan.birth.iter().map(Filter::optional).collect();
    let subscribed = async {
        let refused = subscribe_to(&client, plan.version, &plan.filters, plan.wants_retained);
        let births = subscribe_to(&client, plan.version, &births, false);
        Ok([refused.await?, births.await?].concat())
    };
    match subscribed.await {
        Ok(refused) => Ok((Connection::new(plan, client, lost), advertised(&answer, refused))),
        Err(outcome) => {
            retire(client).await;
            Err(failed(false)(outcome))
        }
    }
}

/// Capabilities in a CONNACK of MQTT 5; the defaults under 3.1.1.
fn advertised(answer: &paho::ServerResponse, refused: Vec<String>) -> Advertised {
    let properties = answer.properties();
    let number = |code| properties.get_int(code).and_then(|number| u32::try_from(number).ok());
    Advertised {
        maximum_qos: match number(paho::PropertyCode::MaximumQos) {
            Some(0) => Qos::AtMostOnce,
            Some(1) => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        },
        takes_retained: number(paho::PropertyCode::RetainAvailable) != Some(0),
        maximum_packet_bytes: number(paho::PropertyCode::MaximumPacketSize),
        assigned_id: properties.get_string(paho::PropertyCode::AssignedClientIdentifer),
        refused,
    }
}

/// Message callback of one client.
struct MessageHandler {
    /// `None` for a client that only publishes.
    doorway: Option<IntakeSink>,
    forward_mark: Option<String>,
    birth: Option<String>,
    status_echo: Option<String>,
    signals: mpsc::Sender<Signal>,
}

impl MessageHandler {
    /// Runs inside Paho's callback; the message is acknowledged when this returns.
    fn handle(&self, message: Option<paho::Message>) {
        // `None` is the end of the connection, which is reported elsewhere.
        let Some(message) = message else { return };
        // Messages that this installation forwarded come back by its own subscription.
        if is_marked(&message, self.forward_mark.as_deref()) {
            return;
        }
        let is_on = |topic: &Option<String>| topic.as_deref() == Some(message.topic());
        // A full channel has the same signal pending.
        if is_on(&self.status_echo) {
            let _full = self.signals.try_send(Signal::StatusEcho);
        }
        if is_on(&self.birth) {
            // Not a reading. A retained birth message is older than this connection, after which everything is published.
            if !message.retained() && message.payload() == ONLINE {
                let _full = self.signals.try_send(Signal::Birth);
            }
        } else if let Some(doorway) = &self.doorway {
            take_in(doorway, &message);
        }
    }
}

/// True if the message has the mark.
fn is_marked(message: &paho::Message, mark: Option<&str>) -> bool {
    let is_ours = |(key, value): (String, String)| {
        key == FORWARDED_PROPERTY && mark.is_some_and(|mark| mark == value)
    };
    mark.is_some() && message.properties().user_iter().any(is_ours)
}

fn take_in(doorway: &IntakeSink, message: &paho::Message) {
    let IntakeSink { log, subscriptions } = doorway;
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // 0, 1 or 2.
        let qos = message.qos() as u8;
        let arrival =
            IncomingMessage::live(Ingress::Remote, message.topic(), message.payload(), qos);
        let is_description = subscriptions.is_description(message.topic());
        log.accept(&IncomingMessage { is_replayed: message.retained(), is_description, ..arrival });
        if is_description {
            subscriptions.note_description(log.last());
        }
    }));
    if taken.is_err() {
        // A panic would unwind into C; continuing would acknowledge what is not on disk.
        log::error!(target: "vigie::gateway", "appending to the log panicked: ending the process before it acknowledges what it has not kept");
        std::process::abort();
    }
}

pub(super) fn report_loss(client: &paho::AsyncClient, lost: &mpsc::Sender<Outcome>) {
    // For both callbacks, a full channel means that a loss is already reported.
    let told = lost.clone();
    client.set_connection_lost_callback(move |_| drop(told.try_send(Outcome::Closed)));
    let told = lost.clone();
    client.set_disconnected_callback(move |_, properties, code| {
        drop(told.try_send(reason(code, &properties)));
    });
}

/// Makes and connects a client.
pub(super) async fn connect(
    plan: &Plan,
    options: paho::ConnectOptions,
    prepare: impl FnOnce(&paho::AsyncClient),
) -> Result<(paho::AsyncClient, paho::ServerResponse), Outcome> {
    let scheme = if plan.target.tls.is_some() { "mqtts" } else { "mqtt" };
    let create = paho::CreateOptionsBuilder::new()
        .server_uri(format!("{scheme}://{}", plan.target.authority()))
        .client_id(&plan.client_id)
        .persistence(paho::PersistenceType::None)
        .max_buffered_messages(PAHO_BUFFER)
        .mqtt_version(version(plan))
        .finalize();
    let client = paho::AsyncClient::new(create).map_err(|error| outcome(&error))?;
    prepare(&client);
    let mut answer = client.connect(options);
    match timeout(CONNECT_AT_MOST, &mut answer).await {
        Ok(Ok(answer)) => Ok((client, answer)),
        Ok(Err(error)) => {
            retire(client).await;
            Err(outcome(&error))
        }
        Err(_elapsed) => {
            // Retired when the answer comes, or leaked.
            let client = ManuallyDrop::new(client);
            tokio::spawn(async move {
                let _late = answer.await;
                retire(ManuallyDrop::into_inner(client)).await;
            });
            Err(Outcome::TimedOut)
        }
    }
}

/// Subscribes, in batches of filters. Returns the filters that were refused and are optional.
///
/// # Errors
/// If the broker refuses a required filter, or doesn't answer.
pub(super) async fn subscribe_to(
    client: &paho::AsyncClient,
    version: MqttVersion,
    filters: &[Filter],
    wants_retained: bool,
) -> Result<Vec<String>, Outcome> {
    let mut without = Vec::new();
    for filters in filters.chunks(TOGETHER) {
        let answer = match timeout(
            SUBSCRIBE,
            send_subscribe(client, version, filters, wants_retained),
        )
        .await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(outcome(&error)),
            Err(_elapsed) => return Err(Outcome::TimedOut),
        };
        let granted = answer.subscribe_many_response().unwrap_or_default();
        let refused = filters.iter().zip(granted).filter(|(_, code)| *code >= 0x80);
        for (filter, _) in refused {
            if filter.is_required {
                return Err(Outcome::SubscriptionRefused { filter: filter.text.clone() });
            }
            log::warn!(target: "vigie::gateway", "the broker refuses the subscription to {}: going on without; to have it, allow it to this user", filter.text);
            without.push(filter.text.clone());
        }
    }
    Ok(without)
}

fn send_subscribe(
    client: &paho::AsyncClient,
    version: MqttVersion,
    filters: &[Filter],
    wants_retained: bool,
) -> paho::SubscribeManyToken {
    let mut filters: Vec<_> = filters.iter().map(|filter| filter.text.clone()).collect();
    if let [only] = &filters[..] {
        // Of a refused subscription to one filter Paho makes a failed request, and of one to several a list of answers.
        filters.push(only.clone());
    }
    let all = |qos: paho::QoS| vec![qos; filters.len()];
    match version {
        // QoS 2 preserves each publisher's QoS. Retained messages are requested for a new subscription and at the
        // first connection of the process, not after each reconnection.
        MqttVersion::V5 => {
            let handling = if wants_retained {
                paho::RetainHandling::SendRetainedOnSubscribe
            } else {
                paho::RetainHandling::SendRetainedOnNew
            };
            let options = paho::SubscribeOptions::with_retain_handling(handling);
            let options = vec![options; filters.len()];
            let qos = all(paho::QoS::ExactlyOnce);
            client.subscribe_many_with_options(&filters, &qos, &options, None)
        }
        // Under 3.1.1 Paho acknowledges a QoS 2 message before its callback: it would be lost if the process ended
        // in between. A QoS 1 message is acknowledged after, and may be redelivered.
        MqttVersion::V3_1_1 => client.subscribe_many(&filters, &all(paho::QoS::AtLeastOnce)),
    }
}

/// Ends a client whose last `connect` has been answered.
///
/// Paho's answer to `connect` holds a reference to the client. If ours were dropped first, the client would be
/// destroyed inside its own callback, and Paho would use freed memory. The callback runs under Paho's lock, and the
/// query whether it is connected takes that lock: so after the answer the callback is over, and our reference is
/// the last.
pub(super) async fn retire(client: paho::AsyncClient) {
    disconnect(&client).await;
    drop(client);
}

pub(super) async fn disconnect(client: &paho::AsyncClient) {
    if client.is_connected() {
        let disconnected = client.disconnect(None);
        let _at_most = timeout(DISCONNECT, disconnected).await;
    }
}

/// Paho stops its threads when its last client is destroyed, waiting up to a second for them, and starting them
/// again can race with that. A client that never connects keeps them running.
pub(super) fn keep_paho_running() {
    static ANCHOR: OnceLock<Option<paho::AsyncClient>> = OnceLock::new();
    ANCHOR.get_or_init(|| {
        let create = paho::CreateOptionsBuilder::new()
            .server_uri("mqtt://127.0.0.1:0")
            .client_id("anchor")
            .persistence(paho::PersistenceType::None);
        create.create_client().ok()
    });
}
