//! Structure of a payload: its kind, and the leaves of its JSON, each with a pointer. Pure.
//!
//! Always: every sequence of bytes has a structure, found in bounded time. Never: more than [`MOST_FIELDS`] leaves, a
//! payload over [`LARGEST_PARSED`] parsed, or more than [`MOST_ELEMENTS`] elements of a list compared.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::fields::{Field, Leaf};
use super::keys;
use crate::ingest::formats::kit::json;
use crate::logging::is_unprintable;

/// Limit of leaves per payload: as many as a large device has.
const MOST_FIELDS: usize = 24;

/// Limit of nested keys that lead to a leaf.
const DEEPEST: usize = 3;

/// Limit of a parsed payload in bytes: several times that of most devices.
const LARGEST_PARSED: usize = 16 << 10;

/// Elements of a list whose keys are merged.
const MOST_MERGED: usize = 16;

/// Elements of a list whose ids are compared.
const MOST_ELEMENTS: usize = 256;

/// Words that a mapping reads as 1 and 0, in lower case.
const TRUTHS: [&str; 8] = ["on", "off", "true", "false", "yes", "no", "open", "closed"];

/// Limit of bytes kept of a key or a string.
const LONGEST_TEXT: usize = 64;

/// Structure of a payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// Kind of the payload.
    pub kind: Kind,
    /// Leaves of the JSON, in the order of their keys.
    pub fields: Vec<Field>,
    /// Leaves beside the list, if there is one.
    pub outer: Vec<Field>,
    /// Number of elements of the list, if there is one.
    pub num_elements: usize,
    /// Keys that lead to an id that is present and unique in the list's elements.
    pub id: Option<Vec<String>>,
}

/// Kind of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// No bytes.
    Empty,
    /// One number.
    Number,
    /// One number with a comma as its decimal mark.
    CommaNumber,
    /// A word for true or false, such as `on` or `closed`.
    Truth,
    /// `InfluxDB` line protocol.
    Lines,
    /// Another text.
    Text,
    /// A JSON object.
    Object,
    /// A JSON list of objects, itself or below this key.
    List(String),
    /// Bytes that are no text, or more than [`LARGEST_PARSED`].
    Bytes,
}

impl Structure {
    /// Finds the structure of a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        let plain = |kind| Self::new(kind, Vec::new());
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
            _ if is_comma_number(text) => plain(Kind::CommaNumber),
            _ if TRUTHS.iter().any(|word| word.eq_ignore_ascii_case(text)) => plain(Kind::Truth),
            _ if is_line(text) => plain(Kind::Lines),
            _ => plain(Kind::Text),
        }
    }

    const fn new(kind: Kind, fields: Vec<Field>) -> Self {
        Self { kind, fields, outer: Vec::new(), num_elements: 0, id: None }
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

/// Structure of an object. If its measurements are all in one list of objects, the list's structure.
fn of_object(object: &Json) -> Structure {
    let structure = Structure::new(Kind::Object, leaves(object));
    let lists = object.as_object().into_iter().flatten().filter(|(key, _)| is_usable(key));
    let mut lists = lists.filter(|(_, value)| {
        value.as_array().and_then(|list| list.first()).is_some_and(Json::is_object)
    });
    match (lists.next(), lists.next()) {
        (Some((key, list)), None) if !structure.fields.iter().any(keys::is_measurement) => {
            Structure { outer: structure.fields, ..of_list(list, key) }
        }
        _ => structure,
    }
}

fn of_list(list: &Json, key: &str) -> Structure {
    let elements = list.as_array().into_iter().flatten().filter(|it| it.is_object());
    let elements: Vec<&Json> = elements.take(MOST_ELEMENTS).collect();
    let fields = merged(&elements);
    let id = id(&fields, &elements);
    let num_elements = elements.len();
    let kind = Kind::List(key.to_owned());
    Structure { kind, fields, outer: Vec::new(), num_elements, id }
}

/// Merged leaves of a list's first elements. If a leaf is a number in one and a string in another, it is a string.
fn merged(elements: &[&Json]) -> Vec<Field> {
    let mut merged: Vec<Field> = Vec::new();
    for field in elements.iter().take(MOST_MERGED).flat_map(|element| leaves(element)) {
        let has_room = merged.len() < MOST_FIELDS;
        let known = merged.iter_mut().find(|it| it.path == field.path);
        match known {
            Some(known) if known.leaf == Leaf::Other || matches!(field.leaf, Leaf::Text(_)) => {
                *known = field;
            }
            None if has_room => merged.push(field),
            Some(_) | None => {}
        }
    }
    merged.sort_by(|a, b| a.path.cmp(&b.path));
    merged
}

/// Most specific id that is present and unique in all elements.
fn id(fields: &[Field], elements: &[&Json]) -> Option<Vec<String>> {
    let usable = fields.iter().filter(|field| keys::is_id(field));
    let named: Vec<(String, &Field)> = usable.map(|field| (field.key(), field)).collect();
    let ranked = keys::IDS.iter().flat_map(|id| named.iter().filter(move |(key, _)| key == id));
    let mut ids = ranked.map(|(_, field)| &field.path);
    ids.find(|path| is_unique(path, elements)).cloned()
}

fn is_unique(path: &[String], elements: &[&Json]) -> bool {
    let mut seen = HashSet::new();
    elements.iter().all(|element| match path.iter().try_fold(*element, |it, key| it.get(key)) {
        Some(Json::String(text)) => !text.trim().is_empty() && seen.insert(text.clone()),
        Some(Json::Number(number)) => seen.insert(number.to_string()),
        _ => false,
    })
}

/// Whether a key can be part of a pointer and of a template with braces.
fn is_usable(key: &str) -> bool {
    let is_odd = |c: char| is_unprintable(c) || "{}*".contains(c);
    !matches!(key, "" | "." | "..") && key.len() <= LONGEST_TEXT && !key.contains(is_odd)
}

/// Whether a text is a number with a decimal comma. One with three digits after the comma is not: it may mean thousands.
fn is_comma_number(text: &str) -> bool {
    let Some((whole, parts)) = text.split_once(',') else { return false };
    let whole = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number(whole) && is_number(parts) && parts.len() != 3 && text.len() <= LONGEST_TEXT
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
            for (key, value) in object.iter().filter(|(key, _)| is_usable(key)) {
                path.push(key.clone());
                gather(value, path, fields);
                path.pop();
            }
            return;
        }
        Json::Number(number) => number.as_f64().map_or(Leaf::Other, Leaf::Number),
        Json::String(text) => {
            let shown = text.chars().take(LONGEST_TEXT).collect();
            match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Leaf::Numeral(number, shown),
                _ => Leaf::Text(shown),
            }
        }
        _ => Leaf::Other,
    };
    fields.push(Field { path: path.clone(), leaf });
}

