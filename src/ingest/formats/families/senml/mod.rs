//! SenML (RFC 8428) in JSON and CBOR.
//!
//! * **Topics**: no fixed ones: the table's `topic`, or all below its `base`. By default those with `senml` as one
//!   of their first three levels.
//! * **Value**: a list of records; `v` plus base value `bv`, or the truth value `vb`; texts and data are no readings.
//! * **Unit**: `u`, else `bu`; names of RFC 8428 and RFC 8798 ([`units`]). The unit determines the quantity.
//! * **Time**: `t` plus `bt` in seconds; below 2²⁸ it counts from the receipt.
//! * **Id**: `bn` and `n`, joined; one name may have several quantities.
//! * **Availability**: none.
//! * **Traps**: a base field holds for the records after it, too; a label that ends in `_` and a later version must not
//!   be passed over; `C` is coulomb, `F` farad. In CBOR labels are small integers ([`cbor`]).
//!
//! Source: RFC 8428, RFC 8798, RFC 9100.

mod cbor;
mod pack;
mod units;

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::table_topics::{self, TableTopics};
use crate::config::PresetTable;
use crate::ingest::formats::kit::{Builder, json};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange};

const DEFAULT_TOPICS: [&str; 3] = ["senml/#", "+/senml/#", "+/+/senml/#"];

/// The format of one table.
#[derive(Debug, Clone)]
pub struct SenMl {
    key: String,
    topics: TableTopics,
}

impl SenMl {
    /// Topic from the table's `topic`, in which a level `{location}` is that of its sensors; or from `base`.
    ///
    /// # Errors
    /// If the topic is no pattern, or both are given.
    pub fn new(table: &PresetTable, _: Tz) -> Result<Self, String> {
        let topics = TableTopics::new(table, &DEFAULT_TOPICS)?;
        Ok(Self { key: table_topics::key("senml", table), topics })
    }
}

impl Format for SenMl {
    fn name(&self) -> &'static str {
        "senml"
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
        let parsed = if cbor::is_cbor(message.payload) {
            cbor::parse(message.payload).map(Some)
        } else {
            json::parse(message.payload)
        };
        let records = match parsed? {
            None => return Ok(Decoded::ignored("an empty payload")),
            Some(Json::Array(records)) => records,
            Some(record @ Json::Object(_)) => vec![record],
            Some(other) => {
                return Err(format!("it is {}, not a list of records", json::kind(&other)));
            }
        };
        let mut builder = Builder::new(message);
        if let Some(location) = self.topics.level(message.topic, "location") {
            builder.set_location(location);
        }
        pack::add(&mut builder, &records, message.received_at)?;
        Ok(builder.finish("no numbers in it"))
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
