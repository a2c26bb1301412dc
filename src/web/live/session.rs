//! The task of one feed: passes a client's frames to the protocol, and the protocol's to the client.
//!
//! Always: it ends with its client, with a client that is too slow to be sent a frame, or when the daemon stops.
//! Never: more in memory than the part that is being sent, and what the socket holds.

use std::sync::Arc;
use std::time::Duration;

use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, ProtocolError, Session};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::frames;
use super::hub::{Built, Hub};
use super::protocol::{Feed, FrameRequest, NextStep, Refusal, TICK, UpdateRequest};
use crate::web::Access;
use crate::web::api::Shared;
use crate::web::guard::Principal;

/// How long a client may take to make room for a frame.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// Proxies cut a connection that is silent for a minute.
const PING_EACH: Duration = Duration::from_secs(20);

/// Two pings that were not answered.
const PONG_WITHIN: Duration = Duration::from_secs(45);

/// How long the word that it is closed may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Why a feed ends.
enum End {
    /// The client is gone, or as good as.
    Gone,
    Refused(Refusal),
    /// There are as many as there may be.
    Full,
    /// The client's session has ended.
    LoggedOut,
    /// The daemon stops.
    Stopped,
}

struct Client {
    access: Arc<Access>,
    hub: Arc<Hub>,
    visitor: Principal,
    socket: Session,
    feed: Feed,
    heard_at: Duration,
    pinged_at: Duration,
    /// Becomes true when the daemon stops.
    stopping: watch::Receiver<bool>,
}

/// Serves one client until its end.
pub(super) async fn run(api: Shared, visitor: Principal, socket: Session, messages: MessageStream) {
    let (hub, access) = (api.hub.clone(), api.settings.access.clone());
    let Some(_place) = hub.place() else { return close(socket, End::Full).await };
    let now = hub.now();
    let stopping = hub.stopping();
    let feed = Feed::new(now);
    let mut client =
        Client { access, hub, visitor, socket, feed, heard_at: now, pinged_at: now, stopping };
    let end = client.serve(messages).await;
    close(client.socket, end).await;
}

async fn close(socket: Session, end: End) {
    let (code, why) = match end {
        End::Gone => return,
        End::Refused(refusal) => (CloseCode::Policy, refusal.to_string()),
        End::LoggedOut => (CloseCode::Policy, "the session has ended: log in again".to_owned()),
        End::Full => (CloseCode::Again, "32 feeds are open already: try again later".to_owned()),
        End::Stopped => (CloseCode::Away, "the daemon stops".to_owned()),
    };
    let reason = CloseReason { code, description: Some(why) };
    // A client that does not take the word is cut off without it.
    let _ = timeout(CLOSE_WITHIN, socket.close(Some(reason))).await;
}

impl Client {
    async fn serve(&mut self, mut messages: MessageStream) -> End {
        let mut stopping = self.stopping.clone();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let went_on = tokio::select! {
                _ = stopping.wait_for(|is_stopping| *is_stopping) => Err(End::Stopped),
                message = messages.recv() => self.hear(message).await,
                _ = ticks.tick() => self.tick().await,
            };
            if let Err(end) = went_on {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, ProtocolError>>) -> Result<(), End> {
        self.heard_at = self.hub.now();
        match message {
            Some(Ok(Message::Text(text))) => self.hear_text(&text).await,
            Some(Ok(Message::Ping(bytes))) => {
                let mut socket = self.socket.clone();
                self.in_time(socket.pong(&bytes)).await
            }
            Some(Ok(Message::Pong(_) | Message::Nop)) => Ok(()),
            Some(
                Ok(Message::Binary(_) | Message::Continuation(_)) | Err(ProtocolError::Overflow),
            ) => Err(End::Refused(Refusal::NotUnderstood)),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn hear_text(&mut self, text: &str) -> Result<(), End> {
        let now = self.hub.now();
        let epoch = self.hub.epoch();
        let heard = self.feed.hear(text, now, (&epoch, self.hub.version()));
        match heard.map_err(End::Refused)? {
            FrameRequest::Other => Ok(()),
            FrameRequest::Hello => {
                let welcome = self.hub.welcome(&self.visitor).to_string();
                self.send(welcome).await?;
                self.step().await
            }
        }
    }

    async fn tick(&mut self) -> Result<(), End> {
        if !self.access.holds(&self.visitor) {
            return Err(End::LoggedOut);
        }
        let now = self.hub.now();
        if now.saturating_sub(self.heard_at) >= PONG_WITHIN {
            return Err(End::Gone);
        }
        if now.saturating_sub(self.pinged_at) >= PING_EACH {
            self.pinged_at = now;
            let mut socket = self.socket.clone();
            self.in_time(socket.ping(b"")).await?;
        }
        self.step().await
    }

    /// Sends what is due.
    async fn step(&mut self) -> Result<(), End> {
        let now = self.hub.now();
        let figures = self.hub.figures(self.feed.want(), now);
        match self.feed.next(now, self.hub.heads(), figures) {
            NextStep::Wait => Ok(()),
            NextStep::Close(refusal) => Err(End::Refused(refusal)),
            NextStep::Beat => {
                self.feed.beating(now);
                self.send(frames::beat(Hub::wall())).await
            }
            NextStep::State(ask) => self.send_state(&ask, now).await,
        }
    }

    async fn send_state(&mut self, ask: &UpdateRequest, now: Duration) -> Result<(), End> {
        match self.hub.build(ask, now) {
            Built::Void => {
                self.feed.renew();
                Ok(()) // the next tick brings everything
            }
            Built::One { version, frame } => {
                self.feed.sending(ask, version, now);
                self.send(frame.as_ref().to_owned()).await
            }
            Built::Many { version, first, mut rest } => {
                self.feed.sending(ask, version, now);
                self.send(first).await?;
                while let Some(part) = rest.next_part(Hub::wall()) {
                    self.send(part).await?;
                    // Others are served by this thread, too.
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        }
    }

    async fn send(&mut self, frame: String) -> Result<(), End> {
        let mut socket = self.socket.clone();
        self.in_time(socket.text(frame)).await
    }

    /// Waits until the socket has taken a frame, unless its client or the daemon has no time.
    async fn in_time(
        &mut self,
        taken: impl Future<Output = Result<(), Closed>>,
    ) -> Result<(), End> {
        tokio::select! {
            taken = timeout(SEND_WITHIN, taken) => match taken {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Closed)) | Err(_) => Err(End::Gone),
            },
            _ = self.stopping.wait_for(|is_stopping| *is_stopping) => Err(End::Stopped),
        }
    }
}
