//! One client's session: what it subscribes to, and what is on its way to it.
//!
//! Holds always: messages keep their order; the number of messages in flight stays within the client's receive maximum;
//! a packet id names one of them.

use std::collections::VecDeque;
use std::num::{NonZeroU16, NonZeroU32};

use bytestring::ByteString;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::{Packet, PublishAck2, PublishAck2Reason, PublishAckReason};

use super::delivery::{
    Delivery, NUM_IDS, Sent, Stage, completion, packet_id, publish, release, wire_size,
};
use super::filters::Options;
use super::message::Message;
use super::retained::{Load, Retained};
use super::{Loss, Origin, SessionView};
use crate::domain::{QuickMap, QuickSet};

/// Topics looked at for one step of a load.
const LOAD_STEP: usize = 500;

/// Where a session's client is.
#[derive(Debug)]
pub(super) enum Link<W> {
    Attached(Attached<W>),
    Absent,
}

#[derive(Debug)]
pub(super) struct Attached<W> {
    pub origin: Origin<W>,
    pub epoch: u64,
    /// Messages it takes before it has acknowledged some.
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
    pub link: Link<W>,
    /// When its client came or left.
    pub since_ms: i64,
    /// How long it is kept without its client; 0 for not at all.
    pub keep_ms: i64,
    /// By filter.
    pub subscriptions: QuickMap<ByteString, Options>,
    /// Memory that they take.
    pub subscription_bytes: usize,
    /// When it ends, or its will is due.
    pub deadline: Option<i64>,
    /// Messages of QoS 2 from its client that were published, and not released.
    pub incoming: QuickSet<NonZeroU16>,
    /// Answers that wait to be sent; the connection bounds their number (`MAX_UNANSWERED`).
    pub control: VecDeque<Packet>,
    will: Option<Will>,
    waiting: VecDeque<Delivery>,
    /// In the order of their numbers.
    sent: VecDeque<Sent>,
    /// Of `waiting`, `sent` and the will.
    bytes: usize,
    loads: VecDeque<(Load, Options)>,
    /// Of `sent`, what comes before has been sent in this connection.
    resend: usize,
    next_number: u64,
}

impl<W> Session<W> {
    /// One whose client is about to be attached.
    pub fn new(client: ByteString, now: i64) -> Self {
        Self {
            client,
            link: Link::Absent,
            since_ms: now,
            keep_ms: 0,
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

    /// Memory of what waits for the client, and of its will.
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

    pub fn take_will(&mut self) -> Option<Message> {
        let will = self.will.take()?.message;
        self.bytes -= will.size();
        Some(will)
    }

    /// Queues a message.
    pub fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.size();
        self.waiting.push_back(delivery);
    }

    /// Drops the oldest message that was not sent. Whether there was one.
    pub fn drop_oldest(&mut self) -> bool {
        let oldest = self.waiting.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, Delivery::size);
        oldest.is_some()
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(Delivery::size).sum()
    }

    /// Drops the older half of what was not sent; how many.
    pub fn drop_half(&mut self) -> u64 {
        let count = self.waiting.len().div_ceil(2);
        for _ in 0..count {
            self.drop_oldest();
        }
        count as u64
    }

    /// Loads what was retained for a subscription, anew if that is under way.
    pub fn load(&mut self, load: Load, options: Options) {
        self.forget_load(&load.filter);
        self.loads.push_back((load, options));
    }

    pub fn forget_load(&mut self, filter: &str) {
        self.loads.retain(|(load, _)| load.filter != filter);
    }

    /// The client is gone, and the session stays.
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

