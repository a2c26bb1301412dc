//! From a plan to a standing connection: both clients made, connected, subscribed; and how a client is
//! let go.
//!
//! Never: a client is destroyed inside its own callback (see [`retire`]), or `open` dropped halfway.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use paho_mqtt as paho;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::options::{
    intake_options, outcome, publishing_options, reason, version, wiping_options,
};
use super::{Doorway, Link};
use crate::config::MqttVersion;
use crate::domain::Ingress;
use crate::ingest::formats::Filter;
use crate::ingest::{Arrival, FORWARDED_PROPERTY};
use crate::locale::BrokerLimit;
use crate::mqtt::discovery::ONLINE;
use crate::mqtt::link::{Outcome, Plan};

/// After which something holds Paho up, such as a name server that does not answer.
const CONNECT_AT_MOST: Duration = Duration::from_secs(20);
pub(super) const SUBSCRIBE: Duration = Duration::from_secs(10);
/// Filters of one SUBSCRIBE: each takes a round trip, and a large packet is refused by some brokers.
const TOGETHER: usize = 100;
const DISCONNECT: Duration = Duration::from_millis(300);
/// Room in Paho's own queue, more than the gateway ever has in flight.
const PAHO_BUFFER: i32 = 1000;

/// Connects both clients and subscribes. Not to be dropped halfway: see [`retire`].
pub(super) async fn open(plan: &Plan, intake: Option<&Doorway>) -> Result<Link, Outcome> {
    keep_paho_running();
    let (publishing_options, intake_options) = (publishing_options(plan)?, intake_options(plan)?);
    let (lost, lost_queue) = mpsc::channel(4);
    let publishing_id = format!("{}-pub", plan.client_id);
    if let Some(options) = wiping_options(plan)? {
        let (wiping, _) = connect(plan, &publishing_id, options, |_| {}).await?;
        retire(wiping).await;
    }
    let (born, births) = mpsc::channel(1);
    let (publishing, answer) = connect(plan, &publishing_id, publishing_options, |client| {
        report_loss(client, &lost);
        report_births(client, born);
    })
    .await?;
    let (publishing, deaf) = listen_for_births(publishing, plan).await?;
    let subscribed = match intake {
        Some(intake) => {
            let opened = open_intake(plan, intake, intake_options, &lost).await;
            opened.map(|(client, refused)| (Some(client), refused))
        }
        None => Ok((None, Vec::new())),
    };
    match subscribed {
        Ok((intake, refused)) => Ok(Link {
            publishing,
            intake,
            version: plan.version,
            maximum_qos: maximum_qos(&answer),
            forward_mark: plan.forward_mark.clone(),
            limits: [limits(&answer), refused, deaf].concat(),
            lost: lost_queue,
            births,
            deliveries: FuturesUnordered::new(),
            write_failed: false,
        }),
        Err(outcome) => {
            retire(publishing).await;
            Err(outcome)
        }
    }
}

/// Connects the client that takes messages in, and subscribes. The client, and the subscriptions to do without.
async fn open_intake(
    plan: &Plan,
    doorway: &Doorway,
    options: paho::ConnectOptions,
    lost: &mpsc::Sender<Outcome>,
) -> Result<(paho::AsyncClient, Vec<BrokerLimit>), Outcome> {
    let (client, _) = connect(plan, &plan.client_id, options, |client| {
        report_loss(client, lost);
        let (doorway, mark) = (doorway.clone(), plan.forward_mark.clone());
        client.set_message_callback(move |_, message| {
            // What this installation has forwarded comes back by its own subscription.
            take_in(&doorway, message.filter(|it| !is_marked(it, mark.as_deref())));
        });
    })
    .await?;
    subscribe(client, plan.version, &plan.filters, plan.wants_retained).await
}

/// A broker of MQTT 5 may say that it takes less than QoS 2, and hangs up on more.
fn maximum_qos(answer: &paho::ServerResponse) -> paho::QoS {
    match answer.properties().get_int(paho::PropertyCode::MaximumQos) {
        Some(0) => paho::QoS::AtMostOnce,
        Some(1) => paho::QoS::AtLeastOnce,
        _ => paho::QoS::ExactlyOnce,
    }
}

/// What a broker of MQTT 5 says that it can't do. One of 3.1.1 says nothing.
fn limits(answer: &paho::ServerResponse) -> Vec<BrokerLimit> {
    let properties = answer.properties();
    let number = |code| properties.get_int(code).and_then(|number| u32::try_from(number).ok());
    let qos = match maximum_qos(answer) {
        paho::QoS::AtMostOnce => Some(BrokerLimit::MaximumQos(0)),
        paho::QoS::AtLeastOnce => Some(BrokerLimit::MaximumQos(1)),
        paho::QoS::ExactlyOnce => None,
    };
    let retain = (number(paho::PropertyCode::RetainAvailable) == Some(0))
        .then_some(BrokerLimit::NoRetainedMessages);
    let packet = number(paho::PropertyCode::MaximumPacketSize).map(BrokerLimit::MaximumPacketBytes);
    [qos, retain, packet].into_iter().flatten().collect()
}

/// Whether a message bears a mark.
fn is_marked(message: &paho::Message, mark: Option<&str>) -> bool {
    let is_ours = |(key, value): (String, String)| {
        key == FORWARDED_PROPERTY && mark.is_some_and(|mark| mark == value)
    };
    mark.is_some() && message.properties().user_iter().any(is_ours)
}

