//! The window of messages a client hasn't acknowledged, kept so that none falls through.

#![expect(clippy::disallowed_methods, reason = "lines are limited by time")]

use std::time::Instant;

use async_trait::async_trait;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType};
use rmqtt::inflight::{MomentStatus, OutInflightMessage};
use rmqtt::types::{ConnectInfo, Publish, QoS};

use super::losses::Seldom;

/// Enters a message into its session's window before it is sent. rmqtt does so afterwards, and
/// loses the message whose sending fails because the connection has just died.
pub(super) struct Window;

#[async_trait]
impl Handler for Window {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageDelivered(session, from, publish) = parameter
            && let Some(status) = awaits(publish.qos)
        {
            let message = OutInflightMessage::new(status, from.clone(), (*publish).clone());
            session.out_inflight().write().await.push_back(message);
        }
        (true, before)
    }
}

/// What the client has to say first.
const fn awaits(qos: QoS) -> Option<MomentStatus> {
    match qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(MomentStatus::UnAck),
        QoS::ExactlyOnce => Some(MomentStatus::UnReceived),
    }
}

/// Passes over messages larger than their client takes, as MQTT 5 asks: sending one fails, and
/// would fail again at each reconnection.
#[derive(Default)]
pub(super) struct Oversized(Seldom);

#[async_trait]
impl Handler for Oversized {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageExpiryCheck(session, _, publish) = parameter
            && let Ok(client) = session.connect_info().await
            && let ConnectInfo::V5(_, connect) = client.as_ref()
            && let Some(most) = connect.max_packet_size
            && size(publish) > usize::try_from(most.get()).unwrap_or(usize::MAX)
        {
            if let Some(messages) = self.0.count(Instant::now()) {
                log::warn!(
                    target: "vigie::broker",
                    "passed over {messages} messages larger than their client takes, the last for {:?}, \
                     which takes {most} bytes",
                    client.client_id(),
                );
            }
            // The one answer that drops a message.
            return (false, Some(HookResult::MessageExpiry));
        }
        (true, before)
    }
}

/// Passes over messages whose topic has a NUL character in it: MQTT forbids them ([MQTT-1.5.4-2]),
/// rmqtt doesn't look, and a client in C that isn't prepared for one would end, the gateway with the
/// whole daemon among them.
#[derive(Default)]
pub(super) struct NulTopics(Seldom);

#[async_trait]
impl Handler for NulTopics {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageExpiryCheck(_, from, publish) = parameter
            && publish.topic.contains('\0')
        {
            if let Some(messages) = self.0.count(Instant::now()) {
                log::warn!(
                    target: "vigie::broker",
                    "passed over {messages} messages with a NUL character in their topic, the last from {:?}",
                    from.client_id,
                );
            }
            return (false, Some(HookResult::MessageExpiry));
        }
        (true, before)
    }
}

/// At least the size of the packet, in bytes; a little more when it has properties.
fn size(publish: &Publish) -> usize {
    const HEADERS: usize = 5 + 2 + 2 + 4 + 5 + 8;
    let properties = publish.properties.as_ref().map_or(0, |properties| {
        let pairs =
            properties.user_properties.iter().map(|(name, value)| 5 + name.len() + value.len());
        pairs.sum::<usize>()
            + properties.content_type.as_ref().map_or(0, |text| 3 + text.len())
            + properties.response_topic.as_ref().map_or(0, |text| 3 + text.len())
            + properties.correlation_data.as_ref().map_or(0, |data| 3 + data.len())
            + 5 * properties.subscription_ids.len()
    });
    HEADERS + publish.topic.len() + properties + publish.payload.len()
}
