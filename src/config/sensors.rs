//! `[fleet]` and `[[sensors]]`: the sensors that run in this process.

use std::collections::BTreeMap;
use std::time::Duration;

use super::errors::{Mistake, quote};
use super::expand::Names;
use super::inspector::Inspector;
use super::model::{FleetConfig, ReadingTopic, SensorConfig};
use super::reader::TableReader;
use super::source::{SourceFor, source};
use crate::domain::{Location, Quantity, SensorId, Unit};

/// Limit of sensors in a file: a higher number is taken for a mistake in a range.
pub(super) const MOST_SENSORS: u64 = 1_000_000;

pub(super) fn fleet(mut table: TableReader<'_>) -> FleetConfig {
    let mut duration = |key, default| table.duration(key).map_or(default, |given| given.value);
    let fleet = FleetConfig {
        sensor_reading_interval: duration("sensor_reading_interval", Duration::from_secs(2)),
        cycle_pause: duration("cycle_pause", Duration::from_secs(5)),
    };
    table.finish();
    fleet
}

/// Sensors of the `[[sensors]]` tables read so far, with ranges expanded, in order.
#[derive(Default)]
pub(super) struct SensorList {
    sensors: Vec<SensorConfig>,
    tables: Vec<Defined>,
}

/// One `[[sensors]]` table that could be used.
struct Defined {
    id_at: usize,
    /// Index of its last sensor in the list.
    last_index: usize,
}

impl SensorList {
    /// Reads the `[[sensors]]` tables below `root`.
    pub(super) fn read(&mut self, root: &mut TableReader<'_>) {
        for table in root.tables("sensors", "[[sensors]]") {
            if let Some(id_at) = sensor(table, &mut self.sensors)
                && let Some(last_index) = self.sensors.len().checked_sub(1)
            {
                self.tables.push(Defined { id_at, last_index });
            }
        }
    }

    /// The list, after checks that need all of it.
    pub(super) fn checked(
        self,
        inspector: &Inspector<'_>,
        topic: ReadingTopic,
    ) -> Vec<SensorConfig> {
        if topic == ReadingTopic::PerSensor {
            self.report_ids_that_are_no_topic_level(inspector);
        }
        self.report_duplicates(inspector);
        self.sensors
    }

    fn report_ids_that_are_no_topic_level(&self, inspector: &Inspector<'_>) {
        for Defined { id_at, last_index } in &self.tables {
            // A range only adds digits, so one of its ids stands for all.
            let id = self.sensors[*last_index].id.as_str();
            if id.contains(['/', '+', '#']) {
                let mistake = Mistake::new(
                    format!("{} can't be a topic level", quote(id)),
                    "leave out `/`, `+` and `#`, or set reading_topic = \"shared\" below [mqtt]",
                );
                inspector.wrong(*id_at, mistake);
            }
        }
    }

    /// Reports sensors defined twice: once for each two tables, however many ids they share.
    fn report_duplicates(&self, inspector: &Inspector<'_>) {
        let Self { sensors, tables } = self;
        let key = |index: usize| (sensors[index].id.as_str(), sensors[index].quantity.as_str());
        // A stable sort: of two equal sensors the first one defined comes first. It takes one pass over a sorted
        // list, which a large fleet's mostly is.
        let mut order: Vec<usize> = (0..sensors.len()).collect();
        order.sort_by(|a, b| key(*a).cmp(&key(*b)));
        let table_of = |index| tables.partition_point(|table| table.last_index < index);
        let mut shared: BTreeMap<(usize, usize), (&str, usize)> = BTreeMap::new();
        for same in order.chunk_by(|a, b| key(*a) == key(*b)) {
            for other in &same[1..] {
                let tables = (table_of(*other), table_of(same[0]));
                shared.entry(tables).or_insert((key(*other).0, 0)).1 += 1;
            }
        }
        for ((table, first), (id, count)) in shared {
            let others = match count {
                1 => String::new(),
                more => format!(" (and {} more)", more - 1),
            };
            let mistake = Mistake::new(
                format!("sensor {}{others} is defined twice", quote(id)),
                "give each sensor of a quantity an id of its own",
            );
            inspector.duplicate(tables[table].id_at, tables[first].id_at, mistake);
        }
    }
}

fn too_many() -> Mistake {
    Mistake::new(
        format!("with these there are more than {MOST_SENSORS} sensors"),
        "check the ranges, or share the sensors out over several daemons",
    )
}

