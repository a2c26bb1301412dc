//! Adds and removes children of a running group.
//!
//! Invariant: the other children are not affected; a removed child is absent from [`Health`](super::Health),
//! and its mailbox is closed. To replace a child, remove it and add another.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::child::Child;
use super::env::GracefulStop;
use super::spec::ChildSpec;
use super::supervisor::{Add, ChangeError, Remove, Supervisor};

/// Id of a child in its group. After the child was removed, a new child may get the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildId(u32);

impl ChildId {
    /// Id of the `nth` child of a [`GroupSpec`](super::GroupSpec), counted from 0.
    #[must_use]
    pub const fn nth(nth: u32) -> Self {
        Self(nth)
    }
}

/// Resolves when each added child is up, quarantined, stopped or removed.
pub type Settled = oneshot::Receiver<()>;

/// Handle to a running group. Cheap to clone.
#[derive(Clone, Default)]
pub struct GroupHandle(Arc<OnceLock<Addr<Supervisor>>>);

impl GroupHandle {
    /// Adds children, and starts those whose phase has begun. Their ids are in the order of the specs.
    /// Unlike at the start of the tree, [`Failure::Unavailable`](super::Failure::Unavailable) counts as
    /// any failure.
    ///
    /// # Errors
    /// If the group is not running; then nothing was added.
    pub async fn add<A>(
        &self,
        specs: impl IntoIterator<Item = ChildSpec<A>>,
    ) -> Result<(Vec<ChildId>, Settled), ChangeError>
    where
        A: Actor<Context = Context<A>> + Handler<GracefulStop>,
    {
        let children: Vec<Arc<dyn Child>> = specs.into_iter().map(ChildSpec::into_child).collect();
        let (done, settled) = oneshot::channel();
        let slots = self.addr()?.send(Add { children, done }).await;
        let slots = slots.unwrap_or(Err(ChangeError::Stopping))?;
        Ok((slots.into_iter().map(ChildId).collect(), settled))
    }

    /// Asks children to stop, and waits until they have ended or were killed at their shutdown
    /// deadlines. Unknown ids are ignored.
    ///
    /// # Errors
    /// If the group is not running; then nothing was removed.
    pub async fn remove(
        &self,
        children: impl IntoIterator<Item = ChildId>,
    ) -> Result<(), ChangeError> {
        let slots = children.into_iter().map(|ChildId(slot)| slot).collect();
        let (done, gone) = oneshot::channel();
        let asked = self.addr()?.send(Remove { slots, done }).await;
        asked.unwrap_or(Err(ChangeError::Stopping))?;
        // The sender is dropped unused only with the group, and then the children are gone too.
        let _ = gone.await;
        Ok(())
    }

    fn addr(&self) -> Result<&Addr<Supervisor>, ChangeError> {
        self.0.get().ok_or(ChangeError::NotStarted)
    }

    /// Sets the address of the group once it has started.
    pub(super) fn set(&self, addr: Addr<Supervisor>) {
        let _ = self.0.set(addr);
    }

    pub(super) fn get(&self) -> Option<&Addr<Supervisor>> {
        self.0.get()
    }
}