/// Runs inside Paho's callback; the message is acknowledged when this returns.
fn take_in(doorway: &Doorway, message: Option<paho::Message>) {
    // `None` says that the connection ended, which is heard of elsewhere, or that it is no news.
    let Some(message) = message else { return };
    let Doorway { log, subscriptions } = doorway;
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // 0, 1 or 2.
        let qos = message.qos() as u8;
        let arrival = Arrival::live(Ingress::Remote, message.topic(), message.payload(), qos);
        let is_description = subscriptions.is_description(message.topic());
        log.accept(&Arrival { is_replayed: message.retained(), is_description, ..arrival });
        if is_description {
            subscriptions.note_description(log.last());
        }
    }));
    if taken.is_err() {
        // A panic would unwind into C; going on would acknowledge what is not on disk.
        log::error!(target: "vigie::gateway", "appending to the log panicked: ending the process before it acknowledges what it has not kept");
        std::process::abort();
    }
}

pub(super) fn report_loss(client: &paho::AsyncClient, lost: &mpsc::Sender<Outcome>) {
    // In both, a full channel means that a loss has been told already: one is enough.
    let told = lost.clone();
    client.set_connection_lost_callback(move |_| drop(told.try_send(Outcome::Closed)));
    let told = lost.clone();
    client.set_disconnected_callback(move |_, properties, code| {
        drop(told.try_send(reason(code, &properties)));
    });
}

/// Home Assistant's word comes by the publishing client: it is none for the log, which has what evaluation depends on
/// and is behind the other client, and where the broker is the embedded one there is no other.
fn report_births(client: &paho::AsyncClient, born: mpsc::Sender<()>) {
    client.set_message_callback(move |_, message| {
        // What the broker retained was said before this connection, with which everything is published anyway.
        let is_born = |it: &paho::Message| !it.retained() && it.payload() == ONLINE;
        if message.as_ref().is_some_and(is_born) {
            // A full channel means that one waits already.
            let _full = born.try_send(());
        }
    });
}

/// Subscribes the publishing client to Home Assistant's word on itself, if somebody wants to know. Gives the client back,
/// and the subscription to do without.
async fn listen_for_births(
    client: paho::AsyncClient,
    plan: &Plan,
) -> Result<(paho::AsyncClient, Vec<BrokerLimit>), Outcome> {
    let filters: Vec<_> = plan.birth.iter().map(Filter::optional).collect();
    subscribe(client, plan.version, &filters, false).await
}

/// Makes and connects a client.
pub(super) async fn connect(
    plan: &Plan,
    client_id: &str,
    options: paho::ConnectOptions,
    prepare: impl FnOnce(&paho::AsyncClient),
) -> Result<(paho::AsyncClient, paho::ServerResponse), Outcome> {
    let scheme = if plan.target.tls.is_some() { "mqtts" } else { "mqtt" };
    let create = paho::CreateOptionsBuilder::new()
        .server_uri(format!("{scheme}://{}", plan.target.authority()))
        .client_id(client_id)
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
            // It is retired when the answer comes, or left alone for ever.
            let client = ManuallyDrop::new(client);
            tokio::spawn(async move {
                let _late = answer.await;
                retire(ManuallyDrop::into_inner(client)).await;
            });
            Err(Outcome::TimedOut)
        }
    }
}

/// Gives the client back, subscribed, and the subscriptions to do without.
async fn subscribe(
    client: paho::AsyncClient,
    version: MqttVersion,
    filters: &[Filter],
    wants_retained: bool,
) -> Result<(paho::AsyncClient, Vec<BrokerLimit>), Outcome> {
    match subscribe_to(&client, version, filters, wants_retained).await {
        Ok(refused) => Ok((client, refused)),
        Err(outcome) => {
            retire(client).await;
            Err(outcome)
        }
    }
}

/// Subscribes, some filters at a time. Returns the subscriptions to do without.
///
/// # Errors
/// When the broker refuses a required one, or doesn't answer.
pub(super) async fn subscribe_to(
    client: &paho::AsyncClient,
    version: MqttVersion,
    filters: &[Filter],
    wants_retained: bool,
) -> Result<Vec<BrokerLimit>, Outcome> {
    let mut limits = Vec::new();
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
            limits.push(note_refused(&filter.text));
        }
    }
    Ok(limits)
}

fn note_refused(filter: &str) -> BrokerLimit {
    log::warn!(target: "vigie::gateway", "the broker refuses the subscription to {filter}: going on without; to have it, allow it to this user");
    BrokerLimit::SubscriptionRefused(filter.to_owned())
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
        // QoS 2 lets each publisher keep the level it chose. Retained messages are sent for a new
        // subscription and at the first connection of all, not again after each reconnection.
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
        // On 3.1.1 Paho answers a QoS 2 message before its callback has seen it: were the process to
        // die in between, it would be lost. At QoS 1 it answers after, and may get it twice.
        MqttVersion::V3_1_1 => client.subscribe_many(&filters, &all(paho::QoS::AtLeastOnce)),
    }
}

/// Ends a client whose last `connect` has been answered.
///
/// Paho's answer to `connect` carries a reference to the client. Were ours the earlier one to go,
/// the client would be destroyed inside its own callback, and Paho would go on with freed memory.
/// The callback runs under Paho's lock: asking whether it is connected takes that lock, so after
/// the answer the callback is over, and our reference is the last.
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

/// Paho stops its threads when its last client is destroyed, waiting for them with a second's
/// patience, and starting them anew can race with that. A client that never connects keeps them.
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
