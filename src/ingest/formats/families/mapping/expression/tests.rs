//! Results, unknown results, and error messages.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn payload() -> Json {
    json!({
        "raw": 65_300, "deci": 215, "text": "19.5", "word": "abc", "none": null, "on": true, "flag": "true",
        "list": [7, 8.5], "q": "192", "a b": { "c": 3 }, "kind": "probe-7",
    })
}

#[track_caller]
fn evaluate(source: &str) -> Result<Json, Unknown> {
    let payload = payload();
    let item = &payload["a b"];
    let scope = Scope { payload: &payload, item, topic: "site/7/up", base: Some(1_000.0) };
    Expression::parse(source, Purpose::Time)
        .or_else(|_| Expression::parse(source, Purpose::Value))
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .evaluate(&scope)
}

#[track_caller]
fn is(source: &str, expected: &Json) {
    let result = evaluate(source).unwrap_or_else(|unknown| panic!("{source}: {unknown:?}"));
    match (result.as_f64(), expected.as_f64()) {
        (Some(result), Some(expected)) => assert_eq!(result, expected, "{source}"),
        _ => assert_eq!(&result, expected, "{source}"),
    }
}

#[track_caller]
fn refusal(source: &str, purpose: Purpose) -> String {
    Expression::parse(source, purpose).expect_err(source).to_string()
}

#[test]
fn numbers_mix_whatever_way_they_are_written() {
    for (source, expected) in [
        ("payload.raw > 32767 ? (payload.raw - 65536) / 10.0 : payload.raw / 10.0", json!(-23.6)),
        ("payload.deci / 10", json!(21.5)),
        ("1 / 4 + payload.list[1] * 2", json!(17.25)),
        ("payload.text * 2", json!(39)),
        ("payload.deci * 0.1", json!(21.5)),
        ("-payload.deci % 100", json!(-15)),
        ("double(payload.on) + int(\"7.9\") + int(-7.9)", json!(1)),
        ("topic[1] + 1", json!(8)),
        ("$base + item.c", json!(1_003)),
        ("payload[\"a b\"].c", json!(3)),
        ("size(topic) + size(payload.list) + size(payload.word) + payload.word.size()", json!(11)),
    ] {
        is(source, &expected);
    }
}

#[test]
fn conditions_and_functions() {
    for (source, expected) in [
        ("payload.q == 192 && payload.q != \"193\"", json!(true)),
        ("payload.kind.startsWith(\"probe\") && payload.kind.contains('e-')", json!(true)),
        ("payload.kind.endsWith(\"8\")", json!(false)),
        ("item.c in [1, -2, 3] && payload.kind in ['a', 'probe-7']", json!(true)),
        ("\"raw\" in payload && !(\"x\" in payload) && !(\"x\" in payload.x)", json!(true)),
        ("has(payload.none) && !has(payload.x) && !has(payload.x.y)", json!(true)),
        ("payload.none == null", json!(true)),
        ("payload.text < 20 && payload.text >= 19.5", json!(true)),
        ("payload.word < \"abd\"", json!(true)),
        ("payload.word == 3 || payload.on == 1", json!(false)),
        ("payload.flag && payload.on", json!(true)),
        ("math.bitAnd(payload.raw, 255) + math.bitShiftRight(payload.raw, 8)", json!(275)),
        ("math.round(math.ln(math.exp(2.25)) * 100)", json!(225)),
        ("math.greatest(1, payload.deci, 3) - math.least(4, 2)", json!(213)),
        ("math.pow(2, 3) + math.sqrt(16) + math.abs(-1) + math.sign(-4)", json!(12)),
        ("math.floor(1.5) + math.ceil(1.5) + math.trunc(-1.5)", json!(2)),
        ("math.bitXor(math.bitOr(5, 2), 1) + math.bitNot(0) + math.bitShiftLeft(1, 4)", json!(21)),
    ] {
        is(source, &expected);
    }
}

#[test]
fn what_is_not_there_is_unknown_and_decides_nothing() {
    let missing = |what: &str| Err(Unknown::Missing(what.to_owned()));
    assert_eq!(evaluate("payload.x / 10"), missing("payload.x"));
    assert_eq!(evaluate("payload.raw.x"), missing("payload.raw.x"));
    assert_eq!(evaluate("payload.none + 1"), missing("payload.none"));
    assert_eq!(evaluate("payload.list[2]"), missing("payload.list[2]"));
    assert_eq!(evaluate("topic[-1]"), missing("topic[-1]"));
    assert_eq!(evaluate("payload.x == null"), missing("payload.x"));
    assert_eq!(evaluate("payload.x > 1 && payload.on"), missing("payload.x"));
    is("payload.x > 1 || payload.on", &json!(true));
    is("payload.x > 1 && !payload.on", &json!(false));
}

