//! A bare MQTT client that sees each acknowledgement as it comes: PUBACK and PUBREC, by packet id.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::SOON;
use super::odd::{packet, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V3_1_1,
    V5,
}

pub struct Bare {
    stream: TcpStream,
    version: Version,
    pub session_present: bool,
}

impl Bare {
    /// Connects to a session of its own, kept for another time if the broker does that by itself.
    ///
    /// # Errors
    /// When it is refused, or the connection ends, or takes too long.
    pub fn connect(addr: &str, id: &str, version: Version) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        let mut bare = Self { stream, version, session_present: false };
        let level = if version == Version::V5 { 5 } else { 4 };
        let connect =
            [b"\0\x04MQTT", &[level, 0, 0, 0][..], bare.properties(), &text(id.as_bytes())]
                .concat();
        bare.send(0x10, &connect)?;
        let (_, answer) = bare.receive()?;
        bare.session_present = answer[0] == 1;
        if answer[1] == 0 { Ok(bare) } else { Err(Error::other("refused")) }
    }

    /// Publishes at QoS 1 or 2 without waiting.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn publish(&mut self, qos: u8, id: u16, topic: &str, payload: &[u8]) -> Result<()> {
        let body =
            [&text(topic.as_bytes())[..], &id.to_be_bytes(), self.properties(), payload].concat();
        self.send(0x30 | qos << 1, &body)
    }

    /// The packet id of the next acknowledgement; goes on with the exchange of QoS 2.
    ///
    /// # Errors
    /// When the connection ends, or nothing comes for too long.
    pub fn acknowledgement(&mut self) -> Result<u16> {
        loop {
            let (kind, body) = self.receive()?;
            let id = u16::from_be_bytes([body[0], body[1]]);
            let reason = body.get(2).copied().unwrap_or(0);
            match kind {
                0x40 | 0x50 if reason >= 0x80 => return Err(Error::other("not taken")),
                0x40 => return Ok(id),
                0x50 => {
                    self.send(0x62, &body[..2])?;
                    return Ok(id);
                }
                0x70 => {}
                _ => return Err(Error::other(format!("unexpected packet {kind:#x}"))),
            }
        }
    }

    /// Subscribes at QoS 2.
    ///
    /// # Errors
    /// When it is refused, or the connection ends.
    pub fn subscribe(&mut self, filter: &str) -> Result<()> {
        let body = [&[0, 1], self.properties(), &text(filter.as_bytes())[..], &[2]].concat();
        self.send(0x82, &body)?;
        match self.receive()? {
            (0x90, answer) if answer.last() == Some(&2) => Ok(()),
            other => Err(Error::other(format!("no SUBACK: {other:?}"))),
        }
    }

    /// How long the next packet may take.
    pub fn set_patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
    }

    /// Publishes one message at QoS 1; whether it is acknowledged in time.
    pub fn is_taken(&mut self, topic: &str, payload: &[u8], patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        self.publish(1, 1, topic, payload).is_ok() && self.acknowledgement().is_ok()
    }

    /// Whether the broker ends the connection in time; with MQTT 5 it says so before.
    pub fn is_cut_off(&mut self, within: Duration) -> bool {
        self.stream.set_read_timeout(Some(within)).expect("a timeout");
        match self.receive() {
            Ok((0xE0, _reason)) => true,
            Ok(packet) => panic!("an answer: {packet:?}"),
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn properties(&self) -> &'static [u8] {
        if self.version == Version::V5 { &[0] } else { &[] }
    }

    /// Sends a packet: its first byte, and its body.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn send(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        self.stream.write_all(&packet(kind, body))
    }

    /// The first byte and the body; what a test receives here is short.
    ///
    /// # Errors
    /// When the connection ends, or nothing comes for too long.
    pub fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let mut body = vec![0; head[1].into()];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}
