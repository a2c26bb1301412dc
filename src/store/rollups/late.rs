//! Buckets of readings whose hours are sealed, before they are merged into the tiers.
//!
//! Invariant: in order of series, and of time within a series, so that each page of the tiers is written once.

use std::collections::BTreeMap;

use super::{Bucket, HOUR_MS, SeriesId, Tier, TierRow};

/// An hour of a series. All before it, by series and then time, are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatePlace {
    /// Series.
    pub series: SeriesId,
    /// Beginning of the hour.
    pub hour: i64,
}

/// Minute buckets by series and beginning.
#[derive(Debug, Clone, Default)]
pub struct LateBuckets(BTreeMap<(SeriesId, i64), Bucket>);

impl LateBuckets {
    /// Adds readings of the minute that contains `t`.
    pub fn add(&mut self, series: SeriesId, t: i64, bucket: &Bucket) {
        self.0
            .entry((series, Tier::Minute.floor(t)))
            .and_modify(|known| known.merge(bucket))
            .or_insert(*bucket);
    }

    /// All of them, by series and beginning.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, i64, &Bucket)> {
        self.0.iter().map(|((series, t), bucket)| (*series, *t, bucket))
    }

    /// Rows of all tiers, of the hours of series after a position: complete hours, until there are `at_most` rows.
    /// And the position of the last; `None` if nothing is left.
    #[must_use]
    pub fn rows_after(
        &self,
        after: LatePlace,
        at_most: usize,
    ) -> (Vec<TierRow>, Option<LatePlace>) {
        let mut rows = Vec::new();
        let mut minutes = Vec::new();
        let mut place = after;
        let LatePlace { series, hour } = after;
        for ((series, t), bucket) in self.0.range((series, hour.saturating_add(HOUR_MS))..) {
            let next = LatePlace { series: *series, hour: Tier::Hour.floor(*t) };
            if next != place {
                push_rows(place.series, &mut minutes, &mut rows);
                if rows.len() >= at_most {
                    return (rows, Some(place));
                }
                place = next;
            }
            minutes.push((*t, *bucket));
        }
        push_rows(place.series, &mut minutes, &mut rows);
        (rows, None)
    }
}

fn push_rows(series: SeriesId, minutes: &mut Vec<(i64, Bucket)>, rows: &mut Vec<TierRow>) {
    for tier in Tier::ALL {
        let begin = rows.len();
        for (t, bucket) in &*minutes {
            let t = tier.floor(*t);
            match rows[begin..].last_mut() {
                Some(row) if row.t == t => row.bucket.merge(bucket),
                _ => rows.push(TierRow { tier, series, t, bucket: *bucket }),
            }
        }
    }
    minutes.clear();
}
