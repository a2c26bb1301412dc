//! Pointers into a payload: `/a/b` from the root, `a/b` from an element, `../` to its container,
//! `*` for every element of a list or object. `~1` escapes `/` and `~0` escapes `~`, as in RFC
//! 6901.

use std::fmt;

use serde_json::Value as Json;

use crate::ingest::formats::kit::json;

/// Limit of keys in a pointer; real payloads are not nested as deep.
const MOST_STEPS: usize = 32;

/// Limit of keys listed in a message about a missing value.
const MOST_KEYS: usize = 12;

/// A parsed pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Pointer as configured.
    text: Box<str>,
    /// Whether it starts at the payload's root.
    is_absolute: bool,
    /// Number of containers to ascend from the element.
    num_up: usize,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Key of an object, or index of a list, from 0.
    Key { name: Box<str>, position: Option<usize> },
    /// Every value of an object or list.
    Each,
}

/// Key or index of a value in its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// Key of an object.
    Name(&'a str),
    /// Index of a list, from 0.
    Position(usize),
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Position(position) => write!(f, "{position}"),
        }
    }
}

/// Position in a payload: a value with the path of containers to it.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    root: &'a Json,
    stops: Vec<Stop<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Stop<'a> {
    key: Key<'a>,
    value: &'a Json,
    /// Whether a `*` matched this key.
    is_of_star: bool,
}

impl<'a> Place<'a> {
    /// Position of the payload itself.
    #[must_use]
    pub const fn root(payload: &'a Json) -> Self {
        Self { root: payload, stops: Vec::new() }
    }

    /// Root of the payload.
    #[must_use]
    pub const fn payload(&self) -> &'a Json {
        self.root
    }

    /// Value at this position.
    #[must_use]
    pub fn value(&self) -> &'a Json {
        self.stops.last().map_or(self.root, |stop| stop.value)
    }

    /// Path from the root.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = Key<'a>> {
        self.stops.iter().map(|stop| stop.key)
    }

    /// Keys matched by `*`, from the root.
    pub fn stars(&self) -> impl DoubleEndedIterator<Item = Key<'a>> {
        self.stops.iter().filter(|stop| stop.is_of_star).map(|stop| stop.key)
    }

    /// Innermost key that is a name rather than an index.
    #[must_use]
    pub fn last_name(&self) -> Option<&'a str> {
        self.keys().rev().find_map(|key| match key {
            Key::Name(name) => Some(name),
            Key::Position(_) => None,
        })
    }

    fn up(&self, num_up: usize) -> Self {
        let depth = self.stops.len().saturating_sub(num_up);
        Self { root: self.root, stops: self.stops[..depth].to_vec() }
    }
}

