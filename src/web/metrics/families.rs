//! The metrics: names, meanings, and where each figure stands in a report. Pure.
//!
//! `docs/metrics.md` lists them; a test holds both against each other.

use chrono::{DateTime, Utc};

use super::super::figures::{DatabaseReport, SystemReport};
use super::super::report::{Queue, Queues, ReceiverState, ReceiverStatus, StatusReport};
use super::{ScrapeFigures, SensorFigures, WebCounts};
use crate::domain::Priority;
use crate::supervisor::{ChildHealth, ChildState, GroupHealth};

/// Labels of a sample.
type Labels = Vec<(&'static str, String)>;

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows; its name ends in `_total`, which the encoder adds.
    Counter,
    Gauge,
}

/// One metric with its samples; one without samples is left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: Vec<(Labels, f64)>,
}

/// Everything that is shown, in the order of the manual.
pub(super) fn all(
    report: &SystemReport,
    figures: &ScrapeFigures,
    counts: WebCounts,
) -> Vec<Family> {
    let mut out = Families::default();
    process(&mut out, report, figures);
    messages(&mut out, &report.status, figures);
    storage(&mut out, report, figures);
    alarms(&mut out, &report.status, figures);
    tree(&mut out, &report.status);
    receivers(&mut out, &report.status.receivers);
    web(&mut out, counts);
    sensors(&mut out, figures);
    out.0
}

#[derive(Default)]
struct Families(Vec<Family>);

impl Families {
    fn one(&mut self, kind: Kind, name: &'static str, help: &'static str, value: f64) {
        self.many(kind, name, help, [(Labels::new(), value)]);
    }

    fn many(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        self.0.push(Family { name, help, kind, samples: samples.into_iter().collect() });
    }
}

fn label(name: &'static str, value: &(impl ToString + ?Sized)) -> Labels {
    vec![(name, value.to_string())]
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Seconds since 1970.
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}

fn process(out: &mut Families, report: &SystemReport, figures: &ScrapeFigures) {
    let build = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("revision", env!("VIGIE_COMMIT").to_owned()),
    ];
    out.many(
        Kind::Gauge,
        "vigie_build_info",
        "Always 1; the labels name the build",
        [(build, 1.0)],
    );
    let started = seconds(report.started_at);
    out.one(Kind::Gauge, "vigie_start_time_seconds", "Start of the daemon, Unix time", started);
    let (is_ok, last) = figures.reload;
    let help = "Whether the last reload of the configuration succeeded";
    out.one(Kind::Gauge, "vigie_config_last_reload_successful", help, flag(is_ok));
    let help = "What is wrong at present, as the page has it";
    out.one(Kind::Gauge, "vigie_problems", help, report.status.problems.len() as f64);
    let name = "vigie_config_last_reload_success_timestamp_seconds";
    out.one(Kind::Gauge, name, "The last successful reload or start, Unix time", seconds(last));
}

