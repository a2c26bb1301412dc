//! Late readings: older than the newest of their series. They only show that the sensor is alive, until it is clear
//! that the sensor's clock went back, or had been ahead. Pure.

use std::time::Duration;

use super::super::series::Series;

/// Time for which all readings of a series must have been late before they count: a device that was disconnected
/// sends its buffer faster, interleaved with present readings. Until then one reading of the year 2099 keeps alarms
/// from being raised.
pub(super) const LATE_AT_MOST: Duration = Duration::from_secs(600);

impl Series {
    /// True if a late reading, received at `heard`, shows that its clock went back.
    pub(super) fn went_back(&self, heard: Duration) -> bool {
        self.late_since.is_some_and(|since| heard.saturating_sub(since) >= LATE_AT_MOST)
    }
}

#[cfg(test)]
mod tests;
