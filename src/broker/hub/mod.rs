//! What the broker decides: state × packet × time → packets, without any I/O or clock.
//!
//! Packets are those of MQTT 5; clients of 3.1.1 are translated at the edge ([`super::wire`]). What is to be sent
//! is pulled by a connection ([`Hub::take`]), so that it waits in one place, where it is counted in bytes.
//!
//! Holds always: a message is queued for each session with a matching subscription before its publisher is
//! acknowledged; messages of a session keep their order; everything kept has a bound ([`Limits`]).
//! Never: a connection that was taken over changes its session.

mod delivery;
mod filters;
mod lifetime;
mod message;
mod retained;
mod routing;
mod session;
mod subscribing;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU16;

use bytestring::ByteString;
use rmqtt_codec::v5::{Connect, DisconnectReasonCode, LastWill, Packet, PublishAck2Reason};

pub(super) use self::delivery::completion;
use self::filters::{Filters, SessionKey};
pub(super) use self::message::Message;
use self::retained::Retained;
use self::routing::Match;
pub(super) use self::routing::Standing;
use self::session::{Attached, Link, Session, Will};
pub(super) use self::topics::is_valid_topic;
use crate::domain::QuickMap;

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Sessions, connected or kept for a client that is away.
    pub sessions: usize,
    /// Subscriptions of one client.
    pub subscriptions: usize,
    /// Subscriptions of one client, and of all, in bytes.
    pub subscription_bytes: usize,
    pub all_subscription_bytes: usize,
    /// Messages of QoS 1 and 2 under way in each direction, of one client.
    pub window: u16,
    /// What waits for one client, in bytes.
    pub session_bytes: usize,
    /// What waits for all clients, wills included, in bytes.
    pub all_bytes: usize,
    /// Retained messages.
    pub retained: usize,
    /// Retained messages, in bytes.
    pub retained_bytes: usize,
    /// How long the session of an absent client is kept at most, in ms.
    pub session_expiry_ms: i64,
}

/// Where a client comes from, and how its connection is woken.
#[derive(Debug, Clone)]
pub(super) struct Origin<W> {
    /// Wakes the connection, which then takes what there is for it.
    pub waker: W,
    /// The other end.
    pub address: Option<SocketAddr>,
}

/// A connection that has a session.
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
}

/// Why a CONNECT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// All sessions are taken, or there is no room for the will.
    Full,
    /// The topic of the will is none.
    WillTopic,
}

/// What was not kept or not sent since it was last asked for, with the last client or topic concerned.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Losses {
    /// Messages that had no room in a client's queue.
    pub dropped: Loss,
    /// Messages larger than their client takes.
    pub oversized: Loss,
    /// Messages that were to be retained, by topic.
    pub not_retained: Loss,
}

