//! Creation of the formats of a configuration.

use super::{Format, Formats, OriginJson, families};
use crate::config::{Config, Mistake};
use crate::wire::Topics;

/// Creates the formats of a configuration: the origin's format first, then the device tables in
/// order.
///
/// # Errors
/// All mistakes of the tables, each with the byte offset of its table in the file.
pub fn formats(config: &Config) -> Result<Formats, Vec<(usize, Mistake)>> {
    let topics = Topics::new(&config.mqtt.topic_prefix, config.mqtt.reading_topic);
    let zone = config.times.zone;
    let mut formats: Vec<Box<dyn Format>> = vec![Box::new(OriginJson::new(topics, zone))];
    let mut mistakes = Vec::new();
    for table in &config.devices {
        match families::format(table, zone) {
            Ok(format) if formats.iter().any(|other| other.key() == format.key()) => {
                let what = format!("a table before this one is `{}`, too", format.key());
                let mistake = Mistake::new(
                    what,
                    "give each a base or a topic of its own, such as one device's topic in a table before the other",
                );
                mistakes.push((table.at, mistake));
            }
            Ok(mut format) => {
                if formats.iter().any(|other| other.name() == format.name()) {
                    format.tell_apart();
                }
                formats.push(Box::new(format));
            }
            Err(wrong) => mistakes.extend(wrong.into_iter().map(|mistake| (table.at, mistake))),
        }
    }
    if mistakes.is_empty() { Ok(Formats::new(formats)) } else { Err(mistakes) }
}
