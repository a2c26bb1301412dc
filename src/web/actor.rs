//! Actor of the web server: opens the sockets, serves, and stops after pending responses.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::{App, HttpServer, middleware, web};
use futures_util::future::join_all;

use super::answers::REQUEST_PATIENCE;
use super::api::Api;
use super::guard::Door;
use super::live::Hub;
use super::routes::{CONNECTIONS, admit, configure, shared};
use super::{Settings, socket_path};
use crate::supervisor::{ChildEnv, Failure, GracefulStop};

/// Threads per socket: handlers are short, and disk access has threads of its own.
const WORKERS: usize = 1;

/// Concurrent database reads per socket; equals the pool's connections.
const BLOCKING: usize = 4;

/// Timeout of a stop for pending responses, then for the threads; within the supervisor's 5 s.
const STOP_AT_MOST_SECONDS: u64 = 3;
const STOPPED_AT_MOST: Duration = Duration::from_secs(4);

/// Interval of rate samples.
const SAMPLED_EACH: Duration = Duration::from_secs(1);

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Web server of the API and the dashboard.
pub struct Web {
    env: ChildEnv,
    settings: Settings,
    listeners: Vec<(Listener, Door)>,
    /// Path of the Unix socket.
    path: PathBuf,
    servers: Vec<ServerHandle>,
    hub: Arc<Hub>,
    is_stopping: bool,
}

impl Web {
    /// Factory of incarnations. The TCP socket is opened by the first and reused by the others.
    ///
    /// The factory fails with [`Failure::Unavailable`] when a socket can't be opened or the token
    /// can't be read.
    pub fn factory(
        settings: Settings,
    ) -> impl Fn(&ChildEnv) -> Result<Self, Failure> + Send + Sync {
        let kept = Mutex::new(None);
        move |env| Self::new(&settings, &kept, env).map_err(Failure::Unavailable)
    }

    fn new(
        settings: &Settings,
        kept: &Mutex<Option<TcpListener>>,
        env: &ChildEnv,
    ) -> Result<Self, String> {
        let path = socket_path(&settings.database);
        let socket = open_unix(&path)
            .map_err(|error| format!("can't open the API's socket {}: {error}", path.display()))?;
        let mut listeners = vec![(Listener::Unix(socket), Door::Local)];
        if let Some(listen) = settings.listen {
            let token = settings.token.as_ref().map(|token| {
                let read = token.read();
                read.map_err(|error| format!("can't read the API's token: {error}; correct [web]"))
            });
            let door = Door::Tcp { token: token.transpose()? };
            if let Some(tls) = &settings.tls {
                let read = settings.certificate.read(tls);
                read.map_err(|error| {
                    format!("can't use the page's certificate: {error}; correct [web]")
                })?;
            }
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let listener = open_tcp(listen, &mut kept).map_err(|error| {
                format!("the API can't listen on {listen}: {error}; correct web.listen")
            })?;
            listeners.push((Listener::Tcp(listener), door));
        }
        let (env, settings) = (env.clone(), settings.clone());
        let (servers, hub) = (Vec::new(), Hub::new(settings.clone()));
        Ok(Self { env, settings, listeners, path, servers, hub, is_stopping: false })
    }

    fn serve(&mut self, ctx: &mut Context<Self>) -> io::Result<()> {
        for (listener, door) in std::mem::take(&mut self.listeners) {
            if let Listener::Tcp(tcp) = &listener {
                self.tell_address(tcp.local_addr()?);
            }
            let api = shared(&self.settings, door, self.hub.clone());
            let server = server(listener, &self.settings, api)?;
            self.servers.push(server.handle());
            // Outlives this incarnation, so that it can still be stopped.
            let end = actix_rt::spawn(server);
            ctx.spawn(end.into_actor(self).map(|_, web, ctx| {
                if !web.is_stopping {
                    web.env.fail::<Self>(ctx, "a server of the API has ended by itself");
                }
            }));
        }
        Ok(())
    }

    fn tell_address(&self, address: SocketAddr) {
        if self.settings.address.set(address).is_ok() {
            log::info!(target: "vigie::web", "{}", (self.settings.words.dashboard_at)(address, self.settings.tls.is_some()));
        }
    }
}

/// Removes the socket of a killed daemon first. A running one would hold the lock of the database.
fn open_unix(path: &PathBuf) -> io::Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn open_tcp(listen: SocketAddr, kept: &mut Option<TcpListener>) -> io::Result<TcpListener> {
    let listener = match kept {
        Some(listener) => listener,
        none => none.insert(TcpListener::bind(listen)?),
    };
    listener.try_clone()
}

fn server(listener: Listener, settings: &Settings, api: web::Data<Api>) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new().app_data(api.clone()).wrap(middleware::from_fn(admit)).configure(configure)
    })
    .workers(WORKERS)
    .worker_max_blocking_threads(BLOCKING)
    .max_connections(CONNECTIONS)
    .client_request_timeout(REQUEST_PATIENCE)
    // The server has a timeout only for a connection's first request: half a second one would block
    // its slot for ever.
    .keep_alive(KeepAlive::Disabled)
    .shutdown_timeout(STOP_AT_MOST_SECONDS)
    .disable_signals();
    let server = match listener {
        Listener::Tcp(tcp) if settings.tls.is_some() => {
            server.listen_openssl(tcp, settings.certificate.acceptor()?)?
        }
        Listener::Tcp(tcp) => server.listen(tcp)?,
        Listener::Unix(unix) => server.listen_uds(unix)?,
    };
    Ok(server.run())
}

impl Actor for Web {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(SAMPLED_EACH, |web, _| (web.settings.sample)());
        if let Err(error) = self.serve(ctx) {
            self.env.fail::<Self>(ctx, format!("the API can't be served: {error}"));
        }
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Handler<GracefulStop> for Web {
    type Result = ();

    fn handle(&mut self, _: GracefulStop, ctx: &mut Self::Context) {
        self.is_stopping = true;
        // The server would wait for live feeds, which have no end.
        self.hub.stop();
        let stopped = join_all(self.servers.drain(..).map(|server| server.stop(true)));
        let stopped = tokio::time::timeout(STOPPED_AT_MOST, stopped);
        ctx.wait(stopped.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.hub.stop();
        for server in self.servers.drain(..) {
            // Takes effect at once; the returned future is only for waiting.
            drop(server.stop(false));
        }
    }
}
