//! `FullTopic`: how the topics of devices look.

use super::Kind;
use crate::ingest::formats::kit::topics::{self, Pattern};

/// The firmware's default; the device's `%topic%` may have slashes.
const DEFAULT: &str = "{prefix}/{device...}";

/// Ends of topics with telemetry.
const TELE_ENDS: [&str; 4] = ["SENSOR", "LWT", "ENERGY", "ZbReceived"];

/// Ends of topics with answers.
const STAT_ENDS: [&str; 3] = ["STATUS8", "STATUS10", "STATUS0"];

/// Kind of message by a topic's `%prefix%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Telemetry.
    Tele,
    /// Answers to commands.
    Stat,
    /// Either: the topics have no prefix.
    Any,
}

impl Prefix {
    /// True if telemetry is possible.
    pub const fn is_tele(self) -> bool {
        !matches!(self, Self::Stat)
    }

    /// Kind of the reports on a topic, by its last level.
    pub fn kind(self, last: &str) -> Option<Kind> {
        let kind = match last {
            "SENSOR" => Kind::Sensor,
            "ENERGY" => Kind::Energy,
            "ZbReceived" | "LwReceived" | "MtrReceived" => Kind::Relayed,
            _ if STAT_ENDS.contains(&last) => Kind::Status,
            _ => return None,
        };
        let is_status = kind == Kind::Status;
        (self == Self::Any || (self == Self::Stat) == is_status).then_some(kind)
    }

    /// Filters for the topics below a root; a root that ends in `#` brings them all.
    pub fn filters(self, root: &str) -> Vec<String> {
        let ends = match self {
            Self::Tele => TELE_ENDS.to_vec(),
            Self::Stat => STAT_ENDS.to_vec(),
            Self::Any => [&TELE_ENDS[..], &STAT_ENDS[..]].concat(),
        };
        ends.iter().map(|end| format!("{root}/{end}")).collect()
    }
}

/// The device that a topic is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// Its `%topic%`.
    pub device: &'a str,
    /// Location, if the topic names one; else empty.
    pub location: &'a str,
    /// MAC address, if announced.
    pub mac: Option<&'a str>,
    pub prefix: Prefix,
}

/// The topics of a table without their last level.
#[derive(Debug, Clone)]
pub struct FullTopic {
    text: String,
    pattern: Pattern,
    /// Device, if the topics name none.
    device: Option<String>,
}

impl FullTopic {
    /// Topic of a table, with `{prefix}`, `{device}` and `{location}`, or with `%prefix%` and `%topic%` as on the
    /// device.
    pub fn new(
        base: Option<&str>,
        topic: Option<&str>,
        device: Option<&str>,
    ) -> Result<Self, String> {
        let topic = topic.unwrap_or(DEFAULT).trim_end_matches('/');
        let topic = topic.replace("%prefix%", "{prefix}").replace("%topic%", "{device}");
        let text = base.map_or_else(|| topic.clone(), |base| format!("{base}/{topic}"));
        let pattern = Pattern::new(&text).map_err(|why| format!("`topic = \"{topic}\"`: {why}"))?;
        if let Some(token) = text.split('/').find(|level| level.contains('%')) {
            return Err(format!(
                "`topic = \"{topic}\"`: put `{{device}}` or `+` in place of `{token}`"
            ));
        }
        let names_device = text.contains("{device}") || text.contains("{device...}");
        if !names_device && device.is_none() {
            return Err(format!(
                "`topic = \"{topic}\"` names no device: put `{{device}}` in it, or give `device`"
            ));
        }
        Ok(Self { text, pattern, device: device.map(str::to_owned) })
    }

    /// Text of the pattern, which distinguishes tables.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the filters bring all topics below the root.
    pub fn takes_all_below(&self) -> bool {
        self.text.ends_with("...}") || self.text.ends_with('#')
    }

    /// The device that a topic without its last level is of.
    pub fn source<'a>(&'a self, root: &'a str) -> Option<Source<'a>> {
        let levels = self.pattern.levels(root)?;
        let prefix = match topics::level(&levels, "prefix") {
            None => Prefix::Any,
            Some("tele") => Prefix::Tele,
            Some("stat") => Prefix::Stat,
            Some(_) => return None,
        };
        let device = topics::level(&levels, "device").or(self.device.as_deref())?;
        let location = topics::level(&levels, "location").unwrap_or_default();
        (!device.is_empty()).then_some(Source { device, location, mac: None, prefix })
    }

    /// Filters for its topics.
    pub fn filters(&self) -> Vec<String> {
        let of_prefix = |(prefix, name): (Prefix, &str)| {
            let root = self.text.replace("{prefix}", name);
            let roots = if self.takes_all_below() { vec![root] } else { prefix.filters(&root) };
            let patterns = roots.into_iter().filter_map(|root| Pattern::new(&root).ok());
            patterns.flat_map(|pattern| pattern.filters()).collect::<Vec<_>>()
        };
        if self.text.contains("{prefix}") {
            [(Prefix::Tele, "tele"), (Prefix::Stat, "stat")]
                .into_iter()
                .flat_map(of_prefix)
                .collect()
        } else {
            of_prefix((Prefix::Any, ""))
        }
    }
}
