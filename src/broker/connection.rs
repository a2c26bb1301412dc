//! One connection, once its client was let in, until it ends.
//!
//! Invariants: reading and writing are concurrent, so that a client that publishes without reading is not taken for
//! a dead one; a message is logged and queued before it is acknowledged; while the log refuses appends, nothing
//! more is read. Never: a socket that outlives its connection.

#![expect(clippy::disallowed_methods, reason = "silence is measured")]

use std::time::Duration;

use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{Disconnect, DisconnectReasonCode, Packet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::handshake::Client;
use super::hub::{Admission, ConnId, Standing};
use super::limits;
use super::publish_hook::PublishAttributes;
use super::rights::is_brokers_own;
use super::shared::{PacketPermit, Shared, Waker};
use super::wire::{self, Fault, Wire};

/// A reading and its header.
const LEAST_READ: usize = 256;

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// DISCONNECT by the client.
    Goodbye { with_will: bool, expiry_s: Option<u32> },
    /// Connection error, or the client did not read what it was sent.
    Lost,
    /// The broker ends it. An MQTT 5 client receives the reason.
    Refused(DisconnectReasonCode),
}

struct Connection<'a, S> {
    shared: &'a Shared,
    socket: &'a mut S,
    conn: ConnId,
    client: ByteString,
    is_gateway: bool,
    is_limited: bool,
    wire: Wire,
    input: BytesMut,
    output: BytesMut,
    /// Size of the next read buffer: small for a quiet connection.
    read_ahead: usize,
    /// Answers not encoded yet.
    unanswered: usize,
    /// Reservation for a large incoming packet.
    room: Option<PacketPermit<'a>>,
    silence: Silence,
}

/// Timeouts of a silent peer.
struct Silence {
    /// One and a half times its keep-alive; `None` for no timeout.
    patience: Option<Duration>,
    heard: Instant,
    /// Time since which it has read nothing of the pending output.
    sent: Instant,
}

