//! JSON as devices send it: with a byte-order mark, white space or NULs around it, and bare `nan` for no value.

use serde_json::{Map, Value as Json};

/// Payload as text, without a byte-order mark, surrounding white space, or trailing NULs.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(payload: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        format!("the payload is not UTF-8 from byte {} on", error.valid_up_to())
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()))
}

/// Payload as JSON. `nan` in any case, bare, is `null`; infinities are errors. `None` for an empty payload.
///
/// # Errors
/// If it is not UTF-8, or not JSON; says where.
pub fn parse(payload: &[u8]) -> Result<Option<Json>, String> {
    let text = text(payload)?;
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = serde_json::from_str(text).or_else(|error| {
        let Some(mended) = without_nan(text) else { return Err(error) };
        serde_json::from_str(&mended)
    });
    parsed.map(Some).map_err(|error| format!("the payload is not JSON: {error}"))
}

/// Parses a payload that must be an object. `None` for an empty payload.
///
/// # Errors
/// If it is not UTF-8, not JSON, or no object.
pub fn parse_object(payload: &[u8]) -> Result<Option<Map<String, Json>>, String> {
    match parse(payload)? {
        None => Ok(None),
        Some(Json::Object(object)) => Ok(Some(object)),
        Some(other) => Err(format!("the payload is {}, not an object", kind(&other))),
    }
}

/// Type of a value, with its article: `a number`, `a text`.
#[must_use]
pub const fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// Text with bare `nan` outside of strings replaced by `null`; `None` if there is none.
fn without_nan(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len() + 8);
    let (mut is_in_text, mut is_escaped, mut found) = (false, false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let is_nan = !is_in_text && rest.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("nan"));
        if is_nan {
            found = true;
            if mended.ends_with('-') {
                mended.pop();
            }
            mended.push_str("null");
            rest = &rest[3..];
            continue;
        }
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_in_text => is_escaped = true,
            '"' => is_in_text = !is_in_text,
            _ => {}
        }
        mended.push(c);
        rest = &rest[c.len_utf8()..];
    }
    found.then_some(mended)
}

/// Calls `visit` with each value of a key that is neither object nor list, and with the keys that lead to it, this
/// one first; lists are entered by the index of their elements, from 0. At most 16 levels below the key. Long keys
/// are truncated: one long key with many values would cost the product of both.
pub fn leaves<'a>(key: &str, value: &'a Json, visit: &mut dyn FnMut(&[&str], &'a Json)) {
    walk(value, &mut vec![cut(key)], visit);
}

const MOST_LEVELS: usize = 16;

/// Longest key, in bytes: twice the limit of a sensor id, so that a truncated one is rejected as well.
const LONGEST_KEY: usize = 512;

fn cut(key: &str) -> String {
    key[..key.floor_char_boundary(LONGEST_KEY)].to_owned()
}

fn walk<'a>(value: &'a Json, path: &mut Vec<String>, visit: &mut dyn FnMut(&[&str], &'a Json)) {
    if path.len() > 1 + MOST_LEVELS {
        return;
    }
    match value {
        Json::Object(object) => {
            for (key, value) in object {
                path.push(cut(key));
                walk(value, path, visit);
                path.pop();
            }
        }
        Json::Array(list) => {
            for (position, value) in list.iter().enumerate() {
                path.push(position.to_string());
                walk(value, path, visit);
                path.pop();
            }
        }
        leaf => {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            visit(&keys, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_around_is_passed_over() {
        assert_eq!(parse(b"\xef\xbb\xbf {\"a\":1}\r\n\0\0"), Ok(Some(json!({ "a": 1 }))));
        assert_eq!(parse(b" \0"), Ok(None));
        assert!(parse(b"{\"a\":1,").unwrap_err().contains("not JSON"));
        assert!(parse(b"\xff").unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn a_bare_nan_is_null_and_one_in_a_text_is_text() {
        let read = parse(br#"{"a":nan,"b":-NaN,"c":"nan \" nan","d":[NaN]}"#).unwrap().unwrap();
        assert_eq!(read, json!({ "a": null, "b": null, "c": "nan \" nan", "d": [null] }));
        assert!(parse(br#"{"a":inf}"#).is_err());
        assert!(parse(br#"{"a":,"b":1}"#).is_err());
    }

    #[test]
    fn leaves_come_with_their_keys() {
        let root = json!({ "a": { "b": 1 }, "c": [2, 3] });
        let mut seen = Vec::new();
        leaves("r", &root, &mut |path, value| seen.push(format!("{}={value}", path.join("/"))));
        assert_eq!(seen, ["r/a/b=1", "r/c/0=2", "r/c/1=3"]);
        let long = "é".repeat(300);
        leaves(&long, &json!({ &long: 1 }), &mut |path, _| {
            assert_eq!(path, ["é".repeat(256).as_str(); 2]);
        });
    }
}
