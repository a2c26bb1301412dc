//! Listens to a broker for a bounded time as one more client, for a person who looks for a device.
//!
//! Alingresses: its own session, which ends with the connection; QoS 0, so that the broker queues nothing for it. Never:
//! on an arbiter, since it blocks; or in the daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::client::Listener;
use super::diagnosis::{diagnose, wants_probe};
use super::link::{Outcome, Plan, Role, Target};
use super::probe::probe;
use crate::config::{ClientTls, MqttVersion, Secret};
use crate::locale::ConnectionProblem;

/// Capacity for messages: some seconds of a busy plant. Further ones are counted and dropped.
const QUEUE: usize = 20_000;

/// What to subscribe to, and how.
#[derive(Debug, Clone)]
pub struct ListenRequest {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `None`: plain TCP.
    pub tls: Option<ClientTls>,
    /// Version of the protocol.
    pub version: MqttVersion,
    /// Unique client id.
    pub client_id: String,
    /// User name and password; `None` for an anonymous connection.
    pub credentials: Option<(String, Secret)>,
    /// Keep-alive interval.
    pub keep_alive: Duration,
    /// Filter to subscribe to.
    pub filter: String,
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Topic of the message.
    pub topic: String,
    /// Payload of the message.
    pub payload: Vec<u8>,
    /// Whether the broker replayed it from its retained messages.
    pub is_replayed: bool,
}

/// How listening ended.
#[derive(Debug)]
pub struct ListenOutcome {
    /// Messages dropped because the queue was full.
    pub missed: u64,
    /// Why the connection ended before its time.
    pub lost: Option<ConnectionProblem>,
}

/// Listens until `go_on` returns false; it waits briefly in each call. Blocks its thread.
///
/// # Errors
/// If there is no connection, or the broker refuses the filter.
pub fn listen(
    to: ListenRequest,
    each: &mut dyn FnMut(&ReceivedMessage),
    go_on: &mut dyn FnMut() -> bool,
) -> Result<ListenOutcome, ConnectionProblem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime =
        runtime.map_err(|error| ConnectionProblem::Unusable { why: error.to_string() })?;
    let (sender, queue) = sync_channel(QUEUE);
    let missed = Arc::new(AtomicU64::new(0));
    let (plan, filter) = plan(to);
    let opened = runtime.block_on(Listener::open(&plan, &filter, sender, missed.clone()));
    let mut listener = opened.map_err(|outcome| examine(outcome, &plan))?;
    let mut lost = None;
    while lost.is_none() && go_on() {
        drain(&queue, each);
        lost = listener.lost();
    }
    runtime.block_on(listener.close());
    drain(&queue, each);
    let lost = lost.map(|outcome| diagnose(outcome, None, &plan));
    Ok(ListenOutcome { missed: missed.load(Ordering::Relaxed), lost })
}

/// Processes what is queued now, so that a fast broker can't keep it from ending.
fn drain(queue: &Receiver<ReceivedMessage>, each: &mut dyn FnMut(&ReceivedMessage)) {
    queue.try_iter().take(QUEUE).for_each(|message| each(&message));
}

fn examine(outcome: Outcome, plan: &Plan) -> ConnectionProblem {
    let finding = wants_probe(&outcome).then(|| probe(&plan.target, plan.version));
    diagnose(outcome, finding, plan)
}

fn plan(to: ListenRequest) -> (Plan, String) {
    let host = to.host.trim_matches(['[', ']']).to_owned();
    let plan = Plan {
        role: Role::Intake,
        target: Target { host, port: to.port, tls: to.tls },
        version: to.version,
        client_id: to.client_id,
        credentials: to.credentials,
        keep_alive: to.keep_alive,
        filters: Vec::new(),
        wants_retained: true,
        will: None,
        status_echo: None,
        forward_mark: None,
        birth: None,
    };
    (plan, to.filter)
}
