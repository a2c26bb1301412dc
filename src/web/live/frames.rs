//! The frames that the server sends, as JSON. Pure.
//!
//! Always: a state is cut into parts of at most [`LARGEST_PART`] (but for one item that is larger), of which all but the
//! last say that more follows; a part is written when it is asked for. Keys that bring nothing are left out.

use std::io::Write as _;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Value, json};

use super::protocol::{UpdateRequest, VERSION};
use crate::config::TimeStyle;
use crate::domain::{LiveAlarm, LiveChanges, SeriesDescription, SeriesValue};
use crate::wire::AlarmJson;

/// Some browsers' and proxies' limits are four times that.
const LARGEST_PART: usize = 64 * 1024;

/// For what follows the items of a part.
const OF_THE_END: usize = 256;

/// What a client learns first.
#[derive(Debug, Clone)]
pub(super) struct Welcome<'a> {
    pub epoch: &'a str,
    /// Names the dashboard's files.
    pub build: &'a str,
    /// Name of the plant's time zone.
    pub zone: &'a str,
    pub language: &'a str,
    pub user: Option<&'a str>,
    pub role: &'a str,
    /// Whether nobody need log in.
    pub is_open: bool,
}

impl Welcome<'_> {
    /// The frame, at milliseconds since 1970.
    pub fn json(&self, now: i64) -> Value {
        let Self { epoch, build, zone, language, user, role, is_open } = self;
        json!({
            "type": "welcome", "version": VERSION, "epoch": epoch, "build": build, "zone": zone,
            "language": language, "now": now, "user": user, "role": role, "open": is_open,
        })
    }
}

/// The frame that says that the link is alive.
pub(super) fn beat(now: i64) -> String {
    format!("{{\"type\":\"beat\",\"now\":{now}}}")
}

/// A state, part by part.
#[derive(Debug)]
pub(super) struct State {
    pub changes: LiveChanges,
    /// JSON of the system's figures.
    pub system: Option<std::sync::Arc<str>>,
    /// JSON of the broker's figures.
    pub broker: Option<std::sync::Arc<str>>,
    pub is_full: bool,
    /// `seq` of all parts but the last, and of the last.
    pub seq_before: u64,
    pub seq_after: u64,
    pub times: TimeStyle,
}

/// A state that is being written: which kinds are done, and how many items of the present one.
#[derive(Debug)]
pub(super) struct Parts {
    state: State,
    kind: usize,
    item: usize,
    is_begun: bool,
    limit: usize,
}

/// The keys of a state that have items, in the order in which they are sent: a value comes after what it is of.
const KINDS: [&str; 4] = ["series", "values", "gone", "alarms"];

impl State {
    /// A state of the changes that were asked for, without figures, and its version; `None` when what the client has is
    /// void.
    pub fn of(ask: &UpdateRequest, changes: LiveChanges, times: TimeStyle) -> Option<(u64, Self)> {
        if changes.is_full && !ask.is_full {
            return None;
        }
        let version = changes.version;
        let state = Self {
            changes,
            system: None,
            broker: None,
            is_full: ask.is_full,
            seq_before: ask.seq_before(),
            seq_after: ask.seq_after(version),
            times,
        };
        Some((version, state))
    }

    /// The parts of the state.
    pub fn parts(self) -> Parts {
        self.parts_of(LARGEST_PART)
    }

    /// The state as one object.
    pub fn whole(self, now: i64) -> String {
        self.parts_of(usize::MAX).next_part(now).unwrap_or_default()
    }

    pub(super) const fn parts_of(self, limit: usize) -> Parts {
        Parts { state: self, kind: 0, item: 0, is_begun: false, limit }
    }

    const fn num_items(&self, kind: usize) -> usize {
        let LiveChanges { descriptions, values, alarms, gone, .. } = &self.changes;
        match kind {
            0 => descriptions.len(),
            1 => values.len(),
            2 => gone.len(),
            _ => alarms.len(),
        }
    }

