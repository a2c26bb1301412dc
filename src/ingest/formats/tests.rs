//! Properties of all formats, with test formats that count messages and panic.

use super::*;
use crate::domain::DecoderChange;

/// Counts its messages; panics on the payload `panic`.
#[derive(Default)]
pub struct Counting(std::collections::HashMap<Box<str>, u8>);

impl Format for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn filters(&self) -> Vec<Filter> {
        vec![
            Filter { text: "count/+".into(), is_required: false },
            Filter { text: "shared/+".into(), is_required: true },
        ]
    }

    fn claim(&self, topic: &str) -> Claim {
        match topic {
            "count/no" => Claim::Ignores,
            _ if topic.starts_with("count/") || topic == "shared/a" => Claim::Decodes,
            _ => Claim::Foreign,
        }
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        let count = self.0.get(message.topic).copied().unwrap_or(0);
        changes.push((message.topic.into(), Some(vec![count + 1])));
        match message.payload {
            b"panic" => panic!("as asked"),
            b"large" => changes.push(("large".into(), Some(vec![0; MOST_BYTES]))),
            b"end" => changes.push((message.topic.into(), None)),
            _ => {}
        }
        Err(format!("{count} before it"))
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.0.insert(key.into(), value[0])),
            None => drop(self.0.remove(key)),
        }
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self::default())
    }
}

/// Claims every topic below `shared/`.
struct Second;

impl Format for Second {
    fn name(&self) -> &'static str {
        "second"
    }

    fn filters(&self) -> Vec<Filter> {
        vec![Filter { text: "shared/+".into(), is_required: false }]
    }

    fn claim(&self, topic: &str) -> Claim {
        if topic.starts_with("shared/") { Claim::Decodes } else { Claim::Foreign }
    }

    fn decode(&self, _: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        Err("second".into())
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self)
    }
}

fn formats() -> Formats {
    Formats::new(vec![Box::new(Counting::default()), Box::new(Second)])
}

fn decode(decoders: &mut Decoders, topic: &str, payload: &[u8]) -> (String, Vec<DecoderChange>) {
    let received_at = DateTime::UNIX_EPOCH;
    let message = Message { topic, payload, received_at, is_replayed: false };
    let mut changes = Vec::new();
    let said = match decoders.decode(&message, &mut changes) {
        None => "no rule takes it".to_owned(),
        Some(DecodedMessage { decoded: Err(why), .. }) => why,
        Some(DecodedMessage { decoded: Ok(decoded), .. }) => match decoded.ignored {
            Some(why) => format!("ignored: {why}"),
            None => format!("{} readings", decoded.measurements.len()),
        },
    };
    (said, changes)
}

fn change(key: &str, value: Option<u8>) -> DecoderChange {
    let value = value.map(|value| vec![value]);
    DecoderChange { format: "counting".into(), key: key.into(), value }
}

#[test]
fn filters_are_the_union_and_the_first_that_knows_a_topic_has_it() {
    let filters = formats().filters();
    let told: Vec<_> = filters.iter().map(|it| (it.text.as_str(), it.is_required)).collect();
    assert_eq!(told, [("count/+", false), ("shared/+", true)]);
    let decodes =
        ["count/x", "count/no", "shared/a", "shared/b", "x"].map(|it| formats().decodes(it));
    assert_eq!(decodes, [true, false, true, true, false]);
    let mut decoders = Decoders::new(&formats(), Vec::new());
    let said = |topic| decode(&mut decoders, topic, b"").0;
    assert_eq!(
        ["shared/a", "shared/b", "count/no", "x"].map(said),
        [
            "0 before it",
            "second",
            "ignored: nothing on this topic is a reading",
            "no rule takes it"
        ]
    );
}

#[test]
fn a_format_knows_what_was_stored_and_each_change_is_handed_out() {
    let mut decoders = Decoders::new(&formats(), Vec::new());
    assert_eq!(decode(&mut decoders, "count/a", b"").1, [change("count/a", Some(1))]);
    let (said, stored) = decode(&mut decoders, "count/a", b"");
    assert_eq!((said.as_str(), &stored), ("1 before it", &vec![change("count/a", Some(2))]));

    let of_nobody = DecoderChange { format: "gone".into(), ..change("count/a", Some(9)) };
    let mut restarted = Decoders::new(&formats(), [stored, vec![of_nobody]].concat());
    assert_eq!(decode(&mut restarted, "count/a", b"").0, "2 before it");
    let ended = decode(&mut restarted, "count/a", b"end").1;
    assert_eq!(ended, [change("count/a", Some(4)), change("count/a", None)]);
    assert_eq!(decode(&mut restarted, "count/a", b"").0, "0 before it");
}

#[test]
fn a_message_that_makes_it_panic_is_refused_and_changes_nothing() {
    let mut decoders = Decoders::new(&formats(), Vec::new());
    let (said, changes) = decode(&mut decoders, "count/a", b"panic");
    assert_eq!((said.as_str(), changes.len()), ("the decoder panicked on it", 0));
    assert_eq!(decode(&mut decoders, "count/a", b"").0, "0 before it");
}

#[test]
fn what_a_format_remembers_is_bounded() {
    let mut decoders = Decoders::new(&formats(), Vec::new());
    let changes = decode(&mut decoders, "count/a", b"large").1;
    assert_eq!(changes, [change("count/a", Some(1))]);
    assert_eq!(decode(&mut decoders, "count/a", b"").0, "1 before it");
}

#[test]
fn what_vigie_finds_of_itself_is_no_reading() {
    let topics = crate::wire::Topics::new("factory", crate::config::ReadingTopic::Shared);
    let formats = Formats::new(vec![Box::new(OriginJson::new(topics, chrono_tz::UTC))]);
    let mut decoders = Decoders::new(&formats, Vec::new());
    let mut said = |quantity: &str, sensor: &str| {
        let payload = format!(r#"{{"sensor_id":"{sensor}","{quantity}":1}}"#);
        decode(&mut decoders, &format!("factory/sensors/{quantity}"), payload.as_bytes()).0
    };
    assert!(said("disk", "vigie").contains("give the sensor another id"));
    assert!(said("disk", "vigie2").starts_with("1 readings"));
    assert!(said("load", "vigie").starts_with("1 readings"));
}
