//! Model of the configuration: valid by construction, and read by the rest of the daemon. The other files here
//! build it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use super::connection_model::*;
use super::device_model::DeviceTable;
use super::heartbeat_model::HeartbeatConfig;
use super::receiver_model::ReceiverConfig;
use super::web_model::WebConfig;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::quiet::chatter::Chattering;
use crate::alarms::quiet::flood::FloodLimits;
use crate::alarms::quiet::maintenance::Maintenance;
use crate::alarms::rule::Rule;
use crate::domain::{Location, Quantity, SensorId, Unit, time};
use crate::locale::Language;

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Language of the log, of alerts and of notifications.
    pub language: Language,
    /// Notation of timestamps.
    pub times: TimeStyle,
    /// All of a stop must fit in this.
    pub shutdown_timeout: Duration,
    /// Time for which an arbiter may be stuck before the process ends itself.
    pub watchdog: Duration,
    /// Embedded broker, if configured.
    pub broker: Option<BrokerConfig>,
    /// Connection to the broker.
    pub mqtt: MqttConfig,
    /// Turns of the sensors without an interval of their own.
    pub fleet: FleetConfig,
    /// Sensors that the daemon runs itself.
    pub sensors: Vec<SensorConfig>,
    /// Alerts by thresholds.
    pub alerts: AlertsConfig,
    /// Rules in the order of the file, with unique names, different from those that `alerts` implies.
    pub rules: Vec<Rule>,
    /// Receivers in the order of the file, with unique names.
    pub receivers: Vec<ReceiverConfig>,
    /// Proof that alarms get through; `None` for none.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Planned work, in the order of the file; no two of one name.
    pub maintenance: Vec<Maintenance>,
    /// Device tables, in the order in which they are tried.
    pub devices: Vec<DeviceTable>,
    /// Home Assistant discovery; `None` if off.
    pub home_assistant: Option<HomeAssistantConfig>,
    /// Database.
    pub storage: StorageConfig,
    /// HTTP API.
    pub web: WebConfig,
    /// Log.
    pub log: LogConfig,
}

impl Config {
    /// Suppression settings.
    #[must_use]
    pub fn quiet(&self) -> QuietSettings {
        let AlertsConfig { chattering, flood, .. } = self.alerts;
        QuietSettings { maintenance: self.maintenance.clone(), chattering, flood }
    }
}

/// Format of written timestamps, and interpretation of zone-less received ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeStyle {
    /// `timestamps = "naive"`: written without a zone, in `zone`.
    pub naive: bool,
    /// Zone of zone-less timestamps.
    pub zone: chrono_tz::Tz,
}

impl TimeStyle {
    /// Timestamp in the form of messages.
    #[must_use]
    pub fn write(self, time: DateTime<Utc>) -> String {
        time::on_wire(time, self.naive.then_some(self.zone))
    }
}

/// Cycle of sensors without an interval of their own, which take turns: one reading each `sensor_reading_interval`,
/// a `cycle_pause` after the last, and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetConfig {
    /// Time between two sensors' turns.
    pub sensor_reading_interval: Duration,
    /// Pause after the last sensor's turn.
    pub cycle_pause: Duration,
}

/// An own sensor of the daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorConfig {
    /// Id of the sensor.
    pub id: SensorId,
    /// Location of the sensor.
    pub location: Location,
    /// Measured quantity.
    pub quantity: Quantity,
    /// Unit of the values.
    pub unit: Unit,
    /// Own interval; `None` takes turns in the fleet's cycle.
    pub interval: Option<Duration>,
    /// Source of the values.
    pub source: Source,
}

/// Key of an own sensor: an id may have several quantities.
pub type SensorKey = (SensorId, Quantity);

impl SensorConfig {
    /// Key by which a reload recognises the sensor.
    #[must_use]
    pub fn key(&self) -> SensorKey {
        (self.id.clone(), self.quantity.clone())
    }
}

