//! Patterns of names: `*` and `?`, and `!` before one that excludes. Pure.

/// True if `pattern` matches all of `text`: `*` matches any characters or none, `?` exactly one.
///
/// Worst case O(pattern × text): after a mismatch only the last `*` is extended; earlier ones need no retry.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                p = after + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Pattern that an exclusion (`!`) negates; `None` for an inclusion.
#[must_use]
pub fn excluded(pattern: &str) -> Option<&str> {
    pattern.strip_prefix('!')
}

/// Whether a pattern of a list is a name: it includes that and nothing else.
#[must_use]
pub fn is_name(pattern: &str) -> bool {
    excluded(pattern).is_none() && !pattern.contains(['*', '?'])
}

/// True if a list selects a text: an inclusion matches, or there is none, and no exclusion matches. An empty list
/// selects everything.
#[must_use]
pub fn selects<P: AsRef<str>>(patterns: &[P], text: &str) -> bool {
    let mut including = patterns.iter().map(AsRef::as_ref).filter(|it| excluded(it).is_none());
    let is_included = match including.next() {
        None => true,
        Some(first) => matches(first, text) || including.any(|pattern| matches(pattern, text)),
    };
    is_included && !excludes(patterns, text)
}

/// True if an exclusion of the list matches.
#[must_use]
pub fn excludes<P: AsRef<str>>(patterns: &[P], text: &str) -> bool {
    patterns.iter().filter_map(|pattern| excluded(pattern.as_ref())).any(|it| matches(it, text))
}

/// True if an inclusion of the list matches, regardless of exclusions.
#[must_use]
pub fn includes<P: AsRef<str>>(patterns: &[P], text: &str) -> bool {
    let including = patterns.iter().map(AsRef::as_ref).filter(|it| excluded(it).is_none());
    including.into_iter().any(|pattern| matches(pattern, text))
}

/// True if the list has an inclusion.
#[must_use]
pub fn has_including<P: AsRef<str>>(patterns: &[P]) -> bool {
    patterns.iter().any(|pattern| excluded(pattern.as_ref()).is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("*", ""),
            ("COLD_*", "COLD_01"),
            ("COLD_??", "COLD_01"),
            ("*_1*3", "A_1_123"),
            ("Chambre *", "Chambre froide é"),
            ("?", "é"),
            ("a**b", "ab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("COLD_*", "cold_01"), ("COLD_?", "COLD_01"), ("", "a"), ("*b", "abc"), ("a?", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_list_selects_what_it_includes_and_does_not_exclude() {
        for (list, selected, left) in [
            (&["COLD_*", "!COLD_07"][..], &["COLD_01", "COLD_070"][..], &["COLD_07", "HOT_1"][..]),
            (&["!COLD_07", "COLD_*"], &["COLD_01"], &["COLD_07"]),
            (&["!COLD_*"], &["HOT_1", "!COLD_1"], &["COLD_1"]),
            (&["COLD_*", "!*_07", "!*_08"], &["COLD_01"], &["COLD_07", "COLD_08"]),
            (&["?COLD"], &["!COLD"], &["COLD"]),
            (&[], &["COLD_01"], &[]),
        ] {
            selected.iter().for_each(|text| assert!(selects(list, text), "{list:?} {text}"));
            left.iter().for_each(|text| assert!(!selects(list, text), "{list:?} {text}"));
        }
        assert!(is_name("COLD_07") && !is_name("!COLD_07") && !is_name("COLD_?"));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let (pattern, text) = ("a*".repeat(100) + "b", "a".repeat(10_000));
        assert!(!matches(&pattern, &text));
    }

    /// The plainest definition there is.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), None) => oracle(&pattern[1..], text),
            (Some('*'), Some(_)) => oracle(&pattern[1..], text) || oracle(pattern, &text[1..]),
            (Some(p), Some(t)) if *p == '?' || p == t => oracle(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), oracle(&p, &t));
        }
    }
}
