//! Functions of expressions: conversions, string functions of CEL, and numeric functions under
//! `math.`, named as in CEL's math extension where it has them.

use super::kind::Kind;

/// A function of the expression language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// `double(x)`: converts a string, number or boolean (true is 1, false is 0).
    Double,
    /// `int(x)`: like `double`, truncated towards zero.
    Int,
    /// `size(x)`: characters of a string, elements of a list, or keys of an object.
    Size,
    StartsWith,
    EndsWith,
    Contains,
    One(One),
    Two(Two),
    Greatest,
    Least,
}

/// A numeric function of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum One {
    Abs,
    Ceil,
    Exp,
    Floor,
    Ln,
    Round,
    Sign,
    Sqrt,
    Trunc,
    BitNot,
}

/// A numeric function of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Two {
    Pow,
    BitAnd,
    BitOr,
    BitXor,
    BitShiftLeft,
    BitShiftRight,
}

/// Functions under `math.`, by name.
const MATH: [(&str, Function); 18] = [
    ("abs", Function::One(One::Abs)),
    ("bitAnd", Function::Two(Two::BitAnd)),
    ("bitNot", Function::One(One::BitNot)),
    ("bitOr", Function::Two(Two::BitOr)),
    ("bitShiftLeft", Function::Two(Two::BitShiftLeft)),
    ("bitShiftRight", Function::Two(Two::BitShiftRight)),
    ("bitXor", Function::Two(Two::BitXor)),
    ("ceil", Function::One(One::Ceil)),
    ("exp", Function::One(One::Exp)),
    ("floor", Function::One(One::Floor)),
    ("greatest", Function::Greatest),
    ("least", Function::Least),
    ("ln", Function::One(One::Ln)),
    ("pow", Function::Two(Two::Pow)),
    ("round", Function::One(One::Round)),
    ("sign", Function::One(One::Sign)),
    ("sqrt", Function::One(One::Sqrt)),
    ("trunc", Function::One(One::Trunc)),
];

impl Function {
    /// Function called by its plain name.
    pub(super) fn plain(name: &str) -> Option<Self> {
        match name {
            "double" => Some(Self::Double),
            "int" => Some(Self::Int),
            "size" => Some(Self::Size),
            _ => None,
        }
    }

    /// Method called on a string.
    pub(super) fn of_text(name: &str) -> Option<Self> {
        match name {
            "startsWith" => Some(Self::StartsWith),
            "endsWith" => Some(Self::EndsWith),
            "contains" => Some(Self::Contains),
            "size" => Some(Self::Size),
            _ => None,
        }
    }

    /// Function under `math.`.
    pub(super) fn of_math(name: &str) -> Option<Self> {
        MATH.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Names under `math.`, for error messages.
    pub(super) fn names_of_math() -> String {
        MATH.map(|(name, _)| name).join(", ")
    }

    /// Whether the function accepts this number of arguments.
    pub(super) const fn takes(self, count: usize) -> bool {
        match self {
            Self::Double | Self::Int | Self::Size | Self::One(_) => count == 1,
            Self::StartsWith | Self::EndsWith | Self::Contains | Self::Two(_) => count == 2,
            Self::Greatest | Self::Least => count >= 1,
        }
    }

    /// Type of the arguments.
    pub(super) const fn argument(self) -> Kind {
        match self {
            Self::Double | Self::Int | Self::Size => Kind::Any,
            Self::StartsWith | Self::EndsWith | Self::Contains => Kind::Text,
            Self::One(_) | Self::Two(_) | Self::Greatest | Self::Least => Kind::Number,
        }
    }

    /// Type of the result.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::StartsWith | Self::EndsWith | Self::Contains => Kind::Truth,
            _ => Kind::Number,
        }
    }
}

impl One {
    /// Applies the function.
    ///
    /// # Errors
    /// If the argument is outside the function's domain.
    pub(super) fn of(self, number: f64) -> Result<f64, String> {
        Ok(match self {
            Self::Abs => number.abs(),
            Self::Ceil => number.ceil(),
            Self::Exp => number.exp(),
            Self::Floor => number.floor(),
            Self::Ln => number.ln(),
            Self::Round => number.round(),
            Self::Sign if number == 0.0 => 0.0,
            Self::Sign => number.signum(),
            Self::Sqrt => number.sqrt(),
            Self::Trunc => number.trunc(),
            Self::BitNot => from_bits(!bits(number)?),
        })
    }
}

impl Two {
    /// Applies the function.
    ///
    /// # Errors
    /// If an argument is outside the function's domain.
    pub(super) fn of(self, left: f64, right: f64) -> Result<f64, String> {
        Ok(match self {
            Self::Pow => left.powf(right),
            Self::BitAnd => from_bits(bits(left)? & bits(right)?),
            Self::BitOr => from_bits(bits(left)? | bits(right)?),
            Self::BitXor => from_bits(bits(left)? ^ bits(right)?),
            Self::BitShiftLeft => from_bits(bits(left)?.wrapping_shl(shift(right)?)),
            Self::BitShiftRight => from_bits(bits(left)?.wrapping_shr(shift(right)?)),
        })
    }
}

/// Largest magnitude up to which every integer has an exact double: 2^53.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

#[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53 by the check")]
fn bits(number: f64) -> Result<i64, String> {
    if number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE {
        Ok(number as i64)
    } else {
        Err(format!("{number} has no bits: it is no whole number below 2^53"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "results past 2^53 are rounded, as all numbers are")]
const fn from_bits(bits: i64) -> f64 {
    bits as f64
}

fn shift(number: f64) -> Result<u32, String> {
    let shift = u32::try_from(bits(number)?).ok().filter(|shift| *shift < 64);
    shift.ok_or_else(|| format!("bits shift by 0 to 63, not by {number}"))
}
