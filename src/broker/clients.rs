//! Which clients the embedded broker has sessions of, for display.
//!
//! Always: read on the broker's own threads, some at a time. Never: a session that waits for being shown.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rmqtt::context::ServerContext;
use rmqtt::session::Session;

/// Sessions that are shown: a page, and a moment of the broker's threads.
const MOST_SHOWN: usize = 200;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    /// Id of the client.
    pub client_id: String,
    /// Where it connected from; `None` while it is away.
    pub address: Option<String>,
    /// Time since which it is connected, or away.
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
    /// The sessions at the last look, by client id; some of them where there are many.
    #[must_use]
    pub fn shown(&self) -> Vec<ClientView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, mut clients: Vec<ClientView>) {
        clients.sort_by(|a, b| a.client_id.cmp(&b.client_id));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clients;
    }
}

/// Looks at the sessions.
pub(super) async fn look(context: ServerContext) -> Vec<ClientView> {
    // Taken out first: the shared state is locked for a moment, not while each is asked.
    let sessions: Vec<_> = {
        let shared = context.extends.shared().await;
        shared.iter().filter_map(|entry| entry.session()).take(MOST_SHOWN).collect()
    };
    let mut views = Vec::with_capacity(sessions.len());
    for session in sessions {
        views.push(view(&session).await);
    }
    views
}

async fn view(session: &Session) -> ClientView {
    let connected = session.connected().await.unwrap_or_default();
    let since = if connected { session.connected_at() } else { session.disconnected_at() };
    let since = since.await.ok().and_then(DateTime::from_timestamp_millis);
    let subscriptions = match session.subscriptions().await {
        Ok(subscriptions) => subscriptions.len().await,
        Err(_) => 0,
    };
    let address = session.id.remote_addr.filter(|_| connected);
    ClientView {
        client_id: session.id.client_id.to_string(),
        address: address.map(|address| address.to_string()),
        since,
        connected,
        queued: session.deliver_queue().len(),
        subscriptions,
    }
}
