//! InfluxDB line protocol, as published by Telegraf and building automation.
//!
//! * **Topics**: no fixed ones: the table's `topic`, or all below its `base`. By default those
//!   whose first level is `influx` or `telegraf`, and those with `influx` as second or third level.
//! * **Value**: `measurement,tag=… field=1.5,count=2i,on=t <time>`, one per line ([`line`]). Quoted
//!   fields are strings.
//! * **Unit**: none; the default unit of the quantity if the value is plausible in it.
//! * **Time**: the last number, in the sender's precision: inferred from its magnitude, or the
//!   table's `precision`.
//! * **Id**: `<measurement>[/<values of the tags, in the order of their keys>]`, quantity the
//!   field.
//! * **Availability**: none.
//! * **Traps**: lines are validated independently. Blanks, commas and equals signs in names are
//!   escaped. Every combination of tag values is a sensor, so changing values create many.
//!
//! Source: influxdata/docs-v2 (line protocol), influxdata/telegraf (influx parser).

mod line;

use chrono_tz::Tz;
use serde_json::Value as Json;

use self::line::{Field, Line};
use super::open_schema;
use super::table_topics::{self, TableTopics};
use crate::config::{Precision, PresetTable};
use crate::domain::SensorId;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json, names};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

const DEFAULT_TOPICS: [&str; 4] = ["influx/#", "+/influx/#", "+/+/influx/#", "telegraf/#"];

/// Format of one table.
#[derive(Debug, Clone)]
pub struct Influx {
    key: String,
    topics: TableTopics,
    zone: Tz,
    precision: Option<Precision>,
}

impl Influx {
    /// Creates the format of a table with `topic`, in which a level `{location}` is the location of
    /// its sensors, or with `base`.
    ///
    /// # Errors
    /// If the topic pattern is invalid, or both keys are present.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let topics = TableTopics::new(table, &DEFAULT_TOPICS)?;
        let key = table_topics::key("influx", table);
        Ok(Self { key, topics, zone, precision: table.precision })
    }
}

impl Format for Influx {
    fn name(&self) -> &'static str {
        "influx"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        self.topics.filters()
    }

    fn claim(&self, topic: &str) -> Claim {
        self.topics.claim(topic)
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        let text = json::text(message.payload)?;
        let times = TimeReader {
            precision: self.precision,
            ..TimeReader::new(self.zone, message.received_at)
        };
        let mut builder = Builder::new(message);
        if let Some(location) = self.topics.level(message.topic, "location") {
            builder.set_location(location);
        }
        for (number, line) in line::lines(text) {
            let added = line.and_then(|line| add(&mut builder, line, &times));
            if let Err(why) = added {
                builder.fault(format!("line {number}: {why}"));
            }
        }
        Ok(builder.finish("no numbers in it"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

fn add(builder: &mut Builder, line: Line<'_>, times: &TimeReader) -> Result<(), String> {
    let stamp = Stamp::from(line.time.map_or(Ok(None), |time| times.read_text(time))?);
    let mut tags = line.tags;
    tags.sort();
    let mut sensor = line.measurement;
    for (_, value) in &tags {
        sensor.extend(["/", value]);
    }
    SensorId::new(&sensor).map_err(|error| error.to_string())?;
    for (key, field) in line.fields {
        let quantity = names::canonical(&key);
        match field {
            Field::Number(value) => builder.add_value(&sensor, &quantity, value, "", stamp),
            Field::Truth(is_true) => {
                open_schema::add(builder, &sensor, &quantity, &Json::Bool(is_true), "", stamp);
            }
            Field::Nothing => {}
            Field::Wrong(why) => builder.fault(format!("`{quantity}` of {sensor}: {why}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
