//! String filters, including JSON and regular expressions.

use serde_json::Value as Json;

use super::arguments::Given;
use super::evaluation::Context;
use super::formats;
use super::numbers::Failure;
use super::patterns::Pattern;
use super::values::{Outcome, Value};

/// Maximum nesting depth of JSON output.
const MOST_DEPTH: usize = 64;

pub fn string<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    input.printed(context).map(Value::Text)
}

pub fn lower<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::text(input.printed(context)?.to_lowercase()))
}

pub fn upper<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::text(input.printed(context)?.to_uppercase()))
}

pub fn capitalize<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(Value::text(capitalized(&input.printed(context)?)))
}

pub fn title<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = input.printed(context)?;
    let words = text.split_inclusive(|c: char| c.is_whitespace() || "-({[<".contains(c));
    Ok(Value::text(words.map(capitalized).collect::<String>()))
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters.as_str().to_lowercase().chars()).collect()
}

pub fn trim<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = input.printed(context)?;
    Ok(Value::text(match given.get(0, "chars") {
        None => text.trim().to_owned(),
        Some(characters) => {
            let characters = characters.printed(context)?;
            text.trim_matches(|c| characters.contains(c)).to_owned()
        }
    }))
}

pub fn replace<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = input.printed(context)?;
    let from = given.required(0, "old")?.printed(context)?;
    let to = given.required(1, "new")?.printed(context)?;
    let most = given.get(2, "count").map(Value::integer).transpose()?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let number = text.matches(&*from).count().min(most);
    context.pay_for_bytes(text.len().saturating_add(number.saturating_mul(to.len())))?;
    Ok(Value::text(text.replacen(&*from, &to, number)))
}

pub fn truncate<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = input.printed(context)?;
    let most = usize::try_from(given.integer(0, "length", 255)?).unwrap_or(0);
    let end = given.text(2, "end", "...", context)?;
    if text.chars().count() <= most {
        return Ok(Value::Text(text));
    }
    let mut short: String = text.chars().take(most.saturating_sub(end.chars().count())).collect();
    if !given.flag(1, "killwords") {
        short = short.rsplit_once(' ').map_or(short.clone(), |(words, _)| words.to_owned());
    }
    Ok(Value::text(short + &end))
}

pub fn format<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let format = input.printed(context)?;
    formats::percent(&format, &Value::list(given.positional.clone()), context)
}

pub fn to_json<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let mut text = String::new();
    push_json(&mut text, input, 0, context)?;
    Ok(Value::text(text))
}

fn push_json<'a>(
    text: &mut String,
    value: &Value<'a>,
    depth: usize,
    context: &Context<'a>,
) -> Result<(), Failure> {
    if depth > MOST_DEPTH {
        return Err(Failure::Wrong("lists in lists are too deep for JSON".into()));
    }
    let quoted = |text: &str| Json::from(text).to_string();
    match value {
        Value::List(_) | Value::Json(Json::Array(_)) => {
            text.push('[');
            for (position, element) in value.elements(context)?.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                push_json(text, element, depth + 1, context)?;
            }
            text.push(']');
        }
        Value::Map(_) | Value::Json(_) => {
            text.push('{');
            for (position, (key, value)) in value.pairs(context)?.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                text.push_str(&quoted(&key.printed(context)?));
                text.push(':');
                push_json(text, value, depth + 1, context)?;
            }
            text.push('}');
        }
        Value::None => text.push_str("null"),
        Value::Bool(is_true) => text.push_str(if *is_true { "true" } else { "false" }),
        Value::Text(_) | Value::Moment(_) => text.push_str(&quoted(&value.printed(context)?)),
        Value::Undefined | Value::Integer(_) | Value::Decimal(_) => {
            text.push_str(&value.printed(context)?);
        }
    }
    Ok(())
}

pub fn from_json<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let text = input.printed(context)?;
    context.pay_for_bytes(text.len().saturating_mul(4))?;
    let json: Json = serde_json::from_str(&text)
        .map_err(|error| Failure::Wrong(format!("it is not JSON: {error}")))?;
    Ok(owned(json))
}

/// Converts parsed JSON into an owned value.
fn owned<'a>(json: Json) -> Value<'a> {
    match json {
        Json::Array(list) => Value::list(list.into_iter().map(owned).collect()),
        Json::Object(object) => {
            let pairs: Vec<_> =
                object.into_iter().map(|(key, value)| (Value::text(key), owned(value))).collect();
            Value::Map(pairs.into())
        }
        Json::String(text) => Value::text(text),
        Json::Null => Value::None,
        Json::Bool(is_true) => Value::Bool(is_true),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Decimal(number.as_f64().unwrap_or(f64::NAN)),
        },
    }
}

/// Pattern steps charged as one template step.
const PATTERN_STEPS: usize = 8;

/// Runs a search with the pattern given as the first argument, and charges its steps to the
/// template.
fn search<'a, T>(
    given: &Given<'a>,
    flag_at: usize,
    context: &Context<'a>,
    search: impl FnOnce(&Pattern) -> Result<T, String>,
) -> Result<T, Failure> {
    let find = given.text(0, "find", "", context)?;
    context.pay_for_elements(find.len())?;
    let pattern = Pattern::new(&find, given.flag(flag_at, "ignorecase")).map_err(Failure::Wrong)?;
    let found = search(&pattern);
    context.pay_for_elements(pattern.num_steps() / PATTERN_STEPS)?;
    found.map_err(Failure::Wrong)
}

pub fn regex_replace<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let (text, by) = (input.printed(context)?, given.text(1, "replace", "", context)?);
    let replaced = search(given, 2, context, |pattern| pattern.replace_all(&text, &by))?;
    context.pay_for_bytes(replaced.len())?;
    Ok(Value::text(replaced))
}

pub fn regex_match<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    found(input, given, true, context).map(Value::Bool)
}

pub fn regex_search<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    found(input, given, false, context).map(Value::Bool)
}

/// Whether a pattern matches: at the start of the string if anchored, otherwise anywhere.
///
/// # Errors
/// If the pattern is invalid, or the step budget is exhausted.
pub fn found<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    is_anchored: bool,
    context: &Context<'a>,
) -> Result<bool, Failure> {
    let text = input.printed(context)?;
    let found = search(given, 1, context, |pattern| pattern.find(&text, 0, is_anchored))?;
    Ok(found.is_some())
}

/// All matches; each yields its first capture group, or the whole match if the pattern has no
/// group.
pub fn regex_find_all<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    matches(input, given, 1, context).map(Value::list)
}

pub fn regex_find_one<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let found = matches(input, given, 2, context)?;
    let index = usize::try_from(given.integer(1, "index", 0)?).unwrap_or(usize::MAX);
    found.into_iter().nth(index).ok_or(Failure::Nothing)
}

fn matches<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    flag_at: usize,
    context: &Context<'a>,
) -> Result<Vec<Value<'a>>, Failure> {
    let text = input.printed(context)?;
    let found = search(given, flag_at, context, |pattern| pattern.find_all(&text))?;
    context.pay_for_elements(found.len())?;
    let of_match = |groups: Vec<Option<std::ops::Range<usize>>>| {
        let group = groups.get(1).or(groups.first()).cloned().flatten().unwrap_or_default();
        Value::text(text[group].to_owned())
    };
    Ok(found.into_iter().map(of_match).collect())
}
