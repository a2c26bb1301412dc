//! A load of 10,000 sensors in a hundred halls, published over one connection.
//!
//! Invariant: sensors take turns, and one in [`BREAKS`] breaks the limit of 35 °C at every other reading.

use std::io;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::mqtt311::{self, Link};
use super::{let_run, names};

pub const SENSORS: usize = 10_000;

/// One sensor in this many breaks its limit.
pub const BREAKS: usize = 500;

/// Batch size of [`Fleet::play`].
const BUNDLE: usize = 20;
/// Batch interval: with [`BUNDLE`] 2,000 readings a second.
const EACH: Duration = Duration::from_millis(10);

/// Connection of the fleet, and the number of readings published.
pub struct Fleet {
    link: Link,
    count: usize,
}

impl Fleet {
    pub fn open(port: u16) -> io::Result<Self> {
        Ok(Self { link: Link::open(port, "fleet")?, count: 0 })
    }

    pub const fn count(&self) -> usize {
        self.count
    }

    /// Publishes a batch of readings dated `time`; returns the ms until each was acknowledged.
    ///
    /// # Panics
    /// When the batch has more messages than MQTT has packet ids.
    pub fn publish(&mut self, count: usize, at: DateTime<Utc>) -> io::Result<Vec<f64>> {
        let packet = |id: usize| {
            let payload = reading(self.count + id, at).to_string();
            let id = u16::try_from(id + 1).expect("a bundle of thousands at most");
            mqtt311::publish(names::READINGS, payload.as_bytes(), 1, id, false)
        };
        let packets: Vec<u8> = (0..count).flat_map(packet).collect();
        let sent = Instant::now();
        self.link.send(&packets)?;
        self.count += count;
        let mut ways = Vec::with_capacity(count);
        while ways.len() < count {
            let answers = self.link.receive()?;
            let acknowledged = answers.iter().filter(|packet| packet.head == mqtt311::PUBACK);
            ways.extend(acknowledged.map(|_| sent.elapsed().as_secs_f64() * 1e3));
        }
        Ok(ways)
    }

    /// Publishes 2,000 readings a second, dated by a clock; returns the ms until each was acknowledged.
    pub fn play(&mut self, count: usize, now: impl Fn() -> DateTime<Utc>) -> io::Result<Vec<f64>> {
        let (mut ways, mut due) = (Vec::with_capacity(count), Instant::now());
        for _ in 0..count / BUNDLE {
            ways.extend(self.publish(BUNDLE, now())?);
            due += EACH;
            let_run(due.saturating_duration_since(Instant::now()));
        }
        Ok(ways)
    }
}

/// Reading `number`; sensors take turns.
fn reading(number: usize, at: DateTime<Utc>) -> serde_json::Value {
    let (sensor, round) = (number % SENSORS, number / SENSORS);
    let is_hot = sensor.is_multiple_of(BREAKS) && round.is_multiple_of(2);
    let tenths = u32::try_from((sensor * 7 + round * 3) % 80).expect("small");
    let value = if is_hot { 40.0 } else { 20.0 } + f64::from(tenths) / 10.0;
    json!({
        "sensor_id": id(sensor), "location": format!("Hall {}", sensor / 100),
        "unit": "celsius", "temperature": value, "timestamp": at.to_rfc3339(),
    })
}

/// Id of sensor `number`.
pub fn id(sensor: usize) -> String {
    format!("S_{sensor:05}")
}

/// Configuration of a daemon with an embedded broker for this fleet.
pub fn config(port: u16) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [alerts.temperature]\nhigh = 35.0\nlow = 10.0\n[log]\nlevel = \"warn\"\n"
    )
}
