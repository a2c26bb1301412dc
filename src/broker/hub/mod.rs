//! The broker's decisions: (state, packet, time) → packets, without I/O or clock.
//!
//! Packets are those of MQTT 5; MQTT 3.1.1 is translated at the edge ([`super::wire`]). Connections pull what to
//! send ([`Hub::take`]), so everything pending is in one place and counted in bytes.
//!
//! Invariants: a message is queued for each session with a matching subscription before its publisher is
//! acknowledged; messages of a session keep their order; all state is bounded ([`Limits`]). Never: a connection
//! that was taken over changes its session.

mod connecting;
mod delivery;
mod filters;
mod message;
mod persistence;
mod restoring;
mod retained;
mod routing;
mod session;
mod subscribing;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytestring::ByteString;
use rmqtt_codec::v5::{DisconnectReasonCode, Packet};

pub(super) use self::delivery::completion;
use self::filters::{Filters, SessionKey};
pub(super) use self::message::Message;
pub(super) use self::persistence::Group;
use self::persistence::PendingChanges;
pub(super) use self::restoring::Restoring;
use self::retained::Retained;
use self::routing::Match;
pub(super) use self::routing::{Admission, Standing};
use self::session::{Link, Session};
pub(super) use self::topics::{is_valid_topic, matches};
use crate::domain::QuickMap;

/// Bounds of the hub's state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Sessions, connected or kept for a disconnected client.
    pub sessions: usize,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Subscriptions of one client, and of all, in bytes.
    pub subscription_bytes: usize,
    pub all_subscription_bytes: usize,
    /// Messages of QoS 1 and 2 under way in each direction, of one client.
    pub window: u16,
    /// Queue of one client, in bytes.
    pub session_bytes: usize,
    /// Queues of all clients and their wills, in bytes.
    pub all_bytes: usize,
    /// Retained messages.
    pub retained: usize,
    /// Retained messages, in bytes.
    pub retained_bytes: usize,
    /// Maximum session expiry of a disconnected client, in ms.
    pub session_expiry_ms: i64,
}

/// Address of a client, and the waker of its connection.
#[derive(Debug, Clone)]
pub(super) struct Origin<W> {
    /// Wakes the connection, which then takes its packets.
    pub waker: W,
    /// The other end.
    pub address: Option<SocketAddr>,
}

/// Handle of a connection with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnId {
    session: SessionKey,
    epoch: u64,
}

/// Answer to a CONNECT.
#[derive(Debug)]
pub(super) struct Connected {
    pub conn: ConnId,
    pub session_present: bool,
    pub assigned_client_id: Option<ByteString>,
    pub session_expiry_s: u32,
    /// Group of changes that must be written before this is sent.
    pub after: u64,
}

/// Why a CONNECT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The limit of sessions is reached, or there is no room for the will.
    Full,
    /// The topic of the will is invalid.
    WillTopic,
    /// The client has no right to publish its will.
    WillRights,
    /// The session is of another user's client.
    Foreign,
    /// The user was removed.
    Gone,
}

/// Messages lost since the last query, with the last client or topic affected.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Losses {
    /// Messages that had no room in a client's queue.
    pub dropped: Loss,
    /// Wills, by topic: too many were due at once.
    pub wills: Loss,
    /// Messages above their client's maximum packet size.
    pub oversized: Loss,
    /// Messages that were to be retained, by topic.
    pub not_retained: Loss,
    /// Messages and subscriptions that their client has no right to.
    pub denied: Loss,
}

/// Losses of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    pub count: u64,
    pub last: ByteString,
}

impl Loss {
    fn add(&mut self, count: u64, last: &ByteString) {
        if count > 0 {
            self.count += count;
            self.last = last.clone();
        }
    }
}

/// One session, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionView {
    pub client_id: ByteString,
    pub address: Option<SocketAddr>,
    pub since_ms: i64,
    pub is_connected: bool,
    pub num_waiting: usize,
    pub num_subscriptions: usize,
}

/// State of a broker. `W` wakes a connection.
pub(super) struct Hub<W> {
    limits: Limits,
    /// Boxed: the slot of an ended session remains, and takes one word.
    sessions: Vec<Option<Box<Session<W>>>>,
    free: Vec<SessionKey>,
    by_client: QuickMap<ByteString, SessionKey>,
    filters: Filters,
    retained: Retained,
    /// Due times of session ends and wills.
    deadlines: BTreeSet<(i64, SessionKey)>,
    /// Bytes of all queues and wills.
    bytes: usize,
    subscription_bytes: usize,
    last_epoch: u64,
    /// The topic up to which expired retained messages have been looked for.
    swept: ByteString,
    /// Scratch space, reused.
    matched: Vec<Match>,
    wakes: Vec<W>,
    due: Vec<Message>,
    due_bytes: usize,
    losses: Losses,
    keeping: PendingChanges,
    /// Sessions whose connections wait for changes to be written.
    held: BTreeSet<SessionKey>,
}

