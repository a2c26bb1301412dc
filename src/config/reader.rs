//! Reads typed values from TOML tables and collects all mistakes.
//!
//! A section requests each key it knows from its [`TableReader`], then calls [`finish`](TableReader::finish), which
//! reports unknown keys. An invalid value is reported and treated as absent, so that one run finds all mistakes;
//! the caller discards the result if anything was reported.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::duration;
use super::errors::{Mistake, quote};
use super::inspector::{At, Inspector};
use super::similar::one_of;

/// Placeholder for an absent table, without keys.
static NO_TABLE: DeValue<'static> = DeValue::Boolean(false);

/// Keys of the top level, for a hint when one is written below a `[table]`.
pub(super) const TOP_LEVEL: [&str; 5] =
    ["language", "timestamps", "timezone", "shutdown_timeout", "watchdog"];

#[cfg(test)]
thread_local! {
    /// Keys that were requested on this thread, with the names of their tables: all there are to document.
    pub(super) static REQUESTED: std::cell::RefCell<std::collections::BTreeSet<(String, &'static str)>> =
        const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

/// One table of the file.
pub(super) struct TableReader<'a> {
    pub(super) inspector: &'a Inspector<'a>,
    /// How errors name the table: `[broker]`.
    name: Cow<'a, str>,
    // Kept as a value because `DeValue::get` is compiled, and optimised, with the TOML crate; a look-up in the
    // table itself would be compiled here and cost several times as much in a development build, which is
    // noticeable with 100,000 sensors.
    table: &'a DeValue<'a>,
    at: usize,
    /// Byte offset of the document in the file.
    pub(super) base: usize,
    /// Keys requested so far.
    known: Vec<&'static str>,
    /// Keys that were there and have been reported already.
    refused: Vec<&'static str>,
    /// How many keys of the table are one of these.
    num_found: usize,
}

impl<'a> TableReader<'a> {
    /// The top level of a document that starts at the byte `base` of the file.
    pub(super) fn root(inspector: &'a Inspector<'a>, root: &'a DeValue<'a>, base: usize) -> Self {
        let root = At { at: base, value: root };
        Self::new(inspector, "the top level".into(), root, base)
    }

    fn new(
        inspector: &'a Inspector<'a>,
        name: Cow<'a, str>,
        At { at, value: table }: At<&'a DeValue<'a>>,
        base: usize,
    ) -> Self {
        let known = Vec::with_capacity(8);
        Self { inspector, name, table, at, base, known, refused: Vec::new(), num_found: 0 }
    }

    /// The byte the table starts at.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// True if the key is present, valid or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The byte the key's value starts at.
    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.table.get(key).map(|item| self.base + item.span().start)
    }

    pub(super) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|item| item.get_ref().is_str())
    }

    /// Position of a forbidden key, if present; the caller reports it.
    pub(super) fn refused(&mut self, key: &'static str) -> Option<usize> {
        let at = self.place_of(key)?;
        self.refused.push(key);
        self.num_found += 1;
        Some(at)
    }

    /// Value of a key, of any type. Each key is requested once.
    pub(super) fn item(&mut self, key: &'static str) -> Option<At<&'a DeValue<'a>>> {
        #[cfg(test)]
        REQUESTED.with_borrow_mut(|all| all.insert((self.name.to_string(), key)));
        self.known.push(key);
        let found = self.table.get(key)?;
        self.num_found += 1;
        Some(At { at: self.base + found.span().start, value: found.get_ref() })
    }

    /// Passes `value` on; reports an absent key. A present but invalid one has been reported.
    pub(super) fn require<T>(&self, value: Option<T>, key: &str, hint: &str) -> Option<T> {
        // Anything but a table has been reported as such.
        if value.is_none() && self.table.is_table() && !self.has(key) {
            self.missing(key, hint);
        }
        value
    }

    /// Text of any kind.
    pub(super) fn string(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let At { at, value } = self.item(key)?;
        match value.as_str() {
            Some(value) => Some(At { at, value }),
            None => self.wrong_type(key, At { at, value }, "text", "\"…\""),
        }
    }

    /// Text, which may be empty but has no control characters.
    pub(super) fn any_text(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let At { at, value } = self.string(key)?;
        if has_control(value) {
            let what = format!("`{key}` has a control character in it");
            self.wrong(at, what, "keep to one line of plain text");
            return None;
        }
        Some(At { at, value })
    }

    /// Text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let text = self.any_text(key)?;
        if text.value.trim().is_empty() {
            let hint = "fill it in, or remove the line";
            self.wrong(text.at, format!("`{key}` is empty"), hint);
            return None;
        }
        Some(text)
    }

    /// Non-negative integer.
    pub(super) fn integer(&mut self, key: &'static str) -> Option<At<u64>> {
        let item = self.item(key)?;
        let Some(integer) = item.value.as_integer() else {
            return self.wrong_type(key, item, "a whole number", "1");
        };
        let value = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let Some(value) = value.and_then(|value| u64::try_from(value).ok()) else {
            let what = format!("`{key}` is out of range");
            self.wrong(item.at, what, format!("write a whole number from 0 to {}", i64::MAX));
            return None;
        };
        Some(At { at: item.at, value })
    }

    /// Finite number, with or without a decimal point.
    pub(super) fn number(&mut self, key: &'static str) -> Option<At<f64>> {
        let item = self.item(key)?;
        let value: Option<f64> = match item.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|integer| integer as f64),
            _ => return self.wrong_type(key, item, "a number", "1.5"),
        };
        let Some(value) = value.filter(|value| value.is_finite()) else {
            let what = format!("`{key}` is not a finite number");
            self.wrong(item.at, what, "write a number such as 35.0");
            return None;
        };
        Some(At { at: item.at, value })
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<At<bool>> {
        let item = self.item(key)?;
        match item.value.as_bool() {
            Some(value) => Some(At { at: item.at, value }),
            None => self.wrong_type(key, item, "true or false", "true"),
        }
    }

    /// Duration above zero.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        let At { at, value } = self.duration_or_zero(key)?;
        if value.is_zero() {
            self.wrong(at, format!("`{key}` is zero"), "the shortest duration is 1ms");
            return None;
        }
        Some(At { at, value })
    }

    /// Duration, zero included.
    pub(super) fn duration_or_zero(&mut self, key: &'static str) -> Option<At<Duration>> {
        let At { at, value } = self.item(key)?;
        let Some(text) = value.as_str() else {
            return self.wrong_type(key, At { at, value }, "a duration in quotes", "\"30s\"");
        };
        let value = self.inspector.check(at, duration::parse(text))?;
        Some(At { at, value })
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let At { at, value } = self.item(key)?;
        let words = || choices.iter().map(|(word, _)| *word);
        let Some(text) = value.as_str() else {
            let example = format!("\"{}\"", words().next().unwrap_or_default());
            return self.wrong_type(key, At { at, value }, "text", &example);
        };
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let what = format!("`{key}` can't be {}", quote(text));
            self.wrong(at, what, one_of(text, words()));
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// The path of a file, which need not exist.
    pub(super) fn path(&mut self, key: &'static str) -> Option<At<PathBuf>> {
        let At { at, value } = self.text(key)?;
        Some(At { at, value: value.into() })
    }

    /// The path of a file that must exist.
    pub(super) fn file(&mut self, key: &'static str) -> Option<At<PathBuf>> {
        let At { at, value } = self.text(key)?;
        let path = PathBuf::from(value);
        if !self.inspector.file_exists(&path) {
            let what = format!("`{key}`: there is no file {}", quote(value));
            self.wrong(at, what, "a relative path starts at the working directory");
        }
        Some(At { at, value: path })
    }

    /// Nested table; `name` is its header.
    pub(super) fn table(&mut self, key: &'static str, name: &'static str) -> Option<Self> {
        let item = self.item(key)?;
        Some(self.as_table(key, name, item, || header_hint(name)))
    }

    /// Nested table; if absent, one without keys.
    pub(super) fn section(&mut self, key: &'static str, name: &'static str) -> Self {
        let absent = At { at: self.at, value: &NO_TABLE };
        self.table(key, name)
            .unwrap_or_else(|| Self::new(self.inspector, name.into(), absent, self.base))
    }

    /// The tables of a list, as `[[name]]` makes one.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = Self> + use<'a> {
        let mut items: &'a [Spanned<DeValue<'a>>] = &[];
        if let Some(At { at, value }) = self.item(key) {
            if let Some(list) = value.as_array() {
                items = list;
            } else {
                let what = format!("`{key}` must be a list of tables, not {}", kind(value));
                self.wrong(at, what, header_hint(name));
            }
        }
        let (inspector, base) = (self.inspector, self.base);
        items.iter().map(move |item| {
            let item = At { at: base + item.span().start, value: item.get_ref() };
            as_table(inspector, base, key, name.into(), item, || header_hint(name))
        })
    }

    /// `item` as a table; anything else is reported, and gives an empty table.
    pub(super) fn as_table(
        &self,
        key: &str,
        name: impl Into<Cow<'a, str>>,
        item: At<&'a DeValue<'a>>,
        hint: impl FnOnce() -> String,
    ) -> Self {
        as_table(self.inspector, self.base, key, name.into(), item, hint)
    }

    /// Reports that a key isn't there.
    pub(super) fn missing(&self, key: &str, hint: impl Into<String>) {
        let what = format!("`{key}` is missing in {}", self.name);
        self.inspector.wrong(self.at, Mistake::new(what, hint));
    }

    pub(super) fn wrong(&self, at: usize, what: impl Into<String>, hint: impl Into<String>) {
        self.inspector.wrong(at, Mistake::new(what, hint));
    }

    pub(super) fn wrong_type<T>(
        &self,
        key: &str,
        item: At<&DeValue<'_>>,
        wanted: &str,
        example: &str,
    ) -> Option<T> {
        let what = format!("`{key}` must be {wanted}, not {}", kind(item.value));
        self.wrong(item.at, what, format!("write {key} = {example}"));
        None
    }

    /// All keys not requested so far, for tables with user-defined keys.
    pub(super) fn rest(&mut self) -> Vec<(At<&'a str>, At<&'a DeValue<'a>>)> {
        let rest = self.unknown();
        self.num_found += rest.len();
        rest
    }

    fn unknown(&self) -> Vec<(At<&'a str>, At<&'a DeValue<'a>>)> {
        let Some(table) = self.table.as_table() else { return Vec::new() };
        let is_dealt_with =
            |key: &str| self.known.iter().chain(&self.refused).any(|dealt_with| *dealt_with == key);
        let unknown = table.iter().filter(|(key, _)| !is_dealt_with(key.get_ref()));
        unknown
            .map(|(key, item)| {
                let key = At { at: self.base + key.span().start, value: &**key.get_ref() };
                (key, At { at: self.base + item.span().start, value: item.get_ref() })
            })
            .collect()
    }

    /// Reports unknown keys.
    pub(super) fn finish(self) {
        if self.table.as_table().is_none_or(|table| table.len() == self.num_found) {
            return;
        }
        for (key, _) in self.unknown() {
            self.unknown_key(key);
        }
    }

    /// Reports a key that has no meaning here.
    pub(super) fn unknown_key(&self, At { at, value: key }: At<&str>) {
        let is_misplaced = TOP_LEVEL.contains(&key);
        let hint = if is_misplaced {
            "it belongs at the top of the file, above the first [table]".into()
        } else {
            one_of(key, self.known.iter().copied())
        };
        self.wrong(at, format!("unknown key {} in {}", quote(key), self.name), hint);
    }
}

