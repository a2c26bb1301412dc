//! The two MQTT clients, one for intake and one for publishing; this file and its children are the only
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

use connecting::{disconnect, open, retire, subscribe_to};
pub use listening::Listener;
use options::{message_of, outcome};

use super::link::{Command, Event, Outcome, Outgoing, Tag};
use crate::config::MqttVersion;
use crate::ingest::formats::Filter;
use crate::ingest::{Log, Subscriptions};
use crate::locale::BrokerLimit;

/// Commands that may wait: the windows of readings, alerts and discovery together are 160, and there are a
/// handful of others.
const COMMANDS: usize = 256;
/// Events that may wait; beyond, the client's thread waits for the gateway.
const EVENTS: usize = 256;

/// Where messages go that come in.
#[derive(Debug, Clone)]
pub struct Doorway {
    /// Log that has each message before it is acknowledged.
    pub log: Arc<Log>,
    /// They tell which messages describe devices.
    pub subscriptions: Subscriptions,
}

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
    pub fn start(intake: Option<Doorway>) -> io::Result<(Self, mpsc::Receiver<Event>)> {
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
    intake: Option<Doorway>,
    link: Option<Link>,
}

/// A standing connection.
struct Link {
    publishing: paho::AsyncClient,
    /// `None` once intake has ended, or when nothing is subscribed to.
    intake: Option<paho::AsyncClient>,
    version: MqttVersion,
    /// The highest level of delivery that the broker takes.
    maximum_qos: paho::QoS,
    forward_mark: Option<String>,
    /// What the broker said that it can't do.
    limits: Vec<BrokerLimit>,
    lost: mpsc::Receiver<Outcome>,
    /// Home Assistant's words that it is there.
    births: mpsc::Receiver<()>,
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
    Born,
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
                Step::Born => self.say(Event::Born).await,
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
            Some(()) = link.births.recv() => Some(Step::Born),
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Open(plan) => {
                self.close().await;
                let event = match open(&plan, self.intake.as_ref()).await {
                    Ok(link) => {
                        let limits = link.limits.clone();
                        self.link = Some(link);
                        Event::Up(limits)
                    }
                    Err(outcome) => Event::Failed(outcome),
                };
                self.say(event).await;
            }
            Command::Publish(tag, message) => self.publish(tag, message).await,
            Command::Subscribe(filters) => self.subscribe(&filters).await,
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

    async fn subscribe(&mut self, filters: &[Filter]) {
        let Some(Link { intake: Some(intake), version, .. }) = &self.link else { return };
        if let Err(outcome) = subscribe_to(intake, *version, filters, false).await {
            self.lose(outcome).await;
        }
    }

    async fn publish(&mut self, tag: Tag, message: Outgoing) {
        // Without a connection there is nothing to say: the gateway learns or has learned of it.
        let Some(link) = &mut self.link else { return };
        match link.publishing.try_publish(message_of(
            message,
            link.maximum_qos,
            link.forward_mark.as_deref(),
        )) {
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
