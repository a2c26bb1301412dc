//! One bucket: smallest and largest value, sum and number of the readings in it.
//!
//! Invariant: a bucket has a reading, and its sum and limits are finite. Merged buckets equal the bucket of all
//! their readings; the mean to within about 1e-15.

/// Length of a bucket of the finest tier.
pub const MINUTE_MS: i64 = 60_000;

/// Length of a bucket of the coarsest tier, which is the unit of sealing.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Number of a series in its table: sequential from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

/// Resolution of stored rollups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Buckets of a minute.
    Minute,
    /// Buckets of 15 minutes.
    Quarter,
    /// Buckets of an hour.
    Hour,
}

impl Tier {
    /// All tiers, the finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Quarter, Self::Hour];

    /// Length of a bucket.
    #[must_use]
    pub const fn step_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Quarter => 15 * MINUTE_MS,
            Self::Hour => HOUR_MS,
        }
    }

    /// Start of the bucket that contains a time.
    #[must_use]
    pub const fn floor(self, ms: i64) -> i64 {
        ms.div_euclid(self.step_ms()) * self.step_ms()
    }

    /// The coarsest tier with at least one bucket per pixel; the finest if none has.
    #[must_use]
    pub fn for_span(span_ms: i64, px: i64) -> Self {
        let fits = |tier: &Self| tier.step_ms().saturating_mul(px) <= span_ms;
        Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Minute)
    }
}

/// Bucket with its key in the tier tables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TierRow {
    /// Tier of the bucket.
    pub tier: Tier,
    /// Series of the bucket.
    pub series: SeriesId,
    /// Beginning, in ms since 1970.
    pub t: i64,
    /// Its readings.
    pub bucket: Bucket,
}

/// Readings of one series in one span of time.
///
/// The sum is compensated (Neumaier): the mean of a million readings an hour agrees with any recomputation to the
/// last digits, in any order; a plain sum would be off by up to 1e-10 of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    /// Rounding error of the sum.
    pub(super) carry: f64,
    pub(super) count: u64,
}

impl Bucket {
    /// Bucket of one reading with a finite value.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self { min: value, max: value, sum: value, carry: 0.0, count: 1 }
    }

    /// Bucket from its stored form; `None` for a row that is no bucket.
    #[must_use]
    pub fn stored(min: f64, max: f64, sum: f64, count: i64) -> Option<Self> {
        let is_whole = min <= max && min.is_finite() && max.is_finite() && sum.is_finite();
        let count = u64::try_from(count).ok().filter(|count| is_whole && *count > 0)?;
        Some(Self { min, max, sum, carry: 0.0, count })
    }

    /// Adds the readings of another bucket.
    pub fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.add(other.sum);
        self.add(other.carry);
    }

    /// Saturates: an infinite sum would have no mean.
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if !sum.is_finite() {
            (self.sum, self.carry) = (sum.clamp(f64::MIN, f64::MAX), 0.0);
            return;
        }
        let is_sum_larger = self.sum.abs() >= value.abs();
        let (large, small) = if is_sum_larger { (self.sum, value) } else { (value, self.sum) };
        self.carry += (large - sum) + small;
        self.sum = sum;
    }

    /// Smallest value.
    #[must_use]
    pub const fn min(&self) -> f64 {
        self.min
    }

    /// Largest value.
    #[must_use]
    pub const fn max(&self) -> f64 {
        self.max
    }

    /// Sum of all values.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        (self.sum + self.carry).clamp(f64::MIN, f64::MAX)
    }

    /// Number of readings; at least 1.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Mean value; between smallest and largest.
    #[must_use]
    pub fn mean(&self) -> f64 {
        (self.sum() / self.count as f64).max(self.min).min(self.max)
    }
}
