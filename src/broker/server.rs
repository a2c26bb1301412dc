//! One run of the broker on its own runtime: it accepts connections until it is stopped.
//!
//! Invariants: a run that is stopped or dropped releases its ports and memory; a panic in a connection ends the
//! run, whose state may be inconsistent.

#![expect(clippy::disallowed_methods, reason = "a handshake's time begins")]

use std::any::Any;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::BytesMut;
use openssl::ssl::Ssl;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_openssl::SslStream;

use super::clients::{ClientView, MOST_SHOWN};
use super::connection;
use super::files;
use super::handshake::{Client, Handshake};
use super::limits;
use super::listeners::{Listener, Listeners, Plan};
use super::persisting;
use super::shared::{BrokerParts, Shared, Waker};
use super::websocket;
use super::wire::Wire;
use crate::supervisor::Failure;

/// Timeout for binding the ports and loading the state: usually milliseconds, seconds for hundreds of megabytes.
const START_AT_MOST: Duration = Duration::from_secs(30);

/// Timeout for the broker's tasks to end: at their next await, a few milliseconds away.
pub(super) const STOP_AT_MOST: Duration = Duration::from_secs(2);

/// Resolution of session ends, wills, and reports of losses.
const TICK: Duration = Duration::from_millis(250);

/// Delay before accepting again after an error, such as no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A running broker.
pub(super) struct Server {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    /// Accepting task; it doesn't end by itself.
    accepting: Option<JoinHandle<()>>,
    /// Address for users.
    pub(super) public: SocketAddr,
    /// Address for browsers.
    pub(super) websocket: Option<SocketAddr>,
    /// The gateway's own listener, when it needs one.
    pub(super) private: Option<SocketAddr>,
}

struct Assembled {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    public: SocketAddr,
    websocket: Option<SocketAddr>,
    private: Option<SocketAddr>,
}

impl Server {
    /// Starts a broker; blocks until it listens, a few milliseconds as a rule.
    pub(super) fn start(plan: Plan, rooms: BrokerParts) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits::THREADS)
            .thread_name("broker")
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::Failed(format!("can't start the broker's threads: {error}"))
            })?;
        // Not `block_on`: the caller is a task of another runtime.
        let (send, receive) = mpsc::channel();
        runtime.spawn(async move {
            // The receiver is gone only after its timeout.
            let _ = send.send(assemble(&plan, rooms));
        });
        let assembled = receive.recv_timeout(START_AT_MOST).unwrap_or_else(|_| {
            Err(Failure::Failed(format!("the broker did not start within {START_AT_MOST:?}")))
        });
        match assembled {
            Ok(Assembled { shared, accepting, public, websocket, private }) => Ok(Self {
                runtime: Some(runtime),
                shared,
                accepting: Some(accepting),
                public,
                websocket,
                private,
            }),
            Err(failure) => {
                runtime.shutdown_background();
                Err(failure)
            }
        }
    }

    /// Sessions for display; a part of them if there are many.
    pub(super) fn clients(&self) -> Vec<ClientView> {
        self.shared.views(MOST_SHOWN).into_iter().map(ClientView::from).collect()
    }

    /// Future of an unexpected end, with the reason. Can be taken once.
    pub(super) fn end(&mut self) -> Option<impl Future<Output = String> + 'static> {
        let accepting = self.accepting.take()?;
        Some(async move {
            match accepting.await {
                Ok(()) => "a connection of the broker panicked".to_owned(),
                Err(error) => format!("the broker {}", describe(error)),
            }
        })
    }

    /// Stops on its own thread. The receivers are notified when the ports are free.
    pub(super) fn stop(self) -> (mpsc::Receiver<()>, oneshot::Receiver<()>) {
        let (done_blocking, blocking) = mpsc::channel();
        let (done, awaited) = oneshot::channel();
        let stopping = std::thread::Builder::new().name("broker-stop".into()).spawn(move || {
            self.stop_here();
            // Either receiver may have timed out.
            let _ = done_blocking.send(());
            let _ = done.send(());
        });
        if let Err(error) = stopping {
            // The closure was dropped, and with it the server: it stops in the background.
            log::warn!(target: "vigie::broker", "can't start a thread to stop the broker: {error}");
        }
        (blocking, awaited)
    }

    fn stop_here(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_AT_MOST);
            persisting::write_the_rest(&self.shared);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn assemble(plan: &Plan, rooms: BrokerParts) -> Result<Assembled, Failure> {
    let listeners = plan.bind()?;
    let shared = Arc::new(Shared::open(rooms).map_err(|why| unreadable(&why))?);
    let Listeners { public: at_public, websocket: at_websocket, private: at_private } = listeners;
    let at = |listener: &Option<Listener>| listener.as_ref().map(|it| it.addr);
    let (public, websocket, private) = (at_public.addr, at(&at_websocket), at(&at_private));
    let files = files::connections_at_most();
    let most = shared.limits.connections.map_or(files, |most| most.min(files));
    let gateway = Counted::default();
    let (running, clients) = (shared.clone(), Counted { connections: Arc::default(), most });
    let accepting = tokio::spawn(async move {
        tokio::select! {
            () = accept(&running, Some(at_public), &clients) => {}
            () = accept(&running, at_websocket, &clients) => {}
            // Whatever else is connected, the gateway gets in.
            () = accept(&running, at_private, &gateway) => {}
            () = tick(&running) => {}
            () = running.publish_wills() => {}
            () = running.follow_access() => {}
            () = persisting::write_changes(&running) => {}
            () = running.broken.notified() => {}
        }
    });
    Ok(Assembled { shared, accepting, public, websocket, private })
}

