//! Validation of a mapping table. Reports all mistakes at once, each with its key and a remedy.

mod keys;
mod values;

use std::fmt;

use super::expression::{Expression, Purpose};
use super::payload::Form;
use super::plan::{Plan, Time};
use super::pointer::Pointer;
use super::texts::{Names, Text};
use crate::config::Mapping;
use crate::ingest::formats::kit::topics::Pattern;

/// A mistake in a mapping table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingMistake {
    /// Key within the table, such as `values.humidity.at`.
    pub key: String,
    /// Description of the mistake.
    pub what: String,
    /// Remedy.
    pub hint: String,
}

impl MappingMistake {
    /// Creates a mistake from a text of the form `description; remedy`.
    fn new(key: impl Into<String>, text: &str) -> Self {
        let (what, hint) = text.rsplit_once("; ").unwrap_or((text, "see docs/devices/mapping.md"));
        Self { key: key.into(), what: what.into(), hint: hint.into() }
    }
}

impl From<MappingMistake> for crate::config::Mistake {
    fn from(MappingMistake { key, what, hint }: MappingMistake) -> Self {
        Self::new(format!("`{key}`: {what}"), hint)
    }
}

impl fmt::Display for MappingMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}; {}", self.key, self.what, self.hint)
    }
}

/// Validates a table and compiles it into a plan.
///
/// # Errors
/// All mistakes of the table, in validation order.
pub fn check(mapping: &Mapping) -> Result<Plan, Vec<MappingMistake>> {
    let topic = topic(&mapping.topic).map_err(|mistake| vec![mistake])?;
    let levels: Vec<&str> = topic.names().collect();
    let mut checker = Checker::new(mapping, &levels);
    let each = checker.each();
    let sensor = checker.sensor();
    let plan = Plan {
        name: mapping.topic.clone(),
        when: checker.when(),
        time: checker.time(),
        time_base: checker.time_base(),
        values: checker.values(),
        unit_topic: checker.unit_topic(),
        availability: checker.availability(&sensor),
        form: checker.form(),
        quantities: checker.quantities(),
        sensor,
        each,
        topic: topic.clone(),
    };
    if checker.mistakes.is_empty() { Ok(plan) } else { Err(checker.mistakes) }
}

fn topic(text: &str) -> Result<Pattern, MappingMistake> {
    if text.is_empty() {
        return Err(MappingMistake::new(
            "topic",
            "a mapping needs a topic; write topic = \"site/{sensor}\"",
        ));
    }
    Pattern::new(text).map_err(|why| {
        MappingMistake::new("topic", &format!("{why}; write levels such as site/{{sensor}}/state"))
    })
}

/// Validation in progress. Invalid parts are recorded as mistakes and replaced by defaults, so that
/// validation continues.
struct Checker<'m> {
    mapping: &'m Mapping,
    names: Names<'m>,
    /// Depth of an element below the payload's root: the limit of `../` in pointers.
    depth: usize,
    /// Whether any key has a pointer into the payload.
    has_pointers: bool,
    /// Default unit of values without a unit.
    unit: Option<Text>,
    mistakes: Vec<MappingMistake>,
}

