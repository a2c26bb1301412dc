//! The receivers of notifications: their routes to storage, and what each is forgiven.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::messages::{AlertsStored, KeepReceiver, LoadAlerts, LoadReceiver};
use crate::notify::{Receiver, Routes, Settings, SharedRunbooks};
use crate::store::Writer;
use crate::supervisor::{ChildSpec, Exhaustion, Mailbox, Readiness};

/// Each receiver has one question of a kind under way; more than so many wait for one another.
const ROOM: usize = 16;

/// How long the start waits for a receiver to learn where it stands.
const RESTORE_AT_MOST: Duration = Duration::from_secs(60);

/// What is being sent at the stop gets this long; it is sent again at the next start otherwise.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A receiver that keeps failing rests for so long. It takes nobody with it: the alarms go out by the
/// broker and the log.
const QUARANTINE: Duration = Duration::from_secs(300);

/// What each of the configured receivers is told.
pub(super) fn settings(
    config: &Config,
    storage: &Mailbox<Writer>,
    stored: &AlertsStored,
    runbooks: &SharedRunbooks,
) -> Vec<Settings> {
    let words = config.language.words();
    let routes = Routes {
        load: storage.route::<LoadReceiver>(ROOM),
        keep: storage.route::<KeepReceiver>(ROOM),
        alerts: storage.route::<LoadAlerts>(ROOM),
    };
    let settings = |receiver| {
        let (runbooks, routes) = (runbooks.clone(), routes.clone());
        Settings::new(receiver, runbooks, words, routes, stored.clone())
    };
    config.receivers.iter().map(settings).collect()
}

/// A receiver as a child of the tree, on an arbiter of its own.
pub(super) fn child(settings: Settings) -> ChildSpec<Receiver> {
    let name = format!("notify {}", settings.name);
    let settings = Arc::new(settings);
    let make = move |env: &_| Ok(Receiver::new(settings.clone(), env));
    ChildSpec::critical(name, Mailbox::new(), make)
        .on_exhaustion(Exhaustion::Quarantine(QUARANTINE))
        .readiness(Readiness::Signalled { at_most: RESTORE_AT_MOST })
        .shutdown(SHUTDOWN)
}
