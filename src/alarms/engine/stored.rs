//! Stored state of series, for tests that stop an engine and restore it.

use std::collections::BTreeMap;

use super::Engine;
use crate::domain::{Quantity, Reading, ReadingCounts, SensorId, SeriesPart, SeriesState};

/// Parts of checkpoints, and the number of rows at each.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredSeries {
    parts: BTreeMap<(SensorId, Quantity), Parts>,
    /// Rows that no restart needs any more.
    from: ReadingCounts,
}

type Parts = BTreeMap<SeriesPart, (Vec<u8>, usize)>;

impl StoredSeries {
    /// Commits due checkpoints of an engine with the rows so far.
    pub fn commit(&mut self, engine: &mut Engine, at_most: usize, rows: &[Reading]) {
        for SeriesState { sensor_id, quantity, part, state } in engine.take_checkpoints(at_most) {
            let parts = self.parts.entry((sensor_id, quantity)).or_default();
            match state {
                Some(state) => drop(parts.insert(part, (state, rows.len()))),
                None => drop(parts.remove(&part)),
            }
        }
        self.from = count(rows).since(engine.since_checkpoints());
    }

    pub fn states(&self) -> Vec<SeriesState> {
        let mut states = Vec::new();
        for ((sensor_id, quantity), parts) in &self.parts {
            states.extend(parts.iter().map(|(part, (state, _))| SeriesState {
                sensor_id: sensor_id.clone(),
                quantity: quantity.clone(),
                part: *part,
                state: Some(state.clone()),
            }));
        }
        states
    }

    /// How many rows a restart reads again.
    pub fn since_checkpoints(&self, rows: &[Reading]) -> ReadingCounts {
        count(rows).since(self.from)
    }

    /// Of the rows that a restart reads again, those after the checkpoint of their series; all for a series without
    /// one. Each with the number of those before it.
    pub fn since(&self, rows: &[Reading]) -> Vec<(u64, Reading)> {
        let mut before = ReadingCounts::default();
        let counted = rows.iter().enumerate().map(|(at, row)| {
            before.add(&row.quantity);
            let ReadingCounts { temperatures, others } = before.since(self.from);
            (at, row, if row.quantity.is_temperature() { temperatures } else { others })
        });
        let is_since = |(at, row, count): &(usize, &Reading, u64)| {
            let is_read_again = *count > 0;
            let parts = self.parts.get(&(row.sensor_id.clone(), row.quantity.clone()));
            let reach = |part| parts.and_then(|parts| parts.get(&part)).map(|(_, reach)| reach);
            let reach = reach(SeriesPart::Windows).max(reach(SeriesPart::Dropped));
            reach.is_none_or(|num_rows| is_read_again && at >= num_rows)
        };
        let since = counted.filter(is_since);
        since.map(|(_, row, count)| (count.saturating_sub(1), row.clone())).collect()
    }

    /// The sizes of all parts of a kind, in bytes.
    pub fn sizes(&self, of: SeriesPart) -> Vec<usize> {
        let parts = self.parts.values().filter_map(|parts| parts.get(&of));
        parts.map(|(state, _)| state.len()).collect()
    }
}

fn count(rows: &[Reading]) -> ReadingCounts {
    let mut count = ReadingCounts::default();
    rows.iter().for_each(|row| count.add(&row.quantity));
    count
}
