//! Numbered names: `TEMP_{001..500}` stands for 500 names. Pure.

use super::errors::{Mistake, quote};

/// A name, or a range of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names<'t> {
    One(&'t str),
    Many { prefix: &'t str, first: u64, last: u64, width: usize, suffix: &'t str },
}

impl<'t> Names<'t> {
    /// Parses at most one `{first..last}`. A padded `first` sets the width of all numbers, so that a range that
    /// grows from `{001..500}` to `{001..1000}` keeps its names.
    pub(super) fn parse(text: &'t str) -> Result<Self, Mistake> {
        if !text.contains('{') && !text.contains('}') {
            return Ok(Self::One(text));
        }
        let malformed = || {
            Mistake::new(
                format!("{} has no range its braces could stand for", quote(text)),
                "write one range a name, as in TEMP_{001..500}",
            )
        };
        let (prefix, rest) = text.split_once('{').ok_or_else(malformed)?;
        let (range, suffix) = rest.split_once('}').ok_or_else(malformed)?;
        if prefix.contains('}') || suffix.contains(['{', '}']) {
            return Err(malformed());
        }
        let (first, last) = range.split_once("..").ok_or_else(malformed)?;
        let width = width(text, first, last)?;
        let (first, last) = (number(text, first, malformed)?, number(text, last, malformed)?);
        if first > last {
            return Err(Mistake::new(
                format!("the range of {} runs backwards", quote(text)),
                format!("write {{{last}..{first}}}"),
            ));
        }
        Ok(Self::Many { prefix, first, last, width, suffix })
    }

    /// Number of names; at least one.
    pub(super) const fn count(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many { first, last, .. } => (*last - *first).saturating_add(1),
        }
    }

    /// The name at `index`, from 0 up to but excluding [`count`](Self::count).
    pub(super) fn nth(&self, index: u64) -> std::borrow::Cow<'t, str> {
        match *self {
            Self::One(name) => name.into(),
            Self::Many { prefix, first, width, suffix, .. } => {
                format!("{prefix}{:0width$}{suffix}", first.saturating_add(index)).into()
            }
        }
    }
}

/// Minimum number of digits.
fn width(text: &str, first: &str, last: &str) -> Result<usize, Mistake> {
    let is_padded = |number: &str| number.len() > 1 && number.starts_with('0');
    if is_padded(last) && last.len() != first.len() {
        return Err(Mistake::new(
            format!("the numbers of {} are padded differently", quote(text)),
            "give both the same number of digits, as in {001..050}",
        ));
    }
    Ok(if is_padded(first) { first.len() } else { 0 })
}

fn number(text: &str, digits: &str, malformed: impl Fn() -> Mistake) -> Result<u64, Mistake> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed());
    }
    digits.parse().map_err(|_| {
        Mistake::new(
            format!("a number of {} is too large", quote(text)),
            "number from 1, as in {001..500}",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let names = Names::parse(text).unwrap();
        (0..names.count()).map(|index| names.nth(index).into_owned()).collect()
    }

    #[test]
    fn expands_a_range() {
        assert_eq!(all("TEMP_001"), ["TEMP_001"]);
        assert_eq!(all("T{8..11}x"), ["T8x", "T9x", "T10x", "T11x"]);
        assert_eq!(all("{5..5}"), ["5"]);
    }

    #[test]
    fn keeps_the_padding_of_the_first_number() {
        assert_eq!(all("T_{008..010}"), ["T_008", "T_009", "T_010"]);
        assert_eq!(all("T_{099..101}"), ["T_099", "T_100", "T_101"]);
        assert_eq!(all("T_{0..1}"), ["T_0", "T_1"]);
        assert_eq!(Names::parse("T_{001..1000}").unwrap().nth(0), "T_001");
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("T_{5..1}", "runs backwards"),
            ("T_{001..5", "no range"),
            ("T_001}", "no range"),
            ("T_}1..2{", "no range"),
            ("T_{}", "no range"),
            ("T_{1}", "no range"),
            ("T_{1...3}", "no range"),
            ("T_{a..c}", "no range"),
            ("T_{+1..3}", "no range"),
            ("T_{1..2}_{1..2}", "no range"),
            ("T_{1..010}", "padded differently"),
            ("T_{1..99999999999999999999}", "too large"),
        ] {
            let mistake = Names::parse(text).unwrap_err();
            assert!(mistake.what.contains(part), "{text}: {mistake}");
        }
    }

    #[test]
    fn the_largest_range_has_a_count() {
        let text = format!("{{0..{}}}", u64::MAX);
        assert_eq!(Names::parse(&text).unwrap().count(), u64::MAX);
    }
}