fn messages(out: &mut Families, report: &StatusReport, figures: &ScrapeFigures) {
    let broker = || label("broker", &report.broker.name);
    let connected = flag(report.broker.connected);
    let help = "Whether the connection to the broker stands";
    out.many(Kind::Gauge, "vigie_mqtt_connected", help, [(broker(), connected)]);
    let reconnects = figures.connections.saturating_sub(1) as f64;
    let help = "Connections to the broker after the first";
    out.many(Kind::Counter, "vigie_mqtt_reconnects", help, [(broker(), reconnects)]);
    let received =
        figures.received.iter().map(|(way, count)| (label("ingress", way), *count as f64));
    let help = "Messages, or readings of own sensors, that were logged, by their way in";
    out.many(Kind::Counter, "vigie_messages_received", help, received);
    let help = "Messages of the daemon that were handed to the client for the broker";
    let published = [(broker(), figures.published as f64)];
    out.many(Kind::Counter, "vigie_mqtt_messages_published", help, published);
    let help = "Messages of the embedded broker's devices that the broker upstream has taken";
    out.one(Kind::Counter, "vigie_messages_forwarded", help, figures.forwarded as f64);
    let by_reason = |counts: &[(&'static str, u64)]| {
        let of = |(reason, count): &(&'static str, u64)| (label("reason", reason), *count as f64);
        counts.iter().map(of).collect::<Vec<_>>()
    };
    let help = "Messages that the embedded broker did not pass on to a client, or keep";
    let counts = by_reason(&figures.not_delivered);
    out.many(Kind::Counter, "vigie_broker_messages_lost", help, counts);
    let help = "Clients that the embedded broker did not let in";
    let counts = by_reason(&figures.refused_clients);
    out.many(Kind::Counter, "vigie_broker_clients_refused", help, counts);
    let help = "Messages that could not be used; the table rejected_messages has them";
    out.one(Kind::Counter, "vigie_messages_rejected", help, figures.rejected as f64);
    let help =
        "Readings that have the time of their receipt because their sender's clock is not set";
    out.one(Kind::Counter, "vigie_readings_clock_unset", help, figures.unset_clocks as f64);
    let help = "Readings whose unit does not convert into that of a rule";
    out.one(Kind::Counter, "vigie_readings_unit_unfit", help, figures.unfit_units as f64);
    let help = "Whether the log on disk takes messages; otherwise the broker keeps them";
    out.one(Kind::Gauge, "vigie_log_accepting", help, flag(figures.is_taking));
    let help = "Records of the log that wait to be committed";
    out.one(Kind::Gauge, "vigie_log_uncommitted_records", help, report.lag.uncommitted as f64);
    let help = "Own readings, and forwarded messages, that wait to be published";
    out.one(Kind::Gauge, "vigie_log_unpublished_readings", help, report.lag.unpublished as f64);
}

fn storage(out: &mut Families, report: &SystemReport, figures: &ScrapeFigures) {
    let help = "Readings that were stored";
    out.one(Kind::Counter, "vigie_readings_stored", help, figures.readings as f64);
    let help = "Transactions of the database";
    out.one(Kind::Counter, "vigie_store_commits", help, figures.commits as f64);
    let help = "Time that transactions of the database took";
    let took = figures.commit_time.as_secs_f64();
    out.one(Kind::Counter, "vigie_store_commit_seconds", help, took);
    let of_database = |figure: fn(&DatabaseReport) -> u64| {
        report.database.as_ref().map(|it| (Labels::new(), figure(it) as f64))
    };
    let help = "Size of the database's files";
    out.many(Kind::Gauge, "vigie_store_bytes", help, of_database(|it| it.bytes));
    let help = "Free space of the database's disk";
    let free = of_database(|it| it.disk_free_bytes);
    out.many(Kind::Gauge, "vigie_store_disk_free_bytes", help, free);
    let Queues { measured, store } = report.status.queues;
    let queues = [("measured", measured), ("store", store)];
    let of = |figure: fn(&Queue) -> usize| {
        queues.map(|(name, queue)| (label("queue", name), figure(&queue) as f64))
    };
    let help = "Places taken in a queue in memory";
    out.many(Kind::Gauge, "vigie_queue_length", help, of(|queue| queue.depth));
    let help = "Places of a queue in memory";
    out.many(Kind::Gauge, "vigie_queue_capacity", help, of(|queue| queue.capacity));
}

fn alarms(out: &mut Families, report: &StatusReport, figures: &ScrapeFigures) {
    let raised = Priority::ALL.into_iter().zip(figures.raised);
    let raised = raised.map(|(priority, count)| (label("priority", &word(priority)), count as f64));
    let help = "Alarms that were raised, withheld ones among them";
    out.many(Kind::Counter, "vigie_alarm_activations", help, raised);
    let count = |it: &super::AlarmCount| {
        let labels = [label("state", it.state), label("priority", &word(it.priority))].concat();
        (labels, it.count as f64)
    };
    let help = "Alarms that are not at rest, by state and priority";
    out.many(Kind::Gauge, "vigie_alarms", help, figures.alarms.iter().map(count));
    let help = "Series of readings that were heard or are expected";
    out.one(Kind::Gauge, "vigie_series", help, report.series.known as f64);
    let help = "Series with an alarm that stands and that nothing withholds";
    out.one(Kind::Gauge, "vigie_series_in_alarm", help, report.series.in_alarm as f64);
    let newest = report.series.newest.map(|at| (Labels::new(), seconds(at)));
    let help = "Time of the newest reading of all by its sensor, Unix time";
    out.many(Kind::Gauge, "vigie_newest_reading_timestamp_seconds", help, newest);
    let help = "Operators' actions that were stored, refused ones among them";
    out.one(Kind::Counter, "vigie_operator_actions", help, figures.actions as f64);
}

fn word(priority: Priority) -> String {
    priority.as_str().to_lowercase()
}

fn tree(out: &mut Families, report: &StatusReport) {
    let Some(tree) = &report.tree else { return };
    let of_child = |figure: fn(&ChildHealth) -> f64| {
        tree.children.iter().map(move |child| (label("actor", &child.name), figure(child)))
    };
    let help = "Whether a part of the daemon is up; of the fleet, whether its supervisor is";
    let up = |child: &ChildHealth| flag(child.state == ChildState::Up);
    out.many(Kind::Gauge, "vigie_actor_up", help, of_child(up));
    let restarts = of_child(|child| f64::from(child.incarnation.saturating_sub(1)));
    let help = "Restarts of a part of the daemon";
    out.many(Kind::Counter, "vigie_actor_restarts", help, restarts);
    let of_group = |figure: fn(&GroupHealth) -> f64| {
        tree.groups.iter().map(move |group| (label("group", &group.name), figure(group)))
    };
    let help = "Own sensors of the daemon that are to run";
    out.many(Kind::Gauge, "vigie_group_children", help, of_group(|group| group.children as f64));
    let help = "Own sensors of the daemon that run";
    out.many(
        Kind::Gauge,
        "vigie_group_children_up",
        help,
        of_group(|group| group.states.up as f64),
    );
    let help = "Restarts of own sensors";
    out.many(Kind::Counter, "vigie_group_restarts", help, of_group(|group| group.restarts as f64));
}

fn receivers(out: &mut Families, receivers: &[ReceiverStatus]) {
    let of = |figure: fn(&ReceiverStatus) -> f64| {
        receivers.iter().map(move |it| (label("receiver", &it.name), figure(it)))
    };
    let help = "Whether a receiver can't be notified, or refused an alarm that is active";
    let failing = |it: &ReceiverStatus| flag(it.state == ReceiverState::Failing);
    out.many(Kind::Gauge, "vigie_receiver_failing", help, of(failing));
    let help = "Alarms with news that a receiver has not been told";
    out.many(Kind::Gauge, "vigie_receiver_waiting_alarms", help, of(|it| it.waiting as f64));
    let help = "Notifications that a receiver took";
    out.many(Kind::Counter, "vigie_receiver_delivered", help, of(|it| it.delivered as f64));
    let help = "Notifications that a receiver refused for good";
    out.many(Kind::Counter, "vigie_receiver_given_up", help, of(|it| it.given_up as f64));
    let help = "Active alarms that a receiver refused to hear of";
    out.many(Kind::Gauge, "vigie_receiver_untold_alarms", help, of(|it| it.untold as f64));
    let help = "Ended alarms that were too many to wait for a receiver";
    out.many(Kind::Counter, "vigie_receiver_dropped", help, of(|it| it.dropped as f64));
}

fn web(out: &mut Families, counts: WebCounts) {
    let WebCounts { succeeded, refused, sessions, feeds } = counts;
    let outcomes = [("succeeded", succeeded), ("refused", refused)];
    let outcomes = outcomes.map(|(outcome, count)| (label("outcome", outcome), count as f64));
    out.many(Kind::Counter, "vigie_logins", "Logins at the page, by outcome", outcomes);
    let help = "Sessions of logged-in users that have not ended";
    out.one(Kind::Gauge, "vigie_sessions", help, sessions as f64);
    out.one(Kind::Gauge, "vigie_ws_clients", "Live feeds that are open", feeds as f64);
}

fn sensors(out: &mut Families, figures: &ScrapeFigures) {
    let left_out = figures.sensors_left_out.map(|count| (Labels::new(), count as f64));
    let help = "Series that are not shown one by one: see web.metrics_sensors";
    out.many(Kind::Gauge, "vigie_series_dropped", help, left_out);
    let of = |figure: fn(&SensorFigures) -> Option<f64>| {
        figures.sensors.iter().filter_map(move |it| {
            let labels = [
                label("sensor", &it.sensor),
                label("quantity", &it.quantity),
                label("location", &it.location),
                label("unit", &it.unit),
            ];
            Some((labels.concat(), figure(it)?))
        })
    };
    out.many(Kind::Gauge, "vigie_sensor_value", "Newest value of a series", of(|it| it.value));
    let last = of(|it| it.at.map(seconds));
    let help = "Time of the newest reading of a series by its sensor, Unix time";
    out.many(Kind::Gauge, "vigie_sensor_last_seen_timestamp_seconds", help, last);
    let priority = of(|it| Some(it.standing.map_or(0.0, |it| f64::from(4 - (it as u8)))));
    let help = "Gravest standing alarm of a series: 1 critical, 2 high, 3 medium, 4 low; 0 none";
    out.many(Kind::Gauge, "vigie_sensor_alarm_priority", help, priority);
}
