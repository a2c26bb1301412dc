//! Methods of Python's texts, dictionaries and lists, and of times.

use super::arguments::Given;
use super::evaluation::Context;
use super::filters::Filter;
use super::numbers::Failure;
use super::values::{Outcome, Value};
use super::{formats, lists, texts};

/// A method of a defined value.
pub type Method = Filter;

const METHODS: [(&str, Method); 29] = [
    ("capitalize", |value, given, context| texts::capitalize(text_of(value)?, given, context)),
    ("count", count),
    ("endswith", ends_with),
    ("find", find),
    ("format", |value, given, context| formats::braces(&value.printed(context)?, given, context)),
    ("get", get),
    ("index", index),
    ("isdigit", is_digits),
    ("isnumeric", is_digits),
    ("isoformat", |value, _, _| moment(value).map(|it| Value::text(it.iso()))),
    ("isoweekday", |value, _, _| moment(value).map(|it| Value::Integer(it.weekday() + 1))),
    ("items", |value, given, context| lists::items(value, given, context)),
    ("join", join),
    ("keys", keys),
    ("lower", |value, given, context| texts::lower(text_of(value)?, given, context)),
    ("lstrip", |value, given, context| stripped(value, given, context, true, false)),
    ("replace", |value, given, context| texts::replace(text_of(value)?, given, context)),
    ("rstrip", |value, given, context| stripped(value, given, context, false, true)),
    ("split", split),
    ("splitlines", lines),
    ("startswith", starts_with),
    ("strftime", formatted_time),
    ("strip", |value, given, context| stripped(value, given, context, true, true)),
    ("timestamp", |value, _, _| moment(value).map(|it| Value::Decimal(it.timestamp()))),
    ("title", |value, given, context| texts::title(text_of(value)?, given, context)),
    ("upper", |value, given, context| texts::upper(text_of(value)?, given, context)),
    ("values", values),
    ("weekday", |value, _, _| moment(value).map(|it| Value::Integer(it.weekday()))),
    ("zfill", fill),
];

/// Method by name, of any type.
#[must_use]
pub fn method(name: &str) -> Option<Method> {
    METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
}

fn text_of<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Value<'a>, Failure> {
    match value {
        Value::Text(_) => Ok(value),
        other => Err(Failure::Wrong(format!("{} is not a text", other.kind()))),
    }
}

fn moment(value: &Value<'_>) -> Result<super::times::Moment, Failure> {
    match value {
        Value::Moment(moment) => Ok(*moment),
        other => Err(Failure::Wrong(format!("{} is not a time", other.kind()))),
    }
}

/// Value of a key, or a default, which is `none` if not given.
fn get<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    if !matches!(value, Value::Map(_) | Value::Json(serde_json::Value::Object(_))) {
        return Err(Failure::Wrong(format!("{} has no keys", value.kind())));
    }
    match value.item(given.required(0, "key")?, context)? {
        Value::Undefined => Ok(given.get(1, "default").cloned().unwrap_or(Value::None)),
        found => Ok(found),
    }
}

fn keys<'a>(value: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::list(value.pairs(context)?.into_iter().map(|(key, _)| key).collect()))
}

fn values<'a>(value: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::list(value.pairs(context)?.into_iter().map(|(_, value)| value).collect()))
}

fn split<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = text_of(value)?.printed(context)?;
    let most = usize::try_from(given.integer(1, "maxsplit", -1)?).unwrap_or(usize::MAX);
    let separator = given.get(0, "sep").filter(|it| !it.is_nothing());
    let parts: Vec<&str> = match separator {
        None => text.split_whitespace().collect(),
        Some(separator) => {
            let separator = separator.printed(context)?;
            if separator.is_empty() {
                return Err(Failure::Wrong("a text can't be split at nothing".into()));
            }
            text.splitn(most.saturating_add(1), &*separator).collect()
        }
    };
    context.pay_for_elements(parts.len())?;
    Ok(Value::list(parts.into_iter().map(|part| Value::text(part.to_owned())).collect()))
}

fn lines<'a>(value: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = text_of(value)?.printed(context)?;
    let lines: Vec<_> = text.lines().map(|line| Value::text(line.to_owned())).collect();
    context.pay_for_elements(lines.len())?;
    Ok(Value::list(lines))
}

fn join<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let between = Given { positional: vec![text_of(value)?.clone()], named: Vec::new() };
    lists::join(given.required(0, "iterable")?, &between, context)
}

fn stripped<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
    at_start: bool,
    at_end: bool,
) -> Outcome<'a> {
    let text = text_of(value)?.printed(context)?;
    let characters = given.get(0, "chars").filter(|it| !it.is_nothing());
    let characters = characters.map(|it| it.printed(context)).transpose()?;
    let goes = |c: char| characters.as_ref().map_or(c.is_whitespace(), |all| all.contains(c));
    let text = if at_start { text.trim_start_matches(goes) } else { &text };
    let text = if at_end { text.trim_end_matches(goes) } else { text };
    Ok(Value::text(text.to_owned()))
}

fn starts_with<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let (text, start) =
        (text_of(value)?.printed(context)?, given.required(0, "prefix")?.printed(context)?);
    Ok(Value::Bool(text.starts_with(&*start)))
}

fn ends_with<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let (text, end) =
        (text_of(value)?.printed(context)?, given.required(0, "suffix")?.printed(context)?);
    Ok(Value::Bool(text.ends_with(&*end)))
}

fn integer<'a>(number: usize) -> Value<'a> {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Index of a part in characters; -1 if not found.
fn find<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let (text, part) =
        (text_of(value)?.printed(context)?, given.required(0, "sub")?.printed(context)?);
    let found = text.find(&*part).map(|at| integer(text[..at].chars().count()));
    Ok(found.unwrap_or(Value::Integer(-1)))
}

fn index<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let wanted = given.required(0, "value")?;
    for (position, element) in value.elements(context)?.iter().enumerate() {
        if element.equals(wanted, context)? {
            return Ok(integer(position));
        }
    }
    Err(Failure::Wrong("it is not in the list".into()))
}

fn count<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let wanted = given.required(0, "value")?;
    if let Value::Text(text) = value {
        let part = wanted.printed(context)?;
        context.pay_for_bytes(text.len())?;
        return Ok(integer(text.matches(&*part).count()));
    }
    let mut number = 0;
    for element in value.elements(context)? {
        number += usize::from(element.equals(wanted, context)?);
    }
    Ok(integer(number))
}

fn is_digits<'a>(value: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = text_of(value)?.printed(context)?;
    Ok(Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())))
}

/// Zeros before a text, up to a width.
fn fill<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = text_of(value)?.printed(context)?;
    let width = usize::try_from(given.required(0, "width")?.integer()?).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    context.pay_for_bytes(missing)?;
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
    Ok(Value::text(format!("{sign}{}{digits}", "0".repeat(missing))))
}

fn formatted_time<'a>(value: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let format = given.required(0, "format")?.printed(context)?;
    context.pay_for_elements(format.len())?;
    moment(value)?.formatted(&format).map(Value::text)
}
