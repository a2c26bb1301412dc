//! Parser of the line protocol. After an error it resumes at the next line.

use crate::domain::Value;
use crate::ingest::formats::kit::values::{self, Read};

/// A well-formed line.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    pub measurement: String,
    pub tags: Vec<(String, String)>,
    pub fields: Vec<(String, Field)>,
    /// Timestamp as text; `None` if absent.
    pub time: Option<&'a str>,
}

/// Value of a field.
#[derive(Debug, PartialEq)]
pub enum Field {
    Number(Value),
    Truth(bool),
    /// A string, or a placeholder for "no value".
    Nothing,
    /// An invalid value, with the reason.
    Wrong(String),
}

/// Parses the lines of a text, with line numbers from 1. Skips empty lines and comments.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, Result<Line<'_>, String>)> {
    let mut reader = Reader { text, at: 0 };
    let (mut number, mut counted_to) = (1, 0);
    std::iter::from_fn(move || {
        reader.skip_blank_lines();
        let start = reader.at;
        number += text[counted_to..start].matches('\n').count();
        counted_to = start;
        if start == text.len() {
            return None;
        }
        let line = reader.line();
        if line.is_err() {
            reader.at = start;
            reader.skip_to_end_of_line();
        }
        Some((number, line))
    })
}

struct Reader<'a> {
    text: &'a str,
    /// Byte offset of the next character.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn takes(&mut self, character: char) -> bool {
        let is_next = self.rest().starts_with(character);
        self.at += if is_next { character.len_utf8() } else { 0 };
        is_next
    }

    fn is_at_end_of_line(&self) -> bool {
        self.rest().is_empty() || self.rest().starts_with(['\n', '\r'])
    }

    fn skip_to_end_of_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn skip_blank_lines(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.skip_to_end_of_line();
        }
    }

    /// Text up to one of the characters `ends` or the end of the line. A `\` escapes the next
    /// character.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let mut is_escaped = false;
        let end = rest.find(|c: char| {
            let is_end = matches!(c, '\n' | '\r') || ends.contains(&c) && !is_escaped;
            is_escaped = c == '\\';
            is_end
        });
        let end = end.unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn line(&mut self) -> Result<Line<'a>, String> {
        let measurement = unescaped(self.until(&[',', ' ']), &[',', ' ']);
        if measurement.is_empty() {
            return Err("there is no measurement".into());
        }
        let mut tags = Vec::new();
        while self.takes(',') {
            tags.push(self.tag()?);
        }
        if self.is_at_end_of_line() {
            return Err("there are no fields".into());
        }
        self.skip_spaces();
        let mut fields = vec![self.field()?];
        while self.takes(',') {
            fields.push(self.field()?);
        }
        self.skip_spaces();
        let time = self.until(&[' ']);
        self.skip_spaces();
        if !self.is_at_end_of_line() {
            return Err("there is more after the time".into());
        }
        let time = (!time.is_empty()).then_some(time);
        Ok(Line { measurement, tags, fields, time })
    }

    fn tag(&mut self) -> Result<(String, String), String> {
        let key = unescaped(self.until(&[',', '=', ' ']), &[',', '=', ' ']);
        if !self.takes('=') {
            return Err("a tag has no value".into());
        }
        let value = unescaped(self.until(&[',', ' ']), &[',', '=', ' ']);
        if key.is_empty() || value.is_empty() {
            return Err("a tag has no key or no value".into());
        }
        Ok((key, value))
    }

    fn field(&mut self) -> Result<(String, Field), String> {
        let key = unescaped(self.until(&[',', '=', ' ']), &[',', '=', ' ']);
        if key.is_empty() || !self.takes('=') {
            return Err("a field has no key or no value".into());
        }
        if self.takes('"') {
            self.skip_text()?;
            return Ok((key, Field::Nothing));
        }
        Ok((key, field(self.until(&[',', ' ']))))
    }

    /// Skips a quoted string, which may span lines, and its closing quote.
    fn skip_text(&mut self) -> Result<(), String> {
        let mut is_escaped = false;
        let end = self.rest().find(|c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        });
        self.at += end.ok_or("a quoted text has no end")? + 1;
        Ok(())
    }
}

fn unescaped(text: &str, characters: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let escapes = c == '\\' && rest.peek().is_some_and(|next| characters.contains(next));
        if !escapes {
            out.push(c);
        }
    }
    out
}

/// Parses an unquoted value.
fn field(text: &str) -> Field {
    match text {
        "" => return Field::Wrong("it has no value".into()),
        "t" | "T" | "true" | "True" | "TRUE" => return Field::Truth(true),
        "f" | "F" | "false" | "False" | "FALSE" => return Field::Truth(false),
        _ => {}
    }
    let integer = text.strip_suffix(['i', 'u']).filter(|digits| !digits.contains(['.', 'e', 'E']));
    match values::read_text(integer.unwrap_or(text)) {
        Read::Value(value) => Field::Number(value),
        Read::Nothing => Field::Nothing,
        Read::Wrong(why) => Field::Wrong(why),
    }
}
