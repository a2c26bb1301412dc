//! Error texts for rejected expressions.

use super::*;

fn refusal(source: &str) -> String {
    Expression::parse(source).expect_err(source).to_string()
}

#[test]
fn what_is_no_cel_is_refused_with_its_place() {
    for (source, error) in [
        ("", "the expression is empty; write a condition, such as value > 8.0"),
        (
            "value >",
            "character 8: the expression isn't finished; write the rest, or remove its start",
        ),
        (
            "value > > 3",
            "character 9: `>` is out of place; write comparisons (<, <=, ==, !=, >=, >), joined by && and ||",
        ),
        ("value = 3", "character 7: `=` is no operator; equal is =="),
        ("value > 8 and hour > 2", "character 11: `and` is out of place; write &&, || or !"),
        ("value > 8,5", "character 10: `,` is out of place; numbers have a point, as in 8.5"),
        (
            "value > 1\n && hour > ;",
            "character 22: `;` is out of place; write comparisons (<, <=, ==, !=, >=, >), joined by && and ||",
        ),
        (
            "quantity == \"temp",
            "character 13: a text isn't finished; end it with the quote it starts with, on the same line",
        ),
        (
            "value > 99999999999999999999",
            "character 9: invalid int literal in `value > 99999999999999999999`; write a number within the range of 64 bits",
        ),
        (
            "true ? 1",
            "character 9: the expression isn't finished; write the rest, or remove its start",
        ),
    ] {
        assert_eq!(refusal(source), error, "{source}");
    }
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    for (source, error) in [
        (
            "valeu > 8.0",
            "character 1: there is no name `valeu`; there are value, quantity, rate, age, hour, minute and weekday",
        ),
        (
            "value > 8.0 && temperature > 3.0",
            "character 16: there is no name `temperature`; there are value, quantity, rate, age, hour, minute and weekday",
        ),
        (
            "avg(\"10m\") > 8.0",
            "character 1: there is no function `avg`; there are mean, min, max, stddev, sensor and double",
        ),
        (
            "size(quantity) > 3",
            "character 1: there is no function `size`; there are mean, min, max, stddev, sensor and double",
        ),
        (
            "quantity.startsWith(\"t\")",
            "character 10: there is no function `startsWith`; there are mean, min, max, stddev, sensor and double",
        ),
        (
            "quantity.matches(\"t.*\")",
            "character 10: regular expressions are not taken: their cost can't be seen; compare with == or in [...]",
        ),
        (
            "[1, 2].exists(x, x > 1)",
            "character 8: `exists` is a comprehension, whose cost has no bound; write the conditions out and join them by && or ||",
        ),
        (
            "[1, 2].all(x, x > 1)",
            "character 8: `all` is a comprehension, whose cost has no bound; write the conditions out and join them by && or ||",
        ),
        (
            "[1].map(x, x + 1) == [2]",
            "character 5: `map` is a comprehension, whose cost has no bound; write the conditions out and join them by && or ||",
        ),
        (
            "has(sensor(\"A\").value)",
            "character 1: there is no function `has`; what is not known makes the verdict unknown by itself",
        ),
    ] {
        assert_eq!(refusal(source), error, "{source}");
    }
}

