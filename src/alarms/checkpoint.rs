//! Checkpoint of one series: its newest reading and its rules' state, in a compact form. Pure.
//!
//! Little-endian; the first byte is the version. Numbers keep every bit and times every microsecond, so that an
//! engine continues exactly. Unreadable bytes are no checkpoint, never a panic.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::kinds::{Remembered, Sample, Slice};
use super::newest::Newest;
use crate::domain::{Ingress, Location, Unit, Value};

const VERSION: u8 = 1;

/// Version with the log position of the only reading behind the version byte.
const VERSION_ONCE: u8 = 2;

const SAMPLES: u8 = 1;
const SLICES: u8 = 2;

/// State of a series from its readings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    /// Newest reading of the series.
    pub newest: Newest,
    /// Log position of its only reading; `None` after the second.
    pub heard_once: Option<u64>,
    /// Memories by the fingerprint of their rules.
    pub memories: Vec<(u64, Remembered)>,
}

/// Time since which all readings of a series have been late, on the listening clock of their ingress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lateness {
    /// Listening clock at the first late reading.
    pub since: Duration,
    /// Way in whose listening clock counts.
    pub ingress: Ingress,
}

/// Parts of a series to checkpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pending {
    /// Whether the series changed since its last checkpoint.
    pub has_changed: bool,
    /// Whether the series is queued for a checkpoint in turn.
    pub is_queued: bool,
}

impl Checkpoint {
    /// Encodes the checkpoint, in the current version of the layout.
    pub fn write(&self) -> Vec<u8> {
        let Newest { location, unit, value, at, heard, ingress, position } = &self.newest;
        let mut to = Writer(vec![self.heard_once.map_or(VERSION, |_| VERSION_ONCE)]);
        self.heard_once.into_iter().for_each(|position| to.long(position));
        to.time(*at);
        let (number, is_integer) = value.map_or((f64::NAN, false), Value::parts);
        to.number(number);
        to.byte(is_integer.into());
        to.duration(*heard);
        to.ingress(*ingress);
        to.long(*position);
        to.text(location.as_str());
        to.text(unit.as_str());
        to.count(self.memories.len());
        for (rule, remembered) in &self.memories {
            to.long(*rule);
            to.remembered(remembered);
        }
        to.0
    }

    /// Decodes a checkpoint; `None` for other versions and for damaged bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let heard_once = match from.byte()? {
            VERSION => None,
            VERSION_ONCE => Some(from.long()?),
            _ => return None,
        };
        let (at, number, is_integer) = (from.time()?, from.number()?, from.byte()? != 0);
        let (heard, ingress, position) = (from.duration()?, from.ingress()?, from.long()?);
        let (location, unit) = (Location::new(from.text()?), Unit::new(from.text()?));
        let value = Value::from_parts(number, is_integer).ok();
        let mut memories = Vec::new();
        for _ in 0..from.count()? {
            memories.push((from.long()?, from.remembered()?));
        }
        let newest = Newest { location, unit, value, at, heard, ingress, position };
        Some(Self { newest, heard_once, memories }).filter(|_| from.0.is_empty())
    }
}

impl Lateness {
    /// Encodes the lateness, in the current version of the layout.
    pub fn write(self) -> Vec<u8> {
        let mut to = Writer(vec![VERSION]);
        to.duration(self.since);
        to.ingress(self.ingress);
        to.0
    }

