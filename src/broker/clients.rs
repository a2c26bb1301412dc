//! Which clients the embedded broker has sessions of, for display.
//!
//! Never: a session that waits for being shown.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::hub::SessionView;

/// Sessions that are shown: a page, and a moment of the broker's threads.
pub(super) const MOST_SHOWN: usize = 200;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    /// Id of the client.
    pub client_id: String,
    /// Address of the connection; `None` while disconnected.
    pub address: Option<String>,
    /// Time since which it is connected, or disconnected.
    pub since: Option<DateTime<Utc>>,
    /// Whether it is connected.
    pub connected: bool,
    /// Messages that wait for it.
    pub queued: usize,
    /// Its subscriptions.
    pub subscriptions: usize,
}

/// The sessions at the last look. Shared by the broker's incarnations.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Mutex<Vec<ClientView>>>);

impl Clients {
    /// Sessions as of the last snapshot, by client id; a part of them if there are many.
    #[must_use]
    pub fn shown(&self) -> Vec<ClientView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, mut clients: Vec<ClientView>) {
        clients.sort_by(|a, b| a.client_id.cmp(&b.client_id));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clients;
    }
}

impl From<SessionView> for ClientView {
    fn from(view: SessionView) -> Self {
        Self {
            client_id: view.client_id.to_string(),
            address: view.address.map(|address| address.to_string()),
            since: DateTime::from_timestamp_millis(view.since_ms),
            connected: view.is_connected,
            queued: view.num_waiting,
            subscriptions: view.num_subscriptions,
        }
    }
}
