//! Whatever the order, the carriers and the steps, rollups are what all readings at once would give.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A reading: series, ms since some hour's beginning, value.
type Sample = (u32, i64, f64);

const BEGIN: i64 = 482_000 * HOUR_MS;

/// What a recomputation gives: all values by tier, series and beginning.
type Recomputed = BTreeMap<(Tier, u32, i64), Vec<f64>>;

fn recomputed(samples: &[Sample], tiers: &[Tier]) -> Recomputed {
    let mut all = Recomputed::new();
    for tier in tiers {
        for (series, t, value) in samples {
            all.entry((*tier, *series, tier.floor(BEGIN + t))).or_default().push(*value);
        }
    }
    all
}

/// Exact in all but the mean.
fn assert_same(merged: &BTreeMap<(Tier, u32, i64), Bucket>, expected: &Recomputed) {
    assert_eq!(merged.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, values) in expected {
        let bucket = &merged[key];
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!((bucket.min(), bucket.max()), (smallest, largest));
        assert_eq!(bucket.count(), values.len() as u64);
        let mut sorted = values.clone();
        sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let mean = sorted.iter().sum::<f64>() / values.len() as f64;
        let size = largest.abs().max(smallest.abs()).max(1.0);
        assert!((bucket.mean() - mean).abs() <= 1e-12 * size, "{} {mean}", bucket.mean());
    }
}

fn merge_rows(into: &mut BTreeMap<(Tier, u32, i64), Bucket>, rows: &[TierRow]) {
    for row in rows {
        into.entry((row.tier, row.series.0, row.t))
            .and_modify(|known| known.merge(&row.bucket))
            .or_insert(row.bucket);
    }
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![-50.0..150.0_f64, -1e9..1e9_f64, Just(21.5), Just(-0.0)];
    prop::collection::vec((1..6_u32, 0..3 * HOUR_MS, value), 1..300)
}

proptest! {
    #[test]
    fn open_hours_give_what_a_recomputation_gives(samples in samples(), at_most in 1..200_usize) {
        let mut open = OpenHours::default();
        for (series, t, value) in &samples {
            open.add(SeriesId(*series), Tier::Minute.floor(BEGIN + t), &Bucket::of(*value));
        }
        let mut merged = BTreeMap::new();
        while let Some(hour) = open.first_hour(i64::MIN, i64::MAX) {
            let mut after = 0;
            loop {
                let (rows, last) = open.hour(hour).unwrap().rows_after(hour, after, at_most);
                prop_assert!(rows.len() < at_most + 65);
                merge_rows(&mut merged, &rows);
                let Some(last) = last else { break };
                open.forget_through(hour, last);
                prop_assert!(!open.has(last, hour));
                after = last.0;
            }
            open.remove(hour);
        }
        assert_same(&merged, &recomputed(&samples, &Tier::ALL));
    }

    #[test]
    fn late_buckets_give_what_a_recomputation_gives(samples in samples(), at_most in 1..200_usize) {
        let mut late = LateBuckets::default();
        for (series, t, value) in &samples {
            late.add(SeriesId(*series), BEGIN + t, &Bucket::of(*value));
        }
        let mut merged = BTreeMap::new();
        let mut place = LatePlace::default();
        loop {
            let (rows, next) = late.rows_after(place, at_most);
            prop_assert!(rows.len() < at_most + 65);
            merge_rows(&mut merged, &rows);
            let Some(next) = next else { break };
            prop_assert!(next != place);
            place = next;
        }
        assert_same(&merged, &recomputed(&samples, &Tier::ALL));
    }

    #[test]
    fn columns_lose_no_extreme_and_no_reading(
        samples in samples(), px in 2..2001_i64, from in 0..HOUR_MS, span in 1..3 * HOUR_MS,
        tier in prop::sample::select(&Tier::ALL[..]),
    ) {
        let grid = Grid::new(BEGIN + from, BEGIN + from + span, px, tier.step_ms());
        prop_assert!(i64::try_from(grid.len).unwrap() <= px, "{grid:?}");
        prop_assert!(grid.t0 <= BEGIN + from && grid.end() >= BEGIN + from + span, "{grid:?}");
        prop_assert_eq!(grid.t0.rem_euclid(grid.step_ms), 0);
        prop_assert_eq!(grid.step_ms.rem_euclid(tier.step_ms()), 0);
        let mut columns = Columns::new(grid);
        for (_, t, value) in &samples {
            columns.add(tier.floor(BEGIN + t), &Bucket::of(*value));
        }
        let inside = samples.iter().filter(|(_, t, _)| grid.column(BEGIN + t).is_some());
        let inside: Vec<_> = inside.map(|(_, _, value)| *value).collect();
        let found = columns.buckets.iter().flatten();
        prop_assert_eq!(found.clone().map(Bucket::count).sum::<u64>(), inside.len() as u64);
        let largest = found.map(Bucket::max).fold(f64::NEG_INFINITY, f64::max);
        prop_assert_eq!(largest, inside.into_iter().fold(f64::NEG_INFINITY, f64::max));
    }

    #[test]
    fn a_reading_has_the_same_carrier_until_its_hour_is_sealed(
        hour in -10..20_i64, steps in prop::collection::vec(0..3_i64, 0..10), series in 1..3_u32,
    ) {
        let (hour, series) = (hour * HOUR_MS, SeriesId(series));
        let mut boundary = Boundary::new(Some(0), [7 * HOUR_MS].into());
        let mut was_late = false;
        let mut sealed = 0;
        for step in steps {
            sealed += step * HOUR_MS;
            boundary.seal(sealed);
            let is_late = boundary.carrier(hour, series) == Carrier::LateBucket;
            prop_assert!(is_late || !was_late, "a sealed hour was opened again");
            prop_assert_eq!(is_late, hour < sealed || boundary.is_ahead(hour));
            was_late = is_late;
        }
    }
}

