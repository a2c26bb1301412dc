//! Mistakes of tables: reported all at once, each with its key and remedy.

use super::*;

#[track_caller]
fn mistakes(mapping: &Mapping) -> Vec<String> {
    let mistakes = MappingFormat::new(mapping, Tz::UTC).err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

/// A valid table.
fn right() -> Mapping {
    let mut table = table("site/{sensor}/state");
    table.values = vec![value("temperature", "/t", "°C")];
    table
}

#[track_caller]
fn names(change: impl FnOnce(&mut Mapping), expected: &[&str]) {
    let mut mapping = right();
    change(&mut mapping);
    assert_eq!(mistakes(&mapping), expected);
}

#[test]
fn who_what_and_when() {
    names(|_| {}, &[]);
    names(
        |it| it.topic = String::new(),
        &["`topic`: a mapping needs a topic; write topic = \"site/{sensor}\""],
    );
    names(
        |it| it.topic = "site/{sensor/state".into(),
        &["`topic`: `{sensor`: the brace is not closed; write levels such as site/{sensor}/state"],
    );
    names(
        |it| it.topic = "site/state".into(),
        &[
            "`sensor`: nothing says which sensor it is; name a level of the topic {sensor}, or write sensor = \"…\"",
        ],
    );
    names(
        |it| it.sensor = Some("{senser}".into()),
        &[
            "`sensor`: `{senser}` is no level: the topic names `{sensor}`; a key of the payload is `{/senser}`",
        ],
    );
    names(
        |it| it.sensor = Some("{path}".into()),
        &["`sensor`: `{path}` and `{*}` are of elements; write `each`, or leave them out"],
    );
    names(
        |it| it.values.clear(),
        &[
            "`quantity`: nothing says what is measured; name a level of the topic {quantity}, or write quantity = \"temperature\"",
        ],
    );
    names(
        |it| it.time = Some("$base + payload.dt".into()),
        &["`time`: `$base` is not said; write time_base = \"/t0\""],
    );
    names(
        |it| it.time_base = Some("/t0".into()),
        &["`time_base`: no `time` counts from it; write time = \"$base + item.dt\""],
    );
    names(
        |it| it.time = Some("../ts".into()),
        &["`time`: `../` goes up from an element; begin it with `/`, or write `each`"],
    );
}

#[test]
fn values_and_their_names() {
    names(
        |it| it.values = vec![value("Room Temp", "/t", "")],
        &[
            "`values.Room Temp`: `Room Temp` is no name of a quantity: letters a-z, digits and `_`; write `room_temp`",
        ],
    );
    names(
        |it| it.values = vec![value("temperature", "/p/*/t", "")],
        &[
            "`values.temperature`: its 1 `*` point to several values of one name; write a `*` in the name for each, as in \"probe/*/temperature\"",
        ],
    );
    names(
        |it| it.values = vec![value("*/temperature", "/t", "")],
        &["`values.*/temperature`: its name has more `*` than its pointer; leave some out"],
    );
    names(
        |it| {
            it.each = Some("/list/*".into());
            it.values = vec![value("*/temperature", "/t/*", ""), value("a/*/humidity", "t/*", "")];
        },
        &[
            "`values.*/temperature`: its `*` would be gone through for every element; point into the element",
        ],
    );
    names(
        |it| {
            it.value = vec!["/v".into()];
            it.quantity = Some("level".into());
            it.expr = vec![("temperature".into(), "payload.t".into())];
        },
        &[
            "`expr.temperature`: `values` has it, too; leave out one of them",
            "`value`: `values` and `expr` say where values are; leave it out, or leave out `values` and `expr`",
            "`quantity`: `values` and `expr` name their quantities; leave it out, or leave out `values` and `expr`",
        ],
    );
    names(
        |it| {
            it.values.clear();
            it.expr = vec![("temperature".into(), "payload.t ** 2".into())];
            it.scale = Some(0.0);
        },
        &[
            "`scale`: it makes every value 0; write a factor, as in 0.1",
            "`expr.temperature`: character 12: `*` is out of place; write names, numbers and texts, joined by + - * / % < <= == != >= > && || ?:",
            "`scale`: it does nothing to expressions; compute it there",
        ],
    );
}

#[test]
fn elements_fields_and_conditions() {
    names(
        |it| it.each = Some("/list".into()),
        &["`each`: it has no `*`, so it is one value; write /list/* for its elements"],
    );
    names(
        |it| {
            it.each = Some("/list/*".into());
            it.sensor = Some("../../../id".into());
        },
        &["`sensor`: it goes up 3 times from elements 2 deep; write fewer `../`"],
    );
    names(
        |it| it.when = Some("payload.q + 1".into()),
        &["`when`: the result is a number; compare it with something, as in item.q == 192"],
    );
    names(
        |it| (it.split, it.decimal) = (Some(String::new()), Some('x')),
        &[
            "`decimal`: it is no decimal mark; write \",\" or \".\"",
            "`split`: it is empty; write what parts the fields, as in \";\"",
        ],
    );
}

#[test]
fn topics_beside_that_of_values() {
    names(
        |it| it.unit_topic = Some("site/{sensor}/{kind}/unit".into()),
        &["`unit_topic`: `{kind}` is no level of `topic`; name the levels that both have"],
    );
    names(
        |it| it.unit_topic = Some("site/{sensor}/state".into()),
        &["`unit_topic`: it is the topic of the values; write that of their units"],
    );
    let availability = |topic: &str, online: &str| {
        Some(MappedAvailability { topic: topic.into(), online: online.into(), offline: "0".into() })
    };
    names(
        |it| it.availability = availability("site/lwt", "1"),
        &["`availability.topic`: it names no device; name a level {device} or {sensor}"],
    );
    names(
        |it| it.availability = availability("site/{sensor}/lwt", "0"),
        &["`availability.offline`: it is the word for `online`, too; write another"],
    );
    names(
        |it| it.availability = availability("#", ""),
        &[
            "`availability.topic`: it would take every topic: name at least one level; write it like `topic`",
        ],
    );
}
