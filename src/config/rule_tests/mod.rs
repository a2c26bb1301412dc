//! A file of rule tests: which readings come in, and which alarms they must make.
//!
//! Read as a configuration is: every mistake at once, each with its place and a hint. Times are counted
//! from the start of a test. A rule that the tested configuration doesn't have is a mistake here, not
//! a test that fails or, worse, one that passes.
//! Never: a judgement, which is `rehearsal`'s.

mod expected;
mod notation;
#[cfg(test)]
mod tests;
pub mod words;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::errors::{Mistake, quote};
use super::model::Config;
use super::reader::TableReader;
use super::rules::quantity_of;
use super::sensors::sensor_id;
use super::{ConfigErrors, Place, duration};
use crate::alarms::machine::Change;
use crate::domain::{Location, Quantity, SensorId, Unit, Value, time};

/// When a test begins that doesn't say so: a Monday, in the configuration's time zone.
const START: &str = "2024-01-01T00:00:00";

/// Ten years: further from its start nothing in a test can be.
const LONGEST: Duration = Duration::from_secs(3_660 * 86_400);

/// The tests of one file.
#[derive(Debug, Clone)]
pub struct RuleTests {
    /// Whose rules are tested.
    pub config: Config,
    /// Tests in the order of the file.
    pub tests: Vec<RuleTest>,
}

/// One test: readings in, alarms out.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTest {
    /// Name of the test.
    pub name: String,
    /// Where it stands in its file.
    pub place: Place,
    /// Time of the first reading.
    pub start: DateTime<Utc>,
    /// Only these rules are looked at; `None`: all.
    pub rules: Option<Vec<Arc<str>>>,
    /// Readings of each sensor.
    pub series: Vec<TestSeries>,
    /// In order of time.
    pub standing: Vec<StandingAt>,
    /// All that happens, in order; `None` when the test doesn't say.
    pub transitions: Option<Vec<ExpectedTransition>>,
}

/// Readings of one sensor, at equal intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSeries {
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// Location of the sensor.
    pub location: Location,
    /// Quantity that it measures.
    pub quantity: Quantity,
    /// Unit of its values.
    pub unit: Unit,
    /// When the first value is measured, from the start of the test.
    pub start: Duration,
    /// Time between two readings.
    pub interval: Duration,
    /// `None`: no reading comes at that time.
    pub values: Vec<Option<Value>>,
}

impl TestSeries {
    /// When its last value is or would be measured, from the start of the test.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.start + self.interval * last_of(&self.values)
    }
}

/// The alarms that are not at rest at a time; no others are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingAt {
    /// Time since the start of the test.
    pub at: Duration,
    /// The alarms, in any order.
    pub alarms: Vec<ExpectedAlarm>,
}

/// An alarm that is expected not to be at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedAlarm {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// One of [`words::STATES`]; `None`: any.
    pub state: Option<&'static str>,
}

/// A change that is expected of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTransition {
    /// Time since the start of the test.
    pub at: Duration,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// What the alarm does.
    pub change: Change,
    /// `None`: any.
    pub message: Option<String>,
}

/// Reads a file of rule tests, and the configuration that it names.
///
/// # Errors
/// Every mistake in the file; or the one reason why it can't be read.
pub fn load(path: &Path) -> Result<RuleTests, ConfigErrors> {
    let text = super::text_of(path, "name a file of rule tests: config/cold-chain.test.toml")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse(&text, &path.display().to_string(), &|name| tested(&folder.join(name)))
}

/// The configuration at a path; the files it names needn't be there, since no sensor of it runs.
fn tested(path: &Path) -> Result<Config, Mistake> {
    let shown = quote(&path.display().to_string());
    let text = std::fs::read_to_string(path).map_err(|error| {
        let what = format!("`config`: {shown} can't be read: {error}");
        Mistake::new(what, "name the configuration by its path from this file's folder")
    })?;
    super::parse(&text, &path.display().to_string()).map_err(|errors| {
        let count = errors.as_slice().len();
        let hint = format!("`vigie check -c {}` lists them", path.display());
        Mistake::new(format!("`config`: {shown} has mistakes of its own ({count})"), hint)
    })
}

