//! The MQTT clients, one for intake and one for publishing, or one for both; this file and its children are the only
//! ones that name Paho.
//!
//! Paho C has one receiving thread, one sending thread and one lock for all clients of a process, and holds the
//! lock during callbacks. So any call may block on a callback, and none may run on an arbiter: all run on one
//! thread, "mqtt-client", which takes [`Command`]s and returns [`Event`]s.
//!
//! Always: each attempt has a new client, so that nothing of an earlier connection (options, in-flight messages,
//! TLS sessions) remains. Each message has one outcome, or the connection's end is reported instead. Publishing
//! ends with intake; intake continues without publishing.
//!
//! Never: a client is dropped while Paho may still call back into it (see [`retire`]), or destroyed after Paho kept
//! a dangling pointer to it (see [`Connection::close`]).

mod connecting;
mod listening;
mod options;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use paho_mqtt as paho;
use tokio::sync::mpsc;
use tokio::time::timeout;

use connecting::{disconnect, open, subscribe_to};
pub use listening::Listener;
use options::{message_of, outcome};

use super::link::{Command, Event, Outcome, Outgoing, Plan, Qos, Role, Tag};
use crate::config::MqttVersion;
use crate::ingest::formats::Filter;
use crate::ingest::{Log, Subscriptions};

/// Capacity for commands: the windows of readings, alerts and discovery together are 160, plus a few others.
const COMMANDS: usize = 256;
/// Capacity for events; beyond it, the client's thread waits for the gateway.
const EVENTS: usize = 256;
/// Capacity for signals; further ones carry no information.
const SIGNALS: usize = 4;
/// A filter that nothing uses. Its UNSUBACK proves that the broker has processed what was sent before.
const NO_FILTER: &str = "vigie/none";
/// Window within which two closes have one cause.
const SAME_CAUSE: Duration = Duration::from_millis(500);

/// Destination of incoming messages.
#[derive(Debug, Clone)]
pub struct IntakeSink {
    /// Log to which each message is appended before it is acknowledged.
    pub log: Arc<Log>,
    /// Filters of messages that describe devices.
    pub subscriptions: Subscriptions,
}

/// The gateway's end.
#[derive(Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
}

