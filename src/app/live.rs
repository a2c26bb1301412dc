//! Views of the live table for the API and Home Assistant.

use std::sync::Arc;

use crate::domain::{LiveChanges, LiveHeads, SeriesDescription, SeriesValue};
use crate::evaluator::LiveTable;
use crate::mqtt::SeriesSource;
use crate::web::LiveSource;

/// The evaluator's table, as others read it.
pub(super) struct Shown(pub Arc<LiveTable>);

impl LiveSource for Shown {
    fn epoch(&self) -> Arc<str> {
        self.0.epoch().clone()
    }

    fn heads(&self) -> LiveHeads {
        self.0.heads()
    }

    fn since(&self, series: Option<u64>, alarms: Option<u64>) -> LiveChanges {
        self.0.since(series, alarms)
    }

    fn page(&self, from: u32, at_most: usize) -> Vec<(SeriesDescription, SeriesValue)> {
        self.0.page(from, at_most)
    }
}

impl SeriesSource for Shown {
    fn heads(&self) -> LiveHeads {
        self.0.heads()
    }

    fn since(&self, version: u64) -> LiveChanges {
        self.0.since(Some(version), Some(version))
    }
}
