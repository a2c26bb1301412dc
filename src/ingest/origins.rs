//! Origins of series: which ones Vigie learned from Home Assistant's discovery. Home Assistant must not be shown its own
//! series again, or it would have each twice.
//!
//! Origins are noted at evaluation, by the format that decoded a message, and only if a `[[devices]]` table reads Home
//! Assistant's discovery. With such a table, a series has no known origin before its first reading in this process, and is
//! not shown until then.
//!
//! Always: a series that once came by Home Assistant's discovery counts as its own. Never: more than [`MOST`] series; the
//! origin of others stays unknown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::{Quantity, QuickMap, SensorId};

/// Limit of series, the same as that of evaluated series.
const MOST: usize = 250_000;

/// Origins of series.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// Whether a `[[devices]]` table reads Home Assistant's discovery.
    counts: bool,
    /// Whether each series is Home Assistant's.
    series: RwLock<QuickMap<(SensorId, Quantity), bool>>,
    version: AtomicU64,
}

impl Origins {
    /// No known origins. `counts` is whether a table reads Home Assistant's discovery.
    pub fn new(counts: bool) -> Self {
        Self { counts, ..Self::default() }
    }

    /// Whether origins are noted.
    pub const fn counts(&self) -> bool {
        self.counts
    }

    /// Version; grows with each change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Notes the origin of a series that a message carried.
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
    fn without_a_table_of_home_assistant_all_series_are_shown() {
        let origins = Origins::default();
        assert!(origins.may_show(&SensorId::new("T").unwrap(), &Quantity::temperature()));
    }
}
