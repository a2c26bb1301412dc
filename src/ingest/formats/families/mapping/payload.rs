//! Parsing of payloads into the JSON that a table points into.

use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::json;

/// Form of a table's payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// Delimited fields, with the delimiter: a list, or an object if every field is `name=value`.
    Fields(String),
    /// One value: JSON, or else a string. With a decimal mark configured, numbers stay strings.
    Plain {
        /// Whether the table has a decimal mark.
        has_decimal: bool,
    },
}

impl Form {
    /// Parses a payload; `None` if it is empty.
    ///
    /// # Errors
    /// If the payload is invalid.
    pub fn read(&self, payload: &[u8]) -> Result<Option<Json>, String> {
        let text = match (self, json::text(payload)) {
            (Self::Json, _) => return json::parse(payload),
            (_, Ok(text)) => text.to_owned(),
            (_, Err(why)) => latin_1(payload).ok_or(why)?,
        };
        match self {
            _ if text.is_empty() => Ok(None),
            Self::Fields(parting) => Ok(Some(fields(&text, parting))),
            Self::Json | Self::Plain { .. } => self.plain(text).map(Some),
        }
    }

    fn plain(&self, text: String) -> Result<Json, String> {
        match serde_json::from_str(&text) {
            Ok(Json::Number(_)) if *self == (Self::Plain { has_decimal: true }) => {
                Ok(Json::String(text))
            }
            Ok(value) => Ok(value),
            // May contain a bare `nan`, which this parser accepts; otherwise its error is returned.
            Err(_) if text.starts_with(['{', '[']) => {
                json::parse(text.as_bytes()).map(Option::unwrap_or_default)
            }
            Err(_) => Ok(Json::String(text)),
        }
    }
}

/// Splits a string into trimmed fields.
fn fields(text: &str, parting: &str) -> Json {
    let all: Vec<&str> = if parting.trim().is_empty() {
        text.split_whitespace().collect()
    } else {
        text.split(parting).map(str::trim).collect()
    };
    let mut filled = all.iter().filter(|field| !field.is_empty()).peekable();
    let is_named = filled.peek().is_some() && filled.all(|field| field.contains('='));
    if !is_named {
        return all.into_iter().map(Json::from).collect();
    }
    let named = all.into_iter().filter_map(|field| field.split_once('='));
    let named = named.map(|(name, value)| (name.trim().to_owned(), Json::from(value.trim())));
    Json::Object(named.collect::<Map<_, _>>())
}

/// Decodes Latin-1, if all non-ASCII bytes are characters of units. Any other byte is ambiguous and
/// yields `None`.
fn latin_1(payload: &[u8]) -> Option<String> {
    const SIGNS: [u8; 4] = [b'\xb0', b'\xb2', b'\xb3', b'\xb5']; // ° ² ³ µ
    let is_of_units = payload.iter().all(|byte| byte.is_ascii() || SIGNS.contains(byte));
    let text: String = payload.iter().map(|byte| char::from(*byte)).collect();
    is_of_units.then(|| text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_value_is_json_or_text() {
        let plain = Form::Plain { has_decimal: false };
        for (payload, expected) in [
            (&b"17.5\r\n"[..], json!(17.5)),
            (b"017.5", json!("017.5")),
            (b"\"on\"", json!("on")),
            (b"idle", json!("idle")),
            (b"{\"a\":nan}", json!({ "a": null })),
            (b"19 \xb0C", json!("19 °C")),
        ] {
            assert_eq!(plain.read(payload), Ok(Some(expected)), "{payload:?}");
        }
        assert_eq!(plain.read(b" \0"), Ok(None));
        assert!(plain.read(b"{\"a\":").unwrap_err().contains("not JSON"));
        assert!(plain.read(b"\xff1").unwrap_err().contains("UTF-8"));
        let marked = Form::Plain { has_decimal: true };
        assert_eq!(marked.read(b"1.250"), Ok(Some(json!("1.250"))));
    }

    #[test]
    fn fields_have_a_position_or_a_name() {
        let fields = |parting: &str, text: &str| {
            Form::Fields(parting.into()).read(text.as_bytes()).unwrap().unwrap()
        };
        assert_eq!(fields(";", "7; 8 ;;x=1"), json!(["7", "8", "", "x=1"]));
        assert_eq!(fields(" ", "7   8"), json!(["7", "8"]));
        assert_eq!(fields("&", "t=7.5&h = 40&"), json!({ "t": "7.5", "h": "40" }));
        assert_eq!(fields(",", ","), json!(["", ""]));
    }

    #[test]
    fn json_is_promised_where_a_table_points_into_it() {
        assert!(Form::Json.read(b"17.5;3").is_err());
        assert_eq!(Form::Json.read(b""), Ok(None));
    }
}