impl<W: Clone> Hub<W> {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sessions: Vec::new(),
            free: Vec::new(),
            by_client: QuickMap::default(),
            filters: Filters::default(),
            retained: Retained::default(),
            deadlines: BTreeSet::new(),
            bytes: 0,
            subscription_bytes: 0,
            last_epoch: 0,
            swept: ByteString::new(),
            matched: Vec::new(),
            wakes: Vec::new(),
            due: Vec::new(),
            due_bytes: 0,
            losses: Losses::default(),
            keeping: PendingChanges::default(),
            held: BTreeSet::new(),
        }
    }

    /// Connections to be woken since the last call.
    pub fn wakes(&mut self) -> Vec<W> {
        std::mem::take(&mut self.wakes)
    }

    /// Wills that have become due since the last call, to be published.
    pub fn due(&mut self) -> Vec<Message> {
        self.due_bytes = 0;
        std::mem::take(&mut self.due)
    }

    /// True if wills are due.
    pub const fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Whether there are changes to be written.
    pub fn has_changes(&self) -> bool {
        !self.keeping.is_empty()
    }

    /// Changes to be written since the last call.
    pub fn changes(&mut self) -> Option<Group> {
        self.keeping.take()
    }

    /// The last changes; `None` while earlier ones are not written.
    pub fn last_changes(&mut self) -> Option<Group> {
        if self.keeping.is_all_written() { self.keeping.take() } else { None }
    }

    /// Confirms a group of changes as written.
    pub fn written(&mut self, group: u64) {
        self.keeping.written(group);
        for key in std::mem::take(&mut self.held) {
            if let Some(Link::Attached(attached)) = self.sessions[key].as_ref().map(|it| &it.link) {
                self.wakes.push(attached.origin.waker.clone());
            }
        }
    }

    /// Takes the losses since the last call.
    pub fn losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// A bounded number of sessions, for display.
    pub fn views(&self, at_most: usize) -> Vec<SessionView> {
        self.sessions.iter().flatten().take(at_most).map(|it| it.view()).collect()
    }

    /// Makes room for a number of bytes by dropping messages of absent clients, the largest queue first. Whether there is
    /// room.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.bytes + bytes > self.limits.all_bytes {
            let absent = self.sessions.iter_mut().flatten().filter(|it| !it.is_attached());
            let Some(largest) = absent.max_by_key(|it| it.waiting_bytes()) else { return false };
            let before = largest.bytes();
            let num_dropped = largest.drop_half(&mut self.keeping);
            if num_dropped == 0 {
                return false;
            }
            self.bytes = self.bytes + largest.bytes() - before;
            self.losses.dropped.add(num_dropped, &largest.client);
        }
        true
    }

    fn keep_ms(&self, expiry_s: u32) -> i64 {
        (i64::from(expiry_s) * 1000).min(self.limits.session_expiry_ms)
    }

    /// Session of a connection; `None` if another connection took it over, or it has ended.
    fn session(&mut self, conn: ConnId) -> Option<&mut Session<W>> {
        self.sessions[conn.session].as_deref_mut().filter(
            |it| matches!(&it.link, Link::Attached(attached) if attached.epoch == conn.epoch),
        )
    }

    /// Next packets to send to a client, about `room` bytes, and the number of answers still pending.
    ///
    /// # Errors
    /// If the connection must close because another one took over its session.
    pub fn take(
        &mut self,
        now: i64,
        conn: ConnId,
        room: usize,
    ) -> Result<(Vec<Packet>, usize), DisconnectReasonCode> {
        let is_current = self.session(conn).is_some();
        let Some(session) = self.sessions[conn.session].as_mut().filter(|_| is_current) else {
            // Without a successor it was cut off, since its user lost the right to connect.
            let session = self.sessions[conn.session].as_ref();
            let is_taken = session.is_some_and(|it| it.last_epoch != conn.epoch);
            return Err(if is_taken {
                DisconnectReasonCode::SessionTakenOver
            } else {
                DisconnectReasonCode::AdministrativeAction
            });
        };
        let before = session.bytes();
        let (keeping, oversized) = (&mut self.keeping, &mut self.losses.oversized);
        let packets = session.take(&self.retained, keeping, now, room, oversized);
        self.bytes = self.bytes + session.bytes() - before;
        if let Link::Attached(attached) = &session.link {
            if session.is_loading() {
                self.wakes.push(attached.origin.waker.clone());
            }
            if session.is_waiting_for(&self.keeping) {
                self.held.insert(conn.session);
            }
        }
        Ok((packets, session.num_unanswered()))
    }

    /// Handles any packet but CONNECT, PUBLISH and DISCONNECT.
    ///
    /// # Errors
    /// If the packet ends the connection.
    pub fn packet(&mut self, conn: ConnId, packet: Packet) -> Result<(), DisconnectReasonCode> {
        if self.session(conn).is_none() {
            return Ok(());
        }
        let Some(session) = &mut self.sessions[conn.session] else { return Ok(()) };
        let (before, keeping) = (session.bytes(), &mut self.keeping);
        match packet {
            Packet::PingRequest => session.pong(keeping),
            Packet::PublishAck(ack) => session.acknowledged(ack.packet_id, keeping),
            Packet::PublishReceived(ack) => {
                session.received(ack.packet_id, ack.reason_code, keeping);
            }
            Packet::PublishComplete(ack) => session.completed(ack.packet_id, keeping),
            Packet::PublishRelease(release) => session.released(release.packet_id, keeping),
            Packet::Subscribe(subscribe)
                if subscribe.topic_filters.len() > self.limits.subscriptions =>
            {
                return Err(DisconnectReasonCode::QuotaExceeded);
            }
            Packet::Unsubscribe(unsubscribe)
                if unsubscribe.topic_filters.len() > self.limits.subscriptions =>
            {
                return Err(DisconnectReasonCode::QuotaExceeded);
            }
            Packet::Subscribe(subscribe) => {
                self.subscribe(conn.session, &subscribe);
                return Ok(());
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.unsubscribe(conn.session, &unsubscribe);
                return Ok(());
            }
            _ => return Err(DisconnectReasonCode::ProtocolError),
        }
        let after = session.bytes();
        self.bytes = self.bytes + after - before;
        Ok(())
    }
}
