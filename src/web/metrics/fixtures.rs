//! A report with something of everything.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::figures::{DatabaseReport, SystemReport};
use super::super::report::{
    BrokerStatus, Lag, ProblemReport, Queue, Queues, ReceiverState, ReceiverStatus, SeriesStatus,
    StatusReport,
};
use super::{AlarmCount, ScrapeFigures, SensorFigures};
use crate::domain::Priority;
use crate::supervisor::{ChildHealth, ChildState, GroupHealth, HealthReport, StateCounts};

pub fn time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_500)
}

fn tree() -> HealthReport {
    let child = |name: &str, incarnation| ChildHealth {
        name: name.into(),
        state: ChildState::Up,
        since: time(),
        incarnation,
        restarts_in_window: 0,
        last_exit: None,
    };
    let group = GroupHealth {
        name: "fleet".into(),
        children: 4,
        states: StateCounts { up: 3, backing_off: 1, ..StateCounts::default() },
        restarts_in_window: 1,
        restarts: 7,
        newest: Vec::new(),
        troubled: Vec::new(),
        troubled_not_named: 0,
    };
    HealthReport {
        children: vec![child("storage", 1), child("notify on-call", 3)],
        groups: vec![group],
    }
}

pub fn report() -> SystemReport {
    let queue = Queue { depth: 1, capacity: 2 };
    let status = StatusReport {
        version: "1".into(),
        pid: 1,
        broker: BrokerStatus {
            name: "the \"broker\"".into(),
            connected: true,
            since: None,
            limits: Vec::new(),
        },
        problems: vec![ProblemReport { since: time(), what: "a receiver fails".into() }],
        lag: Lag { unpublished: 5, uncommitted: 6 },
        series: SeriesStatus { known: 3, in_alarm: 1, newest: Some(time()) },
        receivers: vec![ReceiverStatus {
            name: "on-call".into(),
            state: ReceiverState::Failing,
            failing_since: Some(time()),
            waiting: 1,
            delivered: 2,
            given_up: 3,
            untold: 2,
            dropped: 4,
            last_success: None,
            last_error: None,
        }],
        tree: Some(tree()),
        queues: Queues { measured: queue, store: queue },
    };
    SystemReport {
        status,
        started_at: time(),
        readings_per_s: 1.0,
        database: Some(DatabaseReport {
            path: "x.db".into(),
            bytes: 4096,
            grows_bytes_a_day: None,
            disk_free_bytes: 8192,
            days_left: None,
        }),
    }
}

pub fn figures() -> ScrapeFigures {
    ScrapeFigures {
        connections: 3,
        received: [("own", 1), ("embedded", 2), ("remote", 0)],
        published: 8,
        forwarded: 9,
        not_delivered: [("queue_full", 1), ("too_large", 2), ("not_retained", 3), ("denied", 4)],
        refused_clients: [("login", 5), ("no_room", 6)],
        is_taking: true,
        readings: 10,
        rejected: 1,
        unset_clocks: 7,
        unfit_units: 8,
        actions: 2,
        raised: [0, 1, 2, 3],
        commits: 4,
        commit_time: std::time::Duration::from_millis(250),
        alarms: vec![AlarmCount { state: "active", priority: Priority::Critical, count: 1 }],
        reload: (true, time()),
        sensors: vec![SensorFigures {
            sensor: "T\"1\\".into(),
            quantity: "temperature".into(),
            location: "Hall".into(),
            unit: "celsius".into(),
            value: Some(-0.5),
            at: Some(time()),
            standing: Some(Priority::Critical),
        }],
        sensors_left_out: Some(2),
    }
}
