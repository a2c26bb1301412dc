//! The way in for readings and acknowledgements: a PUBLISH is in the [`Log`] before anything else happens to
//! it, its acknowledgement above all.
//!
//! Holds always: a reading that was acknowledged is in the log; while the log takes nothing no
//! reading is acknowledged. Never: a client that waits for longer than [`PATIENCE`].

use std::sync::Arc;
use std::time::Duration;

use super::hub::Standing;
use crate::domain::Ingress;
use crate::ingest::formats::Formats;
use crate::ingest::{Arrival, Log};

/// A client whose reading isn't taken for so long is cut off, and sends it again when it is back.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Where readings go that are published to the embedded broker.
#[derive(Clone)]
pub struct PublishHook {
    /// Log that has each message before it is acknowledged.
    pub log: Arc<Log>,
    /// They tell what is to come in.
    pub formats: Formats,
}

/// The log did not take a message in time.
#[derive(Debug)]
pub(super) struct NotTaken;

impl PublishHook {
    /// Logs a message, unless it is none for the daemon.
    pub(super) async fn take(
        &self,
        topic: &str,
        payload: &[u8],
        qos: u8,
    ) -> Result<Standing, NotTaken> {
        if !self.formats.decodes(topic) {
            return Ok(Standing::PassedOn);
        }
        let arrival = Arrival::live(Ingress::Embedded, topic, payload, qos);
        let taken = tokio::time::timeout(PATIENCE, self.log.accept_async(&arrival)).await;
        taken.map(|()| Standing::Logged).map_err(|_elapsed| NotTaken)
    }
}