async fn tick(shared: &Shared) {
    loop {
        tokio::time::sleep(TICK).await;
        shared.tick();
    }
}

/// Connections that count together.
struct Counted {
    connections: Arc<()>,
    most: usize,
}

impl Default for Counted {
    fn default() -> Self {
        Self { connections: Arc::default(), most: usize::MAX }
    }
}

/// Accepts connections for ever.
async fn accept(shared: &Arc<Shared>, listener: Option<Listener>, counted: &Counted) {
    let Some(listener) = listener else { return std::future::pending().await };
    let Listener { has_tls, is_websocket, .. } = listener;
    loop {
        let Ok((socket, address)) = listener.socket.accept().await else {
            shared.give_way();
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        if Arc::strong_count(&counted.connections) > counted.most {
            // A client that reconnects uses the room that this frees.
            shared.tell_full(&address.to_string());
            shared.give_way();
            continue;
        }
        let (shared, counted) = (shared.clone(), counted.connections.clone());
        shared.clone().begin_handshake(|number| {
            let attending = async move {
                let deadline = Instant::now() + limits::HANDSHAKE_TIMEOUT;
                let begun = PendingConnection { deadline, address, number, is_websocket };
                attend(&shared, socket, begun, has_tls).await;
                shared.end_handshake(number);
                drop(counted);
            };
            tokio::spawn(attending).abort_handle()
        });
    }
}

async fn attend(shared: &Shared, socket: TcpStream, begun: PendingConnection, has_tls: bool) {
    // Acknowledgements are small and waited for.
    let _ = socket.set_nodelay(true);
    if !has_tls {
        return begun.meet(shared, socket).await;
    }
    // The present certificate: a reload may have replaced it.
    let Some(tls) = shared.door().tls.clone() else { return };
    let stream = Ssl::new(tls.context()).and_then(|ssl| SslStream::new(ssl, socket));
    let Ok(mut stream) = stream else { return };
    let accepted = tokio::time::timeout_at(begun.deadline, Pin::new(&mut stream).accept()).await;
    if let Ok(Ok(())) = accepted {
        begun.meet(shared, stream).await;
    }
}

/// A connection before its CONNECT is accepted.
struct PendingConnection {
    deadline: Instant,
    address: SocketAddr,
    number: u64,
    is_websocket: bool,
}

impl PendingConnection {
    async fn meet<S: AsyncRead + AsyncWrite + Unpin>(self, shared: &Shared, mut socket: S) {
        let wake = Waker::default();
        if !self.is_websocket {
            if let Some(client) = self.shake_hands(shared, &mut socket, &wake).await {
                connection::serve(shared, &mut socket, client, &wake).await;
            }
            return;
        }
        let upgrade = websocket::accept(shared, socket);
        let upgraded = tokio::time::timeout_at(self.deadline, upgrade).await;
        let Ok(Some(mut socket)) = upgraded else { return };
        if let Some(client) = self.shake_hands(shared, &mut socket, &wake).await {
            socket.trust();
            connection::serve(shared, &mut socket, client, &wake).await;
        }
    }

    async fn shake_hands<'a, S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        shared: &'a Shared,
        socket: &mut S,
        wake: &Waker,
    ) -> Option<Client<'a>> {
        let handshake = Handshake {
            shared,
            socket,
            address: self.address,
            wake: wake.clone(),
            wire: Wire::Unknown,
            input: BytesMut::new(),
        };
        let client = tokio::time::timeout_at(self.deadline, handshake.run()).await;
        shared.end_handshake(self.number);
        client.ok().flatten()
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::Unavailable(format!(
        "can't read the kept sessions and retained messages: {why}; check the disk, or move the file away that ends with \
         .broker"
    ))
}

fn describe(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", panic_message(panic.as_ref())),
        Err(_) => "was cancelled".to_owned(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

#[cfg(test)]
impl Server {
    pub(super) fn break_off_in_test(&self) -> impl Fn() + use<> {
        let accepting = self.accepting.as_ref().expect("not taken yet").abort_handle();
        move || accepting.abort()
    }

    pub(super) fn held_in_test(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }
}