    fn write_item(&self, kind: usize, item: usize, to: &mut Vec<u8>) {
        let changes = &self.changes;
        // Writing to memory never fails, nor does any of these as JSON.
        let _ = match kind {
            0 => serde_json::to_writer(to, &Description(&changes.descriptions[item])),
            1 => serde_json::to_writer(to, &value(&changes.values[item])),
            2 => serde_json::to_writer(to, &changes.gone[item].to_string()),
            _ => serde_json::to_writer(to, &Alarm(&changes.alarms[item], self.times)),
        };
    }
}

impl Parts {
    /// Writes the next part, at milliseconds since 1970; `None` after the last.
    pub fn next_part(&mut self, now: i64) -> Option<String> {
        if self.is_begun && self.is_at_end() {
            return None;
        }
        let mut part = format!("{{\"type\":\"state\",\"now\":{now}").into_bytes();
        if self.state.is_full && !self.is_begun {
            part.extend_from_slice(b",\"full\":true");
        }
        self.is_begun = true;
        while self.kind < KINDS.len() && self.write_kind(&mut part) {}
        if self.is_at_end() {
            for (key, figures) in [("system", &self.state.system), ("broker", &self.state.broker)] {
                if let Some(figures) = figures {
                    let _ = write!(part, ",\"{key}\":{figures}");
                }
            }
            let _ = write!(part, ",\"seq\":{}}}", self.state.seq_after);
        } else {
            let _ = write!(part, ",\"more\":true,\"seq\":{}}}", self.state.seq_before);
        }
        String::from_utf8(part).ok() // JSON is
    }

    /// Whether all parts are written.
    pub const fn is_at_end(&self) -> bool {
        self.kind == KINDS.len()
    }

    /// Writes the items of the present kind that there is room for. Whether the next kind may follow.
    fn write_kind(&mut self, part: &mut Vec<u8>) -> bool {
        let num_items = self.state.num_items(self.kind);
        let from = self.item;
        let is_first = part.len() < OF_THE_END;
        while self.item < num_items {
            let before = part.len();
            if self.item == from {
                let _ = write!(part, ",\"{}\":[", KINDS[self.kind]);
            } else {
                part.push(b',');
            }
            self.state.write_item(self.kind, self.item, part);
            let is_alone = is_first && self.item == from;
            if part.len() > self.limit - OF_THE_END && !is_alone {
                part.truncate(before);
                break;
            }
            self.item += 1;
        }
        if self.item > from {
            part.push(b']');
        }
        if self.item < num_items {
            return false;
        }
        (self.kind, self.item) = (self.kind + 1, 0);
        true
    }
}

/// `[index, value, milliseconds since 1970, state]`
fn value(of: &SeriesValue) -> impl Serialize {
    (of.index, of.value, of.at.map(|at| at.timestamp_millis()), of.flags.bits())
}

struct Description<'a>(&'a SeriesDescription);

impl Serialize for Description<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            i: u32,
            id: &'a str,
            location: &'a str,
            quantity: &'a str,
            unit: &'a str,
            low: Option<f64>,
            high: Option<f64>,
            every: Option<f64>,
        }
        let Self(of) = self;
        let json = Json {
            i: of.index,
            id: of.sensor_id.as_str(),
            location: of.location.as_str(),
            quantity: of.quantity.as_str(),
            unit: of.unit.as_str(),
            low: of.low,
            high: of.high,
            every: of.every.map(seconds),
        };
        json.serialize(serializer)
    }
}

/// An interval in seconds, to the millisecond.
pub(in crate::web) fn seconds(every: f32) -> f64 {
    (f64::from(every) * 1000.0).round() / 1000.0
}

struct Alarm<'a>(&'a LiveAlarm, TimeStyle);

