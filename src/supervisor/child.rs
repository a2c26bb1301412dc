//! A child: the state that outlives its incarnations, and the task that runs one incarnation.
//!
//! Invariant: a child has at most one incarnation at a time (the inbox's lock); each started
//! incarnation reports its end exactly once, even if its arbiter ends first.
//! Never: decides about restarts; the supervisor does.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use actix::WeakAddr;
use actix::dev::channel::AddressReceiver;
use actix::prelude::*;
use futures_util::Stream;
use tokio::sync::{Mutex, oneshot};

use super::arbiters::Placement;
use super::env::{ChildEnv, Failure, GracefulStop};
use super::events::TARGET;
use super::fault_injection::InjectedFault;
use super::hook::guarded;
use super::incarnation::Incarnation;
use super::policy::{ChildExit, Policy};
use super::report::Reporter;
use super::settings::{ChildSettings, Readiness};
use super::shared::Shared;

/// Interface of a child to its supervisor, independent of the actor's type.
pub(super) trait Child: Send + Sync {
    fn name(&self) -> &Arc<str>;
    fn phase(&self) -> u8;
    fn policy(&self) -> &Policy;
    /// Time limit of a stop; `None` if the child enforces its own.
    fn shutdown(&self) -> Option<Duration>;
    /// Starts an incarnation, which reports to `args.reporter`.
    fn start(self: Arc<Self>, args: StartArgs, shared: &std::rc::Rc<Shared>);
    /// Asks the child to finish its work and end by `deadline`.
    fn ask_to_stop(&self, deadline: Instant);
    /// Closes the mailbox for good: later sends fail with `Closed`.
    fn close(&self);
}

/// Arguments of the start of an incarnation.
pub(super) struct StartArgs {
    /// Delay before the start.
    pub(super) after: Duration,
    /// Ends the child for good when its sender sends or is dropped.
    pub(super) kill: oneshot::Receiver<()>,
    pub(super) reporter: Reporter,
    pub(super) fault: Option<Box<InjectedFault>>,
}

/// Makes the actor of an incarnation.
pub(super) type Factory<A> = Box<dyn Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync>;

/// State of a child that outlives its incarnations.
pub(super) struct Core<A: Actor<Context = Context<A>>> {
    pub(super) name: Arc<str>,
    pub(super) phase: u8,
    pub(super) placement: Placement,
    pub(super) settings: Arc<ChildSettings>,
    pub(super) factory: Factory<A>,
    pub(super) addr: WeakAddr<A>,
    /// Locked by the current incarnation; `None` once the child is closed.
    pub(super) inbox: Arc<Mutex<Option<AddressReceiver<A>>>>,
}

impl<A: Actor<Context = Context<A>> + Handler<GracefulStop>> Child for Core<A> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn phase(&self) -> u8 {
        self.phase
    }

    fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    fn shutdown(&self) -> Option<Duration> {
        Some(self.settings.shutdown)
    }

    fn start(self: Arc<Self>, args: StartArgs, shared: &std::rc::Rc<Shared>) {
        let arbiter = shared.arbiters.borrow_mut().get(self.placement, &self.name);
        match arbiter {
            // If the arbiter has just ended, the closure is dropped, and its reporter reports that.
            Ok(arbiter) => {
                arbiter.spawn_fn(move || {
                    actix_rt::spawn(self.run(args));
                });
            }
            // After the delay: reporting at once would turn restarts into a busy loop.
            Err(error) => {
                actix_rt::spawn(async move {
                    tokio::time::sleep(args.after).await;
                    args.reporter.exited(ChildExit::Failed(format!("no arbiter: {error}")));
                });
            }
        }
    }

    fn ask_to_stop(&self, _deadline: Instant) {
        if let Some(addr) = self.addr.upgrade() {
            // Fails only if the child is closed, and then it has stopped.
            addr.do_send(GracefulStop);
        }
    }

    fn close(&self) {
        // A child that is being killed still holds the lock: its task closes the inbox at its end.
        if let Ok(mut inbox) = self.inbox.try_lock() {
            discard(&self.name, inbox.take());
        }
    }
}

