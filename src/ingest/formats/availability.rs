//! Availability messages of devices and their Last Wills: `online` or `offline`, as plain text or
//! as `{"state":"offline"}`. Pure.

use serde_json::Value as Json;

use super::kit::json;
use super::{Decoded, Message};
use crate::domain::{Availability, Presence, Reach, SensorId};

/// Decodes an availability message. An empty payload, which clears a retained message, is ignored.
///
/// # Errors
/// Human-readable reason why the message is invalid.
pub fn decode(sensor: &str, message: &Message<'_>) -> Result<Decoded, String> {
    let text = json::text(message.payload)?;
    if text.is_empty() {
        return Ok(Decoded::ignored("an empty payload clears a retained message"));
    }
    let presence = match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(fields)) => {
            let state = fields.get("state").ok_or("there is no `state` in it")?;
            word(state.as_str().ok_or("`state` is not a text")?)?
        }
        Ok(Json::String(text)) => word(&text)?,
        _ => word(text)?,
    };
    let device = SensorId::new(sensor).map_err(|error| error.to_string())?;
    let availability =
        Availability { device, reach: Reach::Sensor, presence, at: message.received_at };
    Ok(Decoded { availability: vec![availability], ..Decoded::default() })
}

/// Parses `online` or `offline`, case-insensitive.
///
/// # Errors
/// If the word is unknown.
pub fn word(text: &str) -> Result<Presence, String> {
    if text.eq_ignore_ascii_case("online") {
        Ok(Presence::Online)
    } else if text.eq_ignore_ascii_case("offline") {
        Ok(Presence::Offline)
    } else {
        let short: String = text.chars().take(40).collect();
        Err(format!("{short:?} is neither `online` nor `offline`"))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn said(payload: &[u8]) -> Result<Decoded, String> {
        decode(
            "T_1",
            &Message { topic: "t", payload, received_at: DateTime::UNIX_EPOCH, is_replayed: false },
        )
    }

    #[test]
    fn both_words_in_both_forms() {
        let heard = |presence| {
            let device = SensorId::new("T_1").unwrap();
            vec![Availability { device, reach: Reach::Sensor, presence, at: DateTime::UNIX_EPOCH }]
        };
        for (payload, presence) in [
            ("online", Presence::Online),
            ("Offline", Presence::Offline),
            (" OFFLINE\n", Presence::Offline),
            (r#"{"state":"online"}"#, Presence::Online),
            (r#"{"state":"offline","since":1}"#, Presence::Offline),
            (r#""offline""#, Presence::Offline),
        ] {
            let said = said(payload.as_bytes()).unwrap().availability;
            assert_eq!(said, heard(presence), "{payload}");
        }
        assert!(said(b"").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused_for_a_reason() {
        for (payload, why) in [
            (&b"\xff"[..], "not UTF-8"),
            (b"gone", "\"gone\" is neither `online` nor `offline`"),
            (b"{}", "no `state`"),
            (br#"{"state":1}"#, "`state` is not a text"),
            (b"0", "\"0\" is neither"),
        ] {
            assert!(said(payload).unwrap_err().contains(why), "{payload:?}");
        }
        let nameless = Message {
            topic: "t",
            payload: b"online",
            received_at: DateTime::UNIX_EPOCH,
            is_replayed: false,
        };
        assert!(decode("", &nameless).unwrap_err().contains("sensor id is empty"));
    }
}