/// Reads one table into the sensors of its id; returns the position of the id, unless it is invalid.
fn sensor(mut table: TableReader<'_>, sensors: &mut Vec<SensorConfig>) -> Option<usize> {
    let id = table.string("id");
    let id = table.require(id, "id", "name the sensor: id = \"TEMP_001\"");
    let room = MOST_SENSORS.saturating_sub(sensors.len() as u64);
    let names = id.and_then(|id| table.inspector.check(id.at, names(id.value, room)));
    let quantity = quantity_of(&mut table, sensors.last().map(|last| &last.quantity));
    let unit = table.any_text("unit").map(|unit| Unit::new(unit.value));
    let location = Location::new(table.any_text("location").map_or("", |location| location.value));
    let interval = table.duration("interval").map(|interval| interval.value);
    // A sensor without a source still counts as one when duplicates are looked for.
    let source = source(&mut table).unwrap_or(SourceFor::UNREADABLE);
    let inspector = table.inspector;
    table.finish();
    let (id_at, names, quantity) = (id?.at, names?, quantity?);
    let unit = unit.unwrap_or_else(|| quantity.default_unit());
    let before = sensors.len();
    for index in 0..names.count() {
        let Some(id) = inspector.check(id_at, sensor_id(&names.nth(index))) else {
            sensors.truncate(before);
            return None;
        };
        sensors.push(SensorConfig {
            source: source.of(&id, index),
            id,
            location: location.clone(),
            quantity: quantity.clone(),
            unit: unit.clone(),
            interval,
        });
    }
    Some(id_at)
}

/// Quantity, or the default; `None` if invalid. `last` is the previous sensor's: mostly it is equal, and is then
/// shared.
fn quantity_of(table: &mut TableReader<'_>, last: Option<&Quantity>) -> Option<Quantity> {
    match table.string("quantity") {
        Some(name) => match last {
            Some(last) if last.as_str() == name.value => Some(last.clone()),
            _ => table.inspector.check(name.at, quantity(name.value)),
        },
        None => (!table.has("quantity")).then(Quantity::temperature),
    }
}

/// Ids of a text, at most `room` of them.
fn names(text: &str, room: u64) -> Result<Names<'_>, Mistake> {
    let names = Names::parse(text)?;
    if names.count() > room { Err(too_many()) } else { Ok(names) }
}

pub(super) fn sensor_id(text: &str) -> Result<SensorId, Mistake> {
    SensorId::new(text)
        .map_err(|error| Mistake::new(error.to_string(), "an id has 1 to 256 bytes, on one line"))
}