/// Source of a sensor's values.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Simulation.
    Simulated(Simulation),
    /// Replay of a recording.
    Replay(Replay),
}

/// A seeded random walk around a mean with a daily swing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulation {
    /// Mean of the values, in the sensor's unit.
    pub mean: f64,
    /// The daily swing reaches `mean ± spread`.
    pub spread: f64,
    /// Standard deviation of a step of the walk.
    pub noise: f64,
    /// Seed of the random walk.
    pub seed: u64,
    /// Faults that are simulated.
    pub faults: Faults,
}

/// Faults of a simulated sensor, each a probability a reading, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// One reading far off.
    pub spike: f64,
    /// Probability of repeating a value for a while.
    pub stuck: f64,
    /// Probability of a slow drift away from the truth.
    pub drift: f64,
    /// No reading.
    pub dropout: f64,
    /// Probability of a panic in the sensor's actor.
    pub crash: f64,
}

/// Replay of a CSV file of `timestamp,value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Path of the file.
    pub file: PathBuf,
    /// Speed of the playback.
    pub speed: Speed,
    /// Timestamps of the readings.
    pub times: ReplayTimes,
}

/// Speed of a playback.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// Real time times this factor, above 0.
    Times(f64),
    /// As fast as the broker acknowledges.
    Max,
}

/// Timestamps of readings that are played back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayTimes {
    /// The file's own timestamps.
    File,
    /// Shifted so that the first row is now.
    Now,
}

/// Alerts by thresholds.
#[derive(Debug, Clone)]
pub struct AlertsConfig {
    /// Which changes are announced.
    pub announce: Announce,
    /// Thresholds by quantity.
    pub thresholds: BTreeMap<Quantity, Thresholds>,
    /// Whether readings in a unit that does not convert into that of the limits are not judged.
    pub is_strict: bool,
    /// Limits of chattering; `None` allows it.
    pub chattering: Option<Chattering>,
    /// `None`: a flood is not looked for.
    pub flood: Option<FloodLimits>,
}

/// Which changes of an alert are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// Once when raised, once when resolved.
    Transitions,
    /// At each violating reading.
    EveryReading,
}

/// Thresholds of a quantity.
#[derive(Debug, Clone, Default)]
pub struct Thresholds {
    /// Unit of all these limits; `None` for the quantity's own.
    pub unit: Option<Unit>,
    /// Limits of sensors without limits of their own.
    pub default: Limits,
    /// Sensors with limits of their own; an absent limit is that of `default`.
    pub sensors: HashMap<SensorId, Limits>,
}

/// Lower and upper limit, in the unit of their [`Thresholds`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Upper limit.
    pub high: Option<f64>,
    /// Lower limit.
    pub low: Option<f64>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// Path of the file.
    pub path: PathBuf,
    /// What a commit survives.
    pub durability: Durability,
    /// Limit of stored rejected messages, and of refused actions; older ones are only counted.
    pub rejected_keep: u64,
    /// Retention; `None` deletes nothing.
    pub retention: Option<RetentionConfig>,
}

/// Ages at which stored data is deleted, counted from its arrival; `None` keeps it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Age of readings.
    pub raw: Option<Duration>,
    /// Age of buckets of a minute.
    pub minute: Option<Duration>,
    /// Age of buckets of 15 minutes; at least `minute`.
    pub quarter: Option<Duration>,
    /// Age of buckets of an hour; at least `quarter`.
    pub hour: Option<Duration>,
    /// Age of alert events and of operators' actions.
    pub alerts: Option<Duration>,
    /// Size of the database in bytes above which the oldest readings go before their age; `None` for no bound.
    pub max_size: Option<u64>,
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives the death of the process.
    Process,
    /// Synced to the device first: survives power loss.
    Power,
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Lowest level that is written.
    pub level: log::LevelFilter,
    /// Form of a line.
    pub format: LogFormat,
    /// Every alert event, one JSON object a line.
    pub alerts_file: Option<PathBuf>,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}
