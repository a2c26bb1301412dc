//! Evaluation of operators.

use std::cmp::Ordering;

use super::evaluation::Context;
use super::formats;
use super::numbers::Failure;
use super::syntax::Operator;
use super::values::{Outcome, Value};

/// Limit of list elements produced by `*`.
const MOST_REPEATED: usize = 10_000;

/// Applies a binary operator.
///
/// # Errors
/// [`Failure::Nothing`] if an operand has no value; [`Failure::Wrong`] if the operator does not
/// apply to the operand types.
pub fn apply<'a>(
    operator: Operator,
    left: Value<'a>,
    right: Value<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    if operator == Operator::Join {
        return joined(left.defined()?, right.defined()?, context);
    }
    if left.is_nothing() || right.is_nothing() {
        return Err(Failure::Nothing);
    }
    let (left, right) = (as_number(left), as_number(right));
    match (operator, &left, &right) {
        (Operator::Add, Value::Text(_), Value::Text(_)) => joined(&left, &right, context),
        (Operator::Add, Value::List(_) | Value::Json(_), Value::List(_) | Value::Json(_)) => {
            Ok(Value::list([left.elements(context)?, right.elements(context)?].concat()))
        }
        (Operator::Multiply, Value::Text(text), Value::Integer(number))
        | (Operator::Multiply, Value::Integer(number), Value::Text(text)) => {
            let number = usize::try_from(*number).unwrap_or(0);
            let length = text.len().saturating_mul(number);
            context.pay_for_bytes(length)?;
            Ok(Value::text(text.repeat(number)))
        }
        (Operator::Multiply, Value::List(_) | Value::Json(_), Value::Integer(number)) => {
            repeated(&left, *number, context)
        }
        (Operator::Remainder, Value::Text(format), _) => formats::percent(format, &right, context),
        (_, Value::Integer(a), Value::Integer(b)) => whole(operator, *a, *b),
        _ => decimal(operator, number(&left, &right)?, number(&right, &left)?),
    }
}

/// Converts a boolean to 1 or 0; other values are returned unchanged.
fn as_number(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Bool(is_true) => Value::Integer(is_true.into()),
        other => other,
    }
}

fn number(value: &Value<'_>, other: &Value<'_>) -> Result<f64, Failure> {
    value.plain_number().map_err(|_| {
        Failure::Wrong(format!("{} and {} can't be calculated with", value.kind(), other.kind()))
    })
}

fn joined<'a>(left: &Value<'a>, right: &Value<'a>, context: &Context<'a>) -> Outcome<'a> {
    let (left, right) = (left.printed(context)?, right.printed(context)?);
    context.pay_for_bytes(left.len() + right.len())?;
    Ok(Value::text([&*left, &*right].concat()))
}

fn repeated<'a>(list: &Value<'a>, number: i64, context: &Context<'a>) -> Outcome<'a> {
    let elements = list.elements(context)?;
    let number = usize::try_from(number).unwrap_or(0);
    let length = elements.len().checked_mul(number).filter(|length| *length <= MOST_REPEATED);
    let length = length.ok_or_else(|| Failure::Wrong("a list is too long".into()))?;
    context.pay_for_elements(length)?;
    Ok(Value::list(std::iter::repeat_n(elements, number).flatten().collect()))
}

/// Integer arithmetic. Division and overflow fall back to floating point.
fn whole<'a>(operator: Operator, a: i64, b: i64) -> Outcome<'a> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::DivideWhole if b != 0 => {
            let rounds_down = (a % b != 0) && ((a < 0) != (b < 0));
            a.checked_div(b).map(|quotient| quotient - i64::from(rounds_down))
        }
        Operator::Remainder if b != 0 => a
            .checked_rem(b)
            .map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        Operator::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        _ => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "where a whole number would not fit")]
    result
        .map_or_else(|| decimal(operator, a as f64, b as f64), |result| Ok(Value::Integer(result)))
}

fn decimal<'a>(operator: Operator, a: f64, b: f64) -> Outcome<'a> {
    let divides =
        matches!(operator, Operator::Divide | Operator::DivideWhole | Operator::Remainder);
    if divides && b == 0.0 {
        return Err(Failure::Wrong("a division by zero".into()));
    }
    Ok(Value::Decimal(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::DivideWhole => (a / b).floor(),
        Operator::Remainder => a - (a / b).floor() * b,
        Operator::Power => a.powf(b),
        Operator::Join => return Err(Failure::Nothing), // unreachable: handled by `apply`
    }))
}

/// Arithmetic negation. Integers saturate.
///
/// # Errors
/// If the operand is not a number.
pub fn negative<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Integer(number) => Ok(Value::Integer(number.saturating_neg())),
        other => Ok(Value::Decimal(-other.plain_number()?)),
    }
}

/// The `in` operator: substring of a string, element of a list, or key of an object.
///
/// # Errors
/// If the container is not a string, list or object, or the step budget is exhausted.
pub fn contains<'a>(
    container: &Value<'a>,
    value: &Value<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    if let Value::Text(text) = container {
        let part = value.printed(context)?;
        context.pay_for_bytes(text.len())?;
        return Ok(text.contains(&*part));
    }
    for element in container.elements(context)? {
        if element.equals(value, context)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Slice of a string or list with Python's semantics; `bounds` are start, end and step.
///
/// # Errors
/// If the value has no elements, the step is 0, or the step budget is exhausted.
pub fn slice<'a>(
    value: &Value<'a>,
    bounds: [Option<i64>; 3],
    context: &Context<'a>,
) -> Outcome<'a> {
    let elements = value.elements(context)?;
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let [start, end, step] = bounds;
    let step = step.unwrap_or(1);
    let resolved = |bound: i64| if bound < 0 { bound.saturating_add(length) } else { bound };
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let positions: Vec<i64> = match step.cmp(&0) {
        Ordering::Equal => return Err(Failure::Wrong("a slice has the step 0".into())),
        Ordering::Greater => {
            let start = start.map_or(0, resolved).clamp(0, length);
            let end = end.map_or(length, resolved).clamp(0, length);
            (start..end).step_by(stride).collect()
        }
        Ordering::Less => {
            let start = start.map_or(length - 1, resolved).clamp(-1, length - 1);
            let end = end.map_or(-1, resolved).clamp(-1, length - 1);
            (end + 1..=start).rev().step_by(stride).collect()
        }
    };
    let taken = positions.into_iter().filter_map(|at| elements.get(usize::try_from(at).ok()?));
    Ok(match value {
        Value::Text(_) => {
            let mut text = String::new();
            for element in taken {
                text.push_str(&element.printed(context)?);
            }
            Value::text(text)
        }
        _ => Value::list(taken.cloned().collect()),
    })
}