    /// Decodes a lateness; `None` for other versions and for damaged bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.byte()? != VERSION {
            return None;
        }
        let (since, ingress) = (from.duration()?, from.ingress()?);
        Some(Self { since, ingress }).filter(|_| from.0.is_empty())
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn long(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.long(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn number(&mut self, number: f64) {
        self.long(number.to_bits());
    }

    fn time(&mut self, at: DateTime<Utc>) {
        self.0.extend(at.timestamp_micros().to_le_bytes());
    }

    fn duration(&mut self, time: Duration) {
        self.long(time.as_secs());
        self.0.extend(time.subsec_nanos().to_le_bytes());
    }

    fn ingress(&mut self, ingress: Ingress) {
        self.byte(match ingress {
            Ingress::Own => 0,
            Ingress::Embedded => 1,
            Ingress::Remote => 2,
        });
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend(text.as_bytes());
    }

    fn remembered(&mut self, remembered: &Remembered) {
        match remembered {
            Remembered::Samples(samples) => {
                self.byte(SAMPLES);
                self.count(samples.len());
                for Sample { at, value } in samples {
                    self.time(*at);
                    self.number(*value);
                }
            }
            Remembered::Slices(slices) => {
                self.byte(SLICES);
                self.count(slices.len());
                for Slice { first, last, min, max } in slices {
                    self.time(*first);
                    self.time(*last);
                    self.number(*min);
                    self.number(*max);
                }
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Count of elements of at least one byte each.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.long()?).ok().filter(|count| *count <= self.0.len())
    }

    fn number(&mut self) -> Option<f64> {
        self.long().map(f64::from_bits)
    }

    fn finite(&mut self) -> Option<f64> {
        self.number().filter(|number| number.is_finite())
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.array().map(i64::from_le_bytes)?)
    }

    fn duration(&mut self) -> Option<Duration> {
        let (seconds, nanos) = (self.long()?, self.array().map(u32::from_le_bytes)?);
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }

    fn ingress(&mut self) -> Option<Ingress> {
        Ingress::ALL.get(usize::from(self.byte()?)).copied()
    }

    fn text(&mut self) -> Option<&'a str> {
        let count = self.count()?;
        std::str::from_utf8(self.bytes(count)?).ok()
    }

    fn remembered(&mut self) -> Option<Remembered> {
        let kind = self.byte()?;
        let count = self.count()?;
        match kind {
            SAMPLES => {
                let sample = |_| Some(Sample { at: self.time()?, value: self.finite()? });
                (0..count).map(sample).collect::<Option<_>>().map(Remembered::Samples)
            }
            SLICES => {
                let slice = |_| {
                    let (first, last) = (self.time()?, self.time()?);
                    Some(Slice { first, last, min: self.finite()?, max: self.finite()? })
                };
                (0..count).map(slice).collect::<Option<_>>().map(Remembered::Slices)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alarms::window::CAPACITY;

    fn times() -> impl Strategy<Value = DateTime<Utc>> {
        (-1_000_000_000_000_000..4_000_000_000_000_000_i64)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
    }

    fn samples() -> impl Strategy<Value = Vec<Sample>> {
        let sample = (times(), prop::num::f64::NORMAL | prop::num::f64::ZERO);
        prop::collection::vec(sample.prop_map(|(at, value)| Sample { at, value }), 0..CAPACITY)
    }

    fn checkpoints() -> impl Strategy<Value = Checkpoint> {
        let value = (prop::num::f64::NORMAL, any::<bool>());
        let heard = any::<Duration>();
        let ingress = prop::sample::select(Ingress::ALL.to_vec());
        let newest = (times(), value, heard, ingress, any::<u64>(), ".{0,20}", ".{0,5}").prop_map(
            |(at, (number, is_integer), heard, ingress, position, location, unit)| Newest {
                location: Location::new(&location),
                unit: Unit::new(&unit),
                value: Value::from_parts(number, is_integer).ok(),
                at,
                heard,
                ingress,
                position,
            },
        );
        let slice = |pair: &[Sample]| Slice {
            first: pair[0].at,
            last: pair[1].at,
            min: pair[0].value,
            max: pair[1].value,
        };
        let remembered = (samples(), any::<bool>()).prop_map(move |(samples, is_window)| {
            if is_window {
                return Remembered::Samples(samples);
            }
            Remembered::Slices(samples.chunks_exact(2).map(slice).collect())
        });
        let memories = prop::collection::vec((any::<u64>(), remembered), 0..4);
        (newest, any::<Option<u64>>(), memories)
            .prop_map(|(newest, heard_once, memories)| Checkpoint { newest, heard_once, memories })
    }

    #[test]
    fn a_full_window_takes_less_than_six_kibibytes() {
        let at = DateTime::from_timestamp_micros(1).unwrap();
        let newest = Newest {
            location: Location::new(&"x".repeat(100)),
            unit: Unit::new("celsius"),
            value: Value::new(1.0).ok(),
            at,
            heard: Duration::ZERO,
            ingress: Ingress::Own,
            position: 1,
        };
        let window = Remembered::Samples(vec![Sample { at, value: 1.0 }; CAPACITY]);
        let checkpoint = Checkpoint { newest, heard_once: Some(1), memories: vec![(1, window)] };
        assert!(checkpoint.write().len() < 6 * 1024);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(checkpoint in checkpoints()) {
            let bytes = checkpoint.write();
            prop_assert_eq!(Checkpoint::read(&bytes), Some(checkpoint));
            prop_assert_eq!(Checkpoint::read(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn lateness_is_read_back(since: Duration, ingress in 0..3_usize) {
            let lateness = Lateness { since, ingress: Ingress::ALL[ingress] };
            prop_assert_eq!(Lateness::read(&lateness.write()), Some(lateness));
        }

        #[test]
        fn whatever_is_read_is_no_panic(mut bytes: Vec<u8>) {
            let _ = Checkpoint::read(&bytes);
            bytes.insert(0, VERSION);
            let _ = (Checkpoint::read(&bytes), Lateness::read(&bytes));
            bytes[0] = VERSION_ONCE;
            let _ = Checkpoint::read(&bytes);
        }
    }
}
