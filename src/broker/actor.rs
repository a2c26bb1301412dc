//! The actor: starts a broker, watches over it, stops it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::access::Accounts;
use super::clients::Clients;
use super::listeners::Plan;
use super::publish_hook::PublishHook;
use super::server::{STOP_AT_MOST, Server};
use crate::config::{Credentials, Secret, ServerTls};
use crate::locale::Words;
use crate::messages::BrokerAddress;
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

/// The gateway's user name, beside a password that is made anew for each process.
pub(super) const GATEWAY_USER: &str = "vigie-gateway";

/// The broker's work is done on threads of its own, so its faults make their own occasions.
const FAULT_LOOK: Duration = Duration::from_millis(100);

/// How often the sessions are looked at, for display.
const CLIENTS_LOOK: Duration = Duration::from_secs(2);

/// What the embedded broker needs to know.
pub struct Settings {
    /// Port 0 takes a free one, and keeps it through restarts.
    pub listen: SocketAddr,
    /// `None`: anyone may connect, which is refused beyond loopback.
    pub credentials: Option<Credentials>,
    /// Certificate and key; `None` for plain TCP.
    pub tls: Option<ServerTls>,
    /// Where readings come in; `None` when that is elsewhere, and this broker only passes them on.
    /// `None` in tests that have no log.
    pub hook: Option<PublishHook>,
    /// Where it shows its sessions.
    pub clients: Clients,
    /// Language of the log lines.
    pub words: &'static Words,
}

/// What one incarnation leaves to the next.
#[derive(Default)]
struct Legacy {
    public: Option<SocketAddr>,
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
        let gateway_password = random_password();
        let legacy = SharedLegacy::default();
        move |env| {
            let (server, gateway) = start(&settings, &gateway_password, &legacy)?;
            Ok(Self {
                env: env.clone(),
                server: Some(server),
                gateway,
                address: address.clone(),
                words: settings.words,
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

fn start(
    settings: &Settings,
    gateway_password: &Secret,
    legacy: &SharedLegacy,
) -> Result<(Server, BrokerAddress), Failure> {
    let mut legacy = lock(legacy);
    if let Some(stopping) = legacy.stopping.take() {
        // If it takes longer, binding says so.
        let _ = stopping.recv_timeout(STOP_AT_MOST);
    }
    // Whoever gives a name must give its password, also where anonymous clients may connect.
    let gateway = (GATEWAY_USER, gateway_password.reveal());
    let accounts = match &settings.credentials {
        None => Accounts::new([gateway]),
        // What comes under that name is taken for the daemon's own, and left out of the log.
        Some(Credentials { username, .. }) if username == GATEWAY_USER => {
            let why =
                format!("broker.username `{GATEWAY_USER}` is the daemon's own: choose another");
            return Err(Failure::Unavailable(why));
        }
        Some(Credentials { username, password }) => {
            let password = password.read().map_err(|why| cant_read_password(&why))?;
            Accounts::new([(username.as_str(), password.reveal()), gateway])
        }
    };
    let plan = Plan {
        public: legacy.public.unwrap_or(settings.listen),
        tls: settings.tls.clone(),
        anonymous: settings.credentials.is_none(),
        private_port: legacy.private_port,
    };
    let server = Server::start(plan, accounts, settings.hook.clone())?;
    legacy.public = Some(server.public);
    legacy.private_port = server.private.map(|addr| addr.port());
    let gateway = BrokerAddress {
        addr: server.private.unwrap_or(server.public),
        public: server.public,
        credentials: Some((GATEWAY_USER.to_owned(), gateway_password.clone())),
    };
    Ok((server, gateway))
}

fn cant_read_password(why: &str) -> Failure {
    Failure::Unavailable(format!(
        "can't read the embedded broker's password: {why}; correct broker.password_file or \
         broker.password_env"
    ))
}

/// 256 bits from the thread's cryptographic generator.
fn random_password() -> Secret {
    Secret::new(rand::random::<[u128; 2]>().map(|half| format!("{half:032x}")).concat())
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