#[test]
fn what_is_written_otherwise_is_refused_with_a_remedy() {
    for (source, error) in [
        (
            "sensor(\"A\") > 3.0",
            r#"character 1: a sensor is no number; write sensor("COLD_02").value or .age"#,
        ),
        (
            "sensor(\"A\").unit == \"\"",
            "character 12: a sensor has no field `unit`; there are .value and .age",
        ),
        (
            "sensor(\"\").value > 1.0",
            "character 1: the sensor id is empty; name a sensor, as it names itself",
        ),
        (
            "sensor(quantity).value > 1.0",
            r#"character 1: `sensor` takes a sensor's id in quotes; write sensor("COLD_02")"#,
        ),
        (
            "value.age > 1.0",
            r#"character 6: nothing here has a field `age`; only sensor("ID") has .value and .age"#,
        ),
        ("mean > 1.0", r#"character 1: `mean` has no window; write mean("10m")"#),
        ("mean() > 1.0", r#"character 1: `mean` takes a window in quotes; write mean("10m")"#),
        ("mean(600) > 1.0", r#"character 1: `mean` takes a window in quotes; write mean("10m")"#),
        (
            "mean(\"soon\") > 1.0",
            r#"character 1: `soon` is no window; write a whole number and s, m or h, as in mean("10m")"#,
        ),
        (
            "mean(\"10\") > 1.0",
            r#"character 1: `10` is no window; write a whole number and s, m or h, as in mean("10m")"#,
        ),
        (
            "mean(\"25h\") > 1.0",
            "character 1: a window of `25h` is not taken; it is from 1s to 24h",
        ),
        ("mean(\"0s\") > 1.0", "character 1: a window of `0s` is not taken; it is from 1s to 24h"),
        (
            "double(quantity) > 1.0",
            "character 1: `double` doesn't go with a text; it takes numbers",
        ),
        ("double(1, 2) > 1.0", "character 1: `double` takes one number; write double(hour)"),
        ("{1: 2}[1] == 2", "character 7: nothing here has an index; lists go right of `in`"),
        ("[1, 2]", "character 1: a list stands alone; lists go right of `in`"),
        (
            "weekday in weekday",
            "character 9: `in` looks through a list; write it there, as in weekday in [6, 7]",
        ),
        (
            "weekday in [hour]",
            "character 13: a list holds numbers or texts only; join comparisons by || instead",
        ),
        (
            "weekday in [\"Monday\"]",
            "character 13: a text is never a whole number; list what it can be",
        ),
        (
            "null == value",
            "character 1: nothing is ever null; what is not known makes the verdict unknown by itself",
        ),
        ("hour > 1u", "character 8: unsigned numbers are not taken; leave out the `u`"),
        ("quantity == b\"t\"", "character 13: bytes are not taken; leave out the `b`"),
    ] {
        assert_eq!(refusal(source), error, "{source}");
    }
}

#[test]
fn types_that_do_not_go_together_are_refused() {
    for (source, error) in [
        (
            "value",
            "the result is a double, not true or false; compare it with something, as in value > 8.0",
        ),
        (
            "hour + 1",
            "the result is a whole number, not true or false; compare it with something, as in value > 8.0",
        ),
        (
            "quantity",
            "the result is a text, not true or false; compare it with something, as in value > 8.0",
        ),
        (
            "value * 2 > 3.0",
            "character 7: `*` doesn't go with a double and a whole number; write 2.0 instead of 2, or double(hour)",
        ),
        (
            "value + hour > 3.0",
            "character 7: `+` doesn't go with a double and a whole number; write 2.0 instead of 2, or double(hour)",
        ),
        (
            "value % 2.0 == 0.0",
            "character 7: `%` doesn't go with a double and a double; it takes two whole numbers",
        ),
        (
            "quantity + \"s\" == \"ts\"",
            "character 10: `+` doesn't go with a text and a text; it takes numbers",
        ),
        (
            "quantity > 3",
            "character 10: `>` doesn't go with a text and a whole number; it takes numbers",
        ),
        (
            "quantity == 3",
            "character 10: `==` doesn't go with a text and a whole number; both sides are of one type",
        ),
        (
            "1 < value < 3",
            "character 11: `<` doesn't go with true or false and a whole number; join two comparisons by &&",
        ),
        (
            "value && true",
            "character 7: `&&` doesn't go with a double and true or false; it takes conditions, such as value > 8.0",
        ),
        (
            "!value",
            "character 1: `!` doesn't go with a double; it takes conditions, such as value > 8.0",
        ),
        (
            "value > 8 || quantity",
            "character 11: `||` doesn't go with true or false and a text; it takes conditions, such as value > 8.0",
        ),
        ("-quantity == value", "character 1: `-` doesn't go with a text; it takes numbers"),
        (
            "value > 1.0 ? 1 : 2.0",
            "character 13: `?:` doesn't go with true or false and a whole number and a double; write a condition, and two of the same type",
        ),
        (
            "1 / 0 > 1",
            "the expression has no result on typical values (Division by zero of Int(1)); see that it divides by nothing that is always 0, and has no number too large",
        ),
    ] {
        assert_eq!(refusal(source), error, "{source}");
    }
}

#[test]
fn what_could_cost_too_much_is_refused() {
    let long = format!("value > 8.0{}", " ".repeat(990));
    let many = format!("weekday in [{}1]", "1,".repeat(check::MOST_NODES - 2));
    let chain = format!("value{} > 1.0", " + value".repeat(31));
    let deep = format!("{}true{}", "(".repeat(9), ")".repeat(9));
    let choices = format!("{}true", "true ? false : ".repeat(9));
    for (source, error) in [
        (long, "the expression has 1001 characters; at most 1000 are taken; make two rules of it"),
        (many, "the expression has more than 160 parts; make two rules of it"),
        (chain, "character 1: the expression is more than 32 levels deep; make two rules of it"),
        (deep, "character 9: more than 8 brackets are open; leave out those that change nothing"),
        (choices, "it has 9 `?`; at most 8 are taken; write a shorter one"),
    ] {
        assert_eq!(refusal(&source), error, "{source}");
    }
    assert!(Expression::parse(&format!("value > 8.0{}", " ".repeat(989))).is_ok());
}

#[test]
fn brackets_that_do_not_match_are_refused() {
    for (source, error) in [
        ("(value > 8.0", "character 1: `(` is never closed; write its counterpart where it ends"),
        (
            "value > 8.0)",
            "character 12: `)` closes nothing; remove it, or write the `(` that belongs to it",
        ),
        (
            "(value > 8.0]",
            "character 13: `]` closes nothing; remove it, or write the `[` that belongs to it",
        ),
        (
            "quantity == \"a\\\"\"",
            r#"character 15: `\` is not taken; write texts in plain quotes, such as "COLD_02""#,
        ),
        (
            "quantity == \"\"\"a\"\"\"",
            r#"character 15: three quotes in a row are not taken; write texts in plain quotes, such as "COLD_02""#,
        ),
        (
            "`value` > 1.0",
            r#"character 1: ``` is not taken; write texts in plain quotes, such as "COLD_02""#,
        ),
    ] {
        assert_eq!(refusal(source), error, "{source}");
    }
}
