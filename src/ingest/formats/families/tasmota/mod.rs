//! Tasmota: reports of all sensors of a device in one object, with units beside them.
//!
//! * **Topics** `tele/<topic>/SENSOR`, and `stat/<topic>/STATUS8`, `STATUS10` and `STATUS0` as answers, where
//!   `<topic>` may have slashes. That is the `FullTopic` `%prefix%/%topic%/`; a table with `topic` has another, and
//!   without one those of devices are learned from their announcements, `tasmota/discovery/<MAC>/config`
//!   (retained).
//! * **Value** one or two objects deep, a list where there are several phases or channels; `ON` and `OFF`; `null`, and
//!   the bare `nan` of old firmware, for no value. Any other text is none.
//! * **Unit** `TempUnit`, `PressureUnit` and `SpeedUnit` in the message, else in the device's announcement
//!   (`…/<MAC>/sensors`), else °C and hPa; of all other keys as the firmware defines them: energy in kWh, `Period` in
//!   Wh.
//! * **Time** `Epoch`, else `Time`: local without a zone, an epoch, or 1970 before the clock is set.
//! * **Id** `<topic>/<component>[/<part>]`, with the position of an element of a list at the end.
//! * **Availability** `tele/<topic>/LWT`: `Online`, `Offline`, or the words that the device announced.
//! * **Traps** `STATE`, `MARGINS`, `INFO`, `RESULT` are no sensors. `Id` and `Address` are texts of digits. A
//!   bridge wraps relayed data in `ZbReceived`, `LwReceived` or `MtrReceived`, where `Power` is the state of a
//!   switch. Firmware of 2017 has `ENERGY` as a separate topic.
//! * **Source** tasmota/docs (MQTT, JSON-Status-Responses, Zigbee), emontnemery/hatasmota (units, announcements).

mod discovery;
mod full_topic;
mod keys;
mod report;

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use crate::config::PresetTable;
use crate::domain::Presence;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, json, topics};
use crate::ingest::formats::{Claim, Decoded, Filter, Format, Message, StateChange, availability};

use discovery::Fleet;
use full_topic::{FullTopic, Source};
use keys::Units;

/// First levels of announcements.
const DISCOVERY: &str = "tasmota/discovery";

/// A table of Tasmota devices.
#[derive(Debug, Clone)]
pub struct Tasmota {
    key: String,
    full_topic: FullTopic,
    /// Discovery topic; `None` if the table defines the topics.
    discovery: Option<String>,
    fleet: Fleet,
    zone: Tz,
}

