//! Checkpoints of series: snapshots of evaluation's state of one series.

use super::{Quantity, SensorId};

/// Part of a checkpoint. Each is stored and replaced by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesPart {
    /// Newest reading and windows, as of the rows committed before. A restart adds the later rows of the series.
    Windows,
    /// Time since which all readings have been late. Current as of the last commit, so no rows are added.
    Lateness,
    /// That the series was dropped. Rows stored up to here are not read again at a restart.
    Dropped,
}

impl SeriesPart {
    /// Name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Lateness => "lateness",
            Self::Dropped => "dropped",
        }
    }
}

impl std::str::FromStr for SeriesPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Windows, Self::Lateness, Self::Dropped];
        let known = all.into_iter().find(|part| part.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no part of a checkpoint"))
    }
}

/// Numbers of readings, by the table that they are stored in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadingCounts {
    /// Readings of the quantity `temperature`.
    pub temperatures: u64,
    /// Readings of all other quantities.
    pub others: u64,
}

impl ReadingCounts {
    /// Counts one more reading of the quantity.
    pub fn add(&mut self, quantity: &Quantity) {
        let count =
            if quantity.is_temperature() { &mut self.temperatures } else { &mut self.others };
        *count += 1;
    }

    /// Readings counted since an earlier moment.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            temperatures: self.temperatures.saturating_sub(earlier.temperatures),
            others: self.others.saturating_sub(earlier.others),
        }
    }
}

/// One part of the checkpoint of a series. Sensor, quantity and part are its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesState {
    /// Sensor of the series.
    pub sensor_id: SensorId,
    /// Quantity of the series.
    pub quantity: Quantity,
    /// Which part of the checkpoint this is.
    pub part: SeriesPart,
    /// Serialized by evaluation, opaque to storage; `None` deletes it. About 6 KiB at most for each rule with a
    /// window.
    pub state: Option<Vec<u8>>,
}
