//! The hub by itself: packets in, packets out, time by hand.

mod delivering;
mod persistence;
mod rights;
mod sessions;

use std::num::NonZeroU16;

use bytes::Bytes;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{
    Connect, DisconnectReasonCode, LastWill, Packet, PublishAck, PublishAckReason,
    PublishProperties, RetainHandling, Subscribe, SubscribeAckReason, SubscriptionOptions,
};

use super::{ConnId, Connected, Hub, Limits, Origin, Refusal, Standing, completion};
use crate::broker::rights::{Grant, Limited, Rights};

const LIMITS: Limits = Limits {
    sessions: 5,
    subscriptions: 3,
    subscription_bytes: 3000,
    all_subscription_bytes: 3500,
    window: 4,
    session_bytes: 10_000,
    all_bytes: 15_000,
    retained: 3,
    retained_bytes: 2000,
    session_expiry_ms: 60_000,
};

/// A hub, and the time.
struct Bench {
    hub: Hub<&'static str>,
    now: i64,
}

fn id(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not 0")
}

fn client(name: &str) -> Connect {
    Connect { client_id: name.into(), clean_start: true, ..Connect::default() }
}

fn persistent(name: &str) -> Connect {
    Connect { clean_start: false, session_expiry_interval_secs: 60, ..client(name) }
}

fn with_will(connect: Connect, topic: &str, delay_s: u32) -> Connect {
    let last_will = Some(LastWill {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: topic.into(),
        message: Bytes::from_static(b"gone"),
        will_delay_interval_sec: Some(delay_s),
        correlation_data: None,
        message_expiry_interval: None,
        content_type: None,
        user_properties: Vec::new(),
        is_utf8_payload: None,
        response_topic: None,
    });
    Connect { last_will, ..connect }
}

fn message(topic: &str, payload: &str, qos: u8, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        retain: false,
        qos: QoS::try_from(qos).expect("a QoS"),
        topic: topic.into(),
        packet_id: NonZeroU16::new(packet_id),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        properties: None,
    }
}

fn retained(topic: &str, payload: &str) -> Publish {
    Publish { retain: true, ..message(topic, payload, 1, 1) }
}

fn acked(number: u16) -> PublishAck {
    PublishAck {
        packet_id: id(number),
        reason_code: PublishAckReason::Success,
        properties: Vec::new(),
        reason_string: None,
    }
}

impl Bench {
    fn new() -> Self {
        Self { hub: Hub::new(LIMITS), now: 1_000_000 }
    }

    fn try_connect(&mut self, connect: &Connect) -> Result<Connected, Refusal> {
        self.try_connect_as(connect, Grant::all_in_test())
    }

    fn try_connect_as(&mut self, connect: &Connect, grant: Grant) -> Result<Connected, Refusal> {
        let origin = Origin { waker: "waker", address: None };
        self.hub.connect(self.now, connect, grant, origin)
    }

    fn connect(&mut self, connect: &Connect) -> ConnId {
        self.try_connect(connect).expect("let in").conn
    }

    fn subscribe(&mut self, conn: ConnId, filter: &str, qos: u8) -> SubscribeAckReason {
        self.subscribe_with(conn, filter, |options| {
            options.qos = QoS::try_from(qos).expect("a QoS");
        })
    }

    fn subscribe_with(
        &mut self,
        conn: ConnId,
        filter: &str,
        change: impl Fn(&mut SubscriptionOptions),
    ) -> SubscribeAckReason {
        let mut options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..Default::default() };
        change(&mut options);
        let subscribe = Subscribe {
            packet_id: id(9),
            id: None,
            user_properties: Vec::new(),
            topic_filters: vec![(filter.into(), options)],
        };
        self.hub.packet(conn, Packet::Subscribe(subscribe)).expect("goes on");
        let session = self.hub.session(conn).expect("attached");
        match session.last_said_in_test() {
            Some(Packet::SubscribeAck(ack)) => ack.status[0],
            other => panic!("not a SUBACK: {other:?}"),
        }
    }

    /// Publishes; the reason that it is acknowledged with.
    fn publish(&mut self, conn: ConnId, publish: &Publish) -> Option<PublishAckReason> {
        self.hub.publish(self.now, conn, publish, Standing::PassedOn);
        match self.hub.session(conn)?.last_said_in_test()? {
            Packet::PublishAck(ack) | Packet::PublishReceived(ack) => Some(ack.reason_code),
            other => panic!("not an acknowledgement: {other:?}"),
        }
    }

    fn take(&mut self, conn: ConnId) -> Vec<Packet> {
        self.hub.take(self.now, conn, 100_000).expect("current").0
    }

    fn messages(&mut self, conn: ConnId) -> Vec<Publish> {
        // A load takes several turns.
        let packets: Vec<_> = (0..5).flat_map(|_| self.take(conn)).collect();
        let packets = packets.into_iter();
        packets
            .filter_map(|it| if let Packet::Publish(it) = it { Some(*it) } else { None })
            .collect()
    }

    fn payloads(&mut self, conn: ConnId) -> Vec<String> {
        let payload = |it: &Publish| String::from_utf8(it.payload.to_vec()).expect("text");
        self.messages(conn).iter().map(payload).collect()
    }

    fn gone(&mut self, conn: ConnId) {
        self.hub.gone(self.now, conn, true, None);
    }

    fn publish_due(&mut self) -> usize {
        let due = self.hub.due();
        let count = due.len();
        due.into_iter().for_each(|will| self.hub.publish_will(self.now, will));
        count
    }

    /// Nothing is counted twice, or forgotten.
    fn assert_counted(&self) {
        let sessions = || self.hub.sessions.iter().flatten();
        assert_eq!(self.hub.bytes, sessions().map(|it| it.bytes()).sum::<usize>());
        let subscriptions = sessions().map(|it| it.subscription_bytes).sum::<usize>();
        assert_eq!(self.hub.subscription_bytes, subscriptions);
    }
}
