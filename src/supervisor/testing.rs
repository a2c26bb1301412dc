//! Test harness: runs one actor behind its mailbox without a supervision tree.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};

use actix::dev::EnvelopeProxy;
use actix::dev::channel::AddressReceiver;
use actix::prelude::*;
use futures_util::StreamExt;

use super::{ChildEnv, Failure, Mailbox};

/// Mailbox of one actor, whose incarnations a test starts one after the other.
pub struct Stand<A: Actor<Context = Context<A>>> {
    name: &'static str,
    inbox: Rc<RefCell<AddressReceiver<A>>>,
    incarnations: RefCell<u32>,
}

/// One incarnation under test.
pub struct Incarnation {
    env: ChildEnv,
    ended: actix_rt::task::JoinHandle<()>,
}

impl<A: Actor<Context = Context<A>>> Stand<A> {
    pub fn new(name: &'static str, mailbox: Mailbox<A>) -> Self {
        let (_addr, inbox) = mailbox.into_parts();
        Self { name, inbox: Rc::new(RefCell::new(inbox)), incarnations: RefCell::new(0) }
    }

    /// Starts an incarnation on this arbiter.
    pub fn start(&self, factory: impl Fn(&ChildEnv) -> Result<A, Failure>) -> Incarnation {
        *self.incarnations.borrow_mut() += 1;
        let env = ChildEnv::new(self.name.into(), *self.incarnations.borrow(), None);
        let actor = factory(&env).expect("the factory succeeds");
        let mut ctx = Context::new();
        ctx.spawn(Pump(self.inbox.clone()));
        Incarnation { env, ended: actix_rt::spawn(ctx.into_future(actor)) }
    }
}

impl Incarnation {
    pub async fn until_ready(&self) {
        self.env.until_ready().await;
    }

    /// Waits for its end; `Err` holds the failure.
    pub async fn ended(self) -> Result<(), String> {
        match self.ended.await {
            Ok(()) => self.env.failure_in_test().map_or(Ok(()), Err),
            Err(_panic) => Err("panicked".into()),
        }
    }
}

struct Pump<A: Actor<Context = Context<A>>>(Rc<RefCell<AddressReceiver<A>>>);

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        act: &mut A,
        ctx: &mut Context<A>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        while !ctx.waiting() {
            let next = self.0.borrow_mut().poll_next_unpin(task);
            match next {
                Poll::Ready(Some(mut envelope)) => envelope.handle(act, ctx),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }
}

/// Failures of the incarnations before the last, oldest first.
pub type Exits = Rc<RefCell<Vec<String>>>;

/// Restarts incarnations at once until one stops by itself.
pub async fn run<A: Actor<Context = Context<A>>>(
    mailbox: Mailbox<A>,
    factory: impl Fn(&ChildEnv) -> Result<A, Failure>,
    exits: Exits,
) {
    let stand = Stand::new("tested", mailbox);
    while let Err(exit) = stand.start(&factory).ended().await {
        exits.borrow_mut().push(exit);
    }
}

/// Lock of tests that have MQTT clients in this process. The client library has one receiving thread for
/// all of them, so a test that blocks it would block other tests. Reentrant on one thread.
pub fn mqtt_turn() -> Rc<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    thread_local! {
        static MINE: RefCell<Weak<MutexGuard<'static, ()>>> = const { RefCell::new(Weak::new()) };
    }
    MINE.with_borrow_mut(|mine| {
        mine.upgrade().unwrap_or_else(|| {
            let turn = Rc::new(TURN.lock().unwrap_or_else(PoisonError::into_inner));
            *mine = Rc::downgrade(&turn);
            turn
        })
    })
}
