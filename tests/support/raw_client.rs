//! A blocking MQTT client without a library, so that a test sees each PUBACK and PUBREC as it arrives.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::SOON;
use super::raw_packets::{packet, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V3_1_1,
    V5,
}

pub struct RawClient {
    stream: TcpStream,
    version: Version,
    pub session_present: bool,
}

impl RawClient {
    /// Connects with the clean flag off, so the session persists in MQTT 3.1.1, and ends with the connection in MQTT 5.
    ///
    /// # Errors
    /// When the connection is refused, ends, or times out.
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

    /// Publishes at QoS 1 or 2 and does not wait for the acknowledgement.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn publish(&mut self, qos: u8, id: u16, topic: &str, payload: &[u8]) -> Result<()> {
        let body =
            [&text(topic.as_bytes())[..], &id.to_be_bytes(), self.properties(), payload].concat();
        self.send(0x30 | qos << 1, &body)
    }

    /// Returns the packet id of the next acknowledgement; answers a PUBREC with its PUBREL.
    ///
    /// # Errors
    /// When the connection ends or times out.
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
    /// When the subscription is refused or the connection ends.
    pub fn subscribe(&mut self, filter: &str) -> Result<()> {
        let body = [&[0, 1], self.properties(), &text(filter.as_bytes())[..], &[2]].concat();
        self.send(0x82, &body)?;
        match self.receive()? {
            (0x90, answer) if answer.last() == Some(&2) => Ok(()),
            other => Err(Error::other(format!("no SUBACK: {other:?}"))),
        }
    }

    /// Sets the timeout for the next packet.
    pub fn set_patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
    }

    /// Publishes one message at QoS 1; true if it is acknowledged in time.
    pub fn is_taken(&mut self, topic: &str, payload: &[u8], patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        self.publish(1, 1, topic, payload).is_ok() && self.acknowledgement().is_ok()
    }

    /// True if the broker closes the connection in time. In MQTT 5 a DISCONNECT comes first.
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

    /// Sends a packet, given as first byte and body.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn send(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        self.stream.write_all(&packet(kind, body))
    }

    /// Receives a packet as first byte and body. Supports bodies below 128 bytes.
    ///
    /// # Errors
    /// When the connection ends or times out.
    pub fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let mut body = vec![0; head[1].into()];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}
