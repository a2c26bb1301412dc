//! Filters and functions of lists.

use std::cmp::Ordering;

use super::arguments::Given;
use super::checks;
use super::evaluation::Context;
use super::filters;
use super::numbers::{self, Failure};
use super::values::{Outcome, Value};

/// Elements of `range()`.
const MOST_IN_RANGE: i64 = 10_000;

/// Comparisons per element of a sorted list: above the logarithm of the largest list that the step limit allows.
const COMPARED: usize = 16;

pub fn length<'a>(input: &Value<'a>, _: &Given<'a>, _: &Context<'a>) -> Outcome<'a> {
    Ok(Value::Integer(i64::try_from(input.length()?).unwrap_or(i64::MAX)))
}

pub fn list<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    input.elements(context).map(Value::list)
}

pub fn items<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let pairs = input.pairs(context)?;
    Ok(Value::list(pairs.into_iter().map(|(key, value)| Value::list(vec![key, value])).collect()))
}

pub fn first<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(input.elements(context)?.into_iter().next().unwrap_or(Value::Undefined))
}

pub fn last<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    Ok(input.elements(context)?.pop().unwrap_or(Value::Undefined))
}

pub fn reverse<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let mut elements = input.elements(context)?;
    elements.reverse();
    match input {
        Value::Text(_) => joined(&elements, "", context),
        _ => Ok(Value::list(elements)),
    }
}

pub fn join<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let elements = of_attribute(input.elements(context)?, given.get(1, "attribute"), context)?;
    joined(&elements, &given.text(0, "d", "", context)?, context)
}

fn joined<'a>(elements: &[Value<'a>], between: &str, context: &Context<'a>) -> Outcome<'a> {
    let mut text = String::new();
    for (position, element) in elements.iter().enumerate() {
        if position > 0 {
            context.pay_for_bytes(between.len())?;
            text.push_str(between);
        }
        text.push_str(&element.printed(context)?);
    }
    Ok(Value::text(text))
}

pub fn sum<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let elements = of_attribute(input.elements(context)?, given.get(0, "attribute"), context)?;
    let is_whole = elements.iter().all(|element| matches!(element, Value::Integer(_)));
    let mut sum = given.number(1, "start", 0.0)?;
    for element in &elements {
        sum += element.plain_number()?;
    }
    filters::result(if is_whole { numbers::whole(sum) } else { numbers::decimal(sum) })
}

pub fn average<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let numbers = all_numbers(input, given, context)?;
    if numbers.is_empty() {
        return Err(Failure::Nothing);
    }
    filters::result(numbers::decimal(numbers.iter().sum::<f64>() / numbers.len() as f64))
}

/// Elements of the only argument, if it is a list; else all arguments.
fn all<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<Vec<Value<'a>>, Failure> {
    if given.positional.is_empty() || matches!(input, Value::List(_) | Value::Json(_)) {
        return input.elements(context);
    }
    Ok([vec![input.clone()], given.positional.clone()].concat())
}

fn all_numbers<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Result<Vec<f64>, Failure> {
    all(input, given, context)?.iter().map(Value::number).collect()
}

pub fn max<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    extreme(input, given, context, Ordering::Greater)
}

pub fn min<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    extreme(input, given, context, Ordering::Less)
}

fn extreme<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
    wanted: Ordering,
) -> Outcome<'a> {
    let mut elements = all(input, given, context)?.into_iter();
    let mut found = elements.next().ok_or(Failure::Nothing)?;
    found.defined()?;
    for element in elements {
        found = filters::extreme(found, element, wanted, context)?;
    }
    Ok(found)
}

pub fn sort<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let elements = input.elements(context)?;
    let keys = of_attribute(elements.clone(), given.get(2, "attribute"), context)?;
    let mut pairs: Vec<_> = keys.into_iter().zip(elements).collect();
    // Checked before sorting: a sort panics if only some elements have an order, or if the steps run out during it.
    for (key, _) in &pairs {
        let num_bytes = if let Value::Text(text) = key { text.len() } else { 0 };
        context.pay_for_bytes(num_bytes.saturating_mul(COMPARED))?;
        context.pay_for_elements(COMPARED)?;
    }
    for [(one, _), (other, _)] in pairs.array_windows() {
        one.compare(other)?;
    }
    pairs.sort_by(|(a, _), (b, _)| a.compare(b).unwrap_or(Ordering::Equal));
    if given.flag(0, "reverse") {
        pairs.reverse();
    }
    Ok(Value::list(pairs.into_iter().map(|(_, element)| element).collect()))
}

