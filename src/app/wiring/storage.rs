//! Storage: the ledger's one writer, and the way of alert events to the gateway.

use std::sync::Arc;
use std::time::Duration;

use super::{Mailboxes, phase, signalled};
use crate::messages::{AlertsStored, Cursors, PushAlerts, Store};
use crate::store::{Prepared, Writer};
use crate::supervisor::{ChildSpec, Mailbox, Route};

/// Capacity for readings and alerts before the commit: about 5 MB. Enough for the next transaction during a sync,
/// and for some seconds of alerts while the database is locked.
const STORE_ROOM: usize = 20_000;

/// Capacity for pushed alert events: each message has at least one of the gateway's 20 credits.
const PUSH_ROOM: usize = 20;

/// Timeout for storage to open its file and commit the backlog.
const OPEN_AT_MOST: Duration = Duration::from_secs(60);

/// Judged batches → storage.
pub(super) fn store(boxes: &Mailboxes) -> Route<Store> {
    boxes.storage.route::<Store>(STORE_ROOM)
}

/// Alert events → gateway.
pub(super) fn push(boxes: &Mailboxes) -> Route<PushAlerts> {
    boxes.gateway.route::<PushAlerts>(PUSH_ROOM)
}

pub(super) fn child(
    mailbox: Mailbox<Writer>,
    prepared: Prepared,
    push: Route<PushAlerts>,
    cursors: Arc<Cursors>,
    stored: AlertsStored,
) -> ChildSpec<Writer> {
    ChildSpec::critical("storage", mailbox, Writer::factory(prepared, Some(push), cursors, stored))
        .phase(phase::STORAGE)
        .readiness(signalled(OPEN_AT_MOST))
}