impl Client {
    /// Starts the client's thread; dropping the events' receiver ends it. Incoming messages go to `intake`; without
    /// it nothing is subscribed to.
    ///
    /// # Errors
    /// If the system can't create a thread.
    pub fn start(intake: Option<IntakeSink>) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (event_queue, events) = mpsc::channel(EVENTS);
        let worker = Worker {
            commands: command_queue,
            events: event_queue,
            doorway: intake,
            intake: None,
            publishing: None,
            signals: mpsc::channel(SIGNALS),
        };
        std::thread::Builder::new()
            .name("mqtt-client".into())
            .spawn(move || runtime.block_on(worker.run()))?;
        Ok((Self { commands }, events))
    }

    /// Sends a command. False if the thread has ended, or its queue is full, which is a fault: the gateway never
    /// has more commands unanswered than fit.
    #[must_use]
    pub fn tell(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

/// State of the client's thread.
struct Worker {
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    doorway: Option<IntakeSink>,
    /// `None` also after [`Command::EndIntake`], and with a single connection for both roles.
    intake: Option<Connection>,
    publishing: Option<Connection>,
    /// From the message callbacks.
    signals: (mpsc::Sender<Signal>, mpsc::Receiver<Signal>),
}

/// A message for the gateway instead of the log.
enum Signal {
    /// Home Assistant's birth message.
    Birth,
    /// This daemon's own status.
    StatusEcho,
}

/// An open connection.
struct Connection {
    role: Role,
    client: paho::AsyncClient,
    version: MqttVersion,
    forward_mark: Option<String>,
    lost: mpsc::Receiver<Outcome>,
    deliveries: FuturesUnordered<BoxFuture<'static, (Tag, paho::Result<()>)>>,
    /// A write to the socket failed: see [`Connection::close`].
    write_failed: bool,
}

impl Connection {
    fn new(plan: &Plan, client: paho::AsyncClient, lost: mpsc::Receiver<Outcome>) -> Self {
        Self {
            role: plan.role,
            client,
            version: plan.version,
            forward_mark: plan.forward_mark.clone(),
            lost,
            deliveries: FuturesUnordered::new(),
            write_failed: false,
        }
    }

    fn publish(&mut self, tag: Tag, message: Outgoing) -> paho::Result<()> {
        let is_qos_0 = message.qos == Qos::AtMostOnce;
        let message = message_of(message, self.forward_mark.as_deref());
        let token = self.client.try_publish(message)?;
        let confirmed_by = is_qos_0.then(|| self.client.clone());
        self.deliveries.push(Box::pin(async move {
            let sent = token.await;
            match (sent, confirmed_by) {
                (Ok(()), Some(client)) => (tag, client.unsubscribe(NO_FILTER).await.map(drop)),
                (result, _) => (tag, result),
            }
        }));
        Ok(())
    }

    fn note(&mut self, error: &paho::Error) {
        self.write_failed |= matches!(error, paho::Error::Failure);
    }

    /// Disconnects. Returns deliveries that were not reported yet.
    ///
    /// When Paho C 1.3.16 fails to write a PUBLISH to the socket, it frees the message but keeps it among those in
    /// flight; cleaning the session frees it again and crashes the process (eclipse-paho/paho.mqtt.c#1621). So the
    /// publishing session is one that Paho doesn't clean at the end of a connection (see `options`), and a client
    /// with a failed write is never destroyed. That leaks it, once for each connection lost under load.
    async fn close(mut self) -> Vec<Tag> {
        disconnect(&self.client).await;
        // Disconnected: Paho writes nothing more, and has reported all failures.
        let mut delivered = Vec::new();
        while let Some(Some((tag, result))) = self.deliveries.next().now_or_never() {
            match result {
                Ok(()) => delivered.push(tag),
                Err(error) => self.note(&error),
            }
        }
        if self.write_failed {
            log::debug!(target: "vigie::gateway", "an MQTT client is left alone after a failed write");
            std::mem::forget(self.client);
        }
        delivered
    }
}

enum Change {
    Lost(Outcome),
    Delivered(Tag, paho::Result<()>),
}

/// The next change of a connection. Pending for ever without one.
async fn next_change(line: Option<&mut Connection>) -> Change {
    let Some(Connection { lost, deliveries, .. }) = line else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        Some(outcome) = lost.recv() => Change::Lost(outcome),
        Some((tag, result)) = deliveries.next() => Change::Delivered(tag, result),
        else => std::future::pending().await,
    }
}

