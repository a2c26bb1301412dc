//! One run of rmqtt, on a runtime of its own.
//!
//! Holds always: a run that is stopped or dropped gives its ports and its memory back. rmqtt itself
//! has no stop, and its context keeps itself alive through two of its own parts; see [`release`].

use std::any::Any;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;
use rmqtt::context::ServerContext;
use rmqtt::hook::Type;
use rmqtt::router::DefaultRouter;
use rmqtt::server::MqttServer;
use rmqtt::shared::DefaultShared;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::access::{Accounts, Gatekeeper};
use super::clients::{self, ClientView};
use super::limits;
use super::listeners::Plan;
use super::losses::Losses;
use super::publish_hook::{self, PublishHook};
use super::retained::Retained;
use super::sessions::Sessions;
use super::window::{NulTopics, Oversized, Window};
use crate::supervisor::Failure;

/// Binding two ports and building a few tables.
const START_AT_MOST: Duration = Duration::from_secs(5);

/// The broker's tasks end at their next await, which is at most a few milliseconds away.
pub(super) const STOP_AT_MOST: Duration = Duration::from_secs(2);

const PUBLIC: u16 = 1;
const PRIVATE: u16 = 2;

/// A broker that is up.
pub(super) struct Server {
    runtime: Option<Runtime>,
    context: ServerContext,
    /// What accepts connections; it doesn't end by itself.
    accepting: Option<JoinHandle<rmqtt::Result<()>>>,
    /// Where the users connect.
    pub(super) public: SocketAddr,
    /// The gateway's own listener, when it needs one.
    pub(super) private: Option<SocketAddr>,
}

struct Assembled {
    context: ServerContext,
    accepting: JoinHandle<rmqtt::Result<()>>,
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
            let _ = send.send(assemble(&plan, accounts, hook).await);
        });
        let assembled = receive.recv_timeout(START_AT_MOST).unwrap_or_else(|_| {
            Err(Failure::Failed(format!("the broker did not start within {START_AT_MOST:?}")))
        });
        match assembled {
            Ok(Assembled { context, accepting, public, private }) => Ok(Self {
                runtime: Some(runtime),
                context,
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

    /// Looks at the sessions, on the broker's threads; ends without them when those end.
    pub(super) fn clients(
        &self,
    ) -> Option<impl Future<Output = Option<Vec<ClientView>>> + 'static> {
        let looking = self.runtime.as_ref()?.spawn(clients::look(self.context.clone()));
        Some(async move { looking.await.ok() })
    }

    /// Ends when the broker has ended by itself, and says why. Can be taken once.
    pub(super) fn end(&mut self) -> Option<impl Future<Output = String> + 'static> {
        let accepting = self.accepting.take()?;
        Some(async move {
            match accepting.await {
                Ok(Ok(())) => "the broker stopped accepting connections".to_owned(),
                Ok(Err(error)) => format!("the broker stopped accepting connections: {error:#}"),
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
            let handle = runtime.handle().clone();
            runtime.shutdown_timeout(STOP_AT_MOST);
            release(&self.context, &handle);
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

async fn assemble(
    plan: &Plan,
    accounts: Accounts,
    hook: Option<PublishHook>,
) -> Result<Assembled, Failure> {
    let listeners = plan.bind()?;
    let context = ServerContext::new()
        // It would refuse connections whenever the machine is busy, and keeps its verdict in a static.
        .busy_check_enable(false)
        .mqtt_max_sessions(limits::MAX_SESSIONS)
        .build()
        .await;
    *context.extends.shared_mut().await = Box::new(Sessions::new(context.clone()));
    *context.extends.retain_mut().await = Box::new(Retained::default());
    let hooks = context.extends.hook_mgr().register();
    hooks.add(Type::ClientAuthenticate, Box::new(Gatekeeper::new(accounts))).await;
    if let Some(hook) = hook {
        let messages = Box::new(publish_hook::Messages::new(hook.clone()));
        hooks.add(Type::MessagePublishCheckAcl, messages).await;
        hooks.add(Type::MessagePublish, Box::new(publish_hook::Wills(hook))).await;
    }
    hooks.add(Type::MessageDropped, Box::new(Losses::default())).await;
    hooks.add(Type::MessageDelivered, Box::new(Window)).await;
    hooks.add(Type::MessageExpiryCheck, Box::new(Oversized::default())).await;
    hooks.add(Type::MessageExpiryCheck, Box::new(NulTopics::default())).await;
    hooks.start().await;

    let (listener, public) = listeners.public;
    let mut server = MqttServer::new(context.clone()).listener_by_id(listener, PUBLIC);
    let mut private = None;
    if let Some((listener, addr)) = listeners.private {
        server = server.listener_by_id(listener, PRIVATE);
        private = Some(addr);
    }
    let accepting = tokio::spawn(server.build().run());
    Ok(Assembled { context, accepting, public, private })
}

/// Lets go of sessions, queues and subscriptions. The context holds them through two parts that
/// each hold the context, so without this every restart would leak all of them.
fn release(context: &ServerContext, handle: &Handle) {
    // A session spawns a task when it is dropped, which needs a runtime, even one that has ended.
    let _entered = handle.enter();
    // All tasks are gone, so the locks are free and there is nothing to wait for.
    if let Some(mut shared) = context.extends.shared_mut().now_or_never() {
        *shared = Box::new(DefaultShared::new(None));
    }
    if let Some(mut router) = context.extends.router_mut().now_or_never() {
        *router = Box::new(DefaultRouter::new(None));
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

    pub(super) fn context_in_test(&self) -> ServerContext {
        self.context.clone()
    }
}