    /// What is to be sent next, some `room` bytes of it.
    pub fn take(
        &mut self,
        retained: &Retained,
        now: i64,
        room: usize,
        oversized: &mut Loss,
    ) -> Vec<Packet> {
        let mut packets: Vec<_> = self.control.drain(..).collect();
        let Link::Attached(Attached { window, max_packet, .. }) = &self.link else {
            return packets;
        };
        let (window, max_packet) = (*window, *max_packet);
        let mut left = room;
        while left > 0 && self.resend < self.sent.len().min(window) {
            if let Stage::Sent(delivery) = &self.sent[self.resend].stage
                && wire_size(delivery) > max_packet
            {
                oversized.add(1, &self.client);
                self.complete(self.resend);
                continue;
            }
            let (packet, size) = self.sent[self.resend].again(now);
            packets.push(packet);
            left = left.saturating_sub(size);
            self.resend += 1;
        }
        if self.waiting.is_empty() {
            self.step_load(retained, now, room);
        }
        while left > 0 && self.resend == self.sent.len() {
            let Some(next) = self.waiting.front() else { break };
            if next.qos != QoS::AtMostOnce && !self.has_window(window) {
                break;
            }
            let Some(delivery) = self.waiting.pop_front() else { break };
            let size = delivery.size();
            let is_too_large = wire_size(&delivery) > max_packet;
            let expiry = delivery.message.expiry_left(now).ok().filter(|_| !is_too_large);
            oversized.add(u64::from(is_too_large), &self.client);
            let Some(expiry) = expiry else {
                self.bytes -= size;
                continue;
            };
            left = left.saturating_sub(size);
            packets.push(self.send(delivery, expiry));
        }
        packets
    }

    fn send(&mut self, delivery: Delivery, expiry: Option<NonZeroU32>) -> Packet {
        if delivery.qos == QoS::AtMostOnce {
            self.bytes -= delivery.size();
            return publish(&delivery, None, false, expiry);
        }
        let number = self.next_number;
        self.next_number += 1;
        let packet = publish(&delivery, Some(packet_id(number)), false, expiry);
        self.sent.push_back(Sent { number, stage: Stage::Sent(delivery) });
        self.resend += 1;
        packet
    }

    fn has_window(&self, window: usize) -> bool {
        let span = self.sent.front().map_or(0, |oldest| self.next_number - oldest.number);
        self.sent.len() < window && span < NUM_IDS
    }

    /// Whether something is to be loaded once nothing waits.
    pub fn is_loading(&self) -> bool {
        !self.loads.is_empty() && self.waiting.is_empty()
    }

    /// Queues some of what is loaded.
    fn step_load(&mut self, retained: &Retained, now: i64, room: usize) {
        let Some((load, options)) = self.loads.pop_front() else { return };
        let (found, next) = retained.step(&load, now, LOAD_STEP, room);
        for message in found {
            let qos = message.qos.less_value(options.qos);
            let ids = options.id.into_iter().collect();
            self.push(Delivery { message, qos, retain: true, ids });
        }
        if let Some(load) = next {
            self.loads.push_front((load, options));
        }
    }

    fn position(&self, id: NonZeroU16) -> Option<usize> {
        let first = self.sent.front()?.number;
        let ahead = (u64::from(id.get()) - 1 + NUM_IDS - first % NUM_IDS) % NUM_IDS;
        self.sent.binary_search_by_key(&(first + ahead), |sent| sent.number).ok()
    }

    fn complete(&mut self, at: usize) {
        if let Some(Sent { stage: Stage::Sent(delivery), .. }) = self.sent.remove(at) {
            self.bytes -= delivery.size();
        }
        self.resend -= usize::from(at < self.resend);
    }

    /// The client has a message of QoS 1.
    pub fn acknowledged(&mut self, id: NonZeroU16) {
        if let Some(at) = self.position(id)
            && let Stage::Sent(Delivery { qos: QoS::AtLeastOnce, .. }) = self.sent[at].stage
        {
            self.complete(at);
        }
    }

    /// The client has a message of QoS 2, or won't.
    pub fn received(&mut self, id: NonZeroU16, reason: PublishAckReason) {
        let at = self.position(id);
        if let Some(at) = at {
            if u8::from(reason) >= 0x80 {
                return self.complete(at);
            }
            if let Stage::Sent(delivery) =
                std::mem::replace(&mut self.sent[at].stage, Stage::Received)
            {
                self.bytes -= delivery.size();
            }
        } else if u8::from(reason) >= 0x80 {
            return;
        }
        self.control.push_back(match at {
            Some(_) => release(id),
            None => Packet::PublishRelease(PublishAck2 {
                reason_code: PublishAck2Reason::PacketIdNotFound,
                ..completion(id)
            }),
        });
    }

    /// The client has completed a message of QoS 2.
    pub fn completed(&mut self, id: NonZeroU16) {
        if let Some(at) = self.position(id)
            && matches!(self.sent[at].stage, Stage::Received)
        {
            self.complete(at);
        }
    }
}
