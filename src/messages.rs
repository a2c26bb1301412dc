//! The typed messages that cross from one actor to another, in the order a reading meets them.
//!
//! Each travels on a [`Route`](crate::supervisor::Route), which bounds how many may wait.

use std::net::SocketAddr;

use actix::Message;
use tokio::sync::oneshot;

use crate::config::Secret;
use crate::domain::{AlertEvent, Reading, Rejected, StandingAlert};

/// Sensor → gateway: publish these, in this order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishReadings {
    pub readings: Vec<Reading>,
    /// Told once the broker has acknowledged all of them; dropped untold when they were given up.
    /// A sensor that must not outrun the broker (a replay at full speed) waits for it.
    pub delivered: Option<oneshot::Sender<()>>,
}

/// Where the embedded broker listens, and whom it lets in; published by it while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    pub addr: SocketAddr,
    /// User name and password; `None` when it asks for none.
    pub credentials: Option<(String, Secret)>,
}

/// What one look at the intake queue brought, in the order it arrived.
#[derive(Debug, Default)]
pub struct IntakeBatch {
    pub readings: Vec<Reading>,
    pub rejected: Vec<Rejected>,
}

/// Gateway → evaluator: judge these and pass them on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Evaluate(pub IntakeBatch);

/// A reading with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub reading: Reading,
    /// Whether this reading itself broke a rule.
    pub alert_triggered: bool,
}

/// Evaluator → storage: commit these in one transaction.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Store {
    pub readings: Vec<Judged>,
    pub alerts: Vec<AlertEvent>,
    pub rejected: Vec<Rejected>,
}

/// Evaluator → storage: which alerts stand? Answered after everything sent before it is committed.
#[derive(Message)]
#[rtype(result = "Result<Vec<StandingAlert>, String>")]
pub struct LoadStandingAlerts;

/// Storage → gateway: announced alert events were committed and wait to be published.
/// A hint only: losing one is harmless, since the gateway also asks at every connect.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AlertsWaiting;

/// An announced alert event that the broker has not acknowledged yet.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingAlert {
    /// Names the stored event; grows with time.
    pub row_id: i64,
    pub event: AlertEvent,
}

/// Gateway → storage: the oldest events still to be published, after the given row.
#[derive(Message)]
#[rtype(result = "Result<Vec<PendingAlert>, String>")]
pub struct LoadPendingAlerts {
    /// 0 for the first.
    pub after_row_id: i64,
    pub at_most: usize,
}

/// Gateway → storage: the broker has completed the delivery of these events.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AlertsDelivered(pub Vec<i64>);
