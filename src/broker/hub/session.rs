//! Session of one client: its subscriptions, and its deliveries.
//!
//! Invariants: messages keep their order; the messages in flight stay within the client's receive maximum; a packet
//! id identifies one of them.

mod sending;

use std::collections::VecDeque;
use std::num::NonZeroU16;

use bytestring::ByteString;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::{Packet, PublishAck, PublishAckReason};

use super::delivery::{Delivery, Sent, Stage};
use super::filters::Options;
use super::message::Message;
use super::persistence::{Key, PendingChanges, PersistedId, PersistedSession, Value};
use super::retained::Load;
use super::{Origin, SessionView};
use crate::broker::rights::Grant;
use crate::domain::{QuickMap, QuickSet};

/// Connection state of a session.
#[derive(Debug)]
pub(super) enum Link<W> {
    Attached(Attached<W>),
    Absent,
}

#[derive(Debug)]
pub(super) struct Attached<W> {
    pub origin: Origin<W>,
    pub epoch: u64,
    /// Receive maximum: messages it accepts unacknowledged.
    pub window: usize,
    pub max_packet: usize,
}

#[derive(Debug)]
pub(super) struct Will {
    pub message: Message,
    pub delay_ms: i64,
}

#[derive(Debug)]
pub(super) struct Session<W> {
    pub client: ByteString,
    pub grant: Grant,
    pub link: Link<W>,
    /// Epoch of its last connection.
    pub last_epoch: u64,
    /// Time of the last connect or disconnect.
    pub since_ms: i64,
    /// Session expiry in ms; 0 ends it with the connection.
    pub keep_ms: i64,
    /// Number under which a restart of the process finds it.
    pub kept: Option<PersistedId>,
    /// Subscriptions by filter.
    pub subscriptions: QuickMap<ByteString, Options>,
    /// Memory of the subscriptions.
    pub subscription_bytes: usize,
    /// Time at which it ends, or its will is due.
    pub deadline: Option<i64>,
    /// Messages of QoS 2 from its client that were published, and not released.
    pub incoming: QuickSet<NonZeroU16>,
    /// Answers that wait to be sent, each until its group of changes is written; the connection bounds their number
    /// (`MAX_UNANSWERED`).
    control: VecDeque<(u64, Packet)>,
    will: Option<Will>,
    waiting: VecDeque<Delivery>,
    /// In the order of their numbers, which are lower than those of `waiting`.
    sent: VecDeque<Sent>,
    /// Bytes of `waiting`, `sent` and the will.
    bytes: usize,
    loads: VecDeque<(Load, Options)>,
    /// Index in `sent` of the next message to redeliver on this connection.
    resend: usize,
    next_number: u64,
}

impl<W> Session<W> {
    /// One whose client is about to be attached.
    pub fn new(client: ByteString, now: i64) -> Self {
        Self {
            client,
            grant: Grant::none(),
            link: Link::Absent,
            last_epoch: 0,
            since_ms: now,
            keep_ms: 0,
            kept: None,
            subscriptions: QuickMap::default(),
            subscription_bytes: 0,
            deadline: None,
            incoming: QuickSet::default(),
            control: VecDeque::new(),
            will: None,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            bytes: 0,
            loads: VecDeque::new(),
            resend: 0,
            next_number: 0,
        }
    }

    pub const fn is_attached(&self) -> bool {
        matches!(self.link, Link::Attached(_))
    }

