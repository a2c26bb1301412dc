//! Formats of numbers and texts: `'%.1f' % x` and `'{:.1f}'.format(x)`.

use super::arguments::Given;
use super::evaluation::Context;
use super::numbers::Failure;
use super::values::{Outcome, Value};

/// Limit of a field's width, and of a number's digits.
const MOST_WIDTH: usize = 64;
/// Bytes counted for a field: a large number has hundreds of digits.
const FIELD_BYTES: usize = 1024;

/// Format of one value.
#[derive(Debug, Default)]
struct Field {
    fill: Option<char>,
    align: Option<char>,
    has_plus: bool,
    has_zeros: bool,
    width: usize,
    digits: Option<usize>,
    kind: Option<char>,
}

/// Formats a value, or the elements of a list, by `%`.
///
/// # Errors
/// If the format is invalid, or a value doesn't fit it.
pub fn percent<'a>(format: &str, values: &Value<'a>, context: &Context<'a>) -> Outcome<'a> {
    let mut values = match values {
        Value::List(list) => list.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        context.pay_for_bytes(before.len() + FIELD_BYTES)?;
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (field, after) = Field::read(after, "-+0 #", false)?;
        let value =
            values.next().ok_or_else(|| Failure::Wrong("a format has too few values".into()))?;
        text.push_str(&field.write(&value, context)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(Value::text(text))
}

/// Formats by `{}`.
///
/// # Errors
/// If the format is invalid, or a value doesn't fit it.
pub fn braces<'a>(format: &str, given: &Given<'a>, context: &Context<'a>) -> Outcome<'a> {
    let mut text = String::new();
    let mut next = 0;
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        context.pay_for_bytes(at + FIELD_BYTES)?;
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let (inner, after) = after.split_once('}').ok_or_else(not_closed)?;
        let (name, spec) = inner.split_once(':').unwrap_or((inner, ""));
        let value = match (name, name.parse::<usize>()) {
            ("", _) => {
                next += 1;
                given.positional.get(next - 1)
            }
            (_, Ok(position)) => given.positional.get(position),
            (name, _) => {
                given.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
            }
        };
        let value = value.ok_or_else(|| Failure::Wrong("a format has too few values".into()))?;
        let (field, _) = Field::read(spec, "+0", true)?;
        text.push_str(&field.write(value, context)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(Value::text(text))
}

fn not_closed() -> Failure {
    Failure::Wrong("a brace of a format is not closed".into())
}

impl Field {
    /// Parses flags, width, digits and kind. Also returns the rest.
    fn read<'s>(text: &'s str, flags: &str, has_align: bool) -> Result<(Self, &'s str), Failure> {
        let mut field = Self::default();
        let mut rest = text;
        let mut characters = rest.chars();
        if let (true, Some(first), second) = (has_align, characters.next(), characters.next()) {
            let is_align = |c: char| matches!(c, '<' | '>' | '^');
            if let Some(align) = second.filter(|c| is_align(*c)) {
                (field.fill, field.align) = (Some(first), Some(align));
                rest = &rest[first.len_utf8() + 1..];
            } else if is_align(first) {
                field.align = Some(first);
                rest = &rest[1..];
            }
        }
        while let Some(flag) = rest.chars().next().filter(|c| flags.contains(*c)) {
            match flag {
                '-' => field.align = Some('<'),
                '+' => field.has_plus = true,
                '0' => field.has_zeros = true,
                _ => {}
            }
            rest = &rest[1..];
        }
        let (width, rest) = number(rest)?;
        field.width = width.unwrap_or(0);
        let rest = match rest.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = number(rest)?;
                field.digits = Some(digits.unwrap_or(0));
                rest
            }
            None => rest,
        };
        let kind = rest.chars().next();
        field.kind = kind;
        Ok((field, &rest[kind.map_or(0, char::len_utf8)..]))
    }

    fn write<'a>(&self, value: &Value<'a>, context: &Context<'a>) -> Result<String, Failure> {
        let digits = self.digits.unwrap_or(6);
        let text = match self.kind {
            None if self.digits.is_some() && value.plain_number().is_ok() => {
                format!("{:.digits$}", value.plain_number()?)
            }
            None | Some('s') => {
                let text = value.printed(context)?;
                let most = self.digits.unwrap_or(usize::MAX);
                text.chars().take(most).collect()
            }
            Some('d' | 'i') => format!("{:.0}", value.plain_number()?.trunc()),
            Some('f' | 'F') => format!("{:.digits$}", value.plain_number()?),
            Some('e') => format!("{:.digits$e}", value.plain_number()?),
            Some('g') => super::numbers::decimal(value.plain_number()?)?.get().to_string(),
            Some('%') => format!("{:.digits$}%", value.plain_number()? * 100.0),
            Some('x') => format!("{:x}", value.integer()?),
            Some('X') => format!("{:X}", value.integer()?),
            Some('o') => format!("{:o}", value.integer()?),
            Some('b') => format!("{:b}", value.integer()?),
            Some(other) => return Err(Failure::Wrong(format!("`{other}` is no format"))),
        };
        let is_number = !matches!(self.kind, Some('s')) && value.plain_number().is_ok();
        let text = if self.has_plus && is_number && !text.starts_with('-') {
            format!("+{text}")
        } else {
            text
        };
        Ok(self.padded(&text, is_number))
    }

    fn padded(&self, text: &str, is_number: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.has_zeros && self.align.is_none() && is_number {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        let fill = self.fill.unwrap_or(' ').to_string();
        let before = match self.align {
            Some('<') => 0,
            Some('^') => missing / 2,
            Some(_) => missing,
            None if is_number || self.fill.is_none() && self.kind == Some('s') => missing,
            None => 0,
        };
        format!("{}{text}{}", fill.repeat(before), fill.repeat(missing - before))
    }
}

/// Number at the start, and the rest.
fn number(text: &str) -> Result<(Option<usize>, &str), Failure> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let number = digits.parse().ok().filter(|number| *number <= MOST_WIDTH);
    number
        .map(|number| (Some(number), rest))
        .ok_or_else(|| Failure::Wrong("a format is too wide".into()))
}
