//! The two MQTT clients, one for intake and one for publishing; this file and its child are the only
//! ones that name Paho.
//!
//! Paho C has one receiving thread, one sending thread and one lock for all clients of a process,
//! and holds that lock during callbacks. So any call may wait for a callback, and none may happen on
//! an arbiter: they all happen on a thread of their own, "mqtt-client", which is told what to do by
//! [`Command`]s and answers with [`Event`]s.
//!
//! Always: a client is new for each attempt, so that nothing of an earlier connection (options,
//! in-flight messages, TLS sessions) lingers; the fate of a message is told once, or the connection's
//! end is. Both clients stand or fall together.
//!
//! Never: a client is let go while Paho may still call back into it (see [`retire`]), or destroyed
//! once Paho holds freed memory for it (see [`Link::end`]).

mod options;

use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use paho_mqtt as paho;
use tokio::sync::mpsc;
use tokio::time::timeout;

use options::{
    intake_options, message_of, outcome, publishing_options, reason, version, wiping_options,
};

use super::link::{Command, Event, Outcome, Outgoing, Plan, Tag};
use crate::config::MqttVersion;
use crate::intake::Intake;

/// Commands that may wait: the windows of readings and alerts together are 120, and there are a
/// handful of others.
const COMMANDS: usize = 256;
/// Events that may wait; beyond, the client's thread waits for the gateway.
const EVENTS: usize = 256;
/// After which something holds Paho up, such as a name server that does not answer.
const CONNECT_AT_MOST: Duration = Duration::from_secs(20);
const SUBSCRIBE: Duration = Duration::from_secs(10);
const DISCONNECT: Duration = Duration::from_millis(300);
/// Room in Paho's own queue, more than the gateway ever has in flight.
const PAHO_BUFFER: i32 = 1000;

/// The gateway's end.
#[derive(Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
}