/// Decodes characters only when a byte suggests it: decoding all would be felt with 100,000 sensors
/// in a development build.
fn has_control(text: &str) -> bool {
    // Beyond ASCII, control characters are U+0080 to U+009F: in UTF-8 they start with this byte.
    const C1_LEAD: u8 = 0xc2;
    text.bytes().any(|byte| byte.is_ascii_control() || byte == C1_LEAD)
        && text.contains(char::is_control)
}

fn as_table<'a>(
    inspector: &'a Inspector<'a>,
    base: usize,
    key: &str,
    name: Cow<'a, str>,
    At { at, mut value }: At<&'a DeValue<'a>>,
    hint: impl FnOnce() -> String,
) -> TableReader<'a> {
    if !value.is_table() {
        let what = format!("{} must be a table, not {}", quote(key), kind(value));
        inspector.wrong(at, Mistake::new(what, hint()));
        value = &NO_TABLE;
    }
    TableReader::new(inspector, name, At { at, value }, base)
}

fn header_hint(name: &str) -> String {
    format!("write {name} on a line of its own, and its keys below it")
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_seen() {
        for c in (0..=0x2ff).filter_map(char::from_u32) {
            assert_eq!(has_control(&format!("a{c}é")), c.is_control(), "{c:?}");
        }
    }
}
