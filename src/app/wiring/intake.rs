//! The intake: own sensors' and operators' way into the log.

use std::sync::Arc;

use super::{Mailboxes, phase};
use crate::ingest::{Intake, IntakeSettings, Log};
use crate::messages::{Measured, Operate};
use crate::supervisor::{ChildSpec, Mailbox, Route};

/// Offers from sensors that may wait for the log. Each sensor has at most one under way; the others of a large
/// fleet wait for room inside their own actors.
const MEASURED_ROOM: usize = 256;

/// Operators' actions that may wait for their turn: each connection of the API has one at a time, and one
/// that finds no room waits there.
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
