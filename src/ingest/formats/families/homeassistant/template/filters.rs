//! Filters and functions of Jinja and Home Assistant. `none` never becomes a number.

#![expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]

use std::cmp::Ordering;

use super::arguments::Given;
use super::evaluation::Context;
use super::numbers::{self, Failure, Rounding};
use super::values::{Outcome, Value};
use super::{lists, operators, texts, times};
use crate::domain;

/// A filter. As a function, its first argument is the filter's input.
pub type Filter = for<'a> fn(&Value<'a>, &Given<'a>, &Context<'a>) -> Outcome<'a>;

/// Names that are both filter and function.
const BOTH: [(&str, Filter); 18] = [
    ("as_datetime", times::as_datetime),
    ("as_timestamp", times::as_timestamp),
    ("average", lists::average),
    ("bitwise_and", bitwise_and),
    ("bitwise_or", bitwise_or),
    ("bitwise_xor", bitwise_xor),
    ("bool", truth),
    ("clamp", clamp),
    ("float", float),
    ("iif", iif),
    ("int", int),
    ("is_number", is_number),
    ("log", log),
    ("max", lists::max),
    ("min", lists::min),
    ("regex_match", texts::regex_match),
    ("regex_search", texts::regex_search),
    ("sqrt", sqrt),
];

const FILTERS: [(&str, Filter); 44] = [
    ("abs", abs),
    ("add", add),
    ("capitalize", texts::capitalize),
    ("contains", contains),
    ("count", lists::length),
    ("d", default),
    ("default", default),
    ("first", lists::first),
    ("format", texts::format),
    ("from_json", texts::from_json),
    ("is_defined", is_defined),
    ("items", lists::items),
    ("join", lists::join),
    ("last", lists::last),
    ("length", lists::length),
    ("list", lists::list),
    ("lower", texts::lower),
    ("map", lists::map),
    ("match", texts::regex_match),
    ("multiply", multiply),
    ("regex_findall", texts::regex_find_all),
    ("regex_findall_index", texts::regex_find_one),
    ("regex_replace", texts::regex_replace),
    ("reject", lists::reject),
    ("rejectattr", lists::reject_by_attribute),
    ("replace", texts::replace),
    ("reverse", lists::reverse),
    ("round", round),
    ("search", texts::regex_search),
    ("select", lists::select),
    ("selectattr", lists::select_by_attribute),
    ("sort", lists::sort),
    ("string", texts::string),
    ("sum", lists::sum),
    ("timestamp_custom", times::timestamp_custom),
    ("timestamp_local", times::timestamp_local),
    ("timestamp_utc", times::timestamp_utc),
    ("title", texts::title),
    ("to_json", texts::to_json),
    ("tojson", texts::to_json),
    ("trim", texts::trim),
    ("truncate", texts::truncate),
    ("unique", lists::unique),
    ("upper", texts::upper),
];

const FUNCTIONS: [(&str, Filter); 3] =
    [("now", times::now), ("range", lists::range), ("utcnow", times::utc_now)];

/// Filter by name.
#[must_use]
pub fn filter(name: &str) -> Option<Filter> {
    BOTH.iter().chain(&FILTERS).find(|(known, _)| *known == name).map(|(_, filter)| *filter)
}

/// Function by name.
#[must_use]
pub fn function(name: &str) -> Option<Filter> {
    BOTH.iter().chain(&FUNCTIONS).find(|(known, _)| *known == name).map(|(_, function)| *function)
}

/// Result; or the default, if a defined value can't be converted.
fn or_default<'a>(
    input: &Value<'a>,
    result: Outcome<'a>,
    default: Option<&Value<'a>>,
) -> Outcome<'a> {
    match default {
        Some(default) if !matches!(input, Value::Undefined) => {
            Ok(result.unwrap_or_else(|_| default.clone()))
        }
        _ => result,
    }
}

fn decimal<'a>(number: f64) -> Outcome<'a> {
    numbers::decimal(number).map(Value::of_number)
}

fn float<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    or_default(input, input.number().and_then(decimal), given.get(0, "default"))
}

fn int<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let base = given.integer(1, "base", 10)?;
    let whole = |number| numbers::whole(number).map(Value::of_number);
    let result = match input {
        Value::Integer(_) => Ok(input.clone()),
        Value::Text(text) if base != 10 => {
            in_base(text, base).or_else(|_| input.number().and_then(whole))
        }
        _ => input.number().and_then(whole),
    };
    or_default(input, result, given.get(0, "default"))
}

