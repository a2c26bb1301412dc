//! Patterns of names: `*` and `?`. Pure.

/// Whether `text` is what `pattern` describes: `*` any characters or none, `?` one character.
///
/// In time proportional to the product of both lengths at worst: after a mismatch the last `*` takes
/// one character more, and no earlier one needs to be tried again.
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
