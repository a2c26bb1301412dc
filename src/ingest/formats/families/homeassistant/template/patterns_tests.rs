//! Regular expressions: matches, rejected patterns, and the step budget.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn replaced(pattern: &str, text: &str, by: &str) -> String {
    Pattern::new(pattern, false).unwrap().replace_all(text, by).unwrap()
}

#[test]
fn replaces_as_python_does() {
    for (pattern, text, by, expected) in [
        ("[^0-9.]", "21.5 °C", "", "21.5"),
        (r"\D+", "a12b3", "-", "-12-3"),
        (r"([0-9]+)([0-9]{2})([0-9]{2})$", "20131", r"\1.\2.\3", "2.01.31"),
        ("on|off", "on and off", "x", "x and x"),
        ("(a|b)+c", "ababc", r"<\1>", "<b>"),
        ("a*", "baac", "-", "-b--c-"),
        ("a.*?b", "axbxb", "", "xb"),
        ("^x", "xx", "y", "yx"),
        (r"\bcat\b", "cat concat", "dog", "dog concat"),
        ("a{2,3}", "aaaaa", "b", "bb"),
        (r"(\w+)=(\w+)", "t=5", r"\g<2>:\1", "5:t"),
        ("é?", "é", "e", "ee"),
    ] {
        assert_eq!(replaced(pattern, text, by), expected, "{pattern} in {text}");
    }
}

#[test]
fn finds_at_the_start_anywhere_and_without_case() {
    let is_found = |pattern, text, is_anchored| {
        let pattern = Pattern::new(pattern, true).unwrap();
        pattern.find(text, 0, is_anchored).unwrap().is_some()
    };
    assert!(is_found("ERR", "an error", false) && !is_found("err", "an error", true));
    assert!(is_found("[a-c]+$", "xABC", false) && !is_found("^abc$", "abcd", false));
}

#[test]
fn what_cannot_be_read_is_refused() {
    for pattern in ["(", "a)", "[a", "*", "(?=a)", r"\q", "((((((((((((((((((a))))))))))))))))))"] {
        assert!(Pattern::new(pattern, false).is_err(), "{pattern}");
    }
    assert!(Pattern::new("a{2000}{2000}", false).is_err());
    let evil = Pattern::new("(a*)*b", false).unwrap();
    assert_eq!(evil.find(&"a".repeat(100_000), 0, false), Ok(None), "in linear time");
    assert!(evil.find(&"a".repeat(150_000), 0, false).unwrap_err().contains("steps"));
    let growing = Pattern::new("", false).unwrap();
    assert!(growing.replace_all(&"a".repeat(2_000), &"b".repeat(1_000)).is_err());
}

proptest! {
    #[test]
    fn no_pattern_and_no_text_panic(pattern in r"[\[\]{}()|*+?^$.\\a-dé0-3,-]{0,24}", text in ".{0,24}") {
        if let Ok(pattern) = Pattern::new(&pattern, true) {
            let _ = pattern.replace_all(&text, r"\1\g<9>\");
        }
    }
}
