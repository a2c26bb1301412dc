//! As little of MQTT 3.1.1 as a load needs.

use std::io::{BufWriter, Read, Write};
use std::net::TcpStream;

use crate::support::SOON;
use crate::support::raw_packets::{packet, text};

const READ_BYTES: usize = 64 * 1024;

/// The sending side of a connection.
pub struct Peer(BufWriter<TcpStream>);

/// Its receiving side.
pub struct Reader {
    stream: TcpStream,
    bytes: Vec<u8>,
    at: usize,
}

#[derive(Debug)]
pub enum Message {
    Publish {
        qos: u8,
        id: [u8; 2],
        payload: Vec<u8>,
    },
    /// First byte and body of another packet.
    Other(u8, Vec<u8>),
}

impl Peer {
    pub fn connect(port: u16, id: &str, clean: bool) -> (Self, Reader) {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        let reader = stream.try_clone().expect("a file more");
        let mut peer = Self(BufWriter::with_capacity(16 * 1024, stream));
        let flags = [4, if clean { 2 } else { 0 }, 0, 0];
        peer.send(0x10, &[&b"\0\x04MQTT"[..], &flags, &text(id.as_bytes())].concat());
        peer.flush();
        let mut reader = Reader { stream: reader, bytes: Vec::new(), at: 0 };
        reader.expect(0x20);
        (peer, reader)
    }

    /// The connection alone, one file.
    pub fn idle(self) -> TcpStream {
        self.0.into_inner().expect("all sent")
    }

    pub fn subscribe(&mut self, filter: &str, qos: u8) {
        self.send(0x82, &[&[0, 1][..], &text(filter.as_bytes()), &[qos]].concat());
        self.flush();
    }

    pub fn publish(&mut self, qos: u8, id: u16, topic: &str, payload: &[u8]) {
        let id: &[u8] = if qos == 0 { &[] } else { &id.to_be_bytes() };
        self.send(0x30 | qos << 1, &[&text(topic.as_bytes()), id, payload].concat());
    }

    pub fn send(&mut self, kind: u8, body: &[u8]) {
        self.0.write_all(&packet(kind, body)).expect("sent");
    }

    pub fn flush(&mut self) {
        self.0.flush().expect("sent");
    }
}

impl Reader {
    pub fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.parse() {
                return message;
            }
            self.bytes.drain(..self.at);
            self.at = 0;
            let length = self.bytes.len();
            self.bytes.resize(length + READ_BYTES, 0);
            let count = self.stream.read(&mut self.bytes[length..]).expect("more");
            assert!(count > 0, "the broker closed the connection");
            self.bytes.truncate(length + count);
        }
    }

    /// Waits for a packet of a kind.
    pub fn expect(&mut self, kind: u8) {
        match self.next() {
            Message::Other(found, _) if found == kind => {}
            other => panic!("{other:?}"),
        }
        // A connection that says nothing more has no buffer.
        if !self.has_more() {
            (self.bytes, self.at) = (Vec::new(), 0);
        }
    }

    /// Whether bytes were read that are not looked at.
    pub fn has_more(&self) -> bool {
        self.at < self.bytes.len()
    }

    fn parse(&mut self) -> Option<Message> {
        let bytes = &self.bytes[self.at..];
        let (mut length, mut head) = (0, 1);
        loop {
            let part = *bytes.get(head)?;
            length |= usize::from(part & 127) << (7 * (head - 1));
            head += 1;
            if part & 128 == 0 {
                break;
            }
        }
        let body = bytes.get(head..head + length)?;
        let kind = bytes[0];
        let message = if kind & 0xF0 == 0x30 {
            let (qos, topic) = (kind >> 1 & 3, 2 + usize::from(body[1]));
            let id = if qos == 0 { [0, 0] } else { [body[topic], body[topic + 1]] };
            let payload = body[topic + if qos == 0 { 0 } else { 2 }..].to_vec();
            Message::Publish { qos, id, payload }
        } else {
            Message::Other(kind, body.to_vec())
        };
        self.at += head + length;
        Some(message)
    }
}
