//! What storage holds of series, for tests that stop an engine and go on from what was committed.

use std::collections::BTreeMap;

use super::Engine;
use crate::domain::{Quantity, Reading, SensorId, SeriesPart, SeriesState};

/// Parts of checkpoints, and how many rows there were when each was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredSeries(BTreeMap<(SensorId, Quantity), Parts>);

type Parts = BTreeMap<SeriesPart, (Vec<u8>, usize)>;

impl StoredSeries {
    /// Commits what an engine wants to have checkpointed with the rows so far.
    pub fn commit(&mut self, engine: &mut Engine, at_most: usize, num_rows: usize) {
        for SeriesState { sensor_id, quantity, part, state } in engine.take_checkpoints(at_most) {
            let parts = self.0.entry((sensor_id, quantity)).or_default();
            match state {
                Some(state) => drop(parts.insert(part, (state, num_rows))),
                None => drop(parts.remove(&part)),
            }
        }
    }

    pub fn states(&self) -> Vec<SeriesState> {
        let mut states = Vec::new();
        for ((sensor_id, quantity), parts) in &self.0 {
            states.extend(parts.iter().map(|(part, (state, _))| SeriesState {
                sensor_id: sensor_id.clone(),
                quantity: quantity.clone(),
                part: *part,
                state: Some(state.clone()),
            }));
        }
        states
    }

    /// The rows after the checkpoint of their series; all of one that has none.
    pub fn since(&self, rows: &[Reading]) -> Vec<Reading> {
        let is_since = |(at, row): &(usize, &Reading)| {
            let parts = self.0.get(&(row.sensor_id.clone(), row.quantity.clone()));
            let windows = parts.and_then(|parts| parts.get(&SeriesPart::Windows));
            windows.is_none_or(|(_, num_rows)| at >= num_rows)
        };
        rows.iter().enumerate().filter(is_since).map(|(_, row)| row.clone()).collect()
    }

    /// The sizes of all parts of a kind, in bytes.
    pub fn sizes(&self, of: SeriesPart) -> Vec<usize> {
        let parts = self.0.values().filter_map(|parts| parts.get(&of));
        parts.map(|(state, _)| state.len()).collect()
    }
}