/// Closes a mailbox. Requests in it fail with `Closed`.
fn discard<A: Actor<Context = Context<A>>>(name: &str, inbox: Option<AddressReceiver<A>>) {
    let Some(mut inbox) = inbox else { return };
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let mut num_left = 0_u32;
    while let Poll::Ready(Some(_)) = std::pin::Pin::new(&mut inbox).poll_next(&mut task) {
        num_left += 1;
    }
    if num_left > 0 {
        log::debug!(target: TARGET, "{name}: {num_left} messages are left in its mailbox, unhandled");
    }
}

/// Task of one incarnation.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps its arguments twice while it waits, and 100,000 sensors wait here"
)]
impl<A: Actor<Context = Context<A>>> Core<A> {
    fn run(self: Arc<Self>, mut args: StartArgs) -> impl Future<Output = ()> {
        async move {
            {
                let exit = self.live(&mut args).await;
                if exit != ChildExit::Killed {
                    return args.reporter.exited(exit);
                }
            }
            discard(&self.name, self.inbox.lock().await.take());
            args.reporter.exited(ChildExit::Killed);
        }
    }

    fn live(&self, args: &mut StartArgs) -> impl Future<Output = ChildExit> {
        async move {
            if !args.after.is_zero() {
                tokio::select! {
                    biased;
                    _ = &mut args.kill => return ChildExit::Killed,
                    () = tokio::time::sleep(args.after) => {}
                }
            }
            let inbox = tokio::select! {
                biased;
                _ = &mut args.kill => return ChildExit::Killed,
                inbox = Arc::clone(&self.inbox).lock_owned() => inbox,
            };
            let StartArgs { reporter, fault, .. } = args;
            let env = ChildEnv::new(self.name.clone(), reporter.incarnation(), fault.take());
            let actor = match guarded(&self.name, || (self.factory)(&env)) {
                Ok(Ok(actor)) => actor,
                Ok(Err(failure)) => return failure.into(),
                Err(text) => return ChildExit::Panicked(text),
            };
            let mut incarnation = Incarnation::new(self.name.clone(), actor, inbox);
            let exit = self.watch(&mut incarnation, &env, args).await;
            // The actor's `stopped` may still report a failure.
            drop(incarnation);
            match (exit, env.take_failure()) {
                (ChildExit::Stopped, Some(failure)) => failure.into(),
                (exit, _) => exit,
            }
        }
    }

    fn watch(
        &self,
        incarnation: &mut Incarnation<A>,
        env: &ChildEnv,
        args: &mut StartArgs,
    ) -> impl Future<Output = ChildExit> {
        async move {
            // The first poll runs `started`.
            let begun = std::future::poll_fn(|task| {
                Poll::Ready(std::pin::Pin::new(&mut *incarnation).poll(task))
            });
            if let Poll::Ready(end) = begun.await {
                return ended(end);
            }
            if let Readiness::Signalled { at_most } = self.settings.readiness {
                // Boxed: most children don't wait here, and the future of each would be larger by it.
                let ready = Box::pin(tokio::time::timeout(at_most, env.until_ready()));
                tokio::select! {
                    biased;
                    end = &mut *incarnation => return ended(end),
                    _ = &mut args.kill => return ChildExit::Killed,
                    _ = ready => {}
                }
            }
            args.reporter.up();
            tokio::select! {
                biased;
                end = incarnation => ended(end),
                _ = &mut args.kill => ChildExit::Killed,
            }
        }
    }
}

fn ended(end: Result<(), String>) -> ChildExit {
    end.map_or_else(ChildExit::Panicked, |()| ChildExit::Stopped)
}

impl From<Failure> for ChildExit {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed(why) => Self::Failed(why),
            Failure::Unavailable(why) => Self::Unavailable(why),
        }
    }
}
