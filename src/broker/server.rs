//! One run of the broker, on a runtime of its own: it accepts connections until it is stopped.
//!
//! Holds always: a run that is stopped or dropped gives its ports and its memory back; a connection that panics ends
//! the run, whose state it may have left halfway.

#![expect(clippy::disallowed_methods, reason = "a handshake's time begins")]

use std::any::Any;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::BytesMut;
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_openssl::SslStream;

use super::access::Accounts;
use super::clients::{ClientView, MOST_SHOWN};
use super::connection;
use super::files;
use super::handshake::Handshake;
use super::limits;
use super::listeners::{Listener, Listeners, Plan};
use super::publish_hook::PublishHook;
use super::shared::{Shared, Waker};
use super::wire::Wire;
use crate::supervisor::Failure;

/// Binding two ports and building a few tables.
const START_AT_MOST: Duration = Duration::from_secs(5);

/// The broker's tasks end at their next await, which is at most a few milliseconds away.
pub(super) const STOP_AT_MOST: Duration = Duration::from_secs(2);

/// How exactly sessions end, wills are due, and losses are told.
const TICK: Duration = Duration::from_millis(250);

/// Until accepting is tried again after an error: there may be no file left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A broker that is up.
pub(super) struct Server {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    /// What accepts connections; it doesn't end by itself.
    accepting: Option<JoinHandle<()>>,
    /// Where the users connect.
    pub(super) public: SocketAddr,
    /// The gateway's own listener, when it needs one.
    pub(super) private: Option<SocketAddr>,
}

struct Assembled {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    public: SocketAddr,
    private: Option<SocketAddr>,
}

impl Server {
    /// Starts a broker; blocks until it listens, a few milliseconds as a rule.
    pub(super) fn start(
        plan: Plan,
        accounts: Accounts,
        hook: Option<PublishHook>,
    ) -> Result<Self, Failure> {
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
            // The receiver is gone only when it has given up waiting.
            let _ = send.send(assemble(&plan, accounts, hook));
        });
        let assembled = receive.recv_timeout(START_AT_MOST).unwrap_or_else(|_| {
            Err(Failure::Failed(format!("the broker did not start within {START_AT_MOST:?}")))
        });
        match assembled {
            Ok(Assembled { shared, accepting, public, private }) => Ok(Self {
                runtime: Some(runtime),
                shared,
                accepting: Some(accepting),
                public,
                private,
            }),
            Err(failure) => {
                runtime.shutdown_background();
                Err(failure)
            }
        }
    }

    /// Sessions, for display; some of them where there are many.
    pub(super) fn clients(&self) -> Vec<ClientView> {
        self.shared.views(MOST_SHOWN).into_iter().map(ClientView::from).collect()
    }

    /// Ends when the broker has ended by itself, and says why. Can be taken once.
    pub(super) fn end(&mut self) -> Option<impl Future<Output = String> + 'static> {
        let accepting = self.accepting.take()?;
        Some(async move {
            match accepting.await {
                Ok(()) => "a connection of the broker panicked".to_owned(),
                Err(error) => format!("the broker {}", describe(error)),
            }
        })
    }

    /// Stops on a thread of its own; the receivers hear when the ports are free.
    pub(super) fn stop(self) -> (mpsc::Receiver<()>, oneshot::Receiver<()>) {
        let (done_blocking, blocking) = mpsc::channel();
        let (done, awaited) = oneshot::channel();
        let stopping = std::thread::Builder::new().name("broker-stop".into()).spawn(move || {
            self.stop_here();
            // Either may have given up waiting.
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

fn assemble(
    plan: &Plan,
    accounts: Accounts,
    hook: Option<PublishHook>,
) -> Result<Assembled, Failure> {
    let Listeners { public: at_public, private: at_private } = plan.bind()?;
    let shared = Arc::new(Shared::new(accounts, plan.anonymous, hook));
    let (public, private) = (at_public.addr, at_private.as_ref().map(|it| it.addr));
    let (running, most) = (shared.clone(), files::connections_at_most());
    let accepting = tokio::spawn(async move {
        tokio::select! {
            () = accept(&running, at_public, most) => {}
            // Whatever else is connected, the gateway gets in.
            () = accept_private(&running, at_private) => {}
            () = tick(&running) => {}
            () = running.publish_wills() => {}
            () = running.broken.notified() => {}
        }
    });
    Ok(Assembled { shared, accepting, public, private })
}

async fn tick(shared: &Shared) {
    loop {
        tokio::time::sleep(TICK).await;
        shared.tick();
    }
}

async fn accept_private(shared: &Arc<Shared>, listener: Option<Listener>) {
    match listener {
        Some(listener) => accept(shared, listener, usize::MAX).await,
        None => std::future::pending().await,
    }
}

async fn accept(shared: &Arc<Shared>, listener: Listener, at_most: usize) {
    let connections = Arc::new(());
    loop {
        let Ok((socket, address)) = listener.socket.accept().await else {
            shared.give_way();
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        if Arc::strong_count(&connections) > at_most {
            // A client that comes again finds the room that this makes.
            shared.tell_full(&address.to_string());
            shared.give_way();
            continue;
        }
        let (shared, tls, counted) = (shared.clone(), listener.tls.clone(), connections.clone());
        shared.clone().begin_handshake(|number| {
            let attending = async move {
                attend(&shared, socket, address, tls, number).await;
                shared.end_handshake(number);
                drop(counted);
            };
            tokio::spawn(attending).abort_handle()
        });
    }
}

async fn attend(
    shared: &Shared,
    socket: TcpStream,
    address: SocketAddr,
    tls: Option<SslAcceptor>,
    number: u64,
) {
    // Acknowledgements are small and waited for.
    let _ = socket.set_nodelay(true);
    let begun = Begun { deadline: Instant::now() + limits::HANDSHAKE_TIMEOUT, address, number };
    let Some(tls) = tls else { return begun.converse(shared, socket).await };
    let stream = Ssl::new(tls.context()).and_then(|ssl| SslStream::new(ssl, socket));
    let Ok(mut stream) = stream else { return };
    let accepted = tokio::time::timeout_at(begun.deadline, Pin::new(&mut stream).accept()).await;
    if let Ok(Ok(())) = accepted {
        begun.converse(shared, stream).await;
    }
}

/// A connection that has not said who it is.
struct Begun {
    deadline: Instant,
    address: SocketAddr,
    number: u64,
}

impl Begun {
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(self, shared: &Shared, mut socket: S) {
        let wake = Waker::default();
        let handshake = Handshake {
            shared,
            socket: &mut socket,
            address: Some(self.address),
            wake: wake.clone(),
            wire: Wire::Unknown,
            input: BytesMut::new(),
        };
        let client = tokio::time::timeout_at(self.deadline, handshake.run()).await;
        shared.end_handshake(self.number);
        if let Ok(Some(client)) = client {
            connection::serve(shared, &mut socket, client, &wake).await;
        }
    }
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
