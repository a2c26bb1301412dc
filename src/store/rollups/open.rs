//! Buckets of the hours that are not written yet.
//!
//! A series takes 40 bytes for each minute of the hour with readings: 2.4 kB with one each second, 160 bytes with
//! four an hour. Series beyond [`MOST_FINE`] have buckets of a quarter of an hour: 100,000 of them stay under 150
//! MB.
//!
//! Invariant: buckets of a series are in order. Never: more than two hours' worth for long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Bucket, HOUR_MS, MINUTE_MS, SeriesId, Tier, TierRow};

/// Series with buckets of a minute, an hour; further ones have buckets of a quarter of an hour.
const MOST_FINE: usize = 50_000;

/// Bucket with its starting minute in the hour. There are as many as series, so it is kept small.
#[derive(Debug, Clone, Copy)]
struct OpenBucket {
    min: f64,
    max: f64,
    sum: f64,
    carry: f64,
    /// No series has a million readings a second for an hour.
    count: u32,
    minute: u8,
}

const _: () = assert!(size_of::<OpenBucket>() == 40);

impl OpenBucket {
    fn new(minute: u8, bucket: &Bucket) -> Self {
        let Bucket { min, max, sum, carry, count } = *bucket;
        Self { min, max, sum, carry, count: u32::try_from(count).unwrap_or(u32::MAX), minute }
    }

    const fn bucket(&self) -> Bucket {
        let Self { min, max, sum, carry, count, .. } = *self;
        Bucket { min, max, sum, carry, count: count as u64 }
    }

    fn merge(&mut self, other: &Bucket) {
        let mut bucket = self.bucket();
        bucket.merge(other);
        *self = Self::new(self.minute, &bucket);
    }

    /// Its beginning.
    const fn t(&self, hour: i64) -> i64 {
        hour + self.minute as i64 * MINUTE_MS
    }
}

/// Buckets of one series in one hour.
#[derive(Debug, Clone, Default)]
struct SeriesHour {
    is_fine: bool,
    buckets: Vec<OpenBucket>,
}

/// Buckets of all series in one hour.
#[derive(Debug, Clone, Default)]
pub struct HourBuckets {
    /// Indexed by series id.
    series: Vec<SeriesHour>,
    num_fine: usize,
}

impl HourBuckets {
    /// Adds readings of the minute of the hour.
    pub fn add(&mut self, series: SeriesId, minute: u8, bucket: &Bucket) {
        let at = series.0 as usize;
        if self.series.len() <= at {
            self.series.resize_with(at + 1, SeriesHour::default);
        }
        let of = &mut self.series[at];
        if of.buckets.is_empty() {
            of.is_fine = self.num_fine < MOST_FINE;
            self.num_fine += usize::from(of.is_fine);
        }
        let minute = if of.is_fine { minute } else { minute / 15 * 15 };
        match of.buckets.last_mut() {
            // By far the most frequent case.
            Some(newest) if newest.minute == minute => newest.merge(bucket),
            _ => match of.buckets.binary_search_by_key(&minute, |it| it.minute) {
                Ok(found) => of.buckets[found].merge(bucket),
                Err(place) => {
                    if of.buckets.len() == of.buckets.capacity() {
                        // Doubles from one: most series of a large fleet have few.
                        of.buckets.reserve_exact(of.buckets.len().max(1));
                    }
                    of.buckets.insert(place, OpenBucket::new(minute, bucket));
                }
            },
        }
    }

    fn absorb(&mut self, other: &Self) {
        for (series, of) in (0..).zip(&other.series) {
            for it in &of.buckets {
                self.add(SeriesId(series), it.minute, &it.bucket());
            }
        }
    }

    /// True if it has no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|of| of.buckets.is_empty())
    }

    /// Rows of all tiers, of the series after one, in order: complete series, until there are `at_most` rows. And
    /// the last of these series; `None` if no series is left.
    #[must_use]
    pub fn rows_after(
        &self,
        hour: i64,
        after: u32,
        at_most: usize,
    ) -> (Vec<TierRow>, Option<SeriesId>) {
        let mut rows = Vec::new();
        let begin = after as usize + 1;
        for (series, of) in (after + 1..).map(SeriesId).zip(self.series.iter().skip(begin)) {
            if rows.len() >= at_most {
                return (rows, Some(SeriesId(series.0 - 1)));
            }
            of.push_rows(hour, series, &mut rows);
        }
        (rows, None)
    }

    /// Forgets series that have been written.
    fn forget_through(&mut self, series: SeriesId) {
        let end = (series.0 as usize + 1).min(self.series.len());
        self.series[..end].iter_mut().for_each(|of| of.buckets = Vec::new());
    }

    /// Buckets of a series, each with its beginning, in order.
    fn of(&self, hour: i64, series: SeriesId) -> impl Iterator<Item = (i64, Bucket)> {
        let of = self.series.get(series.0 as usize);
        let buckets = of.into_iter().flat_map(|of| &of.buckets);
        buckets.map(move |it| (it.t(hour), it.bucket()))
    }
}