/// Subject of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject<'a> {
    Report(Source<'a>, Kind),
    Will(Source<'a>),
    /// Announcement of the device with this MAC address.
    Config(&'a str),
    /// Announcement of sensors.
    Sensors(&'a str),
    /// Settings, states and answers.
    Nothing,
}

/// Location of the sensors in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the payload itself.
    Sensor,
    /// The payload is the component `ENERGY`.
    Energy,
    /// The payload is relayed by a bridge.
    Relayed,
    /// In `StatusSNS`, or `StatusPWR` of old firmware.
    Status,
}

impl Tasmota {
    /// The format of a table; `zone` is that of the devices' clocks.
    ///
    /// # Errors
    /// If a key of the table is invalid; names it.
    pub fn new(table: &PresetTable, zone: Tz) -> Result<Self, String> {
        let base = table.base.as_deref().map(|base| topics::base(Some(base), "")).transpose()?;
        let full_topic =
            FullTopic::new(base.as_deref(), table.topic.as_deref(), table.device.as_deref())?;
        let of_base = |base: String| format!("{base}/{DISCOVERY}");
        let discovery = base.map_or_else(|| DISCOVERY.to_owned(), of_base);
        let key = match (&table.base, &table.topic) {
            (None, None) => "tasmota".to_owned(),
            _ => format!("tasmota:{}", full_topic.text()),
        };
        let discovery = table.topic.is_none().then_some(discovery);
        Ok(Self { key, full_topic, discovery, fleet: Fleet::default(), zone })
    }

    fn subject<'a>(&'a self, topic: &'a str) -> Option<Subject<'a>> {
        let announcement = self.discovery.as_deref().and_then(|base| topics::below(base, topic));
        if let Some((mac, kind)) = announcement.and_then(|rest| rest.split_once('/')) {
            return Some(match kind {
                "config" => Subject::Config(mac),
                "sensors" => Subject::Sensors(mac),
                _ => Subject::Nothing,
            });
        }
        let (root, last) = topic.rsplit_once('/')?;
        let source = self.fleet.source(root).or_else(|| self.full_topic.source(root))?;
        let of_source = match last {
            "LWT" if source.prefix.is_tele() => Some(Subject::Will(source)),
            _ => source.prefix.kind(last).map(|kind| Subject::Report(source, kind)),
        };
        // Others are no business of the table, unless its filters bring them.
        of_source.or_else(|| self.full_topic.takes_all_below().then_some(Subject::Nothing))
    }

    fn decode_report(
        &self,
        source: Source<'_>,
        kind: Kind,
        message: &Message<'_>,
    ) -> Result<Decoded, String> {
        let Some(fields) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        let object = |key| fields.get(key).and_then(Json::as_object);
        let (fields, kind) = match kind {
            Kind::Status => match (object("StatusSNS"), object("StatusPWR")) {
                (Some(sensors), _) => (sensors, Kind::Sensor),
                (None, Some(power)) => (power, Kind::Energy),
                (None, None) => return Ok(Decoded::ignored("an answer without sensors")),
            },
            _ => (&fields, kind),
        };
        let mut builder = Builder::new(message);
        builder.set_location(source.location);
        let reader = TimeReader::new(self.zone, message.received_at);
        let stamp = builder.stamp(&reader, time(fields));
        let units = self.fleet.units(source.mac);
        report::add_all(&mut builder, source.device, kind, fields, units, stamp);
        Ok(builder.finish("no sensor has a value"))
    }

    fn decode_will(&self, source: Source<'_>, message: &Message<'_>) -> Result<Decoded, String> {
        let text = json::text(message.payload)?;
        if text.is_empty() {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        }
        let presence = match self.fleet.words(source.mac) {
            Some((online, _)) if text == online => Presence::Online,
            Some((_, offline)) if text == offline => Presence::Offline,
            _ => availability::word(text)?,
        };
        let mut builder = Builder::new(message);
        builder.availability(source.device, presence);
        Ok(builder.finish(""))
    }
}

/// Time of a report: the epoch, which needs no zone, before the local time.
fn time(fields: &Map<String, Json>) -> Option<&Json> {
    fields.get("Epoch").filter(|epoch| epoch.is_number()).or_else(|| fields.get("Time"))
}

impl Format for Tasmota {
    fn name(&self) -> &'static str {
        "tasmota"
    }

    fn key(&self) -> String {
        self.key.clone()
    }

    fn filters(&self) -> Vec<Filter> {
        let mut filters = self.full_topic.filters();
        if let Some(discovery) = &self.discovery {
            filters.extend(["config", "sensors"].map(|end| format!("{discovery}/+/{end}")));
            filters.extend(self.fleet.filters());
        }
        filters.into_iter().map(Filter::optional).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.subject(topic) {
            None => Claim::Foreign,
            Some(Subject::Nothing) => Claim::Ignores,
            Some(_) => Claim::Decodes,
        }
    }

    fn is_description(&self, topic: &str) -> bool {
        matches!(self.subject(topic), Some(Subject::Config(_) | Subject::Sensors(_)))
    }

    fn decode(
        &self,
        message: &Message<'_>,
        changes: &mut Vec<StateChange>,
    ) -> Result<Decoded, String> {
        match self.subject(message.topic) {
            Some(Subject::Report(source, kind)) => self.decode_report(source, kind, message),
            Some(Subject::Will(source)) => self.decode_will(source, message),
            Some(Subject::Config(mac)) => {
                self.fleet.decode_config(mac, message, &self.full_topic, changes)
            }
            Some(Subject::Sensors(mac)) => self.fleet.decode_sensors(mac, message, changes),
            Some(Subject::Nothing) | None => Ok(Decoded::ignored("no report of sensors")),
        }
    }

    fn remember(&mut self, key: &str, value: Option<&[u8]>) {
        self.fleet.remember(key, value, &self.full_topic);
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(Self { fleet: Fleet::default(), ..self.clone() })
    }
}

#[cfg(test)]
mod tests;
