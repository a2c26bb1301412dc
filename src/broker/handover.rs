//! One client's way from its old connection to its new one. See [`super::sessions`].

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::inflight::{MomentStatus, OutInflightMessage};
use rmqtt::session::{OfflineInfo, Session};
use rmqtt::shared::Entry;
use rmqtt::types::{
    ConnectInfo, From, Id, IsAdmin, Message, OfflineSession, Publish, Reason, SubsSearchResult,
    Subscribe, SubscribeReturn, Subscriptions, Tx, Unsubscribe,
};

use super::sessions::{Letter, Sessions, push};

/// A client that connects while an earlier handshake of its own is under way waits for that, which
/// takes 5 s at most, rather than being refused.
const LOCK_ATTEMPTS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// rmqtt's access to one client's session; locked, it carries what the old session had.
pub(super) struct Handover {
    inner: Box<dyn Entry>,
    sessions: Sessions,
    /// Whether messages for the client are being held.
    holding: bool,
    carried: Option<Carried>,
}

impl Handover {
    pub(super) fn new(inner: Box<dyn Entry>, sessions: Sessions) -> Self {
        Self { inner, sessions, holding: false, carried: None }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if self.holding {
            // The handshake failed in between. If the old session is still there it gets what waited.
            let client = self.inner.id().client_id.clone();
            for letter in self.sessions.let_go(&client) {
                let _ = self.sessions.hand(&client, letter);
            }
        }
    }
}

#[async_trait]
impl Entry for Handover {
    async fn try_lock(&self) -> rmqtt::Result<Box<dyn Entry>> {
        let mut locked = self.inner.try_lock().await;
        for _ in 0..LOCK_ATTEMPTS {
            if locked.is_ok() {
                break;
            }
            tokio::time::sleep(LOCK_PAUSE).await;
            locked = self.inner.try_lock().await;
        }
        Ok(Box::new(Self::new(locked?, self.sessions.clone())))
    }

    /// Calls the session in from its old connection.
    async fn kick(
        &mut self,
        clean_start: bool,
        clear_subscriptions: bool,
        is_admin: IsAdmin,
    ) -> rmqtt::Result<OfflineSession> {
        self.sessions.hold(&self.inner.id().client_id);
        self.holding = true;
        let ends = match self.inner.session() {
            Some(session) => ends_with_its_connection(&session).await,
            None => false,
        };
        let (clean, clear) = (clean_start || ends, clear_subscriptions || ends);
        let mut old = match self.inner.kick(clean, clear, is_admin).await {
            // It was ending anyway, and has ended now.
            Err(_) => self.inner.kick(clean, clear, is_admin).await?,
            Ok(old) => old,
        };
        if let OfflineSession::Exist(Some(info)) = &mut old {
            self.carried = Some(Carried::take(info));
        }
        Ok(old)
    }

    /// Gives the session to its new connection, which isn't running yet.
    async fn set(&mut self, session: Session, tx: Tx) -> rmqtt::Result<()> {
        let resumed = self.carried.is_some();
        if let Some(carried) = self.carried.take() {
            carried.restore(&session, &tx, &self.sessions.context).await;
        }
        let queue = session.deliver_queue().clone();
        self.inner.set(session, tx).await?;
        self.holding = false;
        let waited = self.sessions.let_go(&self.inner.id().client_id);
        // A client that starts clean has no use for what its old subscriptions brought. For another,
        // what is handed on from here comes through the connection, so after what is in the queue.
        if resumed {
            waited.into_iter().for_each(|letter| push(&queue, letter));
        }
        Ok(())
    }

    async fn publish(&self, from: From, publish: Publish) -> Result<(), (From, Publish, Reason)> {
        let handed = self.sessions.hand(&self.inner.id().client_id, (from, publish));
        handed.map_err(|undelivered| {
            let (_, from, publish, reason) = *undelivered;
            (from, publish, reason)
        })
    }

