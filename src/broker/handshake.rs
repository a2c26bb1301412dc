//! From a connection's first byte to its CONNACK.
//!
//! Invariant: a connection without a login has a time limit (`HANDSHAKE_TIMEOUT`) and a small buffer
//! (`MAX_CONNECT_BYTES`).

use std::net::SocketAddr;

use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::v5::{Connect, ConnectAck, ConnectAckReason, Packet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::hub::{Connected, Origin, Refusal};
use super::limits;
use super::shared::{Presence, Shared, Waker};
use super::wire::{self, Fault, Wire};
use crate::config::{BrokerLimits, GATEWAY_USER};

/// First byte of a CONNECT.
const CONNECT: u8 = 0x10;

/// Smallest maximum packet size that is accepted; an acknowledgement without properties fits.
const LEAST_MAX_PACKET: u32 = 32;

/// CONNACK of MQTT 3.1.1 for an unknown version.
const UNKNOWN_VERSION: [u8; 4] = [0x20, 2, 0, 1];

/// A connection before its CONNECT is accepted.
pub(super) struct Handshake<'a, 's, S> {
    pub(super) shared: &'a Shared,
    pub(super) socket: &'s mut S,
    pub(super) address: SocketAddr,
    pub(super) wake: Waker,
    pub(super) wire: Wire,
    pub(super) input: BytesMut,
}

/// An accepted client.
pub(super) struct Client<'a> {
    pub(super) presence: Presence<'a>,
    pub(super) id: ByteString,
    pub(super) is_gateway: bool,
    /// Whether its rights are limited.
    pub(super) is_limited: bool,
    pub(super) keep_alive_s: u16,
    pub(super) wire: Wire,
    /// Bytes read and not yet processed.
    pub(super) input: BytesMut,
    /// The CONNACK, unless it waits for something to be written.
    pub(super) output: BytesMut,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Handshake<'a, '_, S> {
    /// Accepts the client, or refuses it with a reason.
    pub(super) async fn run(mut self) -> Option<Client<'a>> {
        let connect = match self.connect().await {
            Ok(Some(connect)) => connect,
            Ok(None) => return None,
            Err(Fault::Version) => {
                let _ = self.socket.write_all(&UNKNOWN_VERSION).await;
                return None;
            }
            Err(Fault::ClientId) => {
                return self.refuse(ConnectAckReason::ClientIdentifierNotValid).await;
            }
            // MQTT 3.1.1 has no reason code for it, and demands silence (3.1.2-3).
            Err(Fault::Reason(_)) if !self.wire.is_v5() => return None,
            Err(Fault::Reason(_)) => return self.refuse(ConnectAckReason::MalformedPacket).await,
        };
        if let Some(reason) = objection(&connect) {
            return self.refuse(reason).await;
        }
        let Some(grant) = self.shared.admit(&connect, self.address).await else {
            return self.refuse(ConnectAckReason::BadUserNameOrPassword).await;
        };
        let is_limited = grant.is_limited();
        let origin = Origin { waker: self.wake.clone(), address: Some(self.address) };
        let (connected, presence) = match self.shared.connect(&connect, &grant, origin) {
            Ok(connected) => connected,
            Err(Refusal::Full) => {
                self.shared.tell_full(&format!("client {:?}", &*connect.client_id));
                return self.refuse(ConnectAckReason::QuotaExceeded).await;
            }
            // A reload removed its user meanwhile.
            Err(Refusal::Gone) => {
                return self.refuse(ConnectAckReason::BadUserNameOrPassword).await;
            }
            Err(Refusal::WillTopic) => {
                return self.refuse(ConnectAckReason::TopicNameInvalid).await;
            }
            Err(refusal @ (Refusal::WillRights | Refusal::Foreign)) => {
                self.shared.tell_denied(&connect, self.address, refusal);
                return self.refuse(ConnectAckReason::NotAuthorized).await;
            }
        };
        let ack = answer(&connect, &connected, self.keep_alive_s(&connect), &self.shared.limits);
        let ack = Packet::ConnectAck(Box::new(ack));
        let mut output = BytesMut::new();
        match connected.after {
            // Small, and without text of the client's.
            0 => drop(self.wire.encode(ack, &mut output)),
            after => self.shared.with(|hub, _| hub.greet(connected.conn, after, ack)),
        }
        let most = connect.max_packet_size.map_or(0, |size| size.get().max(LEAST_MAX_PACKET));
        self.wire.set_most(most, connect.topic_alias_max);
        let id = connected.assigned_client_id.clone();
        Some(Client {
            presence,
            id: id.unwrap_or_else(|| ByteString::from(&*connect.client_id)),
            is_gateway: connect.username.as_deref() == Some(GATEWAY_USER),
            is_limited,
            keep_alive_s: self.keep_alive_s(&connect),
            wire: self.wire,
            input: self.input,
            output,
        })
    }

    /// Keep-alive of the connection, in seconds: the client's own, limited by `[broker.limits] keep_alive` in MQTT
    /// 5, which can announce it.
    fn keep_alive_s(&self, connect: &Connect) -> u16 {
        match self.shared.limits.keep_alive_s {
            Some(most)
                if self.wire.is_v5()
                    && (connect.keep_alive == 0 || connect.keep_alive > most.get()) =>
            {
                most.get()
            }
            _ => connect.keep_alive,
        }
    }

    /// Waits for the CONNECT; `None` when there is something else, or nothing.
    async fn connect(&mut self) -> Result<Option<Box<Connect>>, Fault> {
        let mut room = None;
        loop {
            if self.input.first().is_some_and(|kind| *kind != CONNECT) {
                return Ok(None);
            }
            let size = wire::announced(&self.input).unwrap_or_default();
            if size > limits::MAX_CONNECT_BYTES {
                return Ok(None);
            }
            if size > limits::SMALL_PACKET_BYTES && room.is_none() {
                room = self.shared.strangers_room(size);
                if room.is_none() {
                    return Ok(None);
                }
            }
            if wire::is_whole(&self.input) {
                let packet = self.wire.decode(&mut self.input)?;
                let Some(Packet::Connect(connect)) = packet else { return Ok(None) };
                return Ok(Some(connect));
            }
            if self.socket.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return Ok(None);
            }
        }
    }

    async fn refuse(mut self, reason_code: ConnectAckReason) -> Option<Client<'a>> {
        let ack = ConnectAck { reason_code, ..ConnectAck::default() };
        let mut output = BytesMut::new();
        if self.wire.encode(Packet::ConnectAck(Box::new(ack)), &mut output).is_ok() {
            let _ = self.socket.write_all(&output).await;
            let _ = self.socket.shutdown().await;
        }
        None
    }
}

/// Reason to refuse a CONNECT, regardless of its sender.
fn objection(connect: &Connect) -> Option<ConnectAckReason> {
    let id = &connect.client_id;
    if connect.auth_method.is_some() {
        Some(ConnectAckReason::BadAuthenticationMethod)
    } else if id.len() > limits::MAX_CLIENT_ID_BYTES || id.contains('\0') {
        Some(ConnectAckReason::ClientIdentifierNotValid)
    } else {
        None
    }
}

fn answer(
    connect: &Connect,
    connected: &Connected,
    keep_alive_s: u16,
    limits: &BrokerLimits,
) -> ConnectAck {
    let expiry_s = connected.session_expiry_s;
    ConnectAck {
        session_present: connected.session_present,
        assigned_client_id: connected.assigned_client_id.clone(),
        session_expiry_interval_secs: (expiry_s != connect.session_expiry_interval_secs)
            .then_some(expiry_s),
        receive_max: limits.in_flight,
        max_packet_size: u32::try_from(limits.packet_bytes).ok(),
        topic_alias_max: wire::MAX_ALIASES,
        server_keepalive_sec: (keep_alive_s != connect.keep_alive).then_some(keep_alive_s),
        ..ConnectAck::default()
    }
}
