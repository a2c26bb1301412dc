//! Look-up of a unit by its text. Pure.
//!
//! Looks a text up as it is, then with normalized characters, then as words (`Kilowatt-hours`), and last without
//! case. Each step yields one unit or none: an ambiguous text is unknown.

use std::sync::LazyLock;

use super::Dimension;
use super::table::{CASE_MATTERS, UNITS, zero};
use crate::domain::QuickMap;

/// Longer texts are no unit, in bytes.
const LONGEST: usize = 48;

/// Unit of the table.
#[derive(Debug)]
pub(super) struct Known {
    /// The one spelling of the unit.
    pub spelling: &'static str,
    /// Dimension of the unit.
    pub dimension: Dimension,
    /// Size in the dimension's reference unit, as a fraction.
    pub size: (i128, i128),
    /// Zero point in the reference unit, as a fraction.
    pub zero: (i128, i128),
}

/// Index of units by spelling.
struct Index {
    units: Vec<Known>,
    /// Key: symbol, original and folded.
    symbols: QuickMap<String, usize>,
    /// Key: result of [`words`].
    words: QuickMap<String, usize>,
    /// Key: folded symbol in lower case; `None` if two units share it.
    caseless: QuickMap<String, Option<Caseless>>,
}

#[derive(Clone, Copy, PartialEq)]
struct Caseless {
    unit: usize,
    /// First letter, where case matters: `m` and `M` are milli and mega.
    prefix: Option<u8>,
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Unit of a text; `None` if unknown or ambiguous.
pub(super) fn find(text: &str) -> Option<&'static Known> {
    let text = text.trim();
    let index = &*INDEX;
    let place = index.symbols.get(text).copied().or_else(|| index.find_folded(text))?;
    index.units.get(place)
}

/// All units of the table, in its order.
#[cfg(test)]
pub(super) fn all() -> &'static [Known] {
    &INDEX.units
}

impl Index {
    fn new() -> Self {
        let rows =
            UNITS.iter().flat_map(|(dimension, rows)| rows.iter().map(|row| (*dimension, row)));
        let mut index = Self {
            units: Vec::new(),
            symbols: QuickMap::default(),
            words: QuickMap::default(),
            caseless: QuickMap::default(),
        };
        for (unit, (dimension, row)) in rows.enumerate() {
            let (spelling, numerator, denominator, symbols, names) = *row;
            let size = (numerator, denominator);
            index.units.push(Known { spelling, dimension, size, zero: zero(spelling) });
            index.symbols.insert(spelling.into(), unit);
            for symbol in std::iter::once(spelling).chain(symbols.split(' ')) {
                index.add_symbol(symbol, unit, dimension);
            }
            index.words.extend(names.split(' ').filter_map(words).map(|name| (name, unit)));
        }
        index
    }

    fn add_symbol(&mut self, symbol: &str, unit: usize, dimension: Dimension) {
        let folded = fold(symbol);
        // `B` is a byte and `b` may be a bit, and two letters without case are ambiguous.
        let is_data = matches!(dimension, Dimension::DataSize | Dimension::DataRate);
        if !is_data && !CASE_MATTERS.contains(&symbol) && folded.chars().count() > 2 {
            let prefix = prefix(&folded);
            let this = Caseless { unit, prefix };
            let both = |known: &mut Option<Caseless>| {
                *known = known.filter(|known| known.unit == unit).map(|known| Caseless {
                    prefix: known.prefix.filter(|_| known.prefix == prefix),
                    ..known
                });
            };
            let key = folded.to_ascii_lowercase();
            self.caseless.entry(key).and_modify(both).or_insert(Some(this));
        }
        if !folded.is_empty() {
            self.symbols.insert(folded, unit);
        }
    }

    fn find_folded(&self, text: &str) -> Option<usize> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let folded = fold(text);
        let by_symbol = self.symbols.get(&folded).copied();
        let by_words = || words(text).and_then(|key| self.words.get(&key).copied());
        by_symbol.or_else(by_words).or_else(|| {
            let found = self.caseless.get(&folded.to_ascii_lowercase()).copied().flatten()?;
            let is_same_prefix = found.prefix.is_none_or(|_| found.prefix == prefix(&folded));
            is_same_prefix.then_some(found.unit)
        })
    }
}

/// First letter of a symbol, if it may be the prefix milli or mega.
fn prefix(symbol: &str) -> Option<u8> {
    match symbol.as_bytes() {
        [first @ (b'm' | b'M'), next, ..] if !matches!(next, b'2' | b'3' | b'/') => Some(*first),
        _ => None,
    }
}

/// Symbol with normalized characters: no white space, brackets or power signs, digits on the line, one micro, ohm,
/// degree and dot. `Â` precedes `°`, `²`, `³`, `µ` in UTF-8 read as Latin-1.
fn fold(symbol: &str) -> String {
    let mut folded = String::with_capacity(symbol.len());
    for c in symbol.chars() {
        match c {
            '^' | '(' | ')' | '[' | ']' | '{' | '}' | 'Â' => {}
            c if c.is_whitespace() => {}
            'μ' => folded.push('µ'), // U+03BC for U+00B5
            '\u{2126}' => folded.push('Ω'),
            'º' | '˚' => folded.push('°'),
            '℃' => folded.push_str("°C"),
            '℉' => folded.push_str("°F"),
            '¹' => folded.push('1'),
            '²' | '₂' => folded.push('2'),
            '³' => folded.push('3'),
            '⁻' | '−' => folded.push('-'),
            '⋅' | '•' | '∙' | '*' => folded.push('·'),
            'ℓ' => folded.push('L'),
            '㎥' => folded.push_str("m3"),
            '㎍' => folded.push_str("µg"),
            c => folded.push(c),
        }
    }
    folded
}

/// Words as one key: lower case, singular, American spelling, joined; `None` for other characters.
fn words(text: &str) -> Option<String> {
    let text = text.trim_matches(['(', ')', '[', ']', '{', '}']);
    let mut key = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c == '_' || c == '-') {
        if !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let word = word.to_ascii_lowercase();
        let singular = if word.len() > 3 { word.strip_suffix('s') } else { None };
        key.push_str(singular.unwrap_or(&word));
    }
    Some(key.replace("metre", "meter").replace("litre", "liter")).filter(|key| !key.is_empty())
}
