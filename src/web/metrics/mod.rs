//! `/metrics`: the daemon's figures for Prometheus.
//!
//! Always: made at each scrape from the status report and the counters of the rooms, so it shows what they show;
//! counters only grow in a run of the daemon; the number of series is bounded by the configuration, not by who
//! publishes. Never: a figure that nobody measured, or a secret in a label.

mod families;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use self::families::{Family, Kind};
use super::figures::SystemReport;
use crate::domain::Priority;

/// Figures that the report of the pages lacks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScrapeFigures {
    /// Connections to the broker that were made.
    pub connections: u64,
    /// Messages, or own readings, that were logged, by their way in.
    pub received: [(&'static str, u64); 3],
    /// Messages of this daemon that were handed to the broker.
    pub published: u64,
    /// Messages of the embedded broker's devices that the broker upstream has taken.
    pub forwarded: u64,
    /// Messages that the embedded broker did not pass on or keep, by the reason.
    pub not_delivered: [(&'static str, u64); 4],
    /// Clients that the embedded broker did not let in, by the reason.
    pub refused_clients: [(&'static str, u64); 2],
    /// Whether the log takes what comes.
    pub is_taking: bool,
    /// Readings that were committed.
    pub readings: u64,
    /// Messages that could not be used.
    pub rejected: u64,
    /// Readings that have the time of their receipt because their sender's clock is not set.
    pub unset_clocks: u64,
    /// Readings in a unit that does not convert into that of a rule.
    pub unfit_units: u64,
    /// Operators' actions, refused ones among them.
    pub actions: u64,
    /// Alarms that were raised, in the order of [`Priority::ALL`].
    pub raised: [u64; Priority::ALL.len()],
    /// Transactions of the database.
    pub commits: u64,
    /// Time that they took.
    pub commit_time: Duration,
    /// Alarms that are not at rest, by state and priority.
    pub alarms: Vec<AlarmCount>,
    /// Whether the last reload succeeded, and the time of the last that did.
    pub reload: (bool, DateTime<Utc>),
    /// Series one by one, as many as the configuration allows.
    pub sensors: Vec<SensorFigures>,
    /// Series that are left out of them; `None` where none are asked for.
    pub sensors_left_out: Option<usize>,
}

/// Number of alarms of one state and priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmCount {
    /// State as the API has it.
    pub state: &'static str,
    /// Priority of the rule.
    pub priority: Priority,
    /// Number of alarms.
    pub count: usize,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorFigures {
    /// Id of the sensor.
    pub sensor: String,
    /// Quantity that it measures.
    pub quantity: String,
    /// Location of the sensor.
    pub location: String,
    /// Unit of the value.
    pub unit: String,
    /// Newest value; `None` for a sensor that was never heard.
    pub value: Option<f64>,
    /// Time of the newest reading, by the sensor; `None` for one that was never heard.
    pub at: Option<DateTime<Utc>>,
    /// Priority of the gravest alarm that stands; `None` where there is none.
    pub standing: Option<Priority>,
}

/// What the web itself counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WebCounts {
    pub succeeded: u64,
    pub refused: u64,
    pub sessions: usize,
    pub feeds: usize,
}

/// Text format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The one that a client accepts, by its `Accept` header.
    pub fn accepted(accept: Option<&str>) -> Self {
        let is_named = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if is_named { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The answer to a scrape.
pub(super) fn exposition(
    report: &SystemReport,
    figures: &ScrapeFigures,
    counts: WebCounts,
    format: Format,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(families::all(report, figures, counts))));
    let mut out = String::new();
    match format {
        Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
        Format::OpenMetrics => text::encode(&mut out, &registry)?,
    }
    Ok(out)
}

/// Figures of one moment.
#[derive(Debug)]
struct Snapshot(Vec<Family>);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in self.0.iter().filter(|family| !family.samples.is_empty()) {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in &family.samples {
                if labels.is_empty() {
                    encode(&mut metric, family.kind, *value)?;
                } else {
                    encode(&mut metric.encode_family(labels)?, family.kind, *value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode(
    metric: &mut prometheus_client::encoding::MetricEncoder<'_>,
    kind: Kind,
    value: f64,
) -> fmt::Result {
    match kind {
        Kind::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value, None),
        Kind::Gauge => metric.encode_gauge(&value),
    }
}

#[cfg(test)]
pub(super) mod fixtures;
#[cfg(test)]
mod tests;
