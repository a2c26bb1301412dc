//! What all connections share: the hub, the way in, who may connect, and the clock.

#![expect(clippy::disallowed_methods, reason = "the broker's clock")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::Utc;
use rmqtt_codec::v5::Connect;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::access::Accounts;
use super::hub::{ConnId, Connected, Hub, Origin, Refusal, SessionView, Standing};
use super::limits;
use super::losses::{Reporter, Seldom};
use super::publish_hook::{NotTaken, PATIENCE, PublishHook};

/// Wakes a connection.
pub(super) type Waker = Arc<Notify>;

/// Shared by the connections of one broker.
pub(super) struct Shared {
    hub: Mutex<Hub<Waker>>,
    /// Monotonic, from the wall clock at the start, so that nothing ends early or late when that is set.
    began: (Instant, i64),
    accounts: Accounts,
    /// Whether clients may come without a user name.
    anonymous: bool,
    hook: Option<PublishHook>,
    /// Bytes of larger packets that are coming in.
    incoming: AtomicUsize,
    /// Connections that have not said who they are, by number.
    handshakes: Mutex<Handshakes>,
    refusals: Seldom,
    cuts: Seldom,
    full: Seldom,
    reporter: Mutex<Reporter>,
    /// Told when wills are due.
    wills: Notify,
    /// Told when something has panicked that may have left the hub halfway.
    pub(super) broken: Notify,
}

#[derive(Default)]
struct Handshakes {
    last: u64,
    /// The oldest in front.
    tasks: VecDeque<(u64, AbortHandle)>,
}

/// A connection that has a session, which it leaves when it is dropped, however it ends.
pub(super) struct Presence<'a> {
    shared: &'a Shared,
    pub(super) conn: ConnId,
    /// False when the client takes its will back.
    pub(super) with_will: bool,
    /// How long its session is to be kept, where it says so at last.
    pub(super) expiry_s: Option<u32>,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let (conn, with_will, expiry_s) = (self.conn, self.with_will, self.expiry_s);
        self.shared.with(|hub, now| hub.gone(now, conn, with_will, expiry_s));
    }
}

