//! Which series Home Assistant knows already, because Vigie learned of them by its discovery: shown to it again they
//! would be there twice.
//!
//! Noted as messages are evaluated, by the format that decoded them, and only where a table of devices reads Home
//! Assistant's discovery. Such a table makes it unknown where a series comes from until its first reading of this
//! process, and until then it is not shown.
//!
//! Always: a series that Home Assistant's discovery brought once counts as its own. Never: more than [`MOST`] series;
//! those beyond stay unknown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::{Quantity, QuickMap, SensorId};

/// As many series as are judged.
const MOST: usize = 250_000;

/// Origins of series.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Whether a table reads Home Assistant's discovery, so that origins count.
    counts: bool,
    /// Whether a series is Home Assistant's.
    series: RwLock<QuickMap<(SensorId, Quantity), bool>>,
    version: AtomicU64,
}

impl Origins {
    /// Nothing is known yet.
    pub fn new(counts: bool) -> Self {
        Self { counts, ..Self::default() }
    }

    /// Whether anything is to be noted.
    pub const fn counts(&self) -> bool {
        self.counts
    }

    /// One more with each change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A series was read from a message.
    pub fn note(&self, sensor: &SensorId, quantity: &Quantity, is_home_assistants: bool) {
        let key = (sensor.clone(), quantity.clone());
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if known.is_some_and(|known| known || !is_home_assistants) {
            return;
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() || series.len() < MOST {
            series.insert(key, is_home_assistants);
            self.version.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whether a series may be shown to Home Assistant.
    pub fn may_show(&self, sensor: &SensorId, quantity: &Quantity) -> bool {
        if !self.counts {
            return true;
        }
        let key = (sensor.clone(), quantity.clone());
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        series.get(&key).is_some_and(|is_home_assistants| !is_home_assistants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_of_home_assistant_is_never_shown_to_it() {
        let origins = Origins::new(true);
        let (sensor, quantity) = (SensorId::new("T").unwrap(), Quantity::temperature());
        let may_show = || origins.may_show(&sensor, &quantity);
        assert!(!may_show(), "unknown yet");
        origins.note(&sensor, &quantity, false);
        assert!(may_show());
        assert_eq!(origins.version(), 1);
        origins.note(&sensor, &quantity, false);
        assert_eq!(origins.version(), 1, "no news");
        origins.note(&sensor, &quantity, true);
        assert!(!may_show());
        origins.note(&sensor, &quantity, false);
        assert!(!may_show(), "for good");
        assert_eq!(origins.version(), 2);
    }

    #[test]
    fn without_such_a_table_all_are_shown() {
        let origins = Origins::default();
        assert!(origins.may_show(&SensorId::new("T").unwrap(), &Quantity::temperature()));
    }
}