pub fn unique<'a>(input: &Value<'a>, _: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let mut found: Vec<Value<'a>> = Vec::new();
    'elements: for element in input.elements(context)? {
        for known in &found {
            if known.equals(&element, context)? {
                continue 'elements;
            }
        }
        found.push(element);
    }
    Ok(Value::list(found))
}

/// An attribute of each element, its name with dots; each element itself without one.
fn of_attribute<'a>(
    elements: Vec<Value<'a>>,
    attribute: Option<&Value<'a>>,
    context: &Context<'a>,
) -> Result<Vec<Value<'a>>, Failure> {
    let Some(attribute) = attribute.filter(|it| !it.is_nothing()) else { return Ok(elements) };
    elements.into_iter().map(|element| attribute_of(element, attribute, context)).collect()
}

fn attribute_of<'a>(
    element: Value<'a>,
    attribute: &Value<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let Value::Text(name) = attribute else { return element.item(attribute, context) };
    let mut value = element;
    for part in name.split('.') {
        let key = part.parse().map_or_else(|_| Value::text(part.to_owned()), Value::Integer);
        value = value.item(&key, context)?;
    }
    Ok(value)
}

/// An attribute of each element, or a filter's result for each.
pub fn map<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let elements = input.elements(context)?;
    let named =
        |name: &str| given.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    if let Some(attribute) = named("attribute") {
        let of_element = |element| {
            let found = attribute_of(element, attribute, context)?;
            Ok(match (found, named("default")) {
                (Value::Undefined, Some(default)) => default.clone(),
                (found, _) => found,
            })
        };
        return elements.into_iter().map(of_element).collect::<Result<_, _>>().map(Value::list);
    }
    let name = given.required(0, "filter")?.printed(context)?;
    let filter = filters::filter(&name)
        .ok_or_else(|| Failure::Wrong(format!("the filter `{name}` is not known")))?;
    let rest = Given { positional: given.positional[1..].to_vec(), named: given.named.clone() };
    let mapped = elements.into_iter().map(|element| filter(&element, &rest, context));
    mapped.collect::<Result<_, _>>().map(Value::list)
}

pub fn select<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    filtered(input, None, &given.positional, true, context)
}

pub fn reject<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    filtered(input, None, &given.positional, false, context)
}

pub fn select_by_attribute<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let rest = given.positional.get(1..).unwrap_or_default();
    filtered(input, Some(given.required(0, "attribute")?), rest, true, context)
}

pub fn reject_by_attribute<'a>(
    input: &Value<'a>,
    given: &Given<'a>,
    context: &Context<'a>,
) -> Outcome<'a> {
    let rest = given.positional.get(1..).unwrap_or_default();
    filtered(input, Some(given.required(0, "attribute")?), rest, false, context)
}

/// Elements for which a test, the first argument, is true or false; without one, those that are true.
fn filtered<'a>(
    input: &Value<'a>,
    attribute: Option<&Value<'a>>,
    arguments: &[Value<'a>],
    wanted: bool,
    context: &Context<'a>,
) -> Outcome<'a> {
    let test = match arguments.first() {
        Some(name) => {
            let name = name.printed(context)?;
            let test = checks::test(&name);
            Some(test.ok_or_else(|| Failure::Wrong(format!("the test `{name}` is not known")))?)
        }
        None => None,
    };
    let rest =
        Given { positional: arguments.get(1..).unwrap_or_default().to_vec(), named: Vec::new() };
    let mut found = Vec::new();
    for element in input.elements(context)? {
        let tested = match attribute {
            Some(attribute) => attribute_of(element.clone(), attribute, context)?,
            None => element.clone(),
        };
        let holds = match test {
            Some(test) => test(&tested, &rest, context)?,
            None => tested.is_true(),
        };
        if holds == wanted {
            found.push(element);
        }
    }
    Ok(Value::list(found))
}

pub fn range<'a>(input: &Value<'a>, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let first = input.integer()?;
    let (start, end) = match given.get(0, "stop") {
        Some(end) => (first, end.integer()?),
        None => (0, first),
    };
    let step = given.integer(1, "step", 1)?;
    let number = end.checked_sub(start).and_then(|span| span.checked_div(step)).unwrap_or(i64::MAX);
    if number > MOST_IN_RANGE {
        return Err(Failure::Wrong(format!("a range has more than {MOST_IN_RANGE} elements")));
    }
    let mut numbers = Vec::new();
    let mut at = start;
    while if step > 0 { at < end } else { at > end } {
        context.pay_for_elements(1)?;
        numbers.push(Value::Integer(at));
        at = at.saturating_add(step);
    }
    Ok(Value::list(numbers))
}