impl SeriesHour {
    fn push_rows(&self, hour: i64, series: SeriesId, rows: &mut Vec<TierRow>) {
        let coarser: &[Tier] = &[Tier::Quarter, Tier::Hour];
        for tier in if self.is_fine { &Tier::ALL } else { coarser } {
            let begin = rows.len();
            for (t, bucket) in self.buckets.iter().map(|it| (tier.floor(it.t(hour)), it.bucket())) {
                match rows[begin..].last_mut() {
                    Some(row) if row.t == t => row.bucket.merge(&bucket),
                    _ => rows.push(TierRow { tier: *tier, series, t, bucket }),
                }
            }
        }
    }
}

/// Buckets of the hours that are open, or sealed and not written, by the beginning of the hour.
#[derive(Debug, Clone, Default)]
pub struct OpenHours(BTreeMap<i64, HourBuckets>);

impl OpenHours {
    /// Adds readings of the minute that begins at `t`.
    pub fn add(&mut self, series: SeriesId, t: i64, bucket: &Bucket) {
        let hour = Tier::Hour.floor(t);
        // Within an hour: below 60.
        let minute = u8::try_from((t - hour) / MINUTE_MS).unwrap_or_default();
        self.0.entry(hour).or_default().add(series, minute, bucket);
    }

    /// Adds all of another.
    pub fn absorb(&mut self, other: Self) {
        for (hour, buckets) in other.0 {
            match self.0.get_mut(&hour) {
                Some(own) => own.absorb(&buckets),
                None => drop(self.0.insert(hour, buckets)),
            }
        }
    }

    /// The first hour from a time on, and before another, that is here.
    #[must_use]
    pub fn first_hour(&self, from: i64, until: i64) -> Option<i64> {
        self.0.range(from..until.max(from)).next().map(|(hour, _)| *hour)
    }

    /// Buckets of an hour.
    #[must_use]
    pub fn hour(&self, hour: i64) -> Option<&HourBuckets> {
        self.0.get(&hour)
    }

    /// Removes an hour.
    pub fn remove(&mut self, hour: i64) -> Option<HourBuckets> {
        self.0.remove(&hour)
    }

    /// Forgets all hours before a time.
    pub fn forget_before(&mut self, ms: i64) {
        self.0 = self.0.split_off(&ms);
    }

    /// Forgets all hours from a time on.
    pub fn forget_from(&mut self, ms: i64) {
        drop(self.0.split_off(&ms));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets series of an hour that have been written.
    pub fn forget_through(&mut self, hour: i64, series: SeriesId) {
        if let Some(buckets) = self.0.get_mut(&hour) {
            buckets.forget_through(series);
        }
    }

    /// Buckets of a series, each with its beginning, in order.
    pub fn of(&self, series: SeriesId) -> impl Iterator<Item = (i64, Bucket)> {
        self.0.iter().flat_map(move |(hour, buckets)| buckets.of(*hour, series))
    }

    /// True if an hour of a series is in memory: then all of it is, besides late buckets.
    #[must_use]
    pub fn has(&self, series: SeriesId, hour: i64) -> bool {
        let of = self.0.get(&hour).and_then(|it| it.series.get(series.0 as usize));
        of.is_some_and(|of| !of.buckets.is_empty())
    }

    /// Number of hours that are here.
    #[must_use]
    pub fn num_hours(&self) -> usize {
        self.0.len()
    }
}

/// Handle to the open hours, shared by the writer and readers. Cloning is shallow.
#[derive(Debug, Clone, Default)]
pub struct SharedHours(Arc<Mutex<OpenHours>>);

impl SharedHours {
    /// No code panics while holding it and updates are atomic, so a poisoned lock is still consistent.
    pub fn lock(&self) -> MutexGuard<'_, OpenHours> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const _: () = assert!(HOUR_MS / MINUTE_MS <= u8::MAX as i64);