/// Of one kind.
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
    sessions: Vec<Option<Session<W>>>,
    free: Vec<SessionKey>,
    by_client: QuickMap<ByteString, SessionKey>,
    filters: Filters,
    retained: Retained,
    /// When sessions end, or their wills are due.
    deadlines: BTreeSet<(i64, SessionKey)>,
    /// Of all queues and wills.
    bytes: usize,
    subscription_bytes: usize,
    last_epoch: u64,
    /// The topic up to which expired retained messages have been looked for.
    swept: ByteString,
    /// Kept for its memory.
    matched: Vec<Match>,
    wakes: Vec<W>,
    due: Vec<Message>,
    losses: Losses,
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
            losses: Losses::default(),
        }
    }

    /// Connections to be woken since the last call.
    pub fn wakes(&mut self) -> Vec<W> {
        std::mem::take(&mut self.wakes)
    }

    /// Wills that have become due since the last call, to be published.
    pub fn due(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.due)
    }

    /// Whether there are such wills.
    pub const fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// What was lost since the last call.
    pub fn losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Some sessions, for display.
    pub fn views(&self, at_most: usize) -> Vec<SessionView> {
        self.sessions.iter().flatten().take(at_most).map(Session::view).collect()
    }

    /// Lets a client in, whose credentials were right. What it has from an earlier connection is its again.
    pub fn connect(
        &mut self,
        now: i64,
        connect: &Connect,
        origin: Origin<W>,
    ) -> Result<Connected, Refusal> {
        let will = connect.last_will.as_ref().map(will);
        if will.as_ref().is_some_and(|will| !is_valid_topic(&will.message.topic)) {
            return Err(Refusal::WillTopic);
        }
        if will.as_ref().is_some_and(|it| !self.make_room(it.message.size())) {
            return Err(Refusal::Full);
        }
        self.last_epoch += 1;
        let id = &connect.client_id;
        let assigned = format!("auto-{}-{now}", self.last_epoch);
        let assigned_client_id = id.is_empty().then(|| ByteString::from(assigned));
        let client = assigned_client_id.clone().unwrap_or_else(|| ByteString::from(&**id));
        let (key, session_present) = self.claim(now, client, connect.clean_start)?;
        let conn = ConnId { session: key, epoch: self.last_epoch };
        let keep_ms = self.keep_ms(connect.session_expiry_interval_secs);
        self.wakes.push(origin.waker.clone());
        self.set_deadline(key, None);
        if let Some(session) = &mut self.sessions[key] {
            let window = connect.receive_max.map_or(u16::MAX, NonZeroU16::get);
            session.link = Link::Attached(Attached {
                origin,
                epoch: conn.epoch,
                window: window.min(self.limits.window).into(),
                max_packet: connect.max_packet_size.map_or(usize::MAX, |size| size.get() as usize),
            });
            session.since_ms = now;
            session.keep_ms = keep_ms;
            self.bytes += will.as_ref().map_or(0, |will| will.message.size());
            self.bytes -= session.set_will(will);
        }
        let session_expiry_s = u32::try_from(keep_ms / 1000).unwrap_or(u32::MAX);
        Ok(Connected { conn, session_present, assigned_client_id, session_expiry_s })
    }

    /// The session of a client: the one it had, unless it wants none of that, or a new one.
    fn claim(
        &mut self,
        now: i64,
        client: ByteString,
        is_clean: bool,
    ) -> Result<(SessionKey, bool), Refusal> {
        if let Some(key) = self.by_client.get(&client).copied() {
            if let Some(Link::Attached(old)) = self.sessions[key].as_ref().map(|it| &it.link) {
                self.wakes.push(old.origin.waker.clone());
            }
            self.leave(now, key);
            if is_clean {
                self.end(key);
            }
        }
        if let Some(key) = self.by_client.get(&client) {
            return Ok((*key, true));
        }
        if self.by_client.len() >= self.limits.sessions {
            // The session that has been absent for longest ends, so that a new client gets in.
            let absent = self.sessions.iter().enumerate().filter_map(|(key, session)| {
                session.as_ref().filter(|it| !it.is_attached()).map(|it| (it.since_ms, key))
            });
            let (_, oldest) = absent.min().ok_or(Refusal::Full)?;
            self.end(oldest);
        }
        let session = Some(Session::new(client.clone(), now));
        let key = self.free.pop().unwrap_or(self.sessions.len());
        match self.sessions.get_mut(key) {
            Some(free) => *free = session,
            None => self.sessions.push(session),
        }
        self.by_client.insert(client, key);
        Ok((key, false))
    }

    /// Makes room for a number of bytes by dropping messages of absent clients, the largest queue first. Whether there is
    /// room.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.bytes + bytes > self.limits.all_bytes {
            let absent = self.sessions.iter_mut().flatten().filter(|it| !it.is_attached());
            let Some(largest) = absent.max_by_key(|it| it.waiting_bytes()) else { return false };
            let before = largest.bytes();
            let num_dropped = largest.drop_half();
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

    /// The session of a connection; `None` when another connection has it, or it has ended.
    fn session(&mut self, conn: ConnId) -> Option<&mut Session<W>> {
        self.sessions[conn.session].as_mut().filter(
            |it| matches!(&it.link, Link::Attached(attached) if attached.epoch == conn.epoch),
        )
    }

    /// What is to be sent to a client next, some `room` bytes of it.
    ///
    /// # Errors
    /// When the connection is to be closed, since another has its client's id.
    pub fn take(
        &mut self,
        now: i64,
        conn: ConnId,
        room: usize,
    ) -> Result<Vec<Packet>, DisconnectReasonCode> {
        let is_current = self.session(conn).is_some();
        let Some(session) = self.sessions[conn.session].as_mut().filter(|_| is_current) else {
            return Err(DisconnectReasonCode::SessionTakenOver);
        };
        let before = session.bytes();
        let packets = session.take(&self.retained, now, room, &mut self.losses.oversized);
        self.bytes = self.bytes + session.bytes() - before;
        if let (true, Link::Attached(attached)) = (session.is_loading(), &session.link) {
            self.wakes.push(attached.origin.waker.clone());
        }
        Ok(packets)
    }

    /// Takes in what a client sends beside CONNECT, PUBLISH and DISCONNECT.
    ///
    /// # Errors
    /// When it ends the connection.
    pub fn packet(&mut self, conn: ConnId, packet: Packet) -> Result<(), DisconnectReasonCode> {
        let Some(session) = self.session(conn) else { return Ok(()) };
        let before = session.bytes();
        match packet {
            Packet::PingRequest => session.control.push_back(Packet::PingResponse),
            Packet::PublishAck(ack) => session.acknowledged(ack.packet_id),
            Packet::PublishReceived(ack) => session.received(ack.packet_id, ack.reason_code),
            Packet::PublishComplete(ack) => session.completed(ack.packet_id),
            Packet::PublishRelease(release) => {
                let mut ack = completion(release.packet_id);
                if !session.incoming.remove(&release.packet_id) {
                    ack.reason_code = PublishAck2Reason::PacketIdNotFound;
                }
                session.control.push_back(Packet::PublishComplete(ack));
            }
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

fn will(will: &LastWill) -> Will {
    let delay_ms = i64::from(will.will_delay_interval_sec.unwrap_or(0)) * 1000;
    Will { message: Message::of_will(will), delay_ms }
}