#[test]
fn what_makes_no_sense_is_wrong() {
    for (source, why) in [
        ("payload.word * 2", "payload.word: the text `abc` stands where a number must be"),
        ("payload.on + 1", "payload.on: true stands where a number must be"),
        ("payload.list == payload.list", "a list stands where a value to compare must be"),
        ("payload.list", "a list stands where a value must be"),
        ("payload.raw / (payload.raw - 65300)", "65300 is divided by 0"),
        ("math.ln(0)", "the result is -inf, which is no finite number"),
        ("math.bitAnd(1.5, 1)", "1.5 has no bits: it is no whole number below 2^53"),
        ("math.bitShiftLeft(1, 64)", "bits shift by 0 to 63, not by 64"),
        (
            "payload.raw ? 1 : 2",
            "payload.raw: 65300 is neither true nor false; compare it with something",
        ),
        ("payload.list[payload.on]", "true stands where a position in a list must be"),
    ] {
        assert_eq!(evaluate(source), Err(Unknown::Wrong(why.into())), "{source}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    use Purpose::{Condition, Time, Value};
    for (source, purpose, error) in [
        ("", Value, "the expression is empty; write one, such as payload.raw / 10"),
        (
            "raw / 10",
            Value,
            "character 1: there is no name `raw`; there are payload, item and topic; for a key of the payload write payload.raw",
        ),
        ("payload.a +", Value, "character 12: the expression isn't finished; write the rest"),
        ("item.q = 3", Condition, "character 8: `=` is no operator; equal is =="),
        (
            "item.q == 1 and item.z",
            Condition,
            "character 13: `and` is out of place; write &&, || or !",
        ),
        (
            "payload.a / 0,1",
            Value,
            "character 14: `,` is out of place; numbers have a point, as in 8.5",
        ),
        ("payload.a + \"x\"", Value, "character 11: `+` doesn't go with a text; it takes numbers"),
        (
            "item.v + 1",
            Condition,
            "the result is a number; compare it with something, as in item.q == 192",
        ),
        ("topic", Value, "the result is a list; write what makes a number, as in payload.raw / 10"),
        (
            "item.a > 1",
            Time,
            "the result is true or false; write what makes a number or a text, as in $base + item.dt",
        ),
        (
            "$base + 1",
            Value,
            "character 1: `$base` is for `time` alone; write where in the payload it is, as in payload.t0",
        ),
        (
            "payload.list.exists(x, x > 1)",
            Condition,
            "character 14: `exists` is a comprehension, whose cost has no bound; take the elements with `each`, or write the conditions out",
        ),
        (
            "payload.a.matches(\"x\")",
            Condition,
            "character 11: regular expressions are not taken: their cost can't be seen; write startsWith, endsWith or contains",
        ),
        (
            "round(payload.a)",
            Value,
            "character 1: there is no function `round`; write math.round(…)",
        ),
        (
            "parse(payload.a)",
            Value,
            "character 1: there is no function `parse`; there are double, int, size, has, math.…, .startsWith, .endsWith and .contains",
        ),
        (
            "math.abs(1, 2)",
            Value,
            "character 6: `abs` does not take 2 arguments; write as many as it takes",
        ),
        (
            "payload.a.contains(payload.b)",
            Condition,
            "character 11: `contains` looks for a text; write a text in quotes, as in .contains(\"a\")",
        ),
        (
            "1 < payload.a < 3",
            Condition,
            "character 15: `<` doesn't go with true or false; compare numbers or texts, and join by &&",
        ),
        (
            "[1, 2]",
            Value,
            "character 1: a list stands alone; write lists right of `in`, as in item.q in [1, 2]",
        ),
        (
            "has(payload)",
            Condition,
            "character 1: `has` takes a key; write has(payload.key), or \"a key\" in payload",
        ),
        (
            "{1: 2}",
            Value,
            "character 1: maps and messages are not taken; write the conditions out and join them by && or ||",
        ),
        (
            "((((((((( 1 )))))))))",
            Value,
            "character 9: more than 8 brackets are open; leave out those that change nothing",
        ),
    ] {
        assert_eq!(refusal(source, purpose), error, "{source}");
    }
}

#[test]
fn what_could_cost_too_much_is_refused() {
    let long = format!("payload.a{}", " ".repeat(992));
    assert!(refusal(&long, Purpose::Value).contains("1001 characters"));
    let many = format!("payload.a in [{}1]", "1,".repeat(160));
    assert!(refusal(&many, Purpose::Condition).contains("more than 160 parts"));
    let deep = format!("1{}", " + 1".repeat(40));
    assert!(refusal(&deep, Purpose::Value).contains("32 levels deep"));
    let nots = format!("{}payload.a", "!-".repeat(400));
    assert!(Expression::parse(&nots, Purpose::Condition).is_err());
    let fields = format!("payload{}", ".a".repeat(400));
    assert!(refusal(&fields, Purpose::Value).contains("32 levels deep"));
}

/// Sources composed of fragments of expressions.
fn sources() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "payload",
        ".raw",
        ".word",
        ".list",
        "[0]",
        "[",
        "]",
        "(",
        ")",
        "item",
        ".c",
        "topic",
        "$base",
        " + ",
        " / ",
        " % ",
        " - ",
        " == ",
        " < ",
        " && ",
        " || ",
        "!",
        " ? ",
        " : ",
        "1",
        "2.5",
        "0",
        "'a'",
        "true",
        "null",
        " in ",
        "has(",
        "math.bitAnd(",
        "math.pow(",
        ", ",
        "double(",
        ".contains('a')",
        "size(",
        "é",
        "-",
    ]);
    prop::collection::vec(pieces, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics(source in prop_oneof![sources(), ".{0,40}"]) {
        for purpose in [Purpose::Condition, Purpose::Value, Purpose::Time] {
            match Expression::parse(&source, purpose) {
                Ok(expression) => {
                    let payload = payload();
                    let scope =
                        Scope { payload: &payload, item: &payload, topic: "a/b", base: None };
                    let _ = (expression.evaluate(&scope), expression.holds(&scope));
                }
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }
}