/// Integer in a base, with or without its prefix: `ff`, `0xff`.
fn in_base<'a>(text: &str, base: i64) -> Outcome<'a> {
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| Failure::Wrong("a base of numbers is from 2 to 36".into()))?;
    let digits = text.trim();
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    let number = i64::from_str_radix(digits, base);
    number.map(Value::Integer).map_err(|_| Failure::Wrong(format!("{text:?} is not a number")))
}

fn round<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let digits = given.integer(0, "precision", 0)?.clamp(-400, 400);
    let rounding = match &*given.text(1, "method", "common", context)? {
        "ceil" => Rounding::Ceiling,
        "floor" => Rounding::Floor,
        "half" => Rounding::Half,
        _ => Rounding::Nearest,
    };
    #[expect(clippy::cast_possible_truncation, reason = "it is at most 400 in size")]
    let rounded = |number| numbers::round(number, digits as i32, rounding).map(Value::of_number);
    or_default(input, input.number().and_then(rounded), given.get(2, "default"))
}

fn multiply<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let factor = given.required(0, "amount")?.plain_number()?;
    or_default(
        input,
        input.number().and_then(|number| decimal(number * factor)),
        given.get(1, "default"),
    )
}

fn add<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let amount = given.required(0, "amount")?.plain_number()?;
    or_default(
        input,
        input.number().and_then(|number| decimal(number + amount)),
        given.get(1, "default"),
    )
}

fn abs<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    match input {
        Value::Integer(number) => Ok(Value::Integer(number.saturating_abs())),
        other => decimal(other.plain_number()?.abs()),
    }
}

fn sqrt<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    decimal(input.number()?.sqrt())
}

fn log<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    decimal(input.number()?.log(given.number(0, "base", std::f64::consts::E)?))
}

fn clamp<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let least = given.required(0, "min_value")?.plain_number()?;
    let most = given.required(1, "max_value")?.plain_number()?;
    decimal(input.number()?.min(most).max(least))
}

fn bitwise_and<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Integer(input.integer()? & given.required(0, "second_value")?.integer()?))
}

fn bitwise_or<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Integer(input.integer()? | given.required(0, "second_value")?.integer()?))
}

fn bitwise_xor<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Integer(input.integer()? ^ given.required(0, "second_value")?.integer()?))
}

/// Truth value of a word; a number is true unless it is 0.
fn truth<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let word = match input {
        Value::Text(text) => match &*text.trim().to_lowercase() {
            "1" | "true" | "yes" | "on" | "enable" => Some(true),
            "0" | "false" | "no" | "off" | "disable" => Some(false),
            _ => None,
        },
        Value::Undefined | Value::None => {
            return or_default(input, Err(Failure::Nothing), given.get(0, "default"));
        }
        other => Some(other.is_true()),
    };
    let truth =
        word.map(Value::Bool).ok_or_else(|| Failure::Wrong("it is neither true nor false".into()));
    or_default(input, truth, given.get(0, "default"))
}

/// Default for an undefined value; with a true second argument, also for a false one.
fn default<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let is_missing =
        matches!(input, Value::Undefined) || given.flag(1, "boolean") && !input.is_true();
    let default = || given.get(0, "default_value").cloned().unwrap_or_else(|| Value::text(""));
    Ok(if is_missing { default() } else { input.clone() })
}

fn is_defined<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    input.defined().cloned()
}

fn is_number<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    input.defined().map(|input| Value::Bool(input.number().is_ok_and(f64::is_finite)))
}

fn iif<'a>(input: &Value<'a>, given: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    let chosen = match given.get(2, "if_none") {
        Some(if_none) if matches!(input, Value::None) => Some(if_none),
        _ if input.is_true() => given.get(0, "if_true"),
        _ => given.get(1, "if_false"),
    };
    Ok(chosen.cloned().unwrap_or(Value::Bool(input.is_true())))
}

fn contains<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    operators::contains(input, given.required(0, "value")?, context).map(Value::Bool)
}

/// Larger or smaller of two values.
///
/// # Errors
/// If they have no order.
pub fn extreme<'a>(
    a: Value<'a>,
    b: Value<'a>,
    wanted: Ordering,
    context: &Context<'a>,
) -> Outcome<'a> {
    Ok(if b.order(&a, context)? == wanted { b } else { a })
}

/// Decimal number as a result.
///
/// # Errors
/// If it is not finite.
pub fn result<'a>(value: Result<domain::Value, Failure>) -> Outcome<'a> {
    value.map(Value::of_number)
}