impl Pointer {
    /// Parses a pointer.
    ///
    /// # Errors
    /// Description of the mistake, with a remedy.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut num_up = 0;
        while let Some(above) = rest.strip_prefix("../") {
            (rest, num_up) = (above, num_up + 1);
        }
        let is_absolute = num_up == 0 && rest.starts_with('/');
        rest = rest.strip_prefix(if is_absolute { "/" } else { "./" }).unwrap_or(rest);
        let steps: Vec<Step> = rest.split('/').map(Step::new).collect::<Result<_, _>>()?;
        if steps.len() > MOST_STEPS {
            return Err(format!("it has more than {MOST_STEPS} keys; leave some out"));
        }
        Ok(Self { text: text.into(), is_absolute, num_up, steps })
    }

    /// Pointer as configured.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.text
    }

    /// Number of `*`.
    #[must_use]
    pub fn num_stars(&self) -> usize {
        self.steps.iter().filter(|step| **step == Step::Each).count()
    }

    /// Number of keys, including `*`.
    #[must_use]
    pub const fn num_steps(&self) -> usize {
        self.steps.len()
    }

    /// Number of containers to ascend from the element.
    #[must_use]
    pub const fn num_up(&self) -> usize {
        self.num_up
    }

    /// Whether it starts at the payload's root.
    #[must_use]
    pub const fn is_absolute(&self) -> bool {
        self.is_absolute
    }

    /// Innermost key that is a name rather than an index or `*`.
    #[must_use]
    pub fn last_name(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Key { name, position: None } => Some(&**name),
            _ => None,
        })
    }

    /// Value at this pointer relative to an element; `None` if absent, and for a pointer with `*`.
    #[must_use]
    pub fn find<'a>(&self, element: &Place<'a>) -> Option<&'a Json> {
        let mut value = match self.num_up {
            0 if !self.is_absolute => element.value(),
            _ => self.start(element).value(),
        };
        for step in &self.steps {
            (_, value) = step.child(value)?;
        }
        Some(value)
    }

    /// Calls `visit` for every match relative to an element, in payload order, until it returns
    /// false.
    pub fn visit<'a>(&self, element: &Place<'a>, visit: &mut dyn FnMut(&Place<'a>) -> bool) {
        walk(&mut self.start(element), &self.steps, visit);
    }

    /// Position from which the first key is resolved.
    fn start<'a>(&self, element: &Place<'a>) -> Place<'a> {
        if self.is_absolute { Place::root(element.root) } else { element.up(self.num_up) }
    }

    /// Reason why nothing was found, such as `nothing at /a/h; keys of /a: t, x`.
    #[must_use]
    pub fn missing(&self, element: &Place<'_>) -> String {
        let mut value = self.start(element).value();
        let mut passed = String::new();
        for step in &self.steps {
            let Some((key, child)) = step.child(value) else { break };
            passed.push_str(&format!("/{key}"));
            value = child;
        }
        let of = if passed.is_empty() { "here".to_owned() } else { format!("of {passed}") };
        format!("nothing at {}; {}{}", self.text, content(value, &of), self.elsewhere(element))
    }

    /// Hint if the pointer would match with the leading `/` added or removed, such as
    /// `; each element has t: write it without /`.
    fn elsewhere(&self, element: &Place<'_>) -> String {
        if element.stops.is_empty() || self.num_up > 0 || self.num_stars() > 0 {
            return String::new();
        }
        let other = Self { is_absolute: !self.is_absolute, ..self.clone() };
        let keys = self.text.trim_start_matches("./").trim_start_matches('/');
        match other.find(element) {
            Some(_) if self.is_absolute => format!("; each element has {keys}: write it without /"),
            Some(_) => format!("; /{keys} is at the top"),
            None => String::new(),
        }
    }
}

impl Step {
    fn new(text: &str) -> Result<Self, String> {
        match text {
            "*" => return Ok(Self::Each),
            "" => return Err("a key in it is empty; write keys with one `/` between them".into()),
            ".." => return Err("`..` stands after a key; it goes up at the start only".into()),
            _ => {}
        }
        let name = text.replace("~1", "/").replace("~0", "~");
        let is_position = name.bytes().all(|byte| byte.is_ascii_digit());
        let position = is_position.then(|| name.parse().ok()).flatten();
        Ok(Self::Key { name: name.into(), position })
    }

    fn child<'a>(&self, value: &'a Json) -> Option<(Key<'a>, &'a Json)> {
        let Self::Key { name, position } = self else { return None };
        match value {
            Json::Object(object) => {
                object.get_key_value(&**name).map(|(key, value)| (Key::Name(key), value))
            }
            Json::Array(list) => position.and_then(|at| Some((Key::Position(at), list.get(at)?))),
            _ => None,
        }
    }
}

/// Follows the remaining steps from a position. Returns false if `visit` stopped the traversal.
fn walk<'a>(
    place: &mut Place<'a>,
    steps: &[Step],
    visit: &mut dyn FnMut(&Place<'a>) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else { return visit(place) };
    let value = place.value();
    let mut enter = |key, value, is_of_star| {
        place.stops.push(Stop { key, value, is_of_star });
        let goes_on = walk(place, rest, visit);
        place.stops.pop();
        goes_on
    };
    match (step, value) {
        (Step::Key { .. }, _) => {
            step.child(value).is_none_or(|(key, child)| enter(key, child, false))
        }
        (Step::Each, Json::Object(object)) => {
            object.iter().all(|(key, child)| enter(Key::Name(key), child, true))
        }
        (Step::Each, Json::Array(list)) => {
            list.iter().enumerate().all(|(at, child)| enter(Key::Position(at), child, true))
        }
        (Step::Each, _) => true,
    }
}

