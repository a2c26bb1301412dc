//! Text templates, filled from a message: sensor ids, quantities, units, times.
//!
//! | in the table | meaning |
//! |---|---|
//! | `{site}/boiler` | literal text with named levels of the topic |
//! | `{/dev/eui}-{port}` | literal text with values of the payload and of the element |
//! | `{path}`, `{*}` | keys that lead to the element, and the last key matched by a `*` |
//! | `/dev/eui`, `../id` | one value |
//! | `id` | one value of the element, in a table with `each` or `split`; otherwise literal text |
//! | `'boiler'` | literal text, in any table |

use serde_json::Value as Json;

use super::pointer::{Place, Pointer};
use crate::ingest::formats::kit::json;
use crate::ingest::formats::kit::topics::{self, Levels};

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// Named level of the topic.
    Level(String),
    /// Value in the payload.
    At(Pointer),
    /// Keys that lead to the element, joined by `/`.
    Path,
    /// Last key of the element's path that a `*` matched.
    Star,
}

/// Meaning of names and bare words in a table.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Named levels of the topic.
    pub levels: &'a [&'a str],
    /// Whether bare words are keys of an element, which holds for tables with `each` or `split`.
    pub has_elements: bool,
}

/// Reason why a template can't be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// A value is missing; with the place where it was expected.
    Missing(String),
    /// A value is not a scalar, with the reason.
    Wrong(String),
}

/// Sources of a template's values.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a, 'm> {
    /// Named levels of the topic.
    pub levels: &'a Levels<'m>,
    /// Element; the payload itself in a table without elements.
    pub element: &'a Place<'m>,
}

impl Text {
    /// Parses a template. `is_literal` marks bare words that are never keys.
    ///
    /// # Errors
    /// Description of the mistake, with a remedy.
    pub fn new(
        text: &str,
        names: Names<'_>,
        is_literal: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(literal) = quoted {
            return Ok(Self { parts: vec![Part::Literal(literal.to_owned())] });
        }
        if text.contains(['{', '}']) {
            return Ok(Self { parts: parts(text, names)? });
        }
        let is_pointer = text.starts_with(['/', '.']) && text.contains('/');
        let is_key = names.has_elements && !is_literal(text);
        let part = if is_pointer || is_key {
            Part::At(pointer(text)?)
        } else {
            Part::Literal(text.to_owned())
        };
        Ok(Self { parts: vec![part] })
    }

    /// Template of the named levels, joined by `/`.
    #[must_use]
    pub fn of_levels(levels: &[&str]) -> Self {
        let mut parts = Vec::new();
        for level in levels {
            if !parts.is_empty() {
                parts.push(Part::Literal("/".into()));
            }
            parts.push(Part::Level((*level).to_owned()));
        }
        Self { parts }
    }

    /// The pointer, if the template is a single value.
    #[must_use]
    pub fn as_pointer(&self) -> Option<&Pointer> {
        match self.parts.as_slice() {
            [Part::At(pointer)] => Some(pointer),
            _ => None,
        }
    }

    /// The text, if the template does not depend on the message.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Pointers in the template.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.parts.iter().filter_map(|part| match part {
            Part::At(pointer) => Some(pointer),
            _ => None,
        })
    }

    /// Whether the template uses the path of an element.
    #[must_use]
    pub fn asks_for_path(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Path | Part::Star))
    }

    /// Fills the template.
    ///
    /// # Errors
    /// If a value is missing or not a scalar.
    pub fn render(&self, source: Source<'_, '_>) -> Result<String, Lack> {
        if let [Part::Literal(text)] = self.parts.as_slice() {
            return Ok(text.clone());
        }
        let mut rendered = String::new();
        for part in &self.parts {
            part.render(source, &mut rendered)?;
        }
        Ok(rendered)
    }

    /// Explains why the template can't be filled, with a hint that a bare word may be meant
    /// literally.
    #[must_use]
    pub fn explain(&self, key: &str, lack: Lack) -> String {
        let (Lack::Missing(why) | Lack::Wrong(why)) = lack;
        match self.as_pointer() {
            Some(word) if !word.as_str().contains('/') => {
                format!("{why}; for the text itself write {key} = \"'{}'\"", word.as_str())
            }
            _ => why,
        }
    }

    /// Device id: the longest prefix, ending before a `/`, that depends on named levels only. All
    /// of it if it depends on nothing else.
    #[must_use]
    pub fn beginning(&self, levels: &Levels<'_>) -> Option<String> {
        let mut rendered = String::new();
        // End of the prefix before the last `/`.
        let mut end = 0;
        let mut is_whole = true;
        for part in &self.parts {
            match part {
                Part::Literal(text) => rendered.push_str(text),
                Part::Level(name) => match topics::level(levels, name) {
                    Some(level) => rendered.push_str(level),
                    None => is_whole = false,
                },
                Part::At(_) | Part::Path | Part::Star => is_whole = false,
            }
            if !is_whole {
                break;
            }
            end = rendered.rfind('/').unwrap_or(end);
        }
        if !is_whole {
            rendered.truncate(end);
        }
        (!rendered.is_empty()).then_some(rendered)
    }
}

