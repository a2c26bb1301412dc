//! Proposals for topics of availability: a key of the device's table, not a table of their own. Pure.

use super::Proposal;
use super::levels::Levels;
use super::text::quoted;
use crate::ingest::inventory::fields::Leaf;
use crate::ingest::inventory::shapes::TopicShape;
use crate::ingest::inventory::structure::Kind;

/// Last levels of topics of availability.
const AVAILABILITY: [&str; 8] =
    ["alive", "availability", "available", "connected", "connection", "lwt", "online", "reachable"];

/// Last levels of topics of availability or of another state.
const STATUS: [&str; 2] = ["state", "status"];

/// Words of availability on any topic.
const ANYWHERE: (&str, &str) = ("online", "offline");

/// Words of availability on topics of [`AVAILABILITY`] and [`STATUS`].
const ON_STATUS: [(&str, &str); 4] = [
    ("up", "down"),
    ("alive", "dead"),
    ("connected", "disconnected"),
    ("available", "unavailable"),
];

/// Words of availability on topics of [`AVAILABILITY`] only; elsewhere they are values.
const ON_AVAILABILITY: [(&str, &str); 4] =
    [("1", "0"), ("true", "false"), ("on", "off"), ("yes", "no")];

/// Note with the key to add; `None` for a shape without availability.
pub fn proposal<T>(shape: &TopicShape<T>) -> Option<Proposal> {
    let last = shape.levels.last()?.to_lowercase();
    let word = word(shape)?;
    let (online, offline) = pair(&last, &word)?;
    let topic = Levels::of(shape).named().topic();
    if !topic.contains('{') {
        return Some(Proposal::note(
            "probably the availability of a device, which no level of the topic names",
        ));
    }
    let (topic, online, offline) = (quoted(&topic), quoted(&online), quoted(&offline));
    Some(Proposal::note(format!(
        "probably availability: add availability = {{ topic = {topic}, online = {online}, offline = {offline} }} to the table of the device, above its [devices.values]"
    )))
}

/// Word in the payload, or in its only field `state` or `status`.
fn word<T>(shape: &TopicShape<T>) -> Option<String> {
    match &shape.structure.kind {
        Kind::Text | Kind::Truth | Kind::Number if !shape.is_cut => {
            Some(String::from_utf8_lossy(&shape.payload).trim().to_owned())
        }
        Kind::Object => {
            let is_state = |key: &str| matches!(key, "state" | "status");
            let [field] = &shape.structure.fields[..] else { return None };
            match &field.leaf {
                Leaf::Text(text) if field.path.len() == 1 && is_state(&field.path[0]) => {
                    Some(text.trim().to_owned())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Words for online and offline, in the capitalisation of the received one.
fn pair(last: &str, word: &str) -> Option<(String, String)> {
    let is_availability = AVAILABILITY.contains(&last);
    let is_status = is_availability || STATUS.contains(&last);
    let on_status = ON_STATUS.iter().filter(|_| is_status);
    let on_availability = ON_AVAILABILITY.iter().filter(|_| is_availability);
    let mut pairs = [ANYWHERE].iter().chain(on_status).chain(on_availability).copied();
    let is_it = |known: &str| known.eq_ignore_ascii_case(word);
    let (online, offline) = pairs.find(|(online, offline)| is_it(online) || is_it(offline))?;
    Some((spelled_like(word, online), spelled_like(word, offline)))
}

fn spelled_like(model: &str, word: &str) -> String {
    let is_capital = |c: Option<char>| c.is_some_and(|c| c.is_ascii_uppercase());
    let mut letters = model.chars();
    match (is_capital(letters.next()), is_capital(letters.next())) {
        (true, true) => word.to_ascii_uppercase(),
        (true, false) => word[..1].to_ascii_uppercase() + &word[1..],
        _ => word.to_owned(),
    }
}
