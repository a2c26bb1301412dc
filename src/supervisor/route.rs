//! Bounded, typed routes into an actor's mailbox.
//!
//! A [`Mailbox`] is created before its actor and outlives every incarnation of it. Other actors reach it
//! by a [`Route`]. A permit travels inside each message and is returned when the message has been handled.
//! Actix's own bounds are not used because they leak: `send` ignores the capacity, and each clone of an
//! address adds a slot.
//!
//! Invariant: the permits of messages that are queued or being handled never exceed the route's
//! capacity.
//! Never: unbounded growth, or a message lost silently while the actor is supervised.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::channel::{self, AddressReceiver};
use actix::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Mailbox of an actor. Created before the actor, it outlives every incarnation of it.
pub struct Mailbox<A: Actor<Context = Context<A>>> {
    addr: Addr<A>,
    inbox: AddressReceiver<A>,
}

impl<A: Actor<Context = Context<A>>> Default for Mailbox<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
    /// An empty mailbox without an actor.
    #[must_use]
    pub fn new() -> Self {
        // 0 means unbounded in actix; the routes' permits are the bound.
        let (sender, inbox) = channel::channel(0);
        Self { addr: Addr::new(sender), inbox }
    }

    /// Creates a route for messages of one type, with `capacity` permits.
    #[must_use]
    pub fn route<M>(&self, capacity: usize) -> Route<M>
    where
        A: Handler<Routed<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Route(Arc::new(Shared {
            recipient: self.addr.clone().recipient(),
            permits: Arc::new(Semaphore::new(capacity)),
            capacity,
        }))
    }

    /// Address for control messages and for callbacks of the actor itself; not bounded.
    #[must_use]
    pub fn addr(&self) -> Addr<A> {
        self.addr.clone()
    }

    pub(super) fn into_parts(self) -> (Addr<A>, AddressReceiver<A>) {
        (self.addr, self.inbox)
    }
}

/// A message on a route. Dropping it returns its permits.
pub struct Routed<M> {
    /// The message itself.
    pub message: M,
    permit: Permit,
}

/// Permits of a message; returned to the route when dropped.
pub struct Permit(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl<M> Routed<M> {
    /// The message, and its permit for handlers that hold it beyond the call.
    pub fn split(self) -> (M, Permit) {
        (self.message, self.permit)
    }
}

#[cfg(test)]
impl<M> Routed<M> {
    /// A message on a route of its own, for tests.
    ///
    /// # Panics
    /// Never: the route has a free permit.
    pub fn alone(message: M) -> Self {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Self { message, permit: Permit(permit) }
    }
}

impl<M: Message> Message for Routed<M> {
    type Result = M::Result;
}

/// A bounded route to an actor for messages of type `M`. Cloning is shallow, and clones share the bound:
/// each of 100,000 sensors has one.
pub struct Route<M>(Arc<Shared<M>>)
where
    M: Message + Send + 'static,
    M::Result: Send;

struct Shared<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    recipient: Recipient<Routed<M>>,
    permits: Arc<Semaphore>,
    capacity: usize,
}

impl<M> Clone for Route<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Cause for which a message was not sent; holds the message.
#[derive(thiserror::Error)]
pub enum SendError<M> {
    /// The route has no free permit.
    #[error("no room within the time allowed")]
    Full(M),
    /// The actor has been stopped for good.
    #[error("the receiver has been stopped for good")]
    Closed(M),
}

impl<M> std::fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        })
    }
}

/// Cause for which a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There was no answer in time.
    #[error("no answer within the time allowed")]
    Timeout,
    /// The receiver has been stopped for good, or its incarnation died on this message.
    #[error("the receiver failed or was stopped while handling the request")]
    Closed,
}

impl<M> Route<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// Sends a message, waiting up to `at_most` for a permit. Does not wait for it to be handled.
    ///
    /// # Errors
    /// Returns the message when no permit was free in time, or the receiver has been stopped for good.
    pub async fn send(&self, message: M, at_most: Duration) -> Result<(), SendError<M>> {
        self.send_weighted(1, message, at_most).await
    }

    /// Sends a message that takes `weight` permits, but at most all of the route, waiting up to `at_most`
    /// for them.
    ///
    /// # Errors
    /// As [`Route::send`].
    pub async fn send_weighted(
        &self,
        weight: usize,
        message: M,
        at_most: Duration,
    ) -> Result<(), SendError<M>> {
        let weight = u32::try_from(weight.min(self.0.capacity)).unwrap_or(u32::MAX);
        let permit = self.0.permits.clone().acquire_many_owned(weight);
        match tokio::time::timeout(at_most, permit).await {
            Ok(Ok(permit)) => self.pass(message, permit),
            Ok(Err(_closed)) => Err(SendError::Closed(message)),
            Err(_elapsed) => Err(SendError::Full(message)),
        }
    }

    /// Sends a message if a permit is free now.
    ///
    /// # Errors
    /// Returns the message when no permit is free, or the receiver has been stopped for good.
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        match self.0.permits.clone().try_acquire_owned() {
            Ok(permit) => self.pass(message, permit),
            Err(_) => Err(SendError::Full(message)),
        }
    }

    /// Sends a message and waits for its answer, within `at_most` in all.
    ///
    /// # Errors
    /// If there was no answer in time, or never will be one.
    pub async fn request(&self, message: M, at_most: Duration) -> Result<M::Result, RequestError> {
        let answer = async {
            let permit =
                self.0.permits.clone().acquire_owned().await.map_err(|_| RequestError::Closed)?;
            let routed = Routed { message, permit: Permit(permit) };
            self.0.recipient.send(routed).await.map_err(|_| RequestError::Closed)
        };
        tokio::time::timeout(at_most, answer).await.unwrap_or(Err(RequestError::Timeout))
    }

    /// Permits taken by messages that are queued or being handled.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.capacity.saturating_sub(self.0.permits.available_permits())
    }

    /// Number of permits of the route.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    fn pass(&self, message: M, permit: OwnedSemaphorePermit) -> Result<(), SendError<M>> {
        use actix::dev::SendError as Actix;
        self.0.recipient.try_send(Routed { message, permit: Permit(permit) }).map_err(|error| {
            match error {
                // The mailbox itself is unbounded, so "full" can't happen.
                Actix::Full(routed) => SendError::Full(routed.message),
                Actix::Closed(routed) => SendError::Closed(routed.message),
            }
        })
    }
}