enum Step {
    Command(Option<Command>),
    Delivered(Tag, paho::Result<()>),
    IntakeLost(Outcome),
    PublishingLost(Outcome),
    Signal(Signal),
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
                Step::Delivered(_, Err(error)) => self.lose_publishing_after(&error).await,
                Step::IntakeLost(outcome) => self.drop_lost(Role::Intake, outcome).await,
                Step::PublishingLost(outcome) => self.lose_publishing(outcome).await,
                Step::Signal(Signal::Birth) => self.say(Event::Born).await,
                Step::Signal(Signal::StatusEcho) => self.say(Event::Echoed).await,
            }
        }
        self.close().await;
    }

    /// `None` if the gateway has ended.
    async fn next_step(&mut self) -> Option<Step> {
        tokio::select! {
            biased;
            () = self.events.closed() => None,
            change = next_change(self.intake.as_mut()) => Some(match change {
                Change::Lost(outcome) => Step::IntakeLost(outcome),
                Change::Delivered(tag, result) => Step::Delivered(tag, result),
            }),
            change = next_change(self.publishing.as_mut()) => Some(match change {
                Change::Lost(outcome) => Step::PublishingLost(outcome),
                Change::Delivered(tag, result) => Step::Delivered(tag, result),
            }),
            command = self.commands.recv() => Some(Step::Command(command)),
            Some(signal) = self.signals.1.recv() => Some(Step::Signal(signal)),
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Open(plan) => self.open(&plan).await,
            Command::Publish(tag, message) => self.publish(tag, message).await,
            Command::Subscribe(filters) => self.subscribe(&filters).await,
            Command::EndIntake => {
                if let Some(intake) = self.intake.take() {
                    intake.close().await;
                }
            }
            Command::Close => {
                self.close().await;
                self.say(Event::Closed).await;
            }
        }
    }

    async fn open(&mut self, plan: &Plan) {
        if plan.role.takes_in() {
            self.close().await;
        } else if let Some(publishing) = self.publishing.take() {
            self.report_close(publishing).await;
        }
        let event = match open(plan, self.doorway.as_ref(), &self.signals.0).await {
            Ok((connection, advertised)) => {
                let place = match plan.role {
                    Role::Intake => &mut self.intake,
                    Role::Publishing | Role::Both => &mut self.publishing,
                };
                *place = Some(connection);
                Event::Up(plan.role, advertised)
            }
            Err(failed) => Event::Failed(failed),
        };
        self.say(event).await;
    }

    async fn subscribe(&mut self, filters: &[Filter]) {
        let takes_in = |line: &&Connection| line.role.takes_in();
        let line = self.intake.as_ref().or(self.publishing.as_ref().filter(takes_in));
        let Some(Connection { role, client, version, .. }) = line else { return };
        if let Err(outcome) = subscribe_to(client, *version, filters, false).await {
            self.drop_lost(*role, outcome).await;
        }
    }

    async fn publish(&mut self, tag: Tag, message: Outgoing) {
        // Without a connection there is nothing to send; the gateway is notified of its end.
        let Some(publishing) = &mut self.publishing else { return };
        if let Err(error) = publishing.publish(tag, message) {
            self.lose_publishing_after(&error).await;
        }
    }

    /// A delivery failed without an answer of the broker: the connection is lost or unusable.
    async fn lose_publishing_after(&mut self, error: &paho::Error) {
        let Some(publishing) = &mut self.publishing else { return };
        publishing.note(error);
        // Paho fails the deliveries first and reports the reason right after.
        let reason =
            timeout(Duration::from_millis(100), publishing.lost.recv()).await.ok().flatten();
        self.lose_publishing(reason.unwrap_or_else(|| outcome(error))).await;
    }

    /// Publishing was lost. If intake is lost at the same time, that is reported instead.
    async fn lose_publishing(&mut self, outcome: Outcome) {
        let role = self.publishing.as_ref().map_or(Role::Publishing, |line| line.role);
        let Some(intake) = &mut self.intake else { return self.drop_lost(role, outcome).await };
        match timeout(SAME_CAUSE, intake.lost.recv()).await.ok().flatten() {
            Some(outcome) => self.drop_lost(Role::Intake, outcome).await,
            None => self.drop_lost(role, outcome).await,
        }
    }

    /// Closes the rest of a lost connection: publishing alone, or both with intake.
    async fn drop_lost(&mut self, role: Role, outcome: Outcome) {
        if role.takes_in() {
            self.close().await;
        } else if let Some(publishing) = self.publishing.take() {
            self.report_close(publishing).await;
        }
        self.say(Event::Lost(role, outcome)).await;
    }

    async fn close(&mut self) {
        if let Some(intake) = self.intake.take() {
            intake.close().await;
        }
        if let Some(publishing) = self.publishing.take() {
            self.report_close(publishing).await;
        }
    }

    async fn report_close(&self, publishing: Connection) {
        for tag in publishing.close().await {
            self.say(Event::Delivered(tag, Ok(()))).await;
        }
    }

    async fn say(&self, event: Event) {
        // An error means that the gateway has ended, which the next step detects.
        let _ = self.events.send(event).await;
    }
}
