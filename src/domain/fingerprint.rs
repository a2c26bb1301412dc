//! Identity of a reading for deduplication: sensor, quantity, time and value. A redelivered message (its
//! acknowledgement was lost) repeats all four. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};

use super::Reading;

/// 64 bits of the four. Two readings in a billion billion share one by accident.
///
/// Valid within one process: the hash may change between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Times are compared to the microsecond, the precision of storage.
    #[must_use]
    pub fn new(sensor_id: &str, quantity: &str, value: f64, timestamp: DateTime<Utc>) -> Self {
        let mut hasher = DefaultHasher::new();
        (sensor_id, quantity).hash(&mut hasher);
        // 0 and -0 are equal, and SQLite may return either.
        (value + 0.0).to_bits().hash(&mut hasher);
        timestamp.timestamp_micros().hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl From<&Reading> for Fingerprint {
    fn from(reading: &Reading) -> Self {
        let Reading { sensor_id, quantity, value, timestamp, .. } = reading;
        Self::new(sensor_id.as_str(), quantity.as_str(), value.get(), *timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_four_counts() {
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        let one = Fingerprint::new("T", "temperature", 1.0, at(1));
        assert_eq!(one, Fingerprint::new("T", "temperature", 1.0, at(1)));
        for other in [
            Fingerprint::new("U", "temperature", 1.0, at(1)),
            Fingerprint::new("T", "humidity", 1.0, at(1)),
            Fingerprint::new("T", "temperature", 1.5, at(1)),
            Fingerprint::new("T", "temperature", 1.0, at(2)),
            Fingerprint::new("Ttemperature", "", 1.0, at(1)),
        ] {
            assert_ne!(one, other);
        }
        let zero = |value| Fingerprint::new("T", "temperature", value, at(1));
        assert_eq!(zero(0.0), zero(-0.0));
    }
}
