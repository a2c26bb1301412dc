//! MQTT over WebSocket, for browsers (MQTT 5, 6): the upgrade, and a socket of bytes behind it.
//!
//! Invariants: a page of another origin is accepted only if clients must log in, since a browser connects to this
//! machine for any page; a request head has at most [`MAX_HEAD_BYTES`], a frame at most a packet's limit, and a
//! large frame counts among incoming packets. Never: a frame that is not binary.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::ws::{Codec, Frame, Item, Message, hash_key};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

use super::limits;
use super::shared::{PacketPermit, Shared};
use super::wire::announced;

/// Head of a request: enough for cookies and a long address.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Lines of a head.
const MAX_HEADERS: usize = 64;

/// Read ahead at a time.
const READ_BYTES: usize = 4 * 1024;

/// Maximum payload of a sent frame.
const SENT_BYTES: usize = 16 * 1024;

/// The name of the protocol spoken inside.
const PROTOCOL: &str = "mqtt";

/// A connection over a WebSocket.
pub(super) struct WebSocket<'a, S> {
    shared: &'a Shared,
    socket: S,
    codec: Codec,
    input: BytesMut,
    /// Whether the client has logged in.
    is_trusted: bool,
    /// Reservation for a large incoming frame.
    room: Option<PacketPermit<'a>>,
    /// Payload of a frame, not read yet.
    payload: Bytes,
    output: BytesMut,
    /// Bytes whose frame is being written.
    under_way: Option<usize>,
    /// Bytes left of the packet in progress.
    of_packet: usize,
}

/// Answers an upgrade request; `None` if it is refused.
pub(super) async fn accept<S>(shared: &Shared, mut socket: S) -> Option<WebSocket<'_, S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is_open = shared.door().is_open;
    let mut input = BytesMut::new();
    let answer = loop {
        if socket.read_buf(&mut input).await.unwrap_or(0) == 0 {
            return None;
        }
        match look(&input, is_open) {
            Ok(Some(answer)) => break Ok(answer),
            Ok(None) if input.len() < MAX_HEAD_BYTES => {}
            Ok(None) => break Err(Refused::Head),
            Err(refused) => break Err(refused),
        }
    };
    match answer {
        Ok(Upgrade { head_bytes, answer }) => {
            socket.write_all(answer.as_bytes()).await.ok()?;
            input.advance(head_bytes);
            Some(WebSocket {
                shared,
                socket,
                codec: Codec::new().max_size(limits::MAX_CONNECT_BYTES),
                input,
                is_trusted: false,
                room: None,
                payload: Bytes::new(),
                output: BytesMut::new(),
                under_way: None,
                of_packet: 0,
            })
        }
        Err(refused) => {
            let _ = socket.write_all(refused.answer().as_bytes()).await;
            let _ = socket.shutdown().await;
            None
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Upgrade {
    head_bytes: usize,
    answer: String,
}

/// Why there is no upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The head is too large, or none.
    Head,
    /// Not an upgrade request for MQTT.
    NoWebSocket,
    /// From a page of another origin.
    Origin,
}

impl Refused {
    const fn answer(self) -> &'static str {
        match self {
            Self::Head => {
                "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::NoWebSocket => {
                "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Connection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Origin => {
                "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
        }
    }
}

/// Parses the received bytes; `None` until the head is complete. `is_open`: clients need not log in.
fn look(input: &[u8], is_open: bool) -> Result<Option<Upgrade>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(input) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Refused::Head),
    };
    let value = |name: &str| {
        let header = request.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        header.and_then(|it| std::str::from_utf8(it.value).ok())
    };
    let has = |name: &str, wanted: &str| {
        let parts = value(name).unwrap_or_default().split(',').map(str::trim);
        parts.into_iter().any(|part| part.eq_ignore_ascii_case(wanted))
    };
    let is_request = request.method == Some("GET")
        && has("upgrade", "websocket")
        && has("connection", "upgrade")
        && has("sec-websocket-version", "13")
        && has("sec-websocket-protocol", PROTOCOL);
    let key = value("sec-websocket-key").filter(|key| is_request && !key.is_empty());
    let key = key.ok_or(Refused::NoWebSocket)?;
    let is_near = |address: Option<&str>| address.is_none_or(is_of_this_machine);
    if is_open && !(is_near(value("origin")) && is_near(value("host"))) {
        return Err(Refused::Origin);
    }
    let hash = hash_key(key.as_bytes());
    let accept = String::from_utf8_lossy(&hash);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    );
    Ok(Some(Upgrade { head_bytes, answer }))
}

/// Length of the frame at the beginning, by its header (RFC 6455, 5.2); `None` until that is complete.
fn frame_bytes(input: &[u8]) -> Option<usize> {
    match input.get(1)? & 0x7F {
        126 => {
            let length = input.get(2..4)?.try_into().ok()?;
            Some(usize::from(u16::from_be_bytes(length)))
        }
        127 => {
            let length = input.get(2..10)?.try_into().ok()?;
            Some(usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX))
        }
        length => Some(usize::from(length)),
    }
}

