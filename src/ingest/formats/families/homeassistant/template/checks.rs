//! Tests after `is`.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::arguments::Given;
use super::evaluation::Context;
use super::numbers::Failure;
use super::values::Value;
use super::{operators, texts};

/// A test of a value.
pub type Test = for<'a> fn(&Value<'a>, &Given<'a>, &Context<'a>) -> Result<bool, Failure>;

const TESTS: [(&str, Test); 38] = [
    ("!=", differs),
    ("<", is_less),
    ("<=", is_at_most),
    ("==", equals),
    (">", is_greater),
    (">=", is_at_least),
    ("boolean", |value, _, _| Ok(matches!(value, Value::Bool(_)))),
    ("contains", |value, given, context| {
        operators::contains(value, given.required(0, "value")?, context)
    }),
    ("defined", |value, _, _| Ok(!matches!(value, Value::Undefined))),
    ("divisibleby", is_divisible),
    ("eq", equals),
    ("equalto", equals),
    ("even", |value, _, _| Ok(value.integer()? % 2 == 0)),
    ("false", |value, _, _| Ok(matches!(value, Value::Bool(false)))),
    ("float", |value, _, _| Ok(matches!(value, Value::Decimal(_)))),
    ("ge", is_at_least),
    ("greaterthan", is_greater),
    ("gt", is_greater),
    ("in", |value, given, context| operators::contains(given.required(0, "seq")?, value, context)),
    ("integer", |value, _, _| Ok(matches!(value, Value::Integer(_)))),
    ("is_number", is_number),
    ("iterable", |value, _, _| Ok(value.length().is_ok())),
    ("le", is_at_most),
    ("lessthan", is_less),
    ("lt", is_less),
    ("mapping", |value, _, _| Ok(matches!(value, Value::Map(_) | Value::Json(Json::Object(_))))),
    ("match", |value, given, context| texts::found(value, given, true, context)),
    ("ne", differs),
    ("none", |value, _, _| Ok(matches!(value, Value::None))),
    ("number", |value, _, _| {
        Ok(matches!(value, Value::Integer(_) | Value::Decimal(_) | Value::Bool(_)))
    }),
    ("odd", |value, _, _| Ok(value.integer()? % 2 != 0)),
    ("sameas", is_same),
    ("search", |value, given, context| texts::found(value, given, false, context)),
    ("sequence", |value, _, _| Ok(value.length().is_ok())),
    ("string", |value, _, _| Ok(matches!(value, Value::Text(_)))),
    ("string_like", |value, _, _| Ok(matches!(value, Value::Text(_)))),
    ("true", |value, _, _| Ok(matches!(value, Value::Bool(true)))),
    ("undefined", |value, _, _| Ok(matches!(value, Value::Undefined))),
];

/// The test of a name.
#[must_use]
pub fn test(name: &str) -> Option<Test> {
    TESTS.iter().find(|(known, _)| *known == name).map(|(_, test)| *test)
}

/// Both values of a comparison, which must be there.
fn both<'v, 'a>(value: &Value<'a>, given: &'v Given<'a>) -> Result<&'v Value<'a>, Failure> {
    let other = given.required(0, "other")?;
    let is_missing = matches!((value, other), (Value::Undefined, _) | (_, Value::Undefined));
    if is_missing { Err(Failure::Nothing) } else { Ok(other) }
}

fn equals<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    value.equals(both(value, given)?, context)
}

fn differs<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    equals(value, given, context).map(|is_equal| !is_equal)
}

fn is_less<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    Ok(value.order(both(value, given)?, context)? == Ordering::Less)
}

fn is_at_most<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    Ok(value.order(both(value, given)?, context)? != Ordering::Greater)
}

fn is_greater<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    Ok(value.order(both(value, given)?, context)? == Ordering::Greater)
}

fn is_at_least<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    Ok(value.order(both(value, given)?, context)? != Ordering::Less)
}

fn is_same<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    let other = given.required(0, "other")?;
    Ok(value.kind() == other.kind() && value.equals(other, context)?)
}

fn is_divisible<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    _: &Context<'a>,
) -> Result<bool, Failure> {
    let by = given.required(0, "num")?.integer()?;
    Ok(value.integer()?.checked_rem(by) == Some(0))
}

fn is_number<'a>(value: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Result<bool, Failure> {
    if matches!(value, Value::Undefined) {
        return Err(Failure::Nothing);
    }
    Ok(value.number().is_ok_and(f64::is_finite))
}