/// Serves a client until its connection ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    socket: &mut S,
    client: Client<'_>,
    wake: &Waker,
) {
    let Client { mut presence, id, is_gateway, is_limited, keep_alive_s, wire, input, output } =
        client;
    let patience = Duration::from_secs(u64::from(keep_alive_s)) * 3 / 2;
    let now = Instant::now();
    let mut connection = Connection {
        shared,
        socket,
        conn: presence.conn,
        client: id,
        is_gateway,
        is_limited,
        wire,
        input,
        output,
        read_ahead: LEAST_READ,
        unanswered: 0,
        room: None,
        silence: Silence {
            patience: (!patience.is_zero()).then_some(patience),
            heard: now,
            sent: now,
        },
    };
    let end = connection.run(wake).await;
    if let End::Goodbye { with_will, expiry_s } = end {
        (presence.with_will, presence.expiry_s) = (with_will, expiry_s);
    }
    drop(presence);
    if let End::Refused(reason) = end {
        let _ = timeout(limits::GOODBYE_TIMEOUT, connection.say_goodbye(reason)).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self, wake: &Waker) -> End {
        loop {
            if let Err(end) = self.take_in().await {
                return end;
            }
            let is_full = self.unanswered >= limits::MAX_UNANSWERED;
            if let Err(reason) = self.fill() {
                return End::Refused(reason);
            }
            if is_full && self.unanswered < limits::MAX_UNANSWERED {
                continue;
            }
            if let Some(end) = self.exchange(wake).await {
                return end;
            }
        }
    }

    /// Handles the received packets.
    async fn take_in(&mut self) -> Result<(), End> {
        while self.unanswered < limits::MAX_UNANSWERED {
            self.make_room()?;
            if !wire::is_whole(&self.input) {
                break;
            }
            let packet = match self.wire.decode(&mut self.input) {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(Fault::Reason(reason)) => return Err(End::Refused(reason)),
                // Of a second CONNECT.
                Err(Fault::Version | Fault::ClientId) => {
                    return Err(End::Refused(DisconnectReasonCode::ProtocolError));
                }
            };
            self.unanswered += num_answers(&packet);
            self.take_packet(packet).await?;
            self.room = None;
        }
        if self.input.is_empty() {
            // An idle connection has no buffer.
            self.input = BytesMut::new();
        }
        Ok(())
    }

    /// Reserves room for a large packet once its size is known.
    fn make_room(&mut self) -> Result<(), End> {
        let Some(size) = wire::announced(&self.input).filter(|_| self.room.is_none()) else {
            return Ok(());
        };
        if size > self.shared.limits.packet_bytes {
            return Err(End::Refused(DisconnectReasonCode::PacketTooLarge));
        }
        if size > limits::SMALL_PACKET_BYTES {
            let room = self.shared.room(size);
            self.room = Some(room.ok_or(End::Refused(DisconnectReasonCode::QuotaExceeded))?);
        }
        Ok(())
    }

    async fn take_packet(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.publish(&publish).await,
            Packet::Disconnect(disconnect) => Err(End::Goodbye {
                with_will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnection,
                expiry_s: disconnect.session_expiry_interval_secs,
            }),
            packet => {
                let conn = self.conn;
                let taken = self.shared.with(|hub, _| hub.packet(conn, packet));
                taken.map_err(End::Refused)
            }
        }
    }

    async fn publish(&mut self, publish: &Publish) -> Result<(), End> {
        let (shared, conn) = (self.shared, self.conn);
        if publish.qos == QoS::ExactlyOnce || self.is_limited || is_brokers_own(&publish.topic) {
            let admission = shared.with(|hub, _| hub.admit(conn, publish));
            match admission.map_err(End::Refused)? {
                Admission::Accepted => {}
                // An acknowledgement of MQTT 3.1.1 has no reason code (4.3.5).
                Admission::Denied if !self.wire.is_v5() && publish.qos != QoS::AtMostOnce => {
                    return Err(End::Refused(DisconnectReasonCode::NotAuthorized));
                }
                Admission::Repeated | Admission::Denied => return Ok(()),
            }
        }
        // What the gateway publishes is in the log already.
        let standing = if self.is_gateway {
            Standing::Logged
        } else {
            let wish = PublishAttributes::of(publish.retain, publish.properties.as_ref());
            let logged = shared.log(&publish.topic, &publish.payload, publish.qos.value(), wish);
            logged.await.map_err(|_not_taken| {
                shared.tell_cut(&self.client);
                // A negative acknowledgement would make the client drop the message.
                End::Refused(DisconnectReasonCode::QuotaExceeded)
            })?
        };
        shared.with(|hub, now| hub.publish(now, conn, publish, standing));
        Ok(())
    }

    /// Encodes pending packets for the client.
    fn fill(&mut self) -> Result<(), DisconnectReasonCode> {
        let room = limits::AHEAD_BYTES.saturating_sub(self.output.len());
        if room == 0 {
            return Ok(());
        }
        let conn = self.conn;
        let (packets, unanswered) = self.shared.with(|hub, now| hub.take(now, conn, room))?;
        self.unanswered = unanswered;
        for packet in packets {
            // Packets above the client's maximum were dropped before.
            let _ = self.wire.encode(packet, &mut self.output);
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
        Ok(())
    }

    /// Waits until something is read, written, or to be sent.
    async fn exchange(&mut self, wake: &Waker) -> Option<End> {
        let is_writing = !self.output.is_empty();
        let is_reading = self.input.len() < limits::AHEAD_BYTES || self.room.is_some();
        let deadline = self.silence.deadline(is_writing);
        self.input.reserve(self.read_ahead);
        let (mut reader, mut writer) = tokio::io::split(&mut *self.socket);
        tokio::select! {
            biased;
            written = writer.write_buf(&mut self.output), if is_writing => match written {
                Ok(0) | Err(_) => return Some(End::Lost),
                Ok(_) => self.silence.sent = Instant::now(),
            },
            read = reader.read_buf(&mut self.input), if is_reading => match read {
                Ok(0) | Err(_) => return Some(End::Lost),
                Ok(count) => {
                    self.silence.heard = Instant::now();
                    self.read_ahead = (2 * count).clamp(LEAST_READ, limits::AHEAD_BYTES / 2);
                }
            },
            () = wake.notified(), if self.output.len() < limits::AHEAD_BYTES => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)),
                if deadline.is_some() => return self.silence.end(is_writing),
        }
        None
    }

    /// Sends the reason and waits until it is read: closing at once could discard it.
    async fn say_goodbye(&mut self, reason: DisconnectReasonCode) -> std::io::Result<()> {
        let disconnect = Packet::Disconnect(Disconnect::new(reason));
        if self.wire.is_v5() {
            // Smaller than any client's maximum.
            let _ = self.wire.encode(disconnect, &mut self.output);
        }
        self.socket.write_all_buf(&mut self.output).await?;
        self.socket.shutdown().await?;
        loop {
            self.input.clear();
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// How large the answer to a packet is, in acknowledgements.
fn num_answers(packet: &Packet) -> usize {
    match packet {
        Packet::Publish(publish) => usize::from(publish.qos != QoS::AtMostOnce),
        Packet::Subscribe(subscribe) => subscribe.topic_filters.len(),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.topic_filters.len(),
        Packet::PublishReceived(_) | Packet::PublishRelease(_) | Packet::PingRequest => 1,
        _ => 0,
    }
}

impl Silence {
    fn deadline(&mut self, is_writing: bool) -> Option<Instant> {
        if !is_writing {
            self.sent = Instant::now();
        }
        let sent = is_writing.then(|| self.sent + limits::SEND_TIMEOUT);
        let heard = self.patience.map(|patience| self.heard + patience);
        [sent, heard].into_iter().flatten().min()
    }

    /// How the connection ends after silence until the deadline.
    fn end(&self, is_writing: bool) -> Option<End> {
        let now = Instant::now();
        if is_writing && now >= self.sent + limits::SEND_TIMEOUT {
            return Some(End::Lost);
        }
        self.patience
            .is_some_and(|patience| now >= self.heard + patience)
            .then_some(End::Refused(DisconnectReasonCode::KeepAliveTimeout))
    }
}