/// Reads tests from `text`, which errors call `file_name`; `find` reads the configuration they name.
fn parse(
    text: &str,
    file_name: &str,
    find: &dyn Fn(&str) -> Result<Config, Mistake>,
) -> Result<RuleTests, ConfigErrors> {
    let (read, findings) = super::read_whole(text, &|_| true, |root| read(root, find));
    let errors = || super::located(findings, text, file_name);
    let Some(Some((config, mut tests))) = read else { return Err(errors()) };
    let places = super::places::Places::new(text);
    for (at, test) in &mut tests {
        test.place = places.of(*at);
    }
    let tests = tests.into_iter().map(|(_, test)| test).collect();
    let errors = errors();
    if errors.as_slice().is_empty() { Ok(RuleTests { config, tests }) } else { Err(errors) }
}

type Tests = Vec<(usize, RuleTest)>;

/// The configuration and the tests with their places; `None` when something of them was reported.
fn read(
    mut root: TableReader<'_>,
    find: &dyn Fn(&str) -> Result<Config, Mistake>,
) -> Option<(Config, Tests)> {
    let hint = "name the configuration to test: config = \"cold-chain.toml\"";
    let name = root.text("config");
    let config = root
        .require(name, "config", hint)
        .and_then(|name| root.inspector.check(name.at, find(name.value)));
    let tested = Tested::new(config.as_ref());
    let mut tests = Vec::new();
    let mut is_any = false;
    for table in root.tables("tests", "[[tests]]").collect::<Vec<_>>() {
        is_any = true;
        let at = table.at();
        tests.extend(test(table, &tested).map(|test| (at, test)));
    }
    if !is_any && !root.has("tests") {
        root.missing("tests", "write [[tests]] above each test");
    }
    root.finish();
    Some((config?, tests))
}

/// What tests may speak of.
struct Tested<'c> {
    config: Option<&'c Config>,
    /// The names of its rules.
    rules: Vec<String>,
}

impl<'c> Tested<'c> {
    fn new(config: Option<&'c Config>) -> Self {
        let short = config.iter().flat_map(|config| config.alerts.thresholds.keys());
        let short = short.flat_map(|of| [format!("high-{of}"), format!("low-{of}")]);
        let own = config.iter().flat_map(|config| &config.rules);
        let rules = own.map(|rule| rule.name.to_string()).chain(short).collect();
        Self { config, rules }
    }

    fn zone(&self) -> Tz {
        self.config.map_or(Tz::UTC, |config| config.times.zone)
    }

    /// Of a sensor in the configuration; without one, no place and the quantity's usual unit.
    fn place_and_unit(&self, id: &SensorId, quantity: &Quantity) -> (Location, Unit) {
        let mut sensors = self.config.iter().flat_map(|config| &config.sensors);
        let known = sensors.find(|known| known.id == *id && known.quantity == *quantity);
        known.map_or_else(
            || (Location::new(""), quantity.default_unit()),
            |known| (known.location.clone(), known.unit.clone()),
        )
    }