pub(super) fn quantity(text: &str) -> Result<Quantity, Mistake> {
    Quantity::new(text).map_err(|_| {
        Mistake::new(
            format!("{} is no name of a quantity", quote(text)),
            "use small letters, digits and `_`, starting with a letter, at most 64; \
             not a field of a reading (sensor_id, location, timestamp, unit, status)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint};
    use super::*;

    fn config(tables: &str) -> String {
        format!("[broker]\n{tables}")
    }

    fn said(tables: &str) -> Vec<String> {
        super::super::testing::said(&config(tables))
    }

    fn ids(tables: &str) -> Vec<String> {
        let sensors = accepted(&config(tables)).sensors;
        sensors.iter().map(|sensor| sensor.id.to_string()).collect()
    }

    const SIMULATED: &str = "source = { type = \"simulated\" }\n";

    #[test]
    fn a_sensor_needs_an_id_and_a_source() {
        let text = config(&format!("[[sensors]]\nid = \"A\"\n{SIMULATED}"));
        let sensor = accepted(&text).sensors.remove(0);
        assert_eq!(sensor.quantity, Quantity::temperature());
        assert_eq!((sensor.unit.as_str(), sensor.location.as_str()), ("celsius", ""));
        assert_eq!(sensor.interval, None);
        assert_eq!(
            said("[[sensors]]\n"),
            ["2: `id` is missing in [[sensors]]", "2: `source` is missing in [[sensors]]"]
        );
        assert_eq!(
            said("[[sensors]]\nid = \"A\"\nsource = \"simulated\""),
            ["4: `source` must be a table, not text"]
        );
    }

    #[test]
    fn reads_the_rest_of_a_sensor() {
        let text = config(
            "[[sensors]]\nid = \"A\"\nlocation = \"Entrepôt\"\nquantity = \"pm25\"\ninterval = \"1m\"\n\
             [sensors.source]\ntype = \"simulated\"\n",
        );
        let sensor = accepted(&text).sensors.remove(0);
        assert_eq!((sensor.quantity.as_str(), sensor.unit.as_str()), ("pm25", ""));
        assert_eq!(sensor.location.as_str(), "Entrepôt");
        assert_eq!(sensor.interval, Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_list_of_tables_is_written_with_two_brackets() {
        assert_eq!(said("[sensors]\n"), ["2: `sensors` must be a list of tables, not a table"]);
        assert!(hint("[broker]\n[sensors]\n").contains("[[sensors]]"));
        assert_eq!(
            super::super::testing::said("sensors = [1]\n[broker]"),
            ["1: `sensors` must be a table, not a whole number"]
        );
    }

    #[test]
    fn ranges_expand() {
        assert_eq!(
            ids(&format!("[[sensors]]\nid = \"T_{{08..10}}\"\n{SIMULATED}")),
            ["T_08", "T_09", "T_10"]
        );
    }

    #[test]
    fn too_many_sensors_are_a_slip() {
        let table = |id: &str| format!("[[sensors]]\nid = \"{id}\"\n{SIMULATED}");
        let many = "3: with these there are more than 1000000 sensors";
        assert_eq!(said(&table("T{1..1000001}")), [many]);
        assert_eq!(said(&table("T{0..18446744073709551615}")), [many]);
        let two = format!("{}{}", table("T{1..600000}"), table("U{1..600000}"));
        assert_eq!(said(&two), ["6: with these there are more than 1000000 sensors"]);
        assert_eq!(said(&table("T{5..1}")), ["3: the range of `T{5..1}` runs backwards"]);
    }

    #[test]
    fn an_id_stands_for_one_sensor_of_a_quantity() {
        let table = |id: &str, more: &str| format!("[[sensors]]\nid = \"{id}\"\n{more}{SIMULATED}");
        let humid = "quantity = \"humidity\"\n";
        assert_eq!(ids(&format!("{}{}", table("A", ""), table("A", humid))), ["A", "A"]);
        assert_eq!(
            said(&format!("{}{}{}", table("B", ""), table("A", ""), table("B", ""))),
            ["9: sensor `B` is defined twice, first at test.toml:3:6"]
        );
        assert_eq!(
            said(&format!("{}{}{}", table("T{1..9}", ""), table("T{7..12}", ""), table("T10", ""))),
            [
                "6: sensor `T7` (and 2 more) is defined twice, first at test.toml:3:6",
                "9: sensor `T10` is defined twice, first at test.toml:6:6"
            ]
        );
    }

    #[test]
    fn duplicates_are_found_beside_other_mistakes() {
        let three = "[[sensors]]\nid = \"A\"\n[[sensors]]\nid = \"A\"\n\
                     [[sensors]]\nid = \"A\"\nquantity = \"?\"\n";
        let said = said(three);
        let duplicates = said.iter().filter(|said| said.contains("twice")).count();
        assert_eq!((duplicates, said.len()), (1, 5), "{said:?}");
    }

    #[test]
    fn ids_and_quantities_have_a_form() {
        let long = "x".repeat(300);
        let table = |id: &str| format!("[[sensors]]\nid = \"{id}\"\n{SIMULATED}");
        assert_eq!(said(&table("")), ["3: the sensor id is empty"]);
        assert_eq!(said(&table(&long)), ["3: the sensor id is longer than 256 bytes"]);
        assert_eq!(said(&table("a\\tb")), ["3: the sensor id has a control character in it"]);
        let quantity = |name: &str| format!("{}quantity = \"{name}\"", table("A"));
        assert_eq!(said(&quantity("Temp")), ["5: `Temp` is no name of a quantity"]);
        assert_eq!(said(&quantity("")), ["5: `` is no name of a quantity"]);
        assert_eq!(said(&quantity("unit")), ["5: `unit` is no name of a quantity"]);
    }

    #[test]
    fn an_id_that_is_a_topic_level_is_one() {
        let text = |topic: &str| {
            format!(
                "[mqtt]\nreading_topic = \"{topic}\"\n[broker]\n\
                 [[sensors]]\nid = \"a/b\"\n{SIMULATED}"
            )
        };
        accepted(&text("shared"));
        assert_eq!(
            super::super::testing::said(&text("per-sensor")),
            ["5: `a/b` can't be a topic level"]
        );
    }
}
