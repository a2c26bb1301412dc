//! `source` of a sensor: the origin of its readings.

use super::inspector::At;
use super::model::{Faults, Replay, ReplayTimes, Simulation, Source, Speed};
use super::reader::TableReader;
use crate::domain::{Fnv1a, SensorId};

/// A source, before its sensor is known.
pub(super) enum SourceFor {
    /// Without a seed, each sensor has its own.
    Simulated(Simulation, Option<u64>),
    Replay(Replay),
}

impl SourceFor {
    /// Placeholder for an invalid one, which has been reported.
    pub(super) const UNREADABLE: Self = Self::Simulated(
        Simulation {
            mean: 0.0,
            spread: 0.0,
            noise: 0.0,
            seed: 0,
            faults: Faults { spike: 0.0, stuck: 0.0, drift: 0.0, dropout: 0.0, crash: 0.0 },
        },
        None,
    );

    pub(super) fn of(&self, id: &SensorId, index: u64) -> Source {
        match self {
            Self::Simulated(simulation, seed) => {
                let seed = seed.map_or_else(|| seed_of(id), |seed| seed.wrapping_add(index));
                Source::Simulated(Simulation { seed, ..*simulation })
            }
            Self::Replay(replay) => Source::Replay(replay.clone()),
        }
    }
}

/// Seed of a simulated sensor without a configured one: the FNV-1a hash of its id in UTF-8. A sensor
/// behaves the same in every run and unlike its neighbours.
fn seed_of(id: &SensorId) -> u64 {
    Fnv1a::hash(id.as_str().as_bytes())
}

pub(super) fn source(sensor: &mut TableReader<'_>) -> Option<SourceFor> {
    let hint = "say where readings come from: source = { type = \"simulated\" }";
    let item = sensor.item("source");
    let item = sensor.require(item, "source", hint)?;
    let mut table = sensor.as_table("source", "source", item, || hint.into());
    let kind = table.choice("type", &[("simulated", false), ("replay", true)]);
    // Which other keys there are depends on the type, so without it none are looked at.
    let is_replay = table.require(kind, "type", "write \"simulated\" or \"replay\"")?;
    let source = if is_replay {
        replay(&mut table).map(SourceFor::Replay)
    } else {
        let seed = table.integer("seed").map(|seed| seed.value);
        Some(SourceFor::Simulated(simulation(&mut table), seed))
    };
    table.finish();
    source
}

/// All but the seed.
fn simulation(table: &mut TableReader<'_>) -> Simulation {
    Simulation {
        mean: table.number("mean").map_or(20.0, |mean| mean.value),
        spread: not_negative(table, "spread", 5.0),
        noise: not_negative(table, "noise", 0.3),
        seed: 0,
        faults: Faults {
            spike: probability(table, "spike"),
            stuck: probability(table, "stuck"),
            drift: probability(table, "drift"),
            dropout: probability(table, "dropout"),
            crash: probability(table, "crash"),
        },
    }
}

fn not_negative(table: &mut TableReader<'_>, key: &'static str, default: f64) -> f64 {
    let Some(At { at, value }) = table.number(key) else { return default };
    if value < 0.0 {
        table.wrong(at, format!("`{key}` is below 0"), "write 0 or more");
    }
    value
}

fn probability(table: &mut TableReader<'_>, key: &'static str) -> f64 {
    let Some(At { at, value }) = table.number(key) else { return 0.0 };
    if !(0.0..=1.0).contains(&value) {
        let hint = "it is a probability a reading, from 0 to 1: 0.01 is one reading in a hundred";
        table.wrong(at, format!("`{key}` is not between 0 and 1"), hint);
    }
    value
}

fn replay(table: &mut TableReader<'_>) -> Option<Replay> {
    let file = table.file("file");
    let file =
        table.require(file, "file", "name a CSV of timestamp,value: file = \"readings.csv\"");
    let speed = speed(table);
    let times = table.choice("times", &[("file", ReplayTimes::File), ("now", ReplayTimes::Now)]);
    Some(Replay { file: file?.value, speed, times: times.unwrap_or(ReplayTimes::File) })
}

