//! Availability topics of a config, and how several of them combine.

use serde_json::Value as Json;

use super::super::abbreviations::{self, Keys};
use super::super::availability::{Mode, SourceSpec};
use super::super::filter;
use super::text;

/// Topics of availability of one entity.
const MOST_SOURCES: usize = 16;

/// Mode by which availability topics are combined.
pub fn mode(config: &Keys) -> Result<Mode, String> {
    match text(config, "availability_mode")?.as_deref() {
        None | Some("latest") => Ok(Mode::Latest),
        Some("all") => Ok(Mode::All),
        Some("any") => Ok(Mode::Any),
        Some(other) => {
            Err(format!("`availability_mode` is {other:?}: neither all, any nor latest"))
        }
    }
}

/// Availability topics of an entity; empty if it reports none.
pub fn sources(config: &mut Keys) -> Result<Vec<SourceSpec>, String> {
    if let Some(topic) = text(config, "availability_topic")? {
        return Ok(vec![source(config, topic, "availability_template")?]);
    }
    let items = match config.remove("availability") {
        Some(Json::Array(items)) => items,
        Some(item @ Json::Object(_)) => vec![item],
        _ => Vec::new(),
    };
    if items.len() > MOST_SOURCES {
        return Err(format!("`availability` has more than {MOST_SOURCES} topics"));
    }
    let mut sources = Vec::new();
    for item in items {
        let Json::Object(mut item) = item else { continue };
        abbreviations::expand(&mut item);
        let topic = text(&item, "topic")?.ok_or("`availability` has no `topic`")?;
        sources.push(source(&item, topic, "value_template")?);
    }
    Ok(sources)
}

fn source(keys: &Keys, topic: String, template: &str) -> Result<SourceSpec, String> {
    filter::check(&topic).map_err(|why| format!("the topic of availability: {why}"))?;
    let payload =
        |key, default: &str| Ok::<_, String>(text(keys, key)?.unwrap_or_else(|| default.into()));
    Ok(SourceSpec {
        topic: topic.into(),
        template: text(keys, template)?.map(Into::into),
        available: payload("payload_available", "online")?.into(),
        unavailable: payload("payload_not_available", "offline")?.into(),
    })
}
