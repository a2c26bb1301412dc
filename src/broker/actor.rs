//! The actor: starts a broker, watches over it, stops it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::access::Access;
use super::clients::Clients;
use super::gauges::BrokerGauges;
use super::listeners::Plan;
use super::publish_hook::PublishHook;
use super::server::{STOP_AT_MOST, Server};
use super::shared::BrokerParts;
use super::storage::BrokerStore;
use crate::config::{BrokerLimits, GATEWAY_USER};
use crate::locale::Words;
use crate::messages::BrokerAddress;
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

/// Poll interval for injected faults: the broker's work is done on its own threads.
const FAULT_LOOK: Duration = Duration::from_millis(100);

/// How often the sessions are looked at, for display.
const CLIENTS_LOOK: Duration = Duration::from_secs(2);

/// Settings of the embedded broker.
pub struct Settings {
    /// Address to listen on. Port 0 takes a free port, and keeps it across restarts.
    pub listen: SocketAddr,
    /// WebSocket address; `None` for none.
    pub listen_ws: Option<SocketAddr>,
    /// Authentication and rights.
    pub access: Arc<Access>,
    /// Entry of readings; `None` in tests without a log.
    pub hook: Option<PublishHook>,
    /// Persistence of sessions and retained messages; `None` keeps them in memory only.
    pub keep: Option<Arc<dyn BrokerStore>>,
    /// Gauges of losses and their causes.
    pub gauges: BrokerGauges,
    /// Limits of state and input.
    pub limits: BrokerLimits,
    /// Snapshot of sessions for display.
    pub clients: Clients,
    /// Language of the log lines.
    pub words: &'static Words,
}

/// State that one incarnation leaves to the next.
#[derive(Default)]
struct Handover {
    public: Option<SocketAddr>,
    websocket: Option<SocketAddr>,
    private_port: Option<u16>,
    /// Notified when the last incarnation's ports are free.
    stopping: Option<mpsc::Receiver<()>>,
}

type SharedHandover = Arc<Mutex<Handover>>;

/// One incarnation of the embedded broker: owns its threads, ports, sessions and messages.
pub struct Broker {
    env: ChildEnv,
    server: Option<Server>,
    /// Address for the gateway while this incarnation runs.
    gateway: BrokerAddress,
    address: watch::Sender<Option<BrokerAddress>>,
    words: &'static Words,
    access: Arc<Access>,
    clients: Clients,
    legacy: SharedHandover,
}

impl Broker {
    /// Factory of incarnations. Publishes the gateway's address while one runs.
    ///
    /// The factory binds the ports: it fails with [`Failure::Unavailable`] if a port is in use, or a password,
    /// certificate or key can't be read.
    pub fn factory(
        settings: Settings,
        address: watch::Sender<Option<BrokerAddress>>,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + Sync {
        let legacy = SharedHandover::default();
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

    /// Starts to stop the server, once. The receiver is notified when its ports are free.
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
                // During a stop, its end is expected.
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

fn start(settings: &Settings, legacy: &SharedHandover) -> Result<(Server, BrokerAddress), Failure> {
    let mut legacy = lock(legacy);
    if let Some(stopping) = legacy.stopping.take() {
        // On a timeout, binding reports the error.
        let _ = stopping.recv_timeout(STOP_AT_MOST);
    }
    let door = settings.access.open().map_err(Failure::Unavailable)?;
    let plan = Plan {
        public: legacy.public.unwrap_or(settings.listen),
        websocket: legacy.websocket.or(settings.listen_ws),
        has_tls: door.borrow().tls.is_some(),
        private_port: legacy.private_port,
    };
    let rooms = BrokerParts {
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

fn lock(legacy: &SharedHandover) -> MutexGuard<'_, Handover> {
    legacy.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Broker {
    /// Address for users.
    pub(super) fn public_in_test(&self) -> SocketAddr {
        self.server.as_ref().expect("running").public
    }

    /// Ends the broker's own task, as a panic in it does.
    pub(super) fn break_off_in_test(&self) -> impl Fn() + use<> {
        self.server.as_ref().expect("running").break_off_in_test()
    }
}