#[test]
fn a_sum_is_exact_where_a_plain_one_is_not_and_never_infinite() {
    let mut bucket = Bucket::of(1e16);
    for _ in 0..1000 {
        bucket.merge(&Bucket::of(1.0));
    }
    bucket.merge(&Bucket::of(-1e16));
    assert_eq!(bucket.sum(), 1000.0);
    let mut huge = Bucket::of(f64::MAX);
    huge.merge(&Bucket::of(f64::MAX));
    huge.merge(&Bucket::of(-1.0));
    assert!(huge.sum().is_finite() && huge.mean() <= f64::MAX);
    assert_eq!((huge.min(), huge.max(), huge.count()), (-1.0, f64::MAX, 3));
}

#[test]
fn rows_that_no_bucket_gave_are_none() {
    assert!(Bucket::stored(1.0, 2.0, 3.0, 2).is_some());
    for (min, max, sum, count) in
        [(2.0, 1.0, 3.0, 2), (1.0, 2.0, f64::NAN, 2), (1.0, 2.0, 3.0, 0), (f64::NAN, 2.0, 3.0, 1)]
    {
        assert_eq!(Bucket::stored(min, max, sum, count), None);
    }
}

#[test]
fn the_coarsest_tier_with_a_bucket_a_pixel_is_taken() {
    let day = 24 * HOUR_MS;
    for (span, px, tier) in [
        (HOUR_MS, 1000, Tier::Minute),
        (day, 1000, Tier::Minute),
        (day, 96, Tier::Quarter),
        (7 * day, 168, Tier::Hour),
        (365 * day, 2000, Tier::Hour),
    ] {
        assert_eq!(Tier::for_span(span, px), tier, "{span} {px}");
    }
}

#[test]
fn hours_far_ahead_are_sealed_one_by_one_and_no_more_than_some() {
    let mut boundary = Boundary::default();
    let series = SeriesId(1);
    assert_eq!(boundary.carrier(0, series), Carrier::Row, "before the first seal");
    boundary.seal(0);
    assert_eq!(boundary.carrier(2 * HOUR_MS, series), Carrier::Memory);
    assert_eq!(boundary.carrier(0, SeriesId(200_001)), Carrier::LateBucket);
    for hour in (3..).map(|hour| hour * HOUR_MS) {
        if !boundary.seals_ahead(hour) {
            assert_eq!(boundary.carrier(hour, series), Carrier::Row);
            break;
        }
        boundary.seal_ahead(hour);
        assert_eq!(boundary.carrier(hour, series), Carrier::LateBucket);
    }
    boundary.seal(5 * HOUR_MS);
    assert_eq!(
        boundary.carrier(5 * HOUR_MS, series),
        Carrier::LateBucket,
        "sealed before its time"
    );
}

#[test]
fn series_beyond_the_finest_have_coarser_buckets() {
    let mut hour = HourBuckets::default();
    for series in 1..=50_001 {
        for minute in [0, 1, 59] {
            hour.add(SeriesId(series), minute, &Bucket::of(1.0));
        }
    }
    let minutes = |series: u32| {
        let (rows, _) = hour.rows_after(0, series - 1, 1);
        rows.iter().filter(|row| row.tier == Tier::Minute).count()
    };
    assert_eq!((minutes(50_000), minutes(50_001)), (3, 0));
}