    fn id(&self) -> Id {
        self.inner.id()
    }

    fn id_same(&self) -> Option<bool> {
        self.inner.id_same()
    }

    async fn remove(&mut self) -> rmqtt::Result<Option<(Session, Tx)>> {
        self.inner.remove().await
    }

    async fn remove_with(&mut self, id: &Id) -> rmqtt::Result<Option<(Session, Tx)>> {
        self.inner.remove_with(id).await
    }

    async fn online(&self) -> bool {
        self.inner.online().await
    }

    async fn is_connected(&self) -> bool {
        self.inner.is_connected().await
    }

    fn session(&self) -> Option<Session> {
        self.inner.session()
    }

    fn exist(&self) -> bool {
        self.inner.exist()
    }

    fn tx(&self) -> Option<Tx> {
        self.inner.tx()
    }

    async fn subscribe(&self, subscribe: &Subscribe) -> rmqtt::Result<SubscribeReturn> {
        self.inner.subscribe(subscribe).await
    }

    async fn unsubscribe(&self, unsubscribe: &Unsubscribe) -> rmqtt::Result<bool> {
        self.inner.unsubscribe(unsubscribe).await
    }

    async fn subscriptions(&self) -> Option<Vec<SubsSearchResult>> {
        self.inner.subscriptions().await
    }
}

/// Whether nobody may come back to this session.
async fn ends_with_its_connection(session: &Session) -> bool {
    match session.connect_info().await.as_deref() {
        Ok(ConnectInfo::V3(_, connect)) => connect.clean_session,
        Ok(ConnectInfo::V5(..)) => {
            let goodbye = session.disconnect().await.unwrap_or_default();
            session.fitter.session_expiry_interval(goodbye.as_ref()).is_zero()
        }
        Err(_) => false,
    }
}

/// What a session had when its old connection let go of it.
struct Carried {
    subscriptions: Subscriptions,
    /// Oldest first.
    unacknowledged: Vec<OutInflightMessage>,
    queued: VecDeque<Letter>,
}

impl Carried {
    /// Empties the bundle that rmqtt would otherwise send through the new connection, in which it is
    /// lost if that dies first.
    fn take(info: &mut OfflineInfo) -> Self {
        Self {
            subscriptions: mem::take(&mut info.subscriptions),
            unacknowledged: mem::take(&mut info.inflight_messages),
            queued: mem::take(&mut info.offline_messages),
        }
    }

    /// Fills a new session that isn't running yet: first what was sent before, then what wasn't.
    async fn restore(self, session: &Session, tx: &Tx, context: &ServerContext) {
        let router = context.extends.router().await;
        for (filter, options) in &self.subscriptions {
            if let Err(error) = router.add(filter, session.id().clone(), options.clone()).await {
                log::warn!(target: "vigie::broker", "can't restore a subscription: {error:#}");
            }
        }
        if let Err(error) = session.subscriptions_extend(self.subscriptions).await {
            log::warn!(target: "vigie::broker", "can't restore subscriptions: {error:#}");
        }
        let mut window = session.out_inflight().write().await;
        // New messages must not take the numbers of those that were sent before.
        let numbers = self.unacknowledged.iter().filter_map(|message| message.publish.packet_id);
        if let Some(highest) = numbers.max() {
            window.advance_next_id(highest.get());
        }
        for mut message in self.unacknowledged {
            if message.status == MomentStatus::UnComplete {
                // The client has it, and waits to be told so. If the new connection dies before that,
                // the window still knows.
                window.push_back(message.clone());
                // Its receiver is the session that is about to run.
                let _ = tx.unbounded_send(Message::SendRerelease(message));
            } else {
                message.publish.dup = true;
                push(session.deliver_queue(), (message.from, message.publish));
            }
        }
        for letter in self.queued {
            push(session.deliver_queue(), letter);
        }
    }
}
