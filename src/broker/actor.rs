//! The actor: starts a broker, watches over it, stops it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::access::Access;
use super::clients::Clients;
use super::gauges::BrokerGauges;
use super::keep::Keep;
use super::listeners::Plan;
use super::publish_hook::PublishHook;
use super::server::{STOP_AT_MOST, Server};
use super::shared::Rooms;
use crate::config::{BrokerLimits, GATEWAY_USER};
use crate::locale::Words;
use crate::messages::BrokerAddress;
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

/// The broker's work is done on threads of its own, so its faults make their own occasions.
const FAULT_LOOK: Duration = Duration::from_millis(100);

/// How often the sessions are looked at, for display.
const CLIENTS_LOOK: Duration = Duration::from_secs(2);

/// What the embedded broker needs to know.
pub struct Settings {
    /// Port 0 takes a free one, and keeps it through restarts.
    pub listen: SocketAddr,
    /// The same, over `WebSocket`; `None` for none.
    pub listen_ws: Option<SocketAddr>,
    /// Who may come in.
    pub access: Arc<Access>,
    /// Where readings come in; `None` when that is elsewhere, and this broker only passes them on.
    /// `None` in tests that have no log.
    pub hook: Option<PublishHook>,
    /// Where sessions and retained messages outlive the process; without it, they don't.
    pub keep: Option<Arc<dyn Keep>>,
    /// Where it shows what it lost, and why.
    pub gauges: BrokerGauges,
    /// How much it keeps and takes.
    pub limits: BrokerLimits,
    /// Where it shows its sessions.
    pub clients: Clients,
    /// Language of the log lines.
    pub words: &'static Words,
}

/// What one incarnation leaves to the next.
#[derive(Default)]
struct Legacy {
    public: Option<SocketAddr>,
    websocket: Option<SocketAddr>,
    private_port: Option<u16>,
    /// Hears when the last incarnation's ports are free.
    stopping: Option<mpsc::Receiver<()>>,
}

type SharedLegacy = Arc<Mutex<Legacy>>;

/// One incarnation of the embedded broker: owns its threads, ports, sessions and messages.
pub struct Broker {
    env: ChildEnv,
    server: Option<Server>,
    /// What the gateway is told while this incarnation is up.
    gateway: BrokerAddress,
    address: watch::Sender<Option<BrokerAddress>>,
    words: &'static Words,
    access: Arc<Access>,
    clients: Clients,
    legacy: SharedLegacy,
}

impl Broker {
    /// Makes a broker for each incarnation, and tells the gateway where it is while it is up.
    ///
    /// The factory binds the ports: it fails with [`Failure::Unavailable`] when a port is taken, or a
    /// password, certificate or key can't be read.
    pub fn factory(
        settings: Settings,
        address: watch::Sender<Option<BrokerAddress>>,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + Sync {
        let legacy = SharedLegacy::default();
        move |env| {
            let (server, gateway) = start(&settings, &legacy)?;
            Ok(Self {
                env: env.clone(),
                server: Some(server),
                gateway,
                address: address.clone(),
                words: settings.words,
                access: settings.access.clone(),
                clients: settings.clients.clone(),
                legacy: legacy.clone(),
            })
        }
    }

    fn look_at_clients(&mut self, _: &mut Context<Self>) {
        if let Some(server) = &self.server {
            self.clients.show(server.clients());
        }
    }

    /// Begins to stop the server, once; the receiver hears when its ports are free.
    fn shut(&mut self) -> Option<oneshot::Receiver<()>> {
        let server = self.server.take()?;
        self.address.send_replace(None);
        let (blocking, awaited) = server.stop();
        lock(&self.legacy).stopping = Some(blocking);
        Some(awaited)
    }
}

impl Actor for Broker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(server) = &mut self.server else { return };
        log::info!(target: "vigie::broker", "{}", (self.words.broker_listening)(server.public));
        if let Some(account) = self.access.account() {
            log::info!(
                target: "vigie::broker",
                "the account {account:?} may publish everything, alerts included; give devices accounts with fewer rights \
                 ([[broker.users]])",
            );
        }
        if let Some(address) = server.websocket {
            log::info!(target: "vigie::broker", "{}", (self.words.broker_listening_ws)(address));
        }
        if let Some(end) = server.end() {
            ctx.spawn(end.into_actor(self).map(|why, broker, ctx| {
                // Once it is being stopped, its end is no news.
                if broker.server.is_some() {
                    broker.env.fail::<Self>(ctx, why);
                }
            }));
        }
        self.address.send_replace(Some(self.gateway.clone()));
        ctx.run_interval(CLIENTS_LOOK, Self::look_at_clients);
        if self.env.has_faults() {
            ctx.run_interval(FAULT_LOOK, |broker, _| broker.env.fault_point());
        }
        self.env.ready();
    }
}

impl Handler<GracefulStop> for Broker {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        let Some(stopped) = self.shut() else { return ctx.stop() };
        let stopped = tokio::time::timeout(STOP_AT_MOST + Duration::from_secs(1), stopped);
        ctx.wait(stopped.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Panicked, failed or cut off: the next incarnation waits for the ports.
        let _ = self.shut();
    }
}

fn start(settings: &Settings, legacy: &SharedLegacy) -> Result<(Server, BrokerAddress), Failure> {
    let mut legacy = lock(legacy);
    if let Some(stopping) = legacy.stopping.take() {
        // If it takes longer, binding says so.
        let _ = stopping.recv_timeout(STOP_AT_MOST);
    }
    let door = settings.access.open().map_err(Failure::Unavailable)?;
    let plan = Plan {
        public: legacy.public.unwrap_or(settings.listen),
        websocket: legacy.websocket.or(settings.listen_ws),
        has_tls: door.borrow().tls.is_some(),
        private_port: legacy.private_port,
    };
    let rooms = Rooms {
        door,
        hook: settings.hook.clone(),
        keep: settings.keep.clone(),
        gauges: settings.gauges.clone(),
        limits: settings.limits,
    };
    let server = Server::start(plan, rooms)?;
    legacy.public = Some(server.public);
    legacy.websocket = server.websocket;
    legacy.private_port = server.private.map(|addr| addr.port());
    let gateway = BrokerAddress {
        addr: server.private.unwrap_or(server.public),
        public: server.public,
        credentials: Some((GATEWAY_USER.to_owned(), settings.access.gateway_password().clone())),
    };
    Ok((server, gateway))
}

fn lock(legacy: &SharedLegacy) -> MutexGuard<'_, Legacy> {
    legacy.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Broker {
    /// Where the users connect.
    pub(super) fn public_in_test(&self) -> SocketAddr {
        self.server.as_ref().expect("running").public
    }

    /// Ends the broker's own task, as a panic in it does.
    pub(super) fn break_off_in_test(&self) -> impl Fn() + use<> {
        self.server.as_ref().expect("running").break_off_in_test()
    }
}
