//! Checkpoints of series: what evaluation remembers of the readings of one series.

use super::{Quantity, SensorId};

/// Part of a checkpoint. Each is stored and replaced by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesPart {
    /// Newest reading and windows, as of the rows that it was taken after. A restart reads the series' later
    /// rows on top of it.
    Windows,
    /// Since when all readings have been late. Current as of the last commit: no rows come on top.
    Lateness,
}

impl SeriesPart {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Lateness => "lateness",
        }
    }
}

impl std::str::FromStr for SeriesPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Windows, Self::Lateness].into_iter().find(|part| part.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no part of a checkpoint"))
    }
}

/// A part of the checkpoint of one series. Sensor, quantity and part are its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesState {
    /// Sensor of the series.
    pub sensor_id: SensorId,
    /// Quantity of the series.
    pub quantity: Quantity,
    /// Which part of the checkpoint this is.
    pub part: SeriesPart,
    /// As evaluation wrote it, to be given back unread; `None` when nothing is to be kept any more. At most
    /// some 6 KiB for each rule with a window.
    pub state: Option<Vec<u8>>,
}