impl Part {
    fn render(&self, source: Source<'_, '_>, to: &mut String) -> Result<(), Lack> {
        match self {
            Self::Literal(text) => to.push_str(text),
            Self::Level(name) => {
                to.push_str(topics::level(source.levels, name).unwrap_or_default());
            }
            Self::At(pointer) => match pointer.find(source.element) {
                None | Some(Json::Null) => {
                    return Err(Lack::Missing(pointer.missing(source.element)));
                }
                Some(value) => to.push_str(&text_of(value, pointer)?),
            },
            Self::Path => {
                let keys: Vec<String> = source.element.keys().map(|it| it.to_string()).collect();
                to.push_str(&keys.join("/"));
            }
            Self::Star => {
                let last = source.element.stars().next_back();
                to.push_str(&last.map(|key| key.to_string()).unwrap_or_default());
            }
        }
        Ok(())
    }
}

fn text_of(value: &Json, pointer: &Pointer) -> Result<String, Lack> {
    match value {
        Json::String(text) => Ok(text.trim().to_owned()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(is_true) => Ok(is_true.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            Err(Lack::Wrong(format!("{} is {}, not a text", pointer.as_str(), json::kind(value))))
        }
    }
}

fn parts(text: &str, names: Names<'_>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if before.contains('}') {
            return Err(format!("a `}}` in `{text}` closes nothing; remove it"));
        }
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let (name, after) =
            after.split_once('}').ok_or(format!("a `{{` in `{text}` is never closed; close it"))?;
        parts.push(part(name, names)?);
        rest = after;
    }
    if rest.contains('}') {
        return Err(format!("a `}}` in `{text}` closes nothing; remove it"));
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

/// Parses the content of braces.
fn part(name: &str, names: Names<'_>) -> Result<Part, String> {
    match name {
        _ if names.levels.contains(&name) => Ok(Part::Level(name.to_owned())),
        "path" => Ok(Part::Path),
        "*" => Ok(Part::Star),
        _ if name.starts_with(['/', '.']) || names.has_elements => pointer(name).map(Part::At),
        _ => {
            let known: Vec<String> = names.levels.iter().map(|it| format!("`{{{it}}}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(format!(
                "`{{{name}}}` is no level: the topic names {known}; a key of the payload is `{{/{name}}}`"
            ))
        }
    }
}

fn pointer(text: &str) -> Result<Pointer, String> {
    let pointer = Pointer::new(text)?;
    match pointer.num_stars() {
        0 => Ok(pointer),
        _ => Err(format!("`{text}` has a `*`, and points to one value; name the key instead")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: Names<'_> = Names { levels: &["site", "unit"], has_elements: false };
    const OF_ELEMENTS: Names<'_> = Names { has_elements: true, ..NAMES };

    fn render(text: &str, names: Names<'_>) -> Result<String, Lack> {
        let payload = json!({ "eui": "a1", "list": [{ "n": 7, "o": {}, "path": "p" }] });
        let levels = vec![("site", "north"), ("unit", "3")];
        let each = Pointer::new("/list/*").unwrap();
        let text = Text::new(text, names, |word| word == "boiler").unwrap();
        let mut rendered = Err(Lack::Missing(String::new()));
        each.visit(&Place::root(&payload), &mut |element| {
            rendered = text.render(Source { levels: &levels, element });
            true
        });
        rendered
    }

    #[test]
    fn texts_are_made_of_levels_and_values() {
        for (text, names, expected) in [
            ("{site}/x", NAMES, "north/x"),
            ("{/eui}-{./n}", NAMES, "a1-7"),
            ("{n}@{../../eui}", OF_ELEMENTS, "7@a1"),
            ("{path}|{*}|{./path}", NAMES, "list/0|0|p"),
            ("n", OF_ELEMENTS, "7"),
            ("n", NAMES, "n"),
            ("boiler", OF_ELEMENTS, "boiler"),
            ("'n'", OF_ELEMENTS, "n"),
            ("../../eui", NAMES, "a1"),
            ("", NAMES, ""),
        ] {
            assert_eq!(render(text, names).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(
            render("x{m}", OF_ELEMENTS),
            Err(Lack::Missing("nothing at m; keys here: n, o, path".into()))
        );
        assert_eq!(render("o", OF_ELEMENTS), Err(Lack::Wrong("o is an object, not a text".into())));
    }

    #[test]
    fn a_device_is_the_beginning_of_its_sensors() {
        let levels = vec![("site", "north")];
        let beginning = |text| Text::new(text, NAMES, |_| false).unwrap().beginning(&levels);
        assert_eq!(beginning("plant/{site}/{unit}").as_deref(), Some("plant/north"));
        assert_eq!(beginning("{site}").as_deref(), Some("north"));
        assert_eq!(beginning("plant/u{unit}").as_deref(), Some("plant"));
        assert_eq!(beginning("boiler").as_deref(), Some("boiler"));
        assert_eq!(beginning("{unit}/{site}"), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("{stie}", "`{stie}` is no level: the topic names `{site}`, `{unit}`; a key"),
            ("{site", "never closed"),
            ("site}", "closes nothing"),
            ("a}{site}", "closes nothing"),
            ("/a/*", "has a `*`"),
            ("{/}", "a key in it is empty"),
        ] {
            let error = Text::new(text, NAMES, |_| false).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