/// Content of a container for a message, such as `keys here: hum, t`.
#[must_use]
pub fn content(value: &Json, of: &str) -> String {
    match value {
        Json::Object(object) if object.is_empty() => format!("no keys {of}"),
        Json::Object(object) => {
            let mut keys: Vec<String> =
                object.keys().take(MOST_KEYS).map(|key| key.chars().take(40).collect()).collect();
            if object.len() > MOST_KEYS {
                keys.push("…".into());
            }
            format!("keys {of}: {}", keys.join(", "))
        }
        Json::Array(list) => format!("a list of {} {of}", list.len()),
        other => format!("{} {of}", json::kind(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(pointer: &str, element: &Place<'_>) -> Vec<String> {
        let (pointer, mut seen) = (Pointer::new(pointer).unwrap(), Vec::new());
        pointer.visit(element, &mut |place| {
            let keys: Vec<_> = place.keys().map(|key| key.to_string()).collect();
            seen.push(format!("{}={}", keys.join("/"), place.value()));
            true
        });
        seen
    }

    #[test]
    fn keys_positions_and_escapes() {
        let payload = json!({ "a": [{ "b/c": 1, "0": 2 }], "7": 3, "x~y": 4 });
        let root = Place::root(&payload);
        let find = |text| Pointer::new(text).unwrap().find(&root).cloned();
        assert_eq!(find("/a/0/b~1c"), Some(json!(1)));
        assert_eq!(find("a/0/0"), Some(json!(2)));
        assert_eq!(find("./7"), Some(json!(3)));
        assert_eq!(find("/x~0y"), Some(json!(4)));
        assert_eq!((find("/a/1"), find("/a/b"), find("/7/z")), (None, None, None));
    }

    #[test]
    fn stars_enter_lists_and_objects_and_two_dots_go_up() {
        let payload = json!({ "d": [{ "id": "p", "i": [1, 2] }, { "id": "q", "i": [3] }] });
        let root = Place::root(&payload);
        assert_eq!(all("/d/*/i/*", &root), ["d/0/i/0=1", "d/0/i/1=2", "d/1/i/0=3"]);
        assert_eq!(all("/d/1/*", &root).len(), 2);
        assert_eq!(all("/none/*", &root).len(), 0);
        let each = Pointer::new("/d/*/i/*").unwrap();
        let mut ids = Vec::new();
        each.visit(&root, &mut |place| {
            ids.push(Pointer::new("../../id").unwrap().find(place).unwrap().clone());
            assert_eq!(place.last_name(), Some("i"));
            ids.len() < 2
        });
        assert_eq!(ids, [json!("p"), json!("p")]);
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_there() {
        let payload = json!({ "hum": 1, "t": { "x": [1, 2] } });
        let missing = |text: &str| Pointer::new(text).unwrap().missing(&Place::root(&payload));
        assert_eq!(missing("/h"), "nothing at /h; keys here: hum, t");
        assert_eq!(missing("t/y"), "nothing at t/y; keys of /t: x");
        assert_eq!(missing("/t/x/2"), "nothing at /t/x/2; a list of 2 of /t/x");
        assert_eq!(missing("/hum/a"), "nothing at /hum/a; a number of /hum");
    }

    #[test]
    fn a_slash_too_many_or_too_few_is_said() {
        let payload = json!({ "sent": 1, "list": [{ "t": 2, "o": { "x": 3 } }] });
        let each = Pointer::new("/list/*").unwrap();
        let missing = |text: &str| {
            let mut missing = String::new();
            each.visit(&Place::root(&payload), &mut |element| {
                missing = Pointer::new(text).unwrap().missing(element);
                true
            });
            missing
        };
        for (pointer, expected) in [
            ("/t", "nothing at /t; keys here: list, sent; each element has t: write it without /"),
            (
                "/o/x",
                "nothing at /o/x; keys here: list, sent; each element has o/x: write it without /",
            ),
            ("sent", "nothing at sent; keys here: o, t; /sent is at the top"),
            ("./sent", "nothing at ./sent; keys here: o, t; /sent is at the top"),
            ("/h", "nothing at /h; keys here: list, sent"),
            ("h", "nothing at h; keys here: o, t"),
        ] {
            assert_eq!(missing(pointer), expected);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [("/", "empty"), ("a//b", "empty"), ("a/../b", "goes up"), ("", "empty")]
        {
            assert!(Pointer::new(text).unwrap_err().contains(why), "{text}");
        }
    }
}
