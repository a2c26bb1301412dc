//! State shared by all connections: hub, publish hook, access control, clock.

#![expect(clippy::disallowed_methods, reason = "the broker's clock")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::Utc;
use rmqtt_codec::v5::Connect;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::access::AccessSnapshot;
use super::gauges::BrokerGauges;
use super::hub::{ConnId, Connected, Hub, Origin, Refusal, SessionView, Standing};
use super::limits;
use super::login_throttle::LoginThrottle;
use super::losses::{LimitedCounter, Reporter};
use super::publish_hook::{HookTimeout, PATIENCE, PublishAttributes, PublishHook};
use super::rights::Grant;
use super::storage::{self, BrokerStore};
use crate::config::{BrokerLimits, GATEWAY_USER};

/// Refused logins logged one by one per ten seconds: enough for a tool that bans an address after a few.
const MOST_REFUSALS_TOLD: u64 = 20;

/// Wakes a connection.
pub(super) type Waker = Arc<Notify>;

/// Shared by the connections of one broker.
pub(super) struct Shared {
    hub: Mutex<Hub<Waker>>,
    /// Monotonic, from the wall clock at the start, so that nothing ends early or late when that is set.
    began: (Instant, i64),
    door: watch::Receiver<Arc<AccessSnapshot>>,
    brake: Mutex<LoginThrottle>,
    hook: Option<PublishHook>,
    /// Persistent storage; `None` keeps state in memory only.
    pub(super) keep: Option<Arc<dyn BrokerStore>>,
    pub(super) gauges: BrokerGauges,
    pub(super) limits: BrokerLimits,
    /// Notified when there are changes to write.
    pub(super) changed: Notify,
    /// Bytes of larger packets that are coming in.
    incoming: AtomicUsize,
    /// Incoming bytes of large packets on connections without a login.
    strangers_incoming: AtomicUsize,
    /// Connections before their CONNECT, by number.
    handshakes: Mutex<Handshakes>,
    refusals: LimitedCounter,
    denials: LimitedCounter,
    cuts: LimitedCounter,
    full: LimitedCounter,
    reporter: Mutex<Reporter>,
    /// Notified when wills are due.
    wills: Notify,
    /// Notified after a panic that may have left the hub inconsistent.
    pub(super) broken: Notify,
}

/// Parts of a broker.
pub(super) struct BrokerParts {
    pub(super) door: watch::Receiver<Arc<AccessSnapshot>>,
    pub(super) hook: Option<PublishHook>,
    pub(super) keep: Option<Arc<dyn BrokerStore>>,
    pub(super) gauges: BrokerGauges,
    pub(super) limits: BrokerLimits,
}

#[derive(Default)]
struct Handshakes {
    last: u64,
    /// The oldest in front.
    tasks: VecDeque<(u64, AbortHandle)>,
}

/// A connection with a session. Dropping it leaves the session, however the connection ended.
pub(super) struct Presence<'a> {
    shared: &'a Shared,
    pub(super) conn: ConnId,
    /// False if the client withdrew its will.
    pub(super) with_will: bool,
    /// Session expiry stated at the disconnect, if any, in seconds.
    pub(super) expiry_s: Option<u32>,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let (conn, with_will, expiry_s) = (self.conn, self.with_will, self.expiry_s);
        self.shared.with(|hub, now| hub.gone(now, conn, with_will, expiry_s));
    }
}

/// Reservation for a large packet, released when dropped.
pub(super) struct PacketPermit<'a>(&'a AtomicUsize, usize);

