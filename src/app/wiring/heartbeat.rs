//! Wiring of the heartbeat.

use std::sync::Arc;
use std::time::Duration;

use super::super::report::Reporting;
use super::{Mailboxes, ONE, SharedParts, phase};
use crate::messages::Beat;
use crate::notify::{DeliveryHealth, Heartbeat, HeartbeatSettings, ReceiverGauges};
use crate::supervisor::{ChildSpec, Exhaustion, Mailbox};

/// Quarantine of a failing heartbeat; its monitor notices the absence.
const QUARANTINE: Duration = Duration::from_secs(300);

/// `None` if not configured.
pub(super) fn settings(
    common: &SharedParts,
    boxes: &Mailboxes,
    report: &Reporting,
) -> Option<HeartbeatSettings> {
    let config = common.config.heartbeat.clone()?;
    let (log, cursors) = (common.log.clone(), common.log.clone());
    let (receivers, gateway) = (report.receivers.clone(), report.gauges.clone());
    Some(HeartbeatSettings {
        config,
        mark: Arc::new(move || log.append_time_mark()),
        committed: Arc::new(move || cursors.verified()),
        health: Arc::new(move || DeliveryHealth {
            failing: receivers
                .iter()
                .find(|(_, it)| cannot_be_told(it))
                .map(|(name, _)| name.clone()),
            is_connected: gateway.connected(),
        }),
        gateway: boxes.gateway.route::<Beat>(ONE),
        words: common.words.notify,
        shown: report.heartbeat.clone(),
    })
}

/// Whether an alarm waits for a receiver that fails, or is active and was refused by it.
fn cannot_be_told(receiver: &ReceiverGauges) -> bool {
    let shown = receiver.snapshot();
    shown.failing_since.is_some() && shown.pending > 0 || shown.unnotified > 0
}

/// Starts among the last: its first beat means that everything is up.
pub(super) fn child(settings: HeartbeatSettings) -> ChildSpec<Heartbeat> {
    let settings = Arc::new(settings);
    ChildSpec::critical("heartbeat", Mailbox::new(), move |env| {
        Ok(Heartbeat::new(settings.clone(), env))
    })
    .phase(phase::CONTROL)
    .on_exhaustion(Exhaustion::Quarantine(QUARANTINE))
}
