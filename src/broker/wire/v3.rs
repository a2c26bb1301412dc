//! Translation of MQTT 3.1.1 packets to MQTT 5, and back.

use rmqtt_codec::types::QoS;
use rmqtt_codec::v3::{self, SubscribeReturnCode};
use rmqtt_codec::v5::{
    Connect, ConnectAck, ConnectAckReason, Disconnect, DisconnectReasonCode, LastWill, Packet,
    PublishAck, PublishAckReason, Subscribe, SubscriptionOptions, Unsubscribe,
};

use super::{Fault, checked};
use crate::broker::hub::completion;

/// MQTT 5 form of a client's packet.
pub(super) fn from_v3(packet: v3::Packet) -> Result<Packet, Fault> {
    let ack = |packet_id| PublishAck {
        packet_id,
        reason_code: PublishAckReason::Success,
        properties: Vec::new(),
        reason_string: None,
    };
    Ok(match packet {
        v3::Packet::Connect(connect) => Packet::Connect(Box::new(connect_from_v3(*connect))),
        v3::Packet::Publish(publish) => Packet::Publish(checked(publish)?),
        v3::Packet::PublishAck { packet_id } => Packet::PublishAck(ack(packet_id)),
        v3::Packet::PublishReceived { packet_id } => Packet::PublishReceived(ack(packet_id)),
        v3::Packet::PublishRelease { packet_id } => Packet::PublishRelease(completion(packet_id)),
        v3::Packet::PublishComplete { packet_id } => Packet::PublishComplete(completion(packet_id)),
        v3::Packet::Subscribe { packet_id, topic_filters } => Packet::Subscribe(Subscribe {
            packet_id,
            id: None,
            user_properties: Vec::new(),
            topic_filters: topic_filters
                .into_iter()
                .map(|(filter, qos)| {
                    (filter, SubscriptionOptions { qos, ..SubscriptionOptions::default() })
                })
                .collect(),
        }),
        v3::Packet::Unsubscribe { packet_id, topic_filters } => Packet::Unsubscribe(Unsubscribe {
            packet_id,
            user_properties: Vec::new(),
            topic_filters,
        }),
        v3::Packet::PingRequest => Packet::PingRequest,
        v3::Packet::Disconnect => {
            Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection))
        }
        v3::Packet::ConnectAck(_)
        | v3::Packet::SubscribeAck { .. }
        | v3::Packet::UnsubscribeAck { .. }
        | v3::Packet::PingResponse => {
            return Err(Fault::Reason(DisconnectReasonCode::ProtocolError));
        }
    })
}

fn connect_from_v3(connect: v3::Connect) -> Connect {
    Connect {
        clean_start: connect.clean_session,
        keep_alive: connect.keep_alive,
        session_expiry_interval_secs: if connect.clean_session { 0 } else { u32::MAX },
        last_will: connect.last_will.map(|will| LastWill {
            qos: will.qos,
            retain: will.retain,
            topic: will.topic,
            message: will.message,
            will_delay_interval_sec: None,
            correlation_data: None,
            message_expiry_interval: None,
            content_type: None,
            user_properties: Vec::new(),
            is_utf8_payload: None,
            response_topic: None,
        }),
        client_id: connect.client_id,
        username: connect.username,
        password: connect.password,
        ..Connect::default()
    }
}

/// MQTT 3.1.1 form of a packet; `None` if the version has none.
pub(super) fn to_v3(packet: Packet) -> Option<v3::Packet> {
    Some(match packet {
        Packet::ConnectAck(ack) => v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: return_code(&ack),
            session_present: ack.session_present,
        }),
        Packet::Publish(mut publish) => {
            publish.properties = None;
            v3::Packet::Publish(publish)
        }
        Packet::PublishAck(ack) => v3::Packet::PublishAck { packet_id: ack.packet_id },
        Packet::PublishReceived(ack) => v3::Packet::PublishReceived { packet_id: ack.packet_id },
        Packet::PublishRelease(ack) => v3::Packet::PublishRelease { packet_id: ack.packet_id },
        Packet::PublishComplete(ack) => v3::Packet::PublishComplete { packet_id: ack.packet_id },
        Packet::SubscribeAck(ack) => v3::Packet::SubscribeAck {
            packet_id: ack.packet_id,
            status: ack
                .status
                .into_iter()
                .map(|status| {
                    QoS::try_from(u8::from(status))
                        .map_or(SubscribeReturnCode::Failure, SubscribeReturnCode::Success)
                })
                .collect(),
        },
        Packet::UnsubscribeAck(ack) => v3::Packet::UnsubscribeAck { packet_id: ack.packet_id },
        Packet::PingResponse => v3::Packet::PingResponse,
        _ => return None,
    })
}

fn return_code(ack: &ConnectAck) -> v3::ConnectAckReason {
    match ack.reason_code {
        ConnectAckReason::Success => v3::ConnectAckReason::ConnectionAccepted,
        ConnectAckReason::UnsupportedProtocolVersion => {
            v3::ConnectAckReason::UnacceptableProtocolVersion
        }
        ConnectAckReason::ClientIdentifierNotValid => v3::ConnectAckReason::IdentifierRejected,
        ConnectAckReason::BadUserNameOrPassword => v3::ConnectAckReason::BadUserNameOrPassword,
        ConnectAckReason::NotAuthorized | ConnectAckReason::Banned => {
            v3::ConnectAckReason::NotAuthorized
        }
        _ => v3::ConnectAckReason::ServiceUnavailable,
    }
}
