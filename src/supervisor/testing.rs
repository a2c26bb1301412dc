//! For the tests of actors: a mailbox's actor run without a tree.
//!
//! Restarts at once, whatever the reason, and writes each reason down; the mailbox survives, as
//! under the real supervisor.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Task, Poll};

use actix::dev::EnvelopeProxy;
use actix::dev::channel::AddressReceiver;
use actix::fut::ActorFuture;
use actix::prelude::*;
use futures_util::{FutureExt, StreamExt};

use super::{ChildEnv, Failure, Mailbox};

/// How the incarnations before the last ended, oldest first.
pub(crate) type Exits = Rc<RefCell<Vec<String>>>;

type Inbox<A> = Rc<RefCell<AddressReceiver<A>>>;

/// Runs incarnations one after the other until one stops by itself.
pub(crate) async fn run<A: Actor<Context = Context<A>>>(
    mailbox: Mailbox<A>,
    factory: impl Fn(&ChildEnv) -> Result<A, Failure>,
    exits: Exits,
) {
    let (_addr, inbox) = mailbox.into_parts();
    let inbox = Rc::new(RefCell::new(inbox));
    for incarnation in 1.. {
        let env = ChildEnv::new("tested".into(), incarnation);
        let exit = match factory(&env) {
            Ok(actor) => live(actor, inbox.clone()).await,
            Err(failure) => Some(failure.to_string()),
        };
        match exit.or_else(|| env.take_failure().map(|failure| failure.to_string())) {
            Some(exit) => exits.borrow_mut().push(exit),
            None => return,
        }
    }
}

/// One life; says so if it ended in a panic.
async fn live<A: Actor<Context = Context<A>>>(actor: A, inbox: Inbox<A>) -> Option<String> {
    let mut ctx = Context::new();
    ctx.spawn(Pump { inbox });
    let life = AssertUnwindSafe(ctx.into_future(actor)).catch_unwind();
    life.await.err().map(|_| "panicked".to_owned())
}

/// Hands envelopes to the actor while it is not waiting for a future of its own.
struct Pump<A: Actor<Context = Context<A>>> {
    inbox: Inbox<A>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        while !ctx.waiting() && ctx.state() == actix::ActorState::Running {
            match self.inbox.borrow_mut().poll_next_unpin(task) {
                Poll::Ready(Some(mut envelope)) => envelope.handle(actor, ctx),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }
}
