//! The intake: own sensors' and operators' way into the log.

use std::sync::Arc;

use super::{Mailboxes, phase};
use crate::ingest::{Intake, IntakeSettings, Log};
use crate::messages::{Measured, Operate};
use crate::supervisor::{ChildSpec, Mailbox, Route};

/// Capacity for readings of own sensors. Each sensor has at most one message in flight; the others of a large fleet
/// wait in their own actors.
const MEASURED_ROOM: usize = 256;

/// Capacity for operators' actions: each connection of the API has one at a time, and waits there for room.
const OPERATE_ROOM: usize = 32;

/// Own sensors → intake.
pub(super) fn measured(boxes: &Mailboxes) -> Route<Measured> {
    boxes.intake.route::<Measured>(MEASURED_ROOM)
}

/// Operators' actions → intake.
pub(super) fn operate(boxes: &Mailboxes) -> Route<Operate> {
    boxes.intake.route::<Operate>(OPERATE_ROOM)
}

pub(super) fn child(mailbox: Mailbox<Intake>, log: Arc<Log>) -> ChildSpec<Intake> {
    ChildSpec::critical("intake", mailbox, Intake::factory(IntakeSettings { log }))
        .phase(phase::INTAKE)
}
