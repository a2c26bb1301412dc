//! What a payload is made of: its kind, and the leaves of its JSON, each with a pointer. Pure.
//!
//! Always: every sequence of bytes is answered, in bounded time. Never: more than [`MOST_FIELDS`] leaves, or a payload
//! over [`LARGEST_PARSED`] parsed.

use serde_json::Value as Json;

use crate::ingest::formats::kit::json;

/// Leaves of one payload: those of a large device; beyond, a person picks by hand.
const MOST_FIELDS: usize = 24;

/// Keys that lead to a leaf.
const DEEPEST: usize = 3;

/// Largest payload that is looked into: several times what most devices send.
const LARGEST_PARSED: usize = 16 << 10;

/// 2001-09-09 in seconds: a number from here on is a time.
pub const EARLIEST_TIME: f64 = 1e9;

/// Bytes kept of a key or a text.
const LONGEST_TEXT: usize = 64;

/// What a payload is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// What it is.
    pub kind: Kind,
    /// Leaves of JSON, in the order of their keys.
    pub fields: Vec<Field>,
    /// Leaves beside the list, where there is one.
    pub outer: Vec<Field>,
}

/// What a payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// One number.
    Number,
    /// Lines for `InfluxDB`.
    Lines,
    /// Another text.
    Text,
    /// A JSON object.
    Object,
    /// A JSON list of objects, itself or below this key.
    List(String),
    /// Bytes that are no text, or more than are looked into.
    Bytes,
}

/// A leaf of JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Keys that lead to it, from the payload or the list's element.
    pub path: Vec<String>,
    /// What is there.
    pub leaf: Leaf,
}

/// What is at the end of a pointer.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// A number, or a text that is one.
    Number(f64),
    /// A text, its beginning.
    Text(String),
    /// A truth value, null, or what is nested too deeply.
    Other,
}

impl Outline {
    /// Looks into a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        let plain = |kind| Self { kind, fields: Vec::new(), outer: Vec::new() };
        if payload.len() > LARGEST_PARSED {
            return plain(Kind::Bytes);
        }
        let Ok(text) = json::text(payload) else { return plain(Kind::Bytes) };
        if text.is_empty() {
            return plain(Kind::Empty);
        }
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            return plain(Kind::Number);
        }
        match json::parse(payload) {
            Ok(Some(Json::Object(object))) => of_object(&Json::Object(object)),
            Ok(Some(list @ Json::Array(_))) => of_list(&list, ""),
            _ if is_line(text) => plain(Kind::Lines),
            _ => plain(Kind::Text),
        }
    }

    /// Keys at the top of the object, or of the list's elements.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for key in self.fields.iter().filter_map(|field| field.path.first()) {
            if keys.last() != Some(key) {
                keys.push(key.clone());
            }
        }
        keys
    }
}

/// An object whose numbers are all in one list, but for a time, is that list.
fn of_object(object: &Json) -> Outline {
    let outline = Outline { kind: Kind::Object, fields: leaves(object), outer: Vec::new() };
    let is_value = |it: &Field| matches!(it.leaf, Leaf::Number(number) if number < EARLIEST_TIME);
    let has_value = outline.fields.iter().any(is_value);
    let lists = object.as_object().into_iter().flatten();
    let mut lists = lists.filter(|(_, value)| {
        value.as_array().and_then(|list| list.first()).is_some_and(Json::is_object)
    });
    match (lists.next(), lists.next()) {
        (Some((key, list)), None) if !has_value => {
            Outline { outer: outline.fields, ..of_list(list, key) }
        }
        _ => outline,
    }
}

fn of_list(list: &Json, key: &str) -> Outline {
    let fields = list.get(0).filter(|it| it.is_object()).map(leaves).unwrap_or_default();
    Outline { kind: Kind::List(key.to_owned()), fields, outer: Vec::new() }
}

fn leaves(value: &Json) -> Vec<Field> {
    let mut fields = Vec::new();
    gather(value, &mut Vec::new(), &mut fields);
    fields
}

fn gather(value: &Json, path: &mut Vec<String>, fields: &mut Vec<Field>) {
    if fields.len() == MOST_FIELDS {
        return;
    }
    let leaf = match value {
        Json::Object(object) if path.len() < DEEPEST => {
            let usable = |key: &str| key.len() <= LONGEST_TEXT && !key.contains(char::is_control);
            for (key, value) in object.iter().filter(|(key, _)| usable(key)) {
                path.push(key.clone());
                gather(value, path, fields);
                path.pop();
            }
            return;
        }
        Json::Number(number) => number.as_f64().map_or(Leaf::Other, Leaf::Number),
        Json::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Leaf::Number(number),
            _ => Leaf::Text(text.chars().take(LONGEST_TEXT).collect()),
        },
        _ => Leaf::Other,
    };
    fields.push(Field { path: path.clone(), leaf });
}

/// Whether a text is of line protocol: a measurement with tags, then fields, then perhaps a time.
fn is_line(text: &str) -> bool {
    let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((series, rest)) = line.and_then(|line| line.split_once(' ')) else { return false };
    let (measurement, tags) = series.split_once(',').unwrap_or((series, ""));
    let is_tagged = tags.is_empty() || tags.contains('=');
    let Some((field, value)) = rest.split_once('=') else { return false };
    let is_name = |text: &str| !text.is_empty() && !text.contains(['"', '{', '=', ' ']);
    let is_value = value.starts_with(|c: char| c.is_ascii_digit() || "-\"tTfF".contains(c));
    is_name(measurement) && is_tagged && is_name(field) && is_value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(payload: &str) -> Kind {
        Outline::of(payload.as_bytes()).kind
    }

    #[test]
    fn payloads_have_kinds() {
        for (payload, expected) in [
            ("", Kind::Empty),
            (" 21.5\n", Kind::Number),
            ("online", Kind::Text),
            ("21.5 °C", Kind::Text),
            ("{\"t\":", Kind::Text),
            ("room,floor=2 temp=21.5,n=\"a b\" 1759996800", Kind::Lines),
            ("room temp=21.5", Kind::Lines),
            ("a sentence with x=y", Kind::Text),
            ("{\"t\":1}", Kind::Object),
            ("[{\"n\":\"a\",\"v\":1}]", Kind::List(String::new())),
            (
                "{\"at\":1748779200,\"values\":[{\"id\":\"p\",\"v\":2}]}",
                Kind::List("values".into()),
            ),
        ] {
            assert_eq!(kind(payload), expected, "{payload}");
        }
        assert_eq!(Outline::of(b"\xff\x00").kind, Kind::Bytes);
        assert_eq!(Outline::of(&vec![b'1'; LARGEST_PARSED + 1]).kind, Kind::Bytes);
    }

    #[test]
    fn leaves_have_paths() {
        let outline = Outline::of(br#"{"a":{"t":"21.5","on":true},"id":"x","l":[1],"z":null}"#);
        let shown: Vec<_> = outline
            .fields
            .iter()
            .map(|field| format!("{} {:?}", field.path.join("/"), field.leaf))
            .collect();
        let expected = ["a/on Other", "a/t Number(21.5)", "id Text(\"x\")", "l Other", "z Other"];
        assert_eq!(shown, expected);
        assert_eq!(outline.keys(), ["a", "id", "l", "z"]);
        let many: Vec<String> = (0..99).map(|number| format!("\"k{number}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert_eq!(Outline::of(many.as_bytes()).fields.len(), MOST_FIELDS);
    }
}