impl Client {
    /// Starts the client's thread; dropping the events' receiver ends it. What comes in goes to
    /// `intake`; without one nothing is subscribed to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(intake: Option<Arc<Intake>>) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (event_queue, events) = mpsc::channel(EVENTS);
        let worker = Worker { commands: command_queue, events: event_queue, intake, link: None };
        std::thread::Builder::new()
            .name("mqtt-client".into())
            .spawn(move || runtime.block_on(worker.run()))?;
        Ok((Self { commands }, events))
    }

    /// Passes a command on. False when the client's thread is gone, or so far behind that something
    /// is badly wrong: the gateway never has more commands unanswered than there is room for.
    #[must_use]
    pub fn tell(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

/// What lives on the client's thread.
struct Worker {
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    intake: Option<Arc<Intake>>,
    link: Option<Link>,
}

/// A standing connection.
struct Link {
    publishing: paho::AsyncClient,
    /// `None` once intake has ended, or when nothing is subscribed to.
    intake: Option<paho::AsyncClient>,
    /// The highest level of delivery that the broker takes.
    maximum_qos: paho::QoS,
    lost: mpsc::Receiver<Outcome>,
    deliveries: FuturesUnordered<BoxFuture<'static, (Tag, paho::Result<()>)>>,
    /// A message could not be written to the socket: see [`Link::end`].
    write_failed: bool,
}

impl Link {
    fn note(&mut self, error: &paho::Error) {
        self.write_failed |= matches!(error, paho::Error::Failure);
    }

    /// Ends both clients. Returns what was delivered and not told yet.
    ///
    /// When Paho C 1.3.16 fails to write a PUBLISH to the socket, it frees the message, and keeps it
    /// among those in flight: freed again when the session is cleaned, it takes the process down
    /// (eclipse-paho/paho.mqtt.c#1621). So the publishing session is one that Paho does not clean at
    /// the end of a connection (see `options`), and a client to which it has happened is never
    /// destroyed. That leaks it, once for a connection lost under load.
    async fn end(mut self) -> Vec<Tag> {
        if let Some(intake) = self.intake.take() {
            retire(intake).await;
        }
        disconnect(&self.publishing).await;
        // It is disconnected: Paho writes nothing any more, and has told of all that failed.
        let mut delivered = Vec::new();
        while let Some(Some((tag, result))) = self.deliveries.next().now_or_never() {
            match result {
                Ok(()) => delivered.push(tag),
                Err(error) => self.note(&error),
            }
        }
        if self.write_failed {
            log::debug!(target: "vigie::gateway", "an MQTT client is left alone after a failed write");
            std::mem::forget(self.publishing);
        }
        delivered
    }
}

enum Step {
    Command(Option<Command>),
    Delivered(Tag, paho::Result<()>),
    Lost(Outcome),
}

impl Worker {
    /// Works until the gateway drops its end.
    async fn run(mut self) {
        while let Some(step) = self.next_step().await {
            match step {
                Step::Command(Some(command)) => self.obey(command).await,
                Step::Command(None) => break,
                Step::Delivered(tag, Ok(())) => self.say(Event::Delivered(tag, Ok(()))).await,
                Step::Delivered(tag, Err(paho::Error::ReasonCode(code, _))) => {
                    self.say(Event::Delivered(tag, Err(code as u8))).await;
                }
                Step::Delivered(_, Err(error)) => self.lose_after(&error).await,
                Step::Lost(outcome) => self.lose(outcome).await,
            }
        }
        self.close().await;
    }

    /// `None` when the gateway has gone.
    async fn next_step(&mut self) -> Option<Step> {
        let Some(link) = &mut self.link else {
            return tokio::select! {
                () = self.events.closed() => None,
                command = self.commands.recv() => Some(Step::Command(command)),
            };
        };
        tokio::select! {
            biased;
            () = self.events.closed() => None,
            Some(outcome) = link.lost.recv() => Some(Step::Lost(outcome)),
            Some((tag, result)) = link.deliveries.next() => Some(Step::Delivered(tag, result)),
            command = self.commands.recv() => Some(Step::Command(command)),
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Open(plan) => {
                self.close().await;
                let event = match open(&plan, self.intake.as_ref()).await {
                    Ok(link) => {
                        self.link = Some(link);
                        Event::Up
                    }
                    Err(outcome) => Event::Failed(outcome),
                };
                self.say(event).await;
            }
            Command::Publish(tag, message) => self.publish(tag, message).await,
            Command::EndIntake => {
                if let Some(intake) = self.link.as_mut().and_then(|link| link.intake.take()) {
                    retire(intake).await;
                }
            }
            Command::Close => {
                for tag in self.close().await {
                    self.say(Event::Delivered(tag, Ok(()))).await;
                }
                self.say(Event::Closed).await;
            }
        }
    }

    async fn publish(&mut self, tag: Tag, message: Outgoing) {
        // Without a connection there is nothing to say: the gateway learns or has learned of it.
        let Some(link) = &mut self.link else { return };
        match link.publishing.try_publish(message_of(message, link.maximum_qos)) {
            Ok(token) => link.deliveries.push(Box::pin(async move { (tag, token.await) })),
            Err(error) => self.lose_after(&error).await,
        }
    }

    /// A delivery failed otherwise than by the broker's word: the connection is gone, or of no use.
    async fn lose_after(&mut self, error: &paho::Error) {
        let Some(link) = &mut self.link else { return };
        link.note(error);
        // Paho fails the deliveries first and gives the reason right after.
        let said = timeout(Duration::from_millis(100), link.lost.recv()).await.ok().flatten();
        let outcome = said.unwrap_or_else(|| outcome(error));
        self.lose(outcome).await;
    }

    async fn lose(&mut self, outcome: Outcome) {
        for tag in self.close().await {
            self.say(Event::Delivered(tag, Ok(()))).await;
        }
        self.say(Event::Lost(outcome)).await;
    }

    /// Returns what was delivered and not told yet.
    async fn close(&mut self) -> Vec<Tag> {
        match self.link.take() {
            Some(link) => link.end().await,
            None => Vec::new(),
        }
    }

    async fn say(&self, event: Event) {
        // An error means that the gateway has gone, which the next step notices.
        let _ = self.events.send(event).await;
    }
}

/// Connects both clients and subscribes. Not to be dropped halfway: see [`retire`].
async fn open(plan: &Plan, intake: Option<&Arc<Intake>>) -> Result<Link, Outcome> {
    keep_paho_running();
    let (publishing_options, intake_options) = (publishing_options(plan)?, intake_options(plan)?);
    let (lost, lost_queue) = mpsc::channel(4);
    let publishing_id = format!("{}-pub", plan.client_id);
    if let Some(options) = wiping_options(plan)? {
        let (wiping, _) = connect(plan, &publishing_id, options, |_| {}).await?;
        retire(wiping).await;
    }
    let (publishing, answer) = connect(plan, &publishing_id, publishing_options, |client| {
        report_loss(client, &lost);
    })
    .await?;
    let subscribed = match intake {
        Some(intake) => open_intake(plan, intake, intake_options, &lost).await.map(Some),
        None => Ok(None),
    };
    match subscribed {
        Ok(intake) => Ok(Link {
            publishing,
            intake,
            maximum_qos: maximum_qos(&answer),
            lost: lost_queue,
            deliveries: FuturesUnordered::new(),
            write_failed: false,
        }),
        Err(outcome) => {
            retire(publishing).await;
            Err(outcome)
        }
    }
}

/// Connects the client that takes messages in, and subscribes.
async fn open_intake(
    plan: &Plan,
    intake: &Arc<Intake>,
    options: paho::ConnectOptions,
    lost: &mpsc::Sender<Outcome>,
) -> Result<paho::AsyncClient, Outcome> {
    let (client, _) = connect(plan, &plan.client_id, options, |client| {
        report_loss(client, lost);
        let intake = intake.clone();
        client.set_message_callback(move |_, message| take_in(&intake, message));
    })
    .await?;
    subscribe(client, plan).await
}

/// A broker of MQTT 5 may say that it takes less than QoS 2, and hangs up on more.
fn maximum_qos(answer: &paho::ServerResponse) -> paho::QoS {
    match answer.properties().get_int(paho::PropertyCode::MaximumQos) {
        Some(0) => paho::QoS::AtMostOnce,
        Some(1) => paho::QoS::AtLeastOnce,
        _ => paho::QoS::ExactlyOnce,
    }
}

/// Runs inside Paho's callback; the message is acknowledged when this returns.
fn take_in(intake: &Intake, message: Option<paho::Message>) {
    // `None` says that the connection ended, which is heard of elsewhere.
    let Some(message) = message else { return };
    let taken = catch_unwind(AssertUnwindSafe(|| {
        intake.accept(message.topic(), message.payload());
    }));
    if taken.is_err() {
        // A panic would unwind into C; going on would acknowledge what is not on disk.
        log::error!(target: "vigie::gateway", "the intake panicked: ending the process before it acknowledges what it has not kept");
        std::process::abort();
    }
}

fn report_loss(client: &paho::AsyncClient, lost: &mpsc::Sender<Outcome>) {
    // In both, a full channel means that a loss has been told already: one is enough.
    let told = lost.clone();
    client.set_connection_lost_callback(move |_| drop(told.try_send(Outcome::Closed)));
    let told = lost.clone();
    client.set_disconnected_callback(move |_, properties, code| {
        drop(told.try_send(reason(code, &properties)));
    });
}

/// Makes and connects a client.
async fn connect(
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

/// Gives the client back, subscribed.
async fn subscribe(client: paho::AsyncClient, plan: &Plan) -> Result<paho::AsyncClient, Outcome> {
    let refused = match timeout(SUBSCRIBE, send_subscribe(&client, plan)).await {
        Ok(Ok(answer)) => {
            let granted = answer.subscribe_many_response().unwrap_or_default();
            let mut answered = plan.filters.iter().zip(granted);
            match answered.find(|(_, granted)| *granted >= 0x80) {
                None => return Ok(client),
                Some((filter, _)) => Outcome::SubscriptionRefused { filter: filter.clone() },
            }
        }
        Ok(Err(error)) => outcome(&error),
        Err(_elapsed) => Outcome::TimedOut,
    };
    retire(client).await;
    Err(refused)
}

fn send_subscribe(client: &paho::AsyncClient, plan: &Plan) -> paho::SubscribeManyToken {
    let all = |qos: paho::QoS| vec![qos; plan.filters.len()];
    match plan.version {
        // QoS 2 lets each publisher keep the level it chose. Retained readings are sent for a new
        // subscription only, not again after each reconnection.
        MqttVersion::V5 => {
            let on_new = paho::RetainHandling::SendRetainedOnNew;
            let options = paho::SubscribeOptions::with_retain_handling(on_new);
            let options = vec![options; plan.filters.len()];
            let qos = all(paho::QoS::ExactlyOnce);
            client.subscribe_many_with_options(&plan.filters, &qos, &options, None)
        }
        // On 3.1.1 Paho answers a QoS 2 message before its callback has seen it: were the process to
        // die in between, it would be lost. At QoS 1 it answers after, and may get it twice.
        MqttVersion::V3_1_1 => client.subscribe_many(&plan.filters, &all(paho::QoS::AtLeastOnce)),
    }
}

/// Ends a client whose last `connect` has been answered.
///
/// Paho's answer to `connect` carries a reference to the client. Were ours the earlier one to go,
/// the client would be destroyed inside its own callback, and Paho would go on with freed memory.
/// The callback runs under Paho's lock: asking whether it is connected takes that lock, so after
/// the answer the callback is over, and our reference is the last.
async fn retire(client: paho::AsyncClient) {
    disconnect(&client).await;
    drop(client);
}

async fn disconnect(client: &paho::AsyncClient) {
    if client.is_connected() {
        let disconnected = client.disconnect(None);
        let _at_most = timeout(DISCONNECT, disconnected).await;
    }
}

/// Paho stops its threads when its last client is destroyed, waiting for them with a second's
/// patience, and starting them anew can race with that. A client that never connects keeps them.
fn keep_paho_running() {
    static ANCHOR: OnceLock<Option<paho::AsyncClient>> = OnceLock::new();
    ANCHOR.get_or_init(|| {
        let create = paho::CreateOptionsBuilder::new()
            .server_uri("mqtt://127.0.0.1:0")
            .client_id("anchor")
            .persistence(paho::PersistenceType::None);
        create.create_client().ok()
    });
}