fn speed(table: &mut TableReader<'_>) -> Speed {
    let real_time = Speed::Times(1.0);
    if table.is_text("speed") {
        return table.choice("speed", &[("max", Speed::Max)]).unwrap_or(real_time);
    }
    let Some(At { at, value }) = table.number("speed") else { return real_time };
    if value <= 0.0 {
        let hint = "1.0 is real time, 3600.0 an hour each second, \"max\" as fast as possible";
        table.wrong(at, "`speed` is not above 0", hint);
    }
    Speed::Times(value)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, said};
    use super::*;

    /// The only sensor with this source.
    fn with_source(source: &str) -> Source {
        let text = format!("[broker]\n[[sensors]]\nid = \"A\"\nsource = {{ {source} }}");
        accepted(&text).sensors.remove(0).source
    }

    fn said_of_source(source: &str) -> Vec<String> {
        said(&format!("[broker]\n[[sensors]]\nid = \"A\"\nsource = {{ {source} }}"))
    }

    const SIMULATED: &str = "source = { type = \"simulated\" }\n";

    #[test]
    fn simulates() {
        let Source::Simulated(simulation) = with_source("type = \"simulated\"") else { panic!() };
        let Simulation { mean, spread, noise, faults, .. } = simulation;
        assert_eq!((mean, spread, noise), (20.0, 5.0, 0.3));
        assert_eq!(faults, Faults::default());
        let all = "type = \"simulated\", mean = -1, spread = 0, noise = 1e-1, seed = 0x10, \
                   spike = 1, stuck = 0.1, drift = 0.2, dropout = 0.3, crash = 0.4";
        let expected = Simulation {
            mean: -1.0,
            spread: 0.0,
            noise: 0.1,
            seed: 16,
            faults: Faults { spike: 1.0, stuck: 0.1, drift: 0.2, dropout: 0.3, crash: 0.4 },
        };
        let Source::Simulated(simulation) = with_source(all) else { panic!() };
        assert_eq!(simulation, expected);
    }

    #[test]
    fn has_a_type() {
        assert_eq!(said_of_source(""), ["4: `type` is missing in source"]);
        assert_eq!(said_of_source("type = \"simulate\", x = 1"), ["4: `type` can't be `simulate`"]);
    }

    #[test]
    fn checks_a_simulation() {
        let wrong = "type = \"simulated\", mean = nan, spread = -1, noise = -0.1, seed = -1, \
                     spike = 1.5, crash = -0.5, speed = 2.0, stuck = \"no\"";
        let mut said = said_of_source(wrong);
        said.sort();
        assert_eq!(
            said,
            [
                "4: `crash` is not between 0 and 1",
                "4: `mean` is not a finite number",
                "4: `noise` is below 0",
                "4: `seed` is out of range",
                "4: `spike` is not between 0 and 1",
                "4: `spread` is below 0",
                "4: `stuck` must be a number, not text",
                "4: unknown key `speed` in source"
            ]
        );
    }

    #[test]
    fn a_sensor_without_a_seed_has_its_own() {
        let seeds = |tables: &str| -> Vec<u64> {
            let sensors = accepted(&format!("[broker]\n{tables}")).sensors;
            let seed = |sensor: &super::super::SensorConfig| match &sensor.source {
                Source::Simulated(simulation) => simulation.seed,
                Source::Replay(_) => panic!(),
            };
            sensors.iter().map(seed).collect()
        };
        let own = seeds(&format!("[[sensors]]\nid = \"T{{1..2}}\"\n{SIMULATED}"));
        assert_ne!(own[0], own[1]);
        assert_eq!(own[1..], seeds(&format!("[[sensors]]\nid = \"T2\"\n{SIMULATED}")));
        // Published test vector of FNV-1a, 64 bits.
        assert_eq!(seed_of(&SensorId::new("foobar").unwrap()), 0x8594_4171_f739_67e8);
        let given = "[[sensors]]\nid = \"T{1..3}\"\nsource = { type = \"simulated\", seed = 5 }";
        assert_eq!(seeds(given), [5, 6, 7]);
    }

    #[test]
    fn replays() {
        let Source::Replay(replay) = with_source("type = \"replay\", file = \"f\"") else {
            panic!()
        };
        let file: std::path::PathBuf = "f".into();
        let expected =
            Replay { file: file.clone(), speed: Speed::Times(1.0), times: ReplayTimes::File };
        assert_eq!(replay, expected);
        let all = "type = \"replay\", file = \"f\", speed = \"max\", times = \"now\"";
        let Source::Replay(replay) = with_source(all) else { panic!() };
        assert_eq!(replay, Replay { file, speed: Speed::Max, times: ReplayTimes::Now });
    }

    #[test]
    fn checks_a_replay() {
        assert_eq!(said_of_source("type = \"replay\""), ["4: `file` is missing in source"]);
        for (speed, what) in [
            ("0", "4: `speed` is not above 0"),
            ("-1.0", "4: `speed` is not above 0"),
            ("inf", "4: `speed` is not a finite number"),
            ("\"fast\"", "4: `speed` can't be `fast`"),
            ("true", "4: `speed` must be a number, not true or false"),
        ] {
            let source = format!("type = \"replay\", file = \"f\", speed = {speed}");
            assert_eq!(said_of_source(&source), [what]);
        }
    }
}
