//! One incarnation of a child: a new actor in a new context that reads from the child's inbox.
//!
//! Invariant: a panic in the actor's code ends this incarnation and nothing else; an incarnation
//! handles at most [`MESSAGES_PER_POLL`] messages before it yields its arbiter.
//! Never: takes a message out of the inbox after the incarnation has failed.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use actix::dev::channel::AddressReceiver;
use actix::dev::{AsyncContextParts, ContextFut, EnvelopeProxy};
use actix::prelude::*;
use futures_util::Stream;
use tokio::sync::OwnedMutexGuard;

use super::hook::guarded;

/// Messages handled in one poll before the arbiter is yielded. Under a flood of messages of 100 µs each,
/// another actor's 5 ms timer was late by about 1 ms; without this bound, by the whole flood.
const MESSAGES_PER_POLL: u32 = 16;

/// Receiving end of a child's mailbox. The current incarnation holds the lock; `None` once the child has
/// ended for good.
pub(super) type Inbox<A> = OwnedMutexGuard<Option<AddressReceiver<A>>>;

pub(super) struct Incarnation<A: Actor<Context = Context<A>>> {
    name: Arc<str>,
    /// Present until it has been dropped.
    body: Option<ContextFut<A, Context<A>>>,
    budget: Rc<Cell<u32>>,
    begun: bool,
}

impl<A: Actor<Context = Context<A>>> Incarnation<A> {
    pub(super) fn new(name: Arc<str>, actor: A, inbox: Inbox<A>) -> Self {
        let budget = Rc::default();
        let mut ctx = Context::new();
        ctx.spawn(Pump { inbox, budget: Rc::clone(&budget) });
        Self { name, body: Some(ctx.into_future(actor)), budget, begun: false }
    }
}

impl<A: Actor<Context = Context<A>>> Future for Incarnation<A> {
    /// `Err` holds the text of the panic that ended the incarnation.
    type Output = Result<(), String>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(Ok(())) };
        this.begun = true;
        // Per poll of the incarnation, not of the pump: after a handler spawns a future, the context
        // polls the pump again without yielding.
        this.budget.set(MESSAGES_PER_POLL);
        match guarded(&this.name, || Pin::new(body).poll(task)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(text) => Poll::Ready(Err(text)),
        }
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Incarnation<A> {
    /// Runs the actor's `stopped` and drops the actor, each with its own panic guard. The context itself
    /// would call `stopped` while unwinding, where a second panic aborts the process.
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        self.budget.set(0);
        if self.begun && body.alive() {
            let _ = guarded(&self.name, || {
                body.ctx().parts().stop();
                let _ = Pin::new(&mut body).poll(&mut Task::from_waker(std::task::Waker::noop()));
            });
        }
        // The context's own drop would poll again.
        body.ctx().terminate();
        let _ = guarded(&self.name, || drop(body));
    }
}

/// Future that passes messages from the inbox to the actor, unless the actor waits (`ctx.wait`).
struct Pump<A: Actor<Context = Context<A>>> {
    inbox: Inbox<A>,
    budget: Rc<Cell<u32>>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        let this = self.get_mut();
        let Some(inbox) = &mut *this.inbox else { return Poll::Ready(()) };
        while !ctx.waiting() {
            let left = this.budget.get();
            if left == 0 {
                // Wakes this task after the runtime has polled its timers. A plain wake-up precedes
                // them up to 61 times, which made the timer above 100 ms late. Dropping the future
                // does not cancel the wake-up.
                let _ = std::pin::pin!(tokio::task::yield_now()).poll(task);
                break;
            }
            match Pin::new(&mut *inbox).poll_next(task) {
                Poll::Ready(Some(mut envelope)) => {
                    this.budget.set(left - 1);
                    envelope.handle(actor, ctx);
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }
}
