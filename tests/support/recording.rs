//! Generator of the recording that `config/replay.toml` plays: a machine's temperature, made from a seed.
//!
//! Invariant: the same bytes on every machine. So it has its own random generator and uses neither sine nor exponential,
//! whose last digits differ between systems.

use std::fmt::Write as _;

use chrono::TimeDelta;

use super::time;

/// Path of the recording, relative to the package.
pub const FILE: &str = "config/machine_temperature.csv";

/// Number of rows: three weeks, one each five minutes.
pub const ROWS: usize = 21 * A_DAY;
const A_DAY: usize = 24 * 12;

/// Rows of a planned stop of four hours, from the eighth day at 18:00.
const STOP: std::ops::Range<usize> = 7 * A_DAY + 216..7 * A_DAY + 264;

/// Rows in which the machine runs hot and unsteadily, from the seventeenth day; then it fails for half a day.
const TROUBLE: std::ops::Range<usize> = 16 * A_DAY..18 * A_DAY;
const FAILURE: std::ops::Range<usize> = 18 * A_DAY..18 * A_DAY + A_DAY / 2;

/// Temperatures in °F.
const USUAL: f64 = 86.0;
const STOPPED: f64 = 38.0;
const FAILED: f64 = 12.0;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    /// Random number from -1 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper half is exact in an `f64`.
        let upper = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("half of it");
        f64::from(upper) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

/// Time of day as a triangle wave: -1 at midnight, 1 at noon.
fn daylight(row: usize) -> f64 {
    let of_day = u32::try_from(row % A_DAY).expect("a small number");
    1.0 - (f64::from(of_day) / 144.0 - 1.0).abs() * 2.0
}

/// Temperature that the machine approaches in this phase, in °F.
fn target(row: usize) -> f64 {
    let usual = USUAL + 4.0 * daylight(row);
    match row {
        row if STOP.contains(&row) => STOPPED,
        row if FAILURE.contains(&row) => FAILED,
        row if TROUBLE.contains(&row) => usual + 9.0,
        _ => usual,
    }
}

/// The recording as CSV, with its header.
pub fn csv() -> String {
    let mut random = Random(2013);
    let (mut temperature, mut noise) = (USUAL, 0.0);
    let mut csv = String::from("timestamp,value\n");
    for row in 0..ROWS {
        let is_steady = !TROUBLE.contains(&row);
        noise = noise * 0.9 + random.next() * if is_steady { 0.8 } else { 2.2 };
        temperature += (target(row) - temperature) * 0.15;
        let minutes = i64::try_from(row).expect("a small number") * 5;
        let at = time("2024-03-04T00:00:00") + TimeDelta::minutes(minutes);
        let at = at.format("%Y-%m-%d %H:%M:%S");
        writeln!(csv, "{at},{:.2}", temperature + noise).expect("writing to memory");
    }
    csv
}
