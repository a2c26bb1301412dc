//! Proposals of configuration for unclaimed topics: a preset if the topic or the payload is that of a known family, else a
//! mapping inferred from both. Pure.
//!
//! Always: lines that `vigie check` accepts, whatever was published. Never: a mapping for a payload without a value.

mod availability;
mod families;
mod levels;
mod mapping;
mod text;

use std::borrow::Cow;

use self::text::quoted;
use super::shapes::TopicShape;
use super::structure::Kind;
use crate::config::Preset;
use crate::logging::is_unprintable;

/// Last levels of topics on which devices receive commands.
const COMMANDS: [&str; 4] = ["set", "cmd", "cmnd", "command"];

/// Proposal for a shape of topics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proposal {
    /// Lines of configuration to paste; `None` if there is only a note.
    pub config: Option<String>,
    /// Note for the reader.
    pub note: Option<Cow<'static, str>>,
}

impl Proposal {
    fn preset(preset: Preset, keys: &[(&str, &str)]) -> Self {
        let keys = keys.iter().map(|(key, value)| format!("{key} = {}\n", quoted(value)));
        let config = format!("[[devices]]\npreset = \"{}\"\n", preset.name());
        Self { config: Some(config + &keys.collect::<String>()), note: None }
    }

    /// Preset of a family, with its base topic unless that is the default.
    fn based(preset: Preset, base: &str, default: &str) -> Self {
        let keys = [("base", base)];
        Self::preset(preset, if base == default || base.is_empty() { &[] } else { &keys })
    }

    fn note(note: impl Into<Cow<'static, str>>) -> Self {
        Self { config: None, note: Some(note.into()) }
    }
}

/// A proposal for each shape. Shapes are considered together, since one may identify the family of others.
#[must_use]
pub fn all<T>(shapes: &[&TopicShape<T>]) -> Vec<Proposal> {
    let bridges: Vec<String> =
        shapes.iter().filter_map(|shape| families::zigbee2mqtt_base(&shape.topic)).collect();
    let mut proposals: Vec<Proposal> = shapes.iter().map(|shape| one(shape, &bridges)).collect();
    share_decimal_mark(shapes, &mut proposals);
    proposals
}

/// Leaves one table for each topic if some devices send a decimal comma. The table with the comma also reads integers. If
/// other devices send a decimal point, the device with the comma gets a note instead.
fn share_decimal_mark<T>(shapes: &[&TopicShape<T>], proposals: &mut [Proposal]) {
    let is_whole = |shape: &TopicShape<T>| {
        shape.structure.kind == Kind::Number && !shape.payload.contains(&b'.')
    };
    let all = || shapes.iter().zip(proposals.iter());
    let configs = |is_wanted: &dyn Fn(&TopicShape<T>, &str) -> bool| -> Vec<String> {
        let known =
            all().filter_map(|(shape, proposal)| Some((shape, proposal.config.as_deref()?)));
        known.filter(|(shape, it)| is_wanted(shape, it)).map(|(_, it)| it.to_owned()).collect()
    };
    let with_point = configs(&|shape, it| !it.ends_with(mapping::COMMA) && !is_whole(shape));
    let with_comma = configs(&|_, it| it.ends_with(mapping::COMMA));
    for (shape, proposal) in shapes.iter().zip(proposals) {
        let Some(config) = &proposal.config else { continue };
        let without = config.strip_suffix(mapping::COMMA);
        if without.is_some_and(|without| with_point.iter().any(|it| it == without)) {
            *proposal = comma_among_points(&shape.topic);
        } else if is_whole(shape) && !with_point.contains(config) {
            let is_same = |it: &&String| it.strip_suffix(mapping::COMMA) == Some(config.as_str());
            proposal.config = Some(with_comma.iter().find(is_same).unwrap_or(config).clone());
        }
    }
}

fn comma_among_points(topic: &str) -> Proposal {
    let topic = quoted(topic);
    Proposal::note(format!(
        "others on such topics send a decimal point: give this one a table before theirs, with topic = {topic}, its sensor \
         and quantity, and decimal = \",\""
    ))
}

fn one<T>(shape: &TopicShape<T>, bridges: &[String]) -> Proposal {
    // Braces and wildcards have a meaning in a table, and control characters are invalid there.
    let is_odd = |c: char| is_unprintable(c) || "{}+#".contains(c);
    if shape.topic.contains(is_odd) {
        return Proposal::note("its topic has characters that no table can have");
    }
    if let Some(proposal) = families::proposal(shape, bridges) {
        return proposal;
    }
    if shape.topic.rsplit('/').next().is_some_and(|last| COMMANDS.contains(&last)) {
        return Proposal::note("by its last level a command to a device");
    }
    availability::proposal(shape).unwrap_or_else(|| mapping::proposal(shape))
}

#[cfg(test)]
mod tests;