/// Whether a text is line protocol: a measurement with tags, then fields, then an optional time.
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
        Structure::of(payload.as_bytes()).kind
    }

    #[test]
    fn a_payload_has_the_kind_of_its_text() {
        for (payload, expected) in [
            ("", Kind::Empty),
            (" 21.5\n", Kind::Number),
            ("online", Kind::Text),
            ("ON", Kind::Truth),
            ("false", Kind::Truth),
            ("Closed", Kind::Truth),
            ("41,9", Kind::CommaNumber),
            ("-7,25", Kind::CommaNumber),
            ("1,234", Kind::Text),
            ("1,2,3", Kind::Text),
            (",5", Kind::Text),
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
        assert_eq!(Structure::of(b"\xff\x00").kind, Kind::Bytes);
        assert_eq!(Structure::of(&vec![b'1'; LARGEST_PARSED + 1]).kind, Kind::Bytes);
    }

    #[test]
    fn leaves_have_the_keys_that_lead_to_them() {
        let structure = Structure::of(br#"{"a":{"t":"21.5","on":true},"id":"x","l":[1],"z":null}"#);
        let shown: Vec<_> = structure
            .fields
            .iter()
            .map(|field| format!("{} {:?}", field.path.join("/"), field.leaf))
            .collect();
        let expected =
            ["a/on Other", "a/t Numeral(21.5, \"21.5\")", "id Text(\"x\")", "l Other", "z Other"];
        assert_eq!(shown, expected);
        assert_eq!(structure.keys(), ["a", "id", "l", "z"]);
        let many: Vec<String> = (0..99).map(|number| format!("\"k{number}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert_eq!(Structure::of(many.as_bytes()).fields.len(), MOST_FIELDS);
    }

    fn list(payload: &str) -> (Vec<String>, Option<String>) {
        let structure = Structure::of(payload.as_bytes());
        assert!(matches!(structure.kind, Kind::List(_)), "{payload}: {:?}", structure.kind);
        (structure.keys(), structure.id.map(|path| path.join("/")))
    }

    #[test]
    fn an_id_is_present_and_unique_in_the_elements_of_a_list() {
        for (payload, id) in [
            (r#"[{"addr":1,"name":"x"},{"addr":2,"name":"x"}]"#, Some("addr")),
            (r#"[{"addr":1,"name":"x"},{"addr":1,"name":"y"}]"#, Some("name")),
            (r#"[{"id":1},{"id":1}]"#, None),
            (r#"[{"id":1},{"t":1}]"#, None),
            (r#"[{"dev":{"id":"a"}},{"dev":{"id":"b"}}]"#, Some("dev/id")),
            (r#"[{"n":3},{"n":4}]"#, None),
            (r#"[{"t":3},{"t":4}]"#, None),
        ] {
            assert_eq!(list(payload).1.as_deref(), id, "{payload}");
        }
        let many: Vec<String> = (0..999).map(|at| format!("{{\"id\":{at}}}")).collect();
        assert_eq!(list(&format!("[{}]", many.join(","))).1.as_deref(), Some("id"));
    }

    #[test]
    fn a_list_has_the_keys_of_all_its_elements() {
        let (keys, _) = list(r#"[{"id":1,"t":2},{"id":2,"h":3},7,{"id":3,"t":"hot"}]"#);
        assert_eq!(keys, ["h", "id", "t"]);
        let structure = Structure::of(br#"[{"t":2,"x":null},{"t":"hot","x":3}]"#);
        let leaves: Vec<_> = structure.fields.into_iter().map(|it| it.leaf).collect();
        assert_eq!(leaves, [Leaf::Text("hot".into()), Leaf::Number(3.0)]);
    }

    #[test]
    fn numbers_that_describe_the_gateway_are_no_measurements() {
        for payload in [
            r#"{"gw":"g","sent":1790000000,"fw":"3.1","nodes":[{"addr":1,"t":2}]}"#,
            r#"{"gw":4,"seq":5,"uptime":77,"rssi":-60,"nodes":[{"addr":1,"t":2}]}"#,
        ] {
            assert_eq!(kind(payload), Kind::List("nodes".into()), "{payload}");
        }
        assert_eq!(kind(r#"{"flow":3,"alarms":[{"id":1,"code":2}]}"#), Kind::Object);
    }
}