    /// Bytes of the client's queue and will.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn view(&self) -> SessionView {
        let address = match &self.link {
            Link::Attached(attached) => attached.origin.address,
            Link::Absent => None,
        };
        SessionView {
            client_id: self.client.clone(),
            address,
            since_ms: self.since_ms,
            is_connected: self.is_attached(),
            num_waiting: self.waiting.len() + self.sent.len(),
            num_subscriptions: self.subscriptions.len(),
        }
    }

    pub fn will_delay_ms(&self) -> Option<i64> {
        self.will.as_ref().map(|will| will.delay_ms)
    }

    /// Sets another will, whose bytes the caller has counted in all. Bytes of the old one.
    pub fn set_will(&mut self, will: Option<Will>) -> usize {
        self.bytes += will.as_ref().map_or(0, |it| it.message.size());
        let old = std::mem::replace(&mut self.will, will).map_or(0, |it| it.message.size());
        self.bytes -= old;
        old
    }

    /// Takes the will, unless the client lost the right to publish it.
    pub fn take_will(&mut self) -> Option<Message> {
        let will = self.will.take()?.message;
        self.bytes -= will.size();
        self.grant.may_publish(&self.client, &will.topic).then_some(will)
    }

    /// Queues a packet that is sent once a group of changes is written.
    pub fn say(&mut self, after: u64, packet: Packet) {
        self.control.push_back((after, packet));
    }

    /// Answers a ping, which doesn't wait for changes to be written.
    pub fn pong(&mut self, keeping: &PendingChanges) {
        let waits = self.control.front().is_some_and(|(after, _)| !keeping.is_written(*after));
        if waits && !self.is_to_be_greeted() {
            self.control.push_front((0, Packet::PingResponse));
        } else {
            self.say(0, Packet::PingResponse);
        }
    }

    /// Whether the CONNACK waits: nothing is sent before it (MQTT-3.2.0-1).
    fn is_to_be_greeted(&self) -> bool {
        matches!(self.control.front(), Some((_, Packet::ConnectAck(_))))
    }

    /// Answers that wait.
    pub fn num_unanswered(&self) -> usize {
        self.control.len()
    }

    #[cfg(test)]
    pub fn last_said_in_test(&mut self) -> Option<Packet> {
        self.control.pop_back().map(|(_, packet)| packet)
    }

    /// Answers a message of the client's.
    pub fn answer(
        &mut self,
        after: u64,
        qos: QoS,
        packet_id: NonZeroU16,
        reason_code: PublishAckReason,
    ) {
        let ack =
            PublishAck { packet_id, reason_code, properties: Vec::new(), reason_string: None };
        let packet = match qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => Packet::PublishAck(ack),
            QoS::ExactlyOnce => Packet::PublishReceived(ack),
        };
        self.say(after, packet);
    }

    /// Queues a message.
    pub fn push(&mut self, mut delivery: Delivery, keeping: &mut PendingChanges) {
        self.bytes += delivery.size();
        if delivery.qos != QoS::AtMostOnce {
            delivery.number = self.next_number;
            self.next_number += 1;
            if let Some(id) = self.kept {
                keeping.put(Key::Waiting(id, delivery.number), Value::Waiting(delivery.clone()));
                delivery.after = keeping.latest();
            }
        }
        self.waiting.push_back(delivery);
    }

    /// Queues a restored delivery.
    pub fn restore_waiting(&mut self, delivery: Delivery) {
        self.bytes += delivery.size();
        self.next_number = delivery.number + 1;
        self.waiting.push_back(delivery);
    }

    /// Restores the state of a message that the client has received.
    pub fn restore_received(&mut self, number: u64) {
        // Sent in order, so earlier ones were sent too.
        let before = self
            .waiting
            .drain(..)
            .map(|delivery| Sent { number: delivery.number, stage: Stage::Sent(delivery) });
        self.sent.extend(before);
        self.sent.push_back(Sent { number, stage: Stage::Received });
        self.next_number = number + 1;
    }

    /// Persists all of a session that was not persistent, or only its own state.
    pub fn keep(&mut self, keeping: &mut PendingChanges) {
        if let (None, true, true) = (self.kept, keeping.is_on, self.keep_ms > 0) {
            let id = keeping.next_id();
            self.kept = Some(id);
            for (filter, options) in &self.subscriptions {
                let key = Key::Subscription(id, filter.clone());
                keeping.put(key, Value::Subscription(*options, false));
            }
            for packet_id in &self.incoming {
                keeping.put(Key::Incoming(id, packet_id.get()), Value::Incoming);
            }
            for sent in &self.sent {
                let value = match &sent.stage {
                    Stage::Sent(delivery) => Value::Waiting(delivery.clone()),
                    Stage::Received => Value::Received,
                };
                keeping.put(Key::Waiting(id, sent.number), value);
            }
            for delivery in self.waiting.iter_mut().filter(|it| it.qos != QoS::AtMostOnce) {
                let key = Key::Waiting(id, delivery.number);
                keeping.put(key, Value::Waiting(delivery.clone()));
                delivery.after = keeping.latest();
            }
        }
        let Some(id) = self.kept else { return };
        let session = PersistedSession {
            client: self.client.to_string(),
            user: self.grant.user.as_deref().map(str::to_owned),
            keep_ms: self.keep_ms,
            left_ms: (!self.is_attached()).then_some(self.since_ms),
        };
        keeping.put(Key::Session(id), Value::Session(session));
    }

    /// Deletes the persisted QoS 1 or 2 message, which a group included.
    fn forget(&self, number: u64, after: u64, keeping: &mut PendingChanges) {
        if let Some(id) = self.kept {
            keeping.delete(Key::Waiting(id, number), after);
        }
    }

    /// Drops the oldest message that was not sent. Whether there was one.
    pub fn drop_oldest(&mut self, keeping: &mut PendingChanges) -> bool {
        let Some(oldest) = self.waiting.pop_front() else { return false };
        self.bytes -= oldest.size();
        if oldest.qos != QoS::AtMostOnce {
            self.forget(oldest.number, oldest.after, keeping);
        }
        true
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(Delivery::size).sum()
    }

    /// Drops the older half of the unsent messages; returns their number.
    pub fn drop_half(&mut self, keeping: &mut PendingChanges) -> u64 {
        let count = self.waiting.len().div_ceil(2);
        for _ in 0..count {
            self.drop_oldest(keeping);
        }
        count as u64
    }

    /// Loads retained messages for a subscription, restarting a load in progress.
    pub fn load(&mut self, load: Load, options: Options) {
        self.forget_load(&load.filter);
        self.loads.push_back((load, options));
    }

    pub fn forget_load(&mut self, filter: &str) {
        self.loads.retain(|(load, _)| load.filter != filter);
    }

    /// The client disconnected; the session stays.
    pub fn detach(&mut self) {
        self.link = Link::Absent;
        self.control.clear();
        self.resend = 0;
        let bytes = &mut self.bytes;
        self.waiting.retain(|it| {
            let is_kept = it.qos != QoS::AtMostOnce;
            *bytes -= if is_kept { 0 } else { it.size() };
            is_kept
        });
    }
}
