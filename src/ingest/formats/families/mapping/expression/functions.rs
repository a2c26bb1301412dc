//! Functions of expressions: conversions, CEL's on texts, and those of numbers under `math.`, named as CEL's extension
//! has them where it does.

use super::kind::Kind;

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// A number of a text, a number, or true (1) and false (0).
    Double,
    /// The same, without its fraction.
    Int,
    /// Characters of a text, elements of a list, keys of an object.
    Size,
    StartsWith,
    EndsWith,
    Contains,
    One(One),
    Two(Two),
    Greatest,
    Least,
}

/// A function of one number.
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

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Two {
    Pow,
    BitAnd,
    BitOr,
    BitXor,
    BitShiftLeft,
    BitShiftRight,
}

/// Functions under `math.`.
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
    /// A function by its name alone.
    pub(super) fn plain(name: &str) -> Option<Self> {
        match name {
            "double" => Some(Self::Double),
            "int" => Some(Self::Int),
            "size" => Some(Self::Size),
            _ => None,
        }
    }

    /// A function that is called on a text.
    pub(super) fn of_text(name: &str) -> Option<Self> {
        match name {
            "startsWith" => Some(Self::StartsWith),
            "endsWith" => Some(Self::EndsWith),
            "contains" => Some(Self::Contains),
            "size" => Some(Self::Size),
            _ => None,
        }
    }

    /// A function under `math.`.
    pub(super) fn of_math(name: &str) -> Option<Self> {
        MATH.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Names under `math.`, for a message.
    pub(super) fn names_of_math() -> String {
        MATH.map(|(name, _)| name).join(", ")
    }

    /// Whether it takes so many arguments.
    pub(super) const fn takes(self, count: usize) -> bool {
        match self {
            Self::Double | Self::Int | Self::Size | Self::One(_) => count == 1,
            Self::StartsWith | Self::EndsWith | Self::Contains | Self::Two(_) => count == 2,
            Self::Greatest | Self::Least => count >= 1,
        }
    }

    /// Kind of its arguments; of a function on texts that of both.
    pub(super) const fn argument(self) -> Kind {
        match self {
            Self::Double | Self::Int | Self::Size => Kind::Any,
            Self::StartsWith | Self::EndsWith | Self::Contains => Kind::Text,
            Self::One(_) | Self::Two(_) | Self::Greatest | Self::Least => Kind::Number,
        }
    }

    /// Kind of its result.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::StartsWith | Self::EndsWith | Self::Contains => Kind::Truth,
            _ => Kind::Number,
        }
    }
}

impl One {
    /// # Errors
    /// Says why there is no result.
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
    /// # Errors
    /// Says why there is no result.
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

/// The largest whole number up to which each has a double of its own.
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
