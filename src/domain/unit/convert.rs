//! Conversion of numbers between two units of one dimension. Pure.

use super::Dimension;
use super::lookup::{Known, find};

/// Significant digits of a converted number: as many as an `f64` holds of any decimal.
const DIGITS: i32 = 15;

/// Greatest power of ten that an `f64` holds exactly.
const GREATEST_POWER: i32 = 22;

/// How a number in one unit becomes one in another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Conversion {
    /// Identity: one unit in two spellings, two units of one size (hPa and mbar), or no unit on one side.
    Same,
    /// `value × scale + offset`.
    Affine {
        /// Size of the one unit in the other.
        scale: f64,
        /// Value of the one unit's zero in the other; 0 but for temperatures.
        offset: f64,
    },
    /// One unit is unknown.
    Unknown,
    /// Units of two dimensions.
    Different,
}

impl Conversion {
    /// Converted value in decimal arithmetic, to 15 significant digits. `None` if there is no conversion or no
    /// finite result.
    #[must_use]
    pub fn apply(self, value: f64) -> Option<f64> {
        match self {
            Self::Same => Some(value),
            Self::Affine { scale, offset } => decimal(value * scale, offset),
            Self::Unknown | Self::Different => None,
        }
    }

    /// Converted difference of two values, such as a deadband, deviation or rate: scaled only, since the offsets
    /// cancel.
    #[must_use]
    pub fn apply_difference(self, difference: f64) -> Option<f64> {
        match self {
            Self::Same => Some(difference),
            Self::Affine { scale, .. } => decimal(difference * scale, 0.0),
            Self::Unknown | Self::Different => None,
        }
    }
}

/// Conversion of numbers from the unit `from` to the unit `to`, each in any spelling. A number without a unit is
/// taken to be in the other unit.
#[must_use]
pub fn convert(from: &str, to: &str) -> Conversion {
    let (from, to) = (from.trim(), to.trim());
    if from == to || from.is_empty() || to.is_empty() {
        return Conversion::Same;
    }
    match (find(from), find(to)) {
        (Some(from), Some(to)) => between(from, to),
        _ => Conversion::Unknown,
    }
}

fn between(from: &Known, to: &Known) -> Conversion {
    if from.spelling == to.spelling {
        return Conversion::Same;
    }
    if from.dimension != to.dimension || from.dimension == Dimension::Other {
        return Conversion::Different;
    }
    let scale = Fraction::from(from.size).over(to.size.into());
    let offset = Fraction::from(from.zero).less(to.zero.into()).over(to.size.into());
    if scale == Fraction::ONE && offset.numerator == 0 {
        return Conversion::Same;
    }
    Conversion::Affine { scale: scale.nearest(), offset: offset.nearest() }
}

/// Fraction in lowest terms with a positive denominator. Those of the table and their quotients fit an `i128` by
/// far.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    const ONE: Self = Self { numerator: 1, denominator: 1 };

    fn over(self, divisor: Self) -> Self {
        // Crosswise in lowest terms first, so that products stay small.
        let a = Self::from((self.numerator, divisor.numerator));
        let b = Self::from((divisor.denominator, self.denominator));
        Self::from((a.numerator * b.numerator, a.denominator * b.denominator))
    }

    fn less(self, other: Self) -> Self {
        let numerator = self.numerator * other.denominator - other.numerator * self.denominator;
        Self::from((numerator, self.denominator * other.denominator))
    }

    fn nearest(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl From<(i128, i128)> for Fraction {
    fn from((numerator, denominator): (i128, i128)) -> Self {
        let (mut divisor, mut rest) = (numerator, denominator);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        let divisor = divisor.abs();
        Self { numerator: numerator / divisor, denominator: denominator / divisor }
    }
}

/// Sum of two numbers, rounded to the significant digits of the greater one: 300.15 K − 273.15 is
/// 26.999999999999943 in binary and becomes 27 °C. `None` if not finite.
fn decimal(scaled: f64, offset: f64) -> Option<f64> {
    let sum = scaled + offset;
    let greatest = scaled.abs().max(offset.abs());
    if !sum.is_finite() {
        return None;
    }
    if greatest == 0.0 {
        return Some(0.0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an exponent of ten, from -324 to 308")]
    let places = DIGITS - 1 - greatest.log10().floor() as i32;
    if !(0..=GREATEST_POWER).contains(&places) {
        return Some(sum); // a whole number of more digits, or one so small that its power of ten is not exact
    }
    let power = 10_f64.powi(places);
    Some((sum * power).round() / power + 0.0) // no negative zero
}