impl Serialize for Alarm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            #[serde(flatten)]
            alarm: AlarmJson<'a>,
            runbook: Option<&'a str>,
        }
        let Self(LiveAlarm { view, runbook }, times) = self;
        let json = Json { alarm: AlarmJson::new(view, *times), runbook: runbook.as_deref() };
        json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        AlarmKey, Location, Quantity, SensorId, SeriesFlags, Unit, Value as Reading,
    };

    fn changes(num_series: u32) -> LiveChanges {
        let mut changes = LiveChanges { version: 7, ..LiveChanges::default() };
        for index in 0..num_series {
            changes.descriptions.push(SeriesDescription {
                index,
                sensor_id: SensorId::new(&format!("T\"{index}")).unwrap(),
                quantity: Quantity::temperature(),
                location: Location::new("Entrepôt"),
                unit: Unit::new("celsius"),
                low: None,
                high: Some(35.0),
                every: Some(2.000_01),
                is_judged: true,
                stale_after: None,
            });
            changes.values.push(SeriesValue {
                index,
                value: Some(Reading::new(38.0).unwrap()),
                at: chrono::DateTime::from_timestamp_millis(1_500),
                flags: SeriesFlags::default(),
            });
        }
        changes
    }

    fn state(changes: LiveChanges) -> State {
        State {
            changes,
            system: None,
            broker: None,
            is_full: true,
            seq_before: 3,
            seq_after: 7,
            times: TimeStyle { naive: false, zone: chrono_tz::Tz::UTC },
        }
    }

    fn all(mut parts: Parts) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(part) = parts.next_part(9) {
            assert!(part.len() <= LARGEST_PART, "{}", part.len());
            all.push(serde_json::from_str(&part).unwrap());
        }
        all
    }

    #[test]
    fn a_small_state_is_one_part() {
        let mut of = changes(1);
        let sensor_id = SensorId::new("T/2").unwrap();
        of.gone.push(AlarmKey { rule: "warm".into(), sensor_id });
        let system = Some("{\"pid\":1}".into());
        let parts = all(State { system, ..state(of) }.parts());
        let expected = json!({
            "type": "state", "now": 9, "full": true, "seq": 7,
            "series": [{"i": 0, "id": "T\"0", "location": "Entrepôt", "quantity": "temperature",
                "unit": "celsius", "low": null, "high": 35.0, "every": 2.0}],
            "values": [[0, 38.0, 1500, 0]],
            "gone": ["warm/T/2"],
            "system": {"pid": 1},
        });
        assert_eq!(parts, [expected]);
    }

    #[test]
    fn nothing_is_a_state_too() {
        let none = State { is_full: false, ..state(LiveChanges::default()) };
        assert_eq!(all(none.parts()), [json!({ "type": "state", "now": 9, "seq": 7 })]);
    }

    #[test]
    fn a_large_state_comes_in_parts_and_whole() {
        let parts = all(state(changes(2000)).parts());
        assert!(parts.len() > 3, "{}", parts.len());
        let (last, others) = parts.split_last().unwrap();
        assert_eq!((&last["more"], &last["seq"]), (&Value::Null, &json!(7)));
        assert!(others.iter().all(|part| part["more"] == true && part["seq"] == 3));
        assert!(parts[0]["full"] == true && parts[1..].iter().all(|part| part["full"].is_null()));
        let items = |key: &str| -> Vec<Value> {
            parts.iter().filter_map(|part| part[key].as_array()).flatten().cloned().collect()
        };
        let whole: Value = serde_json::from_str(&state(changes(2000)).whole(9)).unwrap();
        assert_eq!(json!(items("series")), whole["series"]);
        assert_eq!(json!(items("values")), whole["values"]);
        assert_eq!((items("values").len(), &whole["seq"]), (2000, &json!(7)));
    }

    #[test]
    fn an_item_that_is_too_large_for_a_part_is_one_of_its_own() {
        let mut of = changes(3);
        of.descriptions[1].location = Location::new(&"x".repeat(LARGEST_PART));
        let mut parts = state(of).parts();
        let mut lengths = Vec::new();
        while let Some(part) = parts.next_part(9) {
            lengths.push(part.len() > LARGEST_PART);
        }
        assert_eq!(lengths, [false, true, false]);
    }
}
