//! Decodes the messages of an input as the daemon does, and checks what holds for all of them: for the fuzz target, and
//! for the test of its seeds.
//!
//! An input is text, so that a seed can be read and written by hand. An empty line ends a message. Its first line is the
//! topic, the rest is the payload. In front of a topic `!` marks a retained message that the broker replays, and `+` one
//! that comes an hour later; otherwise each comes a minute after the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use vigie::domain::DecoderChange;
use vigie::ingest::formats::{self, Decoded, Decoders, Filter, Formats, MOST_FAULTS, Message};

/// Messages read of one input: the time limit of an input is that of so many.
const MOST_MESSAGES: usize = 32;

/// Readings, availability or faults of a message, or the reason why there are none; `None` where no format claims the
/// topic.
pub type Answer = Option<Result<Decoded, String>>;

/// Formats of a file of tables: the origin's own, then the tables' in their order.
pub fn formats(tables: &Path) -> Formats {
    let text = std::fs::read_to_string(tables).expect("a file of tables");
    let text = format!("{text}\n[broker]\nlisten = \"127.0.0.1:0\"\n");
    let name = tables.display().to_string();
    let config = vigie::config::parse(&text, &name).unwrap_or_else(|errors| panic!("{errors}"));
    formats::formats(&config).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"))
}

/// Decodes the messages of an input, each with what the ones before have taught.
///
/// # Panics
/// When a decoder panics, or differs from one that was restarted with what it had stored.
pub fn decode(formats: &Formats, input: &[u8]) -> Vec<Answer> {
    let messages = messages(input);
    let mut stored = BTreeMap::new();
    let mut decoders = Decoders::new(formats, Vec::new());
    let mut filters = decoders.take_filters().unwrap_or_default();
    let mut answers = Vec::new();
    for message in &messages {
        let mut changes = Vec::new();
        let answer = step(&mut decoders, message, &mut changes);
        for DecoderChange { format, key, value } in changes {
            match value {
                Some(value) => drop(stored.insert((format, key), value)),
                None => drop(stored.remove(&(format, key))),
            }
        }
        filters = decoders.take_filters().unwrap_or(filters);
        answers.push(answer);
    }

    let stored = stored.into_iter().map(|((format, key), value)| DecoderChange {
        format,
        key,
        value: Some(value),
    });
    let mut restarted = Decoders::new(formats, stored.collect());
    let restarted_filters = restarted.take_filters().unwrap_or_default();
    assert_eq!(texts(&filters), texts(&restarted_filters), "filters after a restart");
    for message in &messages {
        let [one, other] =
            [&mut decoders, &mut restarted].map(|it| step(it, message, &mut Vec::new()));
        assert_eq!(one, other, "{} after a restart", message.topic);
    }
    answers
}

/// The messages of an input; one whose topic is not UTF-8 can't come from a broker.
fn messages(input: &[u8]) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let received_at = "2026-03-01T12:00:00Z".parse().expect("a time");
    let mut next = Message { topic: "", payload: b"", received_at, is_replayed: false };
    let mut rest = Some(input.strip_suffix(b"\n").unwrap_or(input));
    while let Some(block) = rest
        && messages.len() < MOST_MESSAGES
    {
        let (message, others) = split(block, b"\n\n");
        rest = others;
        let (topic, payload) = split(message, b"\n");
        let Ok(topic) = std::str::from_utf8(topic) else { continue };
        let marks = &topic[..topic.len() - topic.trim_start_matches(['!', '+']).len()];
        let minutes = if marks.contains('+') { 60 } else { 1 };
        next.received_at += Duration::from_secs(60 * minutes);
        next.is_replayed = marks.contains('!');
        messages.push(Message {
            topic: &topic[marks.len()..],
            payload: payload.unwrap_or_default(),
            ..next
        });
    }
    messages
}

fn split<'a>(text: &'a [u8], separator: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    let at = text.windows(separator.len()).position(|window| window == separator);
    at.map_or((text, None), |at| (&text[..at], Some(&text[at + separator.len()..])))
}

/// All that the daemon asks of a message.
fn step(
    decoders: &mut Decoders,
    message: &Message<'_>,
    changes: &mut Vec<DecoderChange>,
) -> Answer {
    let _ = decoders.is_description(message.topic);
    let mut answer = decoders.decode(message, changes).map(|taken| taken.decoded);
    match &mut answer {
        Some(Ok(decoded)) => {
            assert!(decoded.faults.len() <= MOST_FAULTS.min(decoded.num_faults));
            for measurement in &mut decoded.measurements {
                measurement.distrust_unset_clock(message.received_at);
            }
        }
        Some(Err(why)) => assert_ne!(why, "the decoder panicked on it", "{}", message.topic),
        None => {}
    }
    let _ = decoders.explain(message);
    let _ = decoders.requests();
    answer
}

fn texts(filters: &[Filter]) -> BTreeSet<&str> {
    filters.iter().map(|filter| filter.text.as_str()).collect()
}
