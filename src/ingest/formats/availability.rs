//! Word of whether a sensor is there, as devices and their Last Wills have it: `online` or `offline`, plain
//! or as `{"state":"offline"}`. Pure.

use serde_json::Value as Json;

use super::{Decoded, Message};
use crate::domain::{Availability, SensorId};

/// An empty payload takes a retained message away, and says nothing.
///
/// # Errors
/// Says why the message can't be used, for a person to read.
pub fn decode(sensor: &str, message: &Message<'_>) -> Result<Decoded, String> {
    let text = std::str::from_utf8(message.payload).map_err(|error| {
        format!("the payload is not UTF-8 from byte {} on", error.valid_up_to())
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(Decoded::Ignored);
    }
    let is_online = match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(fields)) => {
            let state = fields.get("state").ok_or("there is no `state` in it")?;
            word(state.as_str().ok_or("`state` is not a text")?)?
        }
        Ok(Json::String(text)) => word(&text)?,
        _ => word(text)?,
    };
    let sensor_id = SensorId::new(sensor).map_err(|error| error.to_string())?;
    Ok(Decoded::Availability(Availability { sensor_id, is_online, at: message.received_at }))
}

fn word(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("online") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("offline") {
        Ok(false)
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
        let heard = |is_online| {
            let sensor_id = SensorId::new("T_1").unwrap();
            Decoded::Availability(Availability { sensor_id, is_online, at: DateTime::UNIX_EPOCH })
        };
        for (payload, is_online) in [
            ("online", true),
            ("Offline", false),
            (" OFFLINE\n", false),
            (r#"{"state":"online"}"#, true),
            (r#"{"state":"offline","since":1}"#, false),
            (r#""offline""#, false),
        ] {
            assert_eq!(said(payload.as_bytes()), Ok(heard(is_online)), "{payload}");
        }
        assert_eq!(said(b""), Ok(Decoded::Ignored));
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
