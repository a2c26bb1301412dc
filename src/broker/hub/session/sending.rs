//! Sending of a session: windows, acknowledgements, loads of retained messages.

use std::num::{NonZeroU16, NonZeroU32};

use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::{Packet, PublishAck2, PublishAck2Reason, PublishAckReason};

use super::{Attached, Link, Session};
use crate::broker::hub::Loss;
use crate::broker::hub::delivery::{
    Delivery, NUM_IDS, Sent, Stage, completion, packet_id, publish, release, wire_size,
};
use crate::broker::hub::persistence::{Key, PendingChanges, Value};
use crate::broker::hub::retained::Retained;

/// Topics looked at for one step of a load.
const LOAD_STEP: usize = 500;

impl<W> Session<W> {
    /// Next packets to send, about `room` bytes.
    pub fn take(
        &mut self,
        retained: &Retained,
        keeping: &mut PendingChanges,
        now: i64,
        room: usize,
        oversized: &mut Loss,
    ) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some((_, packet)) =
            self.control.pop_front_if(|(after, _)| keeping.is_written(*after))
        {
            packets.push(packet);
        }
        if self.is_to_be_greeted() {
            return packets;
        }
        let Link::Attached(Attached { window, max_packet, .. }) = &self.link else {
            return packets;
        };
        let (window, max_packet) = (*window, *max_packet);
        let mut left = room;
        while left > 0 && self.resend < self.sent.len().min(window) {
            if let Stage::Sent(delivery) = &self.sent[self.resend].stage {
                let is_too_large = wire_size(delivery) > max_packet;
                if is_too_large || !self.may_have(&delivery.message.topic) {
                    oversized.add(u64::from(is_too_large), &self.client);
                    self.complete(self.resend, keeping);
                    continue;
                }
            }
            let (packet, size) = self.sent[self.resend].again(now);
            packets.push(packet);
            left = left.saturating_sub(size);
            self.resend += 1;
        }
        if self.waiting.is_empty() {
            self.step_load(retained, keeping, now, room);
        }
        while left > 0 && self.resend == self.sent.len() {
            let Some(next) = self.waiting.front() else { break };
            let is_held = next.qos != QoS::AtMostOnce && !self.has_window(window, next.number);
            if is_held || !keeping.is_written(next.after) {
                break;
            }
            let is_too_large = wire_size(next) > max_packet;
            let is_sent = !is_too_large && self.may_have(&next.message.topic);
            let expiry = next.message.expiry_left(now).ok().filter(|_| is_sent);
            oversized.add(u64::from(is_too_large), &self.client);
            let Some(expiry) = expiry else {
                self.drop_oldest(keeping);
                continue;
            };
            let Some(delivery) = self.waiting.pop_front() else { break };
            left = left.saturating_sub(delivery.size());
            packets.push(self.send(delivery, expiry));
        }
        packets
    }

    /// Whether something would be sent once a group of changes is written.
    pub fn is_waiting_for(&self, keeping: &PendingChanges) -> bool {
        let control = self.control.front().is_some_and(|(after, _)| !keeping.is_written(*after));
        control || self.waiting.front().is_some_and(|it| !keeping.is_written(it.after))
    }

    /// True if the client may still receive the topic; its rights may have changed since it subscribed.
    pub fn may_have(&self, topic: &str) -> bool {
        self.grant.may_subscribe(&self.client, topic)
    }

    fn send(&mut self, delivery: Delivery, expiry: Option<NonZeroU32>) -> Packet {
        if delivery.qos == QoS::AtMostOnce {
            self.bytes -= delivery.size();
            return publish(&delivery, None, false, expiry);
        }
        let number = delivery.number;
        let packet = publish(&delivery, Some(packet_id(number)), delivery.is_restored, expiry);
        self.sent.push_back(Sent { number, stage: Stage::Sent(delivery) });
        self.resend += 1;
        packet
    }

    fn has_window(&self, window: usize, next: u64) -> bool {
        let span = self.sent.front().map_or(0, |oldest| next - oldest.number);
        self.sent.len() < window && span < NUM_IDS
    }

    /// Whether something is to be loaded once nothing waits.
    pub fn is_loading(&self) -> bool {
        !self.loads.is_empty() && self.waiting.is_empty()
    }

    /// Queues a part of the load in progress.
    fn step_load(
        &mut self,
        retained: &Retained,
        keeping: &mut PendingChanges,
        now: i64,
        room: usize,
    ) {
        let Some((load, options)) = self.loads.pop_front() else { return };
        let (found, next) = retained.step(&load, now, LOAD_STEP, room);
        let filter = load.filter;
        for message in found {
            let qos = message.qos.less_value(options.qos);
            let ids = options.id.into_iter().collect();
            let delivery = Delivery::new(message, qos, true, ids);
            self.push(delivery, keeping);
        }
        if let Some(load) = next {
            self.loads.push_front((load, options));
        } else if let Some(id) = self.kept {
            let key = Key::Subscription(id, filter);
            keeping.put(key, Value::Subscription(options, false));
        }
    }

    fn position(&self, id: NonZeroU16) -> Option<usize> {
        let first = self.sent.front()?.number;
        let ahead = (u64::from(id.get()) - 1 + NUM_IDS - first % NUM_IDS) % NUM_IDS;
        self.sent.binary_search_by_key(&(first + ahead), |sent| sent.number).ok()
    }

    fn complete(&mut self, at: usize, keeping: &mut PendingChanges) {
        if let Some(sent) = self.sent.remove(at) {
            if let Stage::Sent(delivery) = &sent.stage {
                self.bytes -= delivery.size();
            }
            // It was sent, and so written before.
            self.forget(sent.number, 0, keeping);
        }
        self.resend -= usize::from(at < self.resend);
    }

    /// The client has a message of QoS 1.
    pub fn acknowledged(&mut self, id: NonZeroU16, keeping: &mut PendingChanges) {
        if let Some(at) = self.position(id)
            && let Stage::Sent(Delivery { qos: QoS::AtLeastOnce, .. }) = self.sent[at].stage
        {
            self.complete(at, keeping);
        }
    }

    /// The client has a message of QoS 2, or won't.
    pub fn received(
        &mut self,
        id: NonZeroU16,
        reason: PublishAckReason,
        keeping: &mut PendingChanges,
    ) {
        let at = self.position(id);
        let mut after = 0;
        if let Some(at) = at {
            if u8::from(reason) >= 0x80 {
                return self.complete(at, keeping);
            }
            if let Stage::Sent(delivery) =
                std::mem::replace(&mut self.sent[at].stage, Stage::Received)
            {
                self.bytes -= delivery.size();
                if let Some(id) = self.kept {
                    keeping.put(Key::Waiting(id, delivery.number), Value::Received);
                }
            }
            after = self.kept.map_or(0, |_| keeping.latest());
        } else if u8::from(reason) >= 0x80 {
            return;
        }
        let packet = match at {
            Some(_) => release(id),
            None => Packet::PublishRelease(PublishAck2 {
                reason_code: PublishAck2Reason::PacketIdNotFound,
                ..completion(id)
            }),
        };
        self.say(after, packet);
    }

    /// The client has completed a message of QoS 2.
    pub fn completed(&mut self, id: NonZeroU16, keeping: &mut PendingChanges) {
        if let Some(at) = self.position(id)
            && matches!(self.sent[at].stage, Stage::Received)
        {
            self.complete(at, keeping);
        }
    }

    /// Handles PUBREL of a QoS 2 message that the client published.
    pub fn released(&mut self, id: NonZeroU16, keeping: &mut PendingChanges) {
        let mut ack = completion(id);
        if !self.incoming.remove(&id) {
            ack.reason_code = PublishAck2Reason::PacketIdNotFound;
        } else if let Some(kept) = self.kept {
            // It was acknowledged, and so written before.
            keeping.delete(Key::Incoming(kept, id.get()), 0);
        }
        // Acknowledged once the deletion is persisted: another message may then use the packet id.
        let after = self.kept.map_or(0, |_| keeping.latest());
        self.say(after, Packet::PublishComplete(ack));
    }

    /// The client has published a message of QoS 2.
    pub fn came_in(&mut self, id: NonZeroU16, keeping: &mut PendingChanges) {
        self.incoming.insert(id);
        if let Some(kept) = self.kept {
            keeping.put(Key::Incoming(kept, id.get()), Value::Incoming);
        }
    }
}