impl Drop for PacketPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while holding it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Loads the persistent state. Blocks.
    pub(super) fn open(rooms: BrokerParts) -> Result<Self, String> {
        let BrokerParts { door, hook, keep, gauges, limits } = rooms;
        let began = (Instant::now(), Utc::now().timestamp_millis());
        let hub = storage::restore(began.1, keep.as_ref(), &door.borrow(), &limits)?;
        Ok(Self {
            hub: Mutex::new(hub),
            began,
            door,
            brake: Mutex::default(),
            hook,
            keep,
            gauges,
            limits,
            changed: Notify::new(),
            incoming: AtomicUsize::new(0),
            strangers_incoming: AtomicUsize::new(0),
            handshakes: Mutex::default(),
            refusals: LimitedCounter::of(MOST_REFUSALS_TOLD),
            denials: LimitedCounter::default(),
            cuts: LimitedCounter::default(),
            full: LimitedCounter::default(),
            reporter: Mutex::default(),
            wills: Notify::new(),
            broken: Notify::new(),
        })
    }

    /// Time in ms since 1970.
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

    /// True after a panic that may have left the hub inconsistent.
    pub(super) fn is_halfway(&self) -> bool {
        self.hub.is_poisoned()
    }

    /// Lets a client in.
    pub(super) fn connect(
        &self,
        connect: &Connect,
        grant: &Grant,
        origin: Origin<Waker>,
    ) -> Result<(Connected, Presence<'_>), Refusal> {
        // With the present access control: a later reload finds the session.
        let connected = self.with(|hub, now| {
            let grant = self.door().readmit(grant).ok_or(Refusal::Gone)?;
            hub.connect(now, connect, grant, origin)
        })?;
        let conn = connected.conn;
        Ok((connected, Presence { shared: self, conn, with_will: true, expiry_s: None }))
    }

    /// Runs an action on the hub, then wakes the affected connections.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Hub<Waker>, i64) -> T) -> T {
        let mut hub = self.hub();
        let result = act(&mut hub, self.now());
        let (wakes, is_due, has_changes) = (hub.wakes(), hub.is_due(), hub.has_changes());
        drop(hub);
        wakes.iter().for_each(|waker| waker.notify_one());
        if is_due {
            self.wills.notify_one();
        }
        if has_changes {
            self.changed.notify_one();
        }
        result
    }

    /// Publishes wills as they become due, each once it is logged. Runs for ever, and only the wills wait for it.
    pub(super) async fn publish_wills(&self) {
        loop {
            self.wills.notified().await;
            for will in self.with(|hub, _| hub.due()) {
                let wish = PublishAttributes::of(will.retain, Some(&will.properties));
                if self.log(&will.topic, &will.payload, will.qos.value(), wish).await.is_ok() {
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
        wish: PublishAttributes,
    ) -> Result<Standing, HookTimeout> {
        match &self.hook {
            Some(hook) => hook.take(topic, payload, qos, wish).await,
            None => Ok(Standing::PassedOn),
        }
    }

    /// Logs that a client was cut off because its reading could not be logged.
    pub(super) fn tell_cut(&self, client: &str) {
        if let Some(times) = self.cuts.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "cut off client {client:?}, whose reading was not taken in within {PATIENCE:?}: it was not \
                 acknowledged and can be sent again ({times} cut off since the last such line)",
            );
        }
    }

    /// Logs a refusal for lack of room.
    pub(super) fn tell_full(&self, who: &str) {
        self.gauges.count(|counts| counts.refused_connections += 1);
        if let Some(times) = self.full.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "no room for {who}: the limit of clients or of queued messages is reached; raise [broker.limits] or \
                 LimitNOFILE ({times} refused since the last such line)",
            );
        }
    }

    /// Present access control.
    pub(super) fn door(&self) -> Arc<AccessSnapshot> {
        self.door.borrow().clone()
    }

    /// Applies the rights of each new configuration to all clients. Runs for ever.
    pub(super) async fn follow_access(&self) {
        let mut door = self.door.clone();
        while door.changed().await.is_ok() {
            let door = door.borrow_and_update().clone();
            self.with(|hub, now| {
                hub.regrant(now, |grant, is_connected| {
                    if is_connected {
                        door.readmit(grant)
                    } else {
                        door.of_user(grant.user.as_deref())
                    }
                });
            });
        }
        std::future::pending::<()>().await;
    }

    /// Grant of a client; `None` if its credentials are wrong. Without accounts every client is admitted, except
    /// one that uses the daemon's own name without its password. Delayed after too many failures.
    pub(super) async fn admit(&self, connect: &Connect, from: SocketAddr) -> Option<Grant> {
        let is_open = self.door().is_open;
        let named = connect.username.as_deref();
        let Some(name) = named.filter(|name| !is_open || *name == GATEWAY_USER) else {
            let grant = self.door().admit_nameless();
            if grant.is_none() {
                self.tell_refused(connect, from, "no user name");
            }
            return grant;
        };
        // The gateway's random password can't be guessed, and the gateway must not wait behind attempts of others.
        let is_slowed = name != GATEWAY_USER;
        if is_slowed {
            let wait = lock(&self.brake).wait(from.ip(), name, Instant::now());
            let Ok(wait) = wait else {
                self.tell_refused(connect, from, "too many failures before");
                return None;
            };
            tokio::time::sleep(wait).await;
        }
        let grant = self.door().admit(name, connect.password.as_deref().unwrap_or_default());
        if grant.is_none() {
            lock(&self.brake).fail(from.ip(), name, Instant::now());
            self.tell_refused(connect, from, "wrong user name or password");
        } else if is_slowed {
            lock(&self.brake).succeed(from.ip(), name, Instant::now());
        }
        grant
    }

    /// Logs a refusal. The address precedes all text of the client's, so that a tool that bans addresses reads the
    /// right one.
    fn tell_refused(&self, connect: &Connect, from: SocketAddr, why: &str) {
        self.gauges.count(|counts| counts.refused_logins += 1);
        if let Some(times) = self.refusals.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "refused a login from {from}: {why} (client {:?}, user {:?}; {times} refused since the last such line)",
                &*connect.client_id,
                connect.username.as_deref().unwrap_or_default(),
            );
        }
    }

    /// Logs that a client was not let in whose password was right.
    pub(super) fn tell_denied(&self, connect: &Connect, from: SocketAddr, refusal: Refusal) {
        let why = match refusal {
            Refusal::Foreign => "another user has a client of this id".to_owned(),
            _ => {
                let topic = connect.last_will.as_ref().map(|will| &*will.topic);
                format!("it may not publish its will on {:?}", topic.unwrap_or_default())
            }
        };
        if let Some(times) = self.denials.count(Instant::now()) {
            log::warn!(
                target: "vigie::broker",
                "refused client {:?} of user {:?} from {from}: {why} ({times} refused since the last such line)",
                &*connect.client_id,
                connect.username.as_deref().unwrap_or_default(),
            );
        }
    }

    /// Room for a packet that is coming in; `None` when too many are.
    pub(super) fn room(&self, bytes: usize) -> Option<PacketPermit<'_>> {
        let most = limits::MAX_INCOMING_BYTES.max(2 * self.limits.packet_bytes);
        room(&self.incoming, bytes, most)
    }

    /// Reservation for a large packet of a connection without a login.
    pub(super) fn strangers_room(&self, bytes: usize) -> Option<PacketPermit<'_>> {
        room(&self.strangers_incoming, bytes, limits::MAX_STRANGERS_BYTES)
    }

    /// Registers a connection before its CONNECT. At the limit the oldest is closed.
    pub(super) fn begin_handshake(&self, start: impl FnOnce(u64) -> AbortHandle) {
        let mut handshakes = lock(&self.handshakes);
        handshakes.last += 1;
        let number = handshakes.last;
        handshakes.tasks.push_back((number, start(number)));
        if handshakes.tasks.len() > limits::MAX_HANDSHAKES {
            abort_oldest(&mut handshakes);
        }
    }

    /// Closes the oldest connection before its CONNECT, if any.
    pub(super) fn give_way(&self) {
        abort_oldest(&mut lock(&self.handshakes));
    }

    /// The connection was accepted, or has ended.
    pub(super) fn end_handshake(&self, number: u64) {
        let tasks = &mut lock(&self.handshakes).tasks;
        if let Ok(at) = tasks.binary_search_by_key(&number, |(number, _)| *number) {
            tasks.remove(at);
        }
    }

    /// A bounded number of sessions, for display.
    pub(super) fn views(&self, at_most: usize) -> Vec<SessionView> {
        self.hub().views(at_most)
    }

    /// Processes the passage of time.
    pub(super) fn tick(&self) {
        let losses = self.with(|hub, now| {
            hub.tick(now);
            hub.losses()
        });
        self.gauges.count(|counts| {
            counts.dropped += losses.dropped.count + losses.wills.count;
            counts.oversized += losses.oversized.count;
            counts.not_retained += losses.not_retained.count;
            counts.denied += losses.denied.count;
        });
        lock(&self.reporter).tell(losses, Instant::now());
    }
}

fn room(taken: &AtomicUsize, bytes: usize, most: usize) -> Option<PacketPermit<'_>> {
    let before = taken.fetch_add(bytes, Ordering::Relaxed);
    let room = PacketPermit(taken, bytes);
    (before + bytes <= most).then_some(room)
}

fn abort_oldest(handshakes: &mut Handshakes) {
    if let Some((_, oldest)) = handshakes.tasks.pop_front() {
        oldest.abort();
    }
}