/// Room for a large packet, given back when it is dropped.
pub(super) struct Room<'a>(&'a AtomicUsize, usize);

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(accounts: Accounts, anonymous: bool, hook: Option<PublishHook>) -> Self {
        Self {
            hub: Mutex::new(Hub::new(limits::HUB)),
            began: (Instant::now(), Utc::now().timestamp_millis()),
            accounts,
            anonymous,
            hook,
            incoming: AtomicUsize::new(0),
            handshakes: Mutex::default(),
            refusals: Seldom::default(),
            cuts: Seldom::default(),
            full: Seldom::default(),
            reporter: Mutex::default(),
            wills: Notify::new(),
            broken: Notify::new(),
        }
    }

    /// In ms since 1970.
    pub(super) fn now(&self) -> i64 {
        let (began, at) = self.began;
        at.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn hub(&self) -> MutexGuard<'_, Hub<Waker>> {
        self.hub.lock().unwrap_or_else(|poisoned| {
            self.broken.notify_one();
            poisoned.into_inner()
        })
    }

    /// Lets a client in.
    pub(super) fn connect(
        &self,
        connect: &Connect,
        origin: Origin<Waker>,
    ) -> Result<(Connected, Presence<'_>), Refusal> {
        let connected = self.with(|hub, now| hub.connect(now, connect, origin))?;
        let conn = connected.conn;
        Ok((connected, Presence { shared: self, conn, with_will: true, expiry_s: None }))
    }

    /// Does something with the hub, then wakes whom that concerns.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Hub<Waker>, i64) -> T) -> T {
        let mut hub = self.hub();
        let result = act(&mut hub, self.now());
        let (wakes, is_due) = (hub.wakes(), hub.is_due());
        drop(hub);
        wakes.iter().for_each(|waker| waker.notify_one());
        if is_due {
            self.wills.notify_one();
        }
        result
    }

    /// Publishes wills as they become due, each once it is logged, for ever. Nobody else waits for that.
    pub(super) async fn publish_wills(&self) {
        loop {
            self.wills.notified().await;
            for will in self.with(|hub, _| hub.due()) {
                if self.log(&will.topic, &will.payload, will.qos.value()).await.is_ok() {
                    self.with(|hub, now| hub.publish_will(now, will));
                    continue;
                }
                log::warn!(
                    target: "vigie::broker",
                    "a will on {:?} was not taken in within {PATIENCE:?}, and is not kept",
                    &*will.topic,
                );
            }
        }
    }

    /// Logs a message that is for the daemon.
    pub(super) async fn log(
        &self,
        topic: &str,
        payload: &[u8],
        qos: u8,
    ) -> Result<Standing, NotTaken> {
        match &self.hook {
            Some(hook) => hook.take(topic, payload, qos).await,
            None => Ok(Standing::PassedOn),
        }
    }

    /// Says that a client was cut off whose reading was not taken.
    pub(super) fn tell_cut(&self, client: &str) {
        if let Some(times) = self.cuts.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "cut off client {client:?}, whose reading was not taken in within {PATIENCE:?}: it was not \
                 acknowledged and can be sent again ({times} cut off since the last such line)",
            );
        }
    }

    /// Logs that somebody was refused for lack of room.
    pub(super) fn tell_full(&self, who: &str) {
        if let Some(times) = self.full.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "no room for {who}: as many clients are connected as the limit of open files (LimitNOFILE) or the \
                 broker's sessions allow ({times} refused since the last such line)",
            );
        }
    }

    /// Whether a client's credentials are right. Whoever gives a name must give its password, also where clients may
    /// come without.
    pub(super) fn admits(&self, connect: &Connect, from: Option<SocketAddr>) -> bool {
        if self.anonymous && connect.username.is_none() {
            return true;
        }
        let user = connect.username.as_ref().map(|user| user.as_bytes().as_ref());
        if self.accounts.admit(user, connect.password.as_deref()) {
            return true;
        }
        if let Some(times) = self.refusals.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "refused client {:?} from {}: wrong or missing user name or password \
                 ({times} refused since the last such line)",
                &*connect.client_id,
                from.map_or_else(String::new, |address| address.to_string()),
            );
        }
        false
    }

    /// Room for a packet that is coming in; `None` when too many are.
    pub(super) fn room(&self, bytes: usize) -> Option<Room<'_>> {
        let before = self.incoming.fetch_add(bytes, Ordering::Relaxed);
        let room = Room(&self.incoming, bytes);
        (before + bytes <= limits::MAX_INCOMING_BYTES).then_some(room)
    }

    /// Starts a connection that has not said who it is. The oldest of too many is closed.
    pub(super) fn begin_handshake(&self, start: impl FnOnce(u64) -> AbortHandle) {
        let mut handshakes = lock(&self.handshakes);
        handshakes.last += 1;
        let number = handshakes.last;
        handshakes.tasks.push_back((number, start(number)));
        if handshakes.tasks.len() > limits::MAX_HANDSHAKES {
            abort_oldest(&mut handshakes);
        }
    }

    /// Closes the oldest connection that has not said who it is, if there is one, for another.
    pub(super) fn give_way(&self) {
        abort_oldest(&mut lock(&self.handshakes));
    }

    /// A connection has said who it is, or is gone.
    pub(super) fn end_handshake(&self, number: u64) {
        let tasks = &mut lock(&self.handshakes).tasks;
        if let Ok(at) = tasks.binary_search_by_key(&number, |(number, _)| *number) {
            tasks.remove(at);
        }
    }

    /// Some sessions, for display.
    pub(super) fn views(&self, at_most: usize) -> Vec<SessionView> {
        self.hub().views(at_most)
    }

    /// What time brings.
    pub(super) fn tick(&self) {
        let losses = self.with(|hub, now| {
            hub.tick(now);
            hub.losses()
        });
        lock(&self.reporter).tell(losses, Instant::now());
    }
}

fn abort_oldest(handshakes: &mut Handshakes) {
    if let Some((_, oldest)) = handshakes.tasks.pop_front() {
        oldest.abort();
    }
}