impl<'m> Checker<'m> {
    fn new(mapping: &'m Mapping, levels: &'m [&'m str]) -> Self {
        let has_elements = mapping.each.is_some() || mapping.split.is_some();
        let names = Names { levels, has_elements };
        Self { mapping, names, depth: 0, has_pointers: false, unit: None, mistakes: Vec::new() }
    }

    fn wrong(&mut self, key: impl Into<String>, text: &str) {
        self.mistakes.push(MappingMistake::new(key, text));
    }

    /// The value of a result; records an error as a mistake.
    fn take<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.wrong(key, &why)).ok()
    }

    fn each(&mut self) -> Option<Pointer> {
        let text = self.mapping.each.as_deref()?;
        self.has_pointers = true;
        let pointer = self.take("each", Pointer::new(text))?;
        self.depth = pointer.num_steps();
        if pointer.num_up() > 0 {
            self.wrong("each", "it goes up from the payload; begin it with `/`");
        } else if pointer.num_stars() == 0 {
            let text =
                format!("it has no `*`, so it is one value; write {text}/* for its elements");
            self.wrong("each", &text);
        }
        Some(pointer)
    }

    /// Parses a pointer to a single value.
    fn pointer(&mut self, key: &str, text: &str) -> Option<Pointer> {
        let pointer = self.take(key, Pointer::new(text))?;
        if pointer.num_stars() > 0 {
            let text = "it has a `*`, and points to one value; write each = \"…/*\" for several";
            self.wrong(key, text);
        }
        self.check_reach(key, &pointer);
        Some(pointer)
    }

    /// Records a mistake if a pointer ascends above the payload's root.
    fn check_reach(&mut self, key: &str, pointer: &Pointer) {
        self.has_pointers = true;
        if pointer.num_up() > self.depth {
            let (up, depth) = (pointer.num_up(), self.depth);
            let text = match depth {
                0 => "`../` goes up from an element; begin it with `/`, or write `each`".to_owned(),
                _ => format!("it goes up {up} times from elements {depth} deep; write fewer `../`"),
            };
            self.wrong(key, &text);
        }
    }

    /// Parses a text template. `is_literal` marks bare words that are never keys.
    fn text(&mut self, key: &str, text: &str, is_literal: impl Fn(&str) -> bool) -> Option<Text> {
        let text = self.take(key, Text::new(text, self.names, is_literal))?;
        for pointer in text.pointers() {
            self.check_reach(key, pointer);
        }
        if text.asks_for_path() && self.mapping.each.is_none() {
            self.wrong(key, "`{path}` and `{*}` are of elements; write `each`, or leave them out");
        }
        Some(text)
    }

    fn expression(&mut self, key: &str, source: &str, purpose: Purpose) -> Option<Expression> {
        let expression = Expression::parse(source, purpose).map_err(|error| error.to_string());
        let expression = self.take(key, expression)?;
        if expression.asks_for_base() && self.mapping.time_base.is_none() {
            self.wrong(key, "`$base` is not said; write time_base = \"/t0\"");
        }
        Some(expression)
    }

    fn when(&mut self) -> Option<Expression> {
        let source = self.mapping.when.as_deref().filter(|source| !source.trim().is_empty())?;
        self.expression("when", source, Purpose::Condition)
    }

    fn sensor(&mut self) -> Text {
        if let Some(text) = &self.mapping.sensor {
            return self.text("sensor", text, |_| false).unwrap_or(Text::of_levels(&[]));
        }
        let levels: Vec<&str> =
            ["device", "sensor"].into_iter().filter(|it| self.names.levels.contains(it)).collect();
        if levels.is_empty() {
            let text = "nothing says which sensor it is; name a level of the topic {sensor}, or write sensor = \"…\"";
            self.wrong("sensor", text);
        }
        Text::of_levels(&levels)
    }

    fn time(&mut self) -> Time {
        let Some(text) = self.mapping.time.as_deref() else { return Time::Receipt };
        let time = if is_expression(text) {
            self.expression("time", text, Purpose::Time).map(Time::Is)
        } else if text.contains(['{', '}']) {
            self.text("time", text, |_| false).map(Time::Text)
        } else {
            self.pointer("time", text).map(Time::At)
        };
        time.unwrap_or(Time::Receipt)
    }

    fn time_base(&mut self) -> Option<Pointer> {
        let text = self.mapping.time_base.as_deref()?;
        if !self.mapping.time.as_ref().is_some_and(|time| time.contains("$base")) {
            self.wrong("time_base", "no `time` counts from it; write time = \"$base + item.dt\"");
        }
        self.pointer("time_base", text)
    }

    /// Form of the payload; call it after all pointers have been parsed.
    fn form(&mut self) -> Form {
        let has_decimal = self.mapping.decimal.is_some();
        if self.mapping.decimal.is_some_and(|mark| !matches!(mark, '.' | ',')) {
            self.wrong("decimal", "it is no decimal mark; write \",\" or \".\"");
        }
        match self.mapping.split.as_deref() {
            Some("") => {
                self.wrong("split", "it is empty; write what parts the fields, as in \";\"");
                Form::Json
            }
            Some(parting) => Form::Fields(parting.to_owned()),
            None if self.has_pointers => Form::Json,
            None => Form::Plain { has_decimal },
        }
    }
}

/// Whether a `time` is an expression rather than a pointer: it contains a name of the expression
/// language.
fn is_expression(text: &str) -> bool {
    const SIGNS: [&str; 7] = ["$base", "payload.", "payload[", "item.", "item[", "topic[", "math."];
    !text.starts_with(['/', '.']) && SIGNS.iter().any(|sign| text.contains(sign))
}
