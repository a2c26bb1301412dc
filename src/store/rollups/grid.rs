//! Buckets merged to the pixels of a chart.
//!
//! Invariant: at most as many columns as pixels, each a whole number of the source's buckets, so that merging is
//! exact: a spike of one reading is never lost.

use super::{Bucket, HOUR_MS};

/// Equal spans of time, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Beginning of the first span, in ms since 1970: a multiple of `step_ms`.
    pub t0: i64,
    /// Length of each.
    pub step_ms: i64,
    /// How many there are.
    pub len: usize,
}

impl Grid {
    /// Grid over a span with at most `px` (2 or more) columns of a whole number of `unit_ms` each.
    #[must_use]
    pub fn new(from: i64, until: i64, px: i64, unit_ms: i64) -> Self {
        let units = div_up((until - from).max(1), unit_ms);
        let with = |columns: i64| {
            let step_ms = div_up(units, columns.max(1)) * unit_ms;
            let t0 = from.div_euclid(step_ms) * step_ms;
            let len = usize::try_from(div_up((until - t0).max(1), step_ms)).unwrap_or(1);
            Self { t0, step_ms, len }
        };
        let grid = with(px);
        // Alignment may take one column more than the span.
        if i64::try_from(grid.len).is_ok_and(|len| len <= px) { grid } else { with(px - 1) }
    }

    /// End of the last span.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.t0 + self.step_ms * i64::try_from(self.len).unwrap_or(i64::MAX / HOUR_MS)
    }

    /// Column of a time.
    #[must_use]
    pub fn column(&self, t: i64) -> Option<usize> {
        let column = usize::try_from((t - self.t0).div_euclid(self.step_ms)).ok()?;
        (column < self.len).then_some(column)
    }
}

/// Rounds up; for positive numbers.
const fn div_up(number: i64, by: i64) -> i64 {
    (number - 1) / by + 1
}

/// Buckets by column; `None` for gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Grid of the columns.
    pub grid: Grid,
    /// One for each column.
    pub buckets: Vec<Option<Bucket>>,
}

impl Columns {
    /// Columns without readings.
    #[must_use]
    pub fn new(grid: Grid) -> Self {
        Self { grid, buckets: vec![None; grid.len] }
    }

    /// Adds readings of the span that begins at `t`; ignores those outside.
    pub fn add(&mut self, t: i64, bucket: &Bucket) {
        let Some(column) = self.grid.column(t) else { return };
        match &mut self.buckets[column] {
            Some(known) => known.merge(bucket),
            gap => *gap = Some(*bucket),
        }
    }

    /// Whether there is no reading in any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(Option::is_none)
    }
}