    /// A rule that there is.
    fn rule(&self, name: &str) -> Result<Arc<str>, Mistake> {
        if self.config.is_some() && !self.rules.iter().any(|rule| rule == name) {
            let names = self.rules.iter().map(String::as_str);
            let hint = super::similar::closest(name, names).map_or_else(
                || "name one of its [[rules]], or high-temperature and the like".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            let what = format!("the configuration has no rule {}", quote(name));
            return Err(Mistake::new(what, hint));
        }
        Ok(name.into())
    }
}

fn test(mut table: TableReader<'_>, tested: &Tested<'_>) -> Option<RuleTest> {
    let name = table.text("name");
    let name = table.require(name, "name", "say what the test shows: name = \"a door left open\"");
    let start = start(&mut table, tested.zone());
    let rules = expected::only(&mut table, tested);
    let series: Vec<_> = table.tables("series", "[[tests.series]]").collect();
    if series.is_empty() && !table.has("series") {
        table.missing("series", "write [[tests.series]] above each sensor's values");
    }
    let series: Vec<_> = series.into_iter().map(|table| one_series(table, tested)).collect();
    let standing = expected::standing(&mut table, tested);
    let transitions = expected::transitions(&mut table, tested);
    if !table.has("expect") && !table.has("transitions") {
        let hint = "add [[tests.expect]], or transitions = [] for a test in which nothing happens";
        table.missing("expect", hint);
    }
    table.finish();
    Some(RuleTest {
        name: name?.value.to_owned(),
        place: Place { line: 0, column: 0 },
        start: start?,
        rules,
        series: series.into_iter().collect::<Option<_>>()?,
        standing,
        transitions,
    })
}

fn start(table: &mut TableReader<'_>, zone: Tz) -> Option<DateTime<Utc>> {
    let hint = "write a date and time: \"2024-08-14T22:00:00\", in the configuration's time zone";
    let read =
        |text| time::parse(text, zone).map_err(|error| Mistake::new(error.to_string(), hint));
    match table.text("start") {
        Some(text) => table.inspector.check(text.at, read(text.value)),
        None => (!table.has("start")).then(|| read(START).ok()).flatten(),
    }
}

fn one_series(mut table: TableReader<'_>, tested: &Tested<'_>) -> Option<TestSeries> {
    let sensor_id = sensor(&mut table);
    let quantity = quantity_of(&mut table);
    let location = table.any_text("location");
    let unit = table.any_text("unit");
    let start = offset(&mut table, "start").unwrap_or_default();
    let interval = table.duration("interval");
    let interval = table.require(interval, "interval", "say how often it measures: \"10s\"");
    let values = table.string("values");
    let hint = "write values such as \"4.5x10 4+0.5x20 _x30\"";
    let values = table
        .require(values, "values", hint)
        .and_then(|text| table.inspector.check(text.at, notation::values(text.value)));
    if let (Some(interval), Some(values)) = (&interval, &values)
        && start + interval.value * last_of(values) > LONGEST
    {
        table.wrong(interval.at, "these values take longer than ten years", "shorten the interval");
    }
    table.finish();
    let (sensor_id, quantity) = (sensor_id?, quantity?);
    let (known_location, known_unit) = tested.place_and_unit(&sensor_id, &quantity);
    Some(TestSeries {
        location: location.map_or(known_location, |location| Location::new(location.value)),
        unit: unit.map_or(known_unit, |unit| Unit::new(unit.value)),
        sensor_id,
        quantity,
        start,
        interval: interval?.value,
        values: values?,
    })
}

fn sensor(table: &mut TableReader<'_>) -> Option<SensorId> {
    let id = table.string("sensor");
    let id = table.require(id, "sensor", "name the sensor: sensor = \"COLD_01\"")?;
    table.inspector.check(id.at, sensor_id(id.value))
}

/// A time from the start of the test; zero is one.
fn offset(table: &mut TableReader<'_>, key: &'static str) -> Option<Duration> {
    let text = table.string(key)?;
    let offset = table.inspector.check(text.at, duration::parse(text.value))?;
    if offset > LONGEST {
        let what = format!("`{key}` is more than ten years from the start of the test");
        table.wrong(text.at, what, "write a shorter time");
        return None;
    }
    Some(offset)
}

/// The place of the last value; there are at most a million.
fn last_of<T>(values: &[T]) -> u32 {
    u32::try_from(values.len().saturating_sub(1)).unwrap_or(u32::MAX)
}
