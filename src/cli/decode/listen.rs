//! `vigie decode --listen`: shows the broker's messages for a time, by topic shape, with what each decodes to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use chrono::Utc;

use super::super::history;
use super::super::unclaimed::{example, lines_to_paste};
use super::{Outcome, outcome, show};
use crate::app;
use crate::config::Config;
use crate::exit::Exit;
use crate::ingest::formats::{Decoders, Message};
use crate::ingest::inventory::{TopicShapes, unclaimed};
use crate::logging::one_line;

/// How often Ctrl-C and the clock are looked at.
const TURN: Duration = Duration::from_millis(50);

/// Received messages.
struct Listening {
    decoders: Decoders,
    num_messages: u64,
    /// Shapes by the table that claims them, each with the result of its last message with readings.
    taken: BTreeMap<String, TopicShapes<Became>>,
    unclaimed: TopicShapes<()>,
}

/// Result of a message, as text.
#[derive(Default)]
struct Became {
    topic: String,
    text: String,
    has_readings: bool,
    /// Whether a message without readings came after it.
    is_outdated: bool,
}

/// Listens for a time, and reports.
pub(super) fn run(config: &Config, filter: &str, time: Duration, decoders: Decoders) -> Exit {
    let complain = |why: String| super::super::complain("decode", &Failure(why), Exit::Unavailable);
    let mut pressed = match history::until_ctrl_c() {
        Ok(pressed) => pressed,
        Err(error) => return complain(error.to_string()),
    };
    let mut listening = Listening {
        decoders,
        num_messages: 0,
        taken: BTreeMap::new(),
        unclaimed: TopicShapes::default(),
    };
    let began = Instant::now();
    let mut each = |topic: &str, payload: &[u8], is_replayed: bool| {
        listening.note(topic, payload, is_replayed);
    };
    let mut go_on = || began.elapsed() < time && pressed(TURN);
    eprintln!("listening to {} for {time:?}; Ctrl-C ends it", one_line(filter));
    let end = match app::listen(config, filter, &mut each, &mut go_on) {
        Ok(end) => end,
        Err(why) => return complain(why),
    };
    let mut text = listening.text();
    if end.missed > 0 {
        text += &format!("\n{} messages more came too fast to be looked at\n", end.missed);
    }
    let _ = io::stdout().write_all(text.as_bytes()); // a reader that left wants no more
    end.lost.map_or(Exit::Ok, |why| complain(format!("the connection ended early: {why}")))
}

/// Why it did not listen to the end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

impl Listening {
    fn note(&mut self, topic: &str, payload: &[u8], is_replayed: bool) {
        self.num_messages += 1;
        let received_at = Utc::now();
        let message = Message { topic, payload, received_at, is_replayed };
        let outcome = outcome(&mut self.decoders, &message);
        let Some(rule) = outcome.rule.map(str::to_owned) else {
            self.unclaimed.note(topic, payload, received_at);
            return;
        };
        let became = Became::of(topic, &outcome, is_replayed);
        let before = self.taken.entry(rule).or_default().note(topic, payload, received_at);
        if became.has_readings || !before.has_readings {
            *before = became;
        } else {
            before.is_outdated = true;
        }
    }

    fn text(&mut self) -> String {
        if self.num_messages == 0 {
            return "nothing came. A device may be slow to publish: listen longer. Or the account may not read these topics.\n".to_owned();
        }
        let mut out = format!("{}\n", messages(self.num_messages));
        for shape in self.taken.values().flat_map(TopicShapes::sorted) {
            let name = shape.text();
            let (name, topic) = (one_line(&name), one_line(&shape.more.topic));
            let last = if shape.more.is_outdated { "the last with readings" } else { "the last" };
            out += &format!("\n{name}: {}, {last} on {topic}\n", messages(shape.count));
            shape.more.text.lines().for_each(|line| out += &format!("  {line}\n"));
        }
        let unclaimed = unclaimed(&mut self.unclaimed);
        for it in &unclaimed {
            let (name, topic) = (one_line(&it.shape), one_line(&it.topic));
            out += &format!("\n{name}: {}, the last on {topic}\n", messages(it.messages));
            out += &format!("  {}\n  no rule takes this topic\n", example(&it.payload, it.is_cut));
            it.note.iter().for_each(|note| out += &format!("  {}\n", one_line(note)));
        }
        out + &lines_to_paste(&unclaimed)
    }
}

impl Became {
    fn of(topic: &str, outcome: &Outcome<'_>, is_replayed: bool) -> Self {
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = show(outcome, is_replayed, &mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let has_readings = !outcome.readings.is_empty();
        Self { topic: topic.to_owned(), text, has_readings, is_outdated: false }
    }
}

fn messages(number: u64) -> String {
    if number == 1 { "1 message".to_owned() } else { format!("{number} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::ingest::formats;

    #[test]
    fn the_topic_is_that_of_the_message_that_is_shown() {
        let table = "[[devices]]\ntopic = \"site/{sensor}\"\nvalues = { temperature = \"/t\" }\n";
        let config = config::parse(&format!("[broker]\n{table}"), "c.toml").unwrap();
        let decoders = Decoders::new(&formats::formats(&config).unwrap(), Vec::new());
        let (taken, unclaimed) = (BTreeMap::new(), TopicShapes::default());
        let mut listening = Listening { decoders, num_messages: 0, taken, unclaimed };
        listening.note("site/11", b"{\"t\":3}", false);
        assert!(listening.text().contains("site/+: 1 message, the last on site/11\n"));
        listening.note("site/12", b"{\"h\":3}", false);
        let text = listening.text();
        assert!(text.contains("site/+: 2 messages, the last with readings on site/11\n"), "{text}");
        listening.note("site/13", b"{\"t\":4}", false);
        let text = listening.text();
        assert!(
            text.contains("the last on site/13\n") && text.contains("13 temperature"),
            "{text}"
        );
        listening.note("x/1", b"a", false);
        listening.note("x/2", b"b", false);
        assert!(listening.text().contains("x/2\n  b\n"));
    }
}