/// Whether an origin or a host is this machine by itself.
fn is_of_this_machine(address: &str) -> bool {
    let host = address.rsplit_once("://").map_or(address, |(_, host)| host);
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _port)) => name,
        None => host.split_once(':').map_or(host, |(name, _port)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<'_, S> {
    /// The client has logged in: its frames may be as large as packets.
    pub(super) fn trust(&mut self) {
        self.is_trusted = true;
        self.codec = self.codec.clone().max_size(self.shared.limits.packet_bytes);
    }

    /// Reserves room for a large frame.
    fn make_room(&mut self) -> io::Result<()> {
        // The codec refuses frames above the limit.
        let bytes = frame_bytes(&self.input).unwrap_or_default();
        if bytes <= limits::SMALL_PACKET_BYTES {
            self.room = None;
        } else if self.room.is_none() {
            let room = if self.is_trusted {
                self.shared.room(bytes)
            } else {
                self.shared.strangers_room(bytes)
            };
            self.room = Some(room.ok_or(ErrorKind::OutOfMemory)?);
        }
        Ok(())
    }

    /// Writes the encoded bytes.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
        }
        if self.output.capacity() > READ_BYTES {
            self.output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Handles a frame; false if it is the last.
    fn take(&mut self, frame: Frame) -> io::Result<bool> {
        match frame {
            Frame::Binary(bytes)
            | Frame::Continuation(
                Item::FirstBinary(bytes) | Item::Continue(bytes) | Item::Last(bytes),
            ) => self.payload = bytes,
            Frame::Ping(bytes) => self.encode(Message::Pong(bytes))?,
            Frame::Pong(_) => {}
            Frame::Close(reason) => {
                self.encode(Message::Close(reason))?;
                return Ok(false);
            }
            Frame::Text(_) | Frame::Continuation(Item::FirstText(_)) => {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        Ok(true)
    }

    fn encode(&mut self, message: Message) -> io::Result<()> {
        // Of a client that pings without reading.
        if self.output.len() > 2 * SENT_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
        self.codec
            .encode(message, &mut self.output)
            .map_err(|error| io::Error::other(error.to_string()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            // Sends pongs; errors show at the next write.
            let _ = this.drain(cx);
            if !this.payload.is_empty() {
                let count = this.payload.len().min(buffer.remaining());
                buffer.put_slice(&this.payload.split_to(count));
                return Poll::Ready(Ok(()));
            }
            let decoded = this.codec.decode(&mut this.input);
            if let Some(frame) = decoded.map_err(|error| io::Error::other(error.to_string()))? {
                if !this.take(frame)? {
                    let _ = this.drain(cx);
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            if this.input.is_empty() {
                // An idle connection has no buffer.
                this.input = BytesMut::new();
            }
            this.make_room()?;
            let mut bytes = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.socket).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.input.extend_from_slice(read.filled());
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<'_, S> {
    /// Ready once the whole frame is written, since no later call would write the rest. Until then it is called
    /// with the same bytes.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let count = match this.under_way {
            Some(count) => count,
            None => {
                ready!(this.drain(cx))?;
                // One packet a frame: there are clients that look for no second one.
                if this.of_packet == 0 {
                    this.of_packet = announced(bytes).unwrap_or(bytes.len());
                }
                let count = bytes.len().min(this.of_packet).min(SENT_BYTES);
                this.of_packet -= count;
                this.encode(Message::Binary(Bytes::copy_from_slice(&bytes[..count])))?;
                this.under_way = Some(count);
                count
            }
        };
        ready!(this.drain(cx))?;
        this.under_way = None;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(more: &str) -> String {
        format!(
            "GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:8083\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    }

    const MQTT: &str = "Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n";

    #[test]
    fn an_upgrade_is_answered_as_rfc_6455_has_it() {
        let text = request(MQTT);
        for end in 0..text.len() {
            assert_eq!(look(&text.as_bytes()[..end], true), Ok(None), "{end}");
        }
        let upgrade = look(text.as_bytes(), true).expect("right").expect("whole");
        assert_eq!(upgrade.head_bytes, text.len());
        assert!(upgrade.answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(upgrade.answer.contains("Sec-WebSocket-Protocol: mqtt\r\n"));
    }

    #[test]
    fn other_requests_are_refused() {
        for (text, why) in [
            (request(""), Refused::NoWebSocket),
            (request("Sec-WebSocket-Protocol: chat\r\n"), Refused::NoWebSocket),
            (request(MQTT).replace("GET", "POST"), Refused::NoWebSocket),
            (request(MQTT).replace("websocket", "h2c"), Refused::NoWebSocket),
            ("GET / HTTP/1.1\r\n\r\n".into(), Refused::NoWebSocket),
            ("\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0".into(), Refused::Head),
        ] {
            assert_eq!(look(text.as_bytes(), true), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_page_from_elsewhere_needs_a_login() {
        let from = |origin: &str| request(&format!("{MQTT}Origin: {origin}\r\n"));
        for near in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80"] {
            assert!(look(from(near).as_bytes(), true).is_ok(), "{near}");
        }
        for far in ["https://example.org", "null", "http://localhost.example.org", "file://"] {
            assert_eq!(look(from(far).as_bytes(), true), Err(Refused::Origin), "{far}");
            assert!(look(from(far).as_bytes(), false).is_ok(), "{far}");
        }
        let rebound = request(MQTT).replace("Host: 127.0.0.1", "Host: rebound.example.org");
        assert_eq!(look(rebound.as_bytes(), true), Err(Refused::Origin));
    }
}
