//! Changing a group's children while it runs.
//!
//! Holds always: the other children don't notice; a child is gone from health once it was removed, and
//! its mailbox is closed. To replace a child, remove it and add another.

use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::child::Child;
use super::env::GracefulStop;
use super::spec::ChildSpec;
use super::supervisor::{Add, Remove, Supervisor};

/// A child of a running group, until it is removed; then its id may become another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildId(u32);

impl ChildId {
    /// The id of the `nth` child of a [`GroupSpec`](super::GroupSpec), counted from 0.
    #[must_use]
    pub const fn nth(nth: u32) -> Self {
        Self(nth)
    }
}

/// Why a group wasn't changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The group has not started yet.
    #[error("it has not been started yet")]
    NotStarted,
    /// The tree is stopping.
    #[error("it is being stopped")]
    Stopping,
}

/// Resolves when each added child is up or won't be soon (it rests, is done, or was removed again).
pub type Settled = oneshot::Receiver<()>;

/// A running group, for whoever changes it. Cheap to clone.
#[derive(Clone, Default)]
pub struct GroupHandle(Arc<OnceLock<Addr<Supervisor>>>);

impl GroupHandle {
    /// Adds children, and starts them unless the group hasn't come to their phase yet. Their ids are in
    /// the order of the specs. What is missing at their first start counts as a failure.
    ///
    /// # Errors
    /// When the group doesn't run; then nothing was added.
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

    /// Asks children to stop, and waits until they have ended or were cut off at their shutdown
    /// deadlines. One that isn't there any more is passed over.
    ///
    /// # Errors
    /// When the group doesn't run; then nothing was removed.
    pub async fn remove(
        &self,
        children: impl IntoIterator<Item = ChildId>,
    ) -> Result<(), ChangeError> {
        let slots = children.into_iter().map(|ChildId(slot)| slot).collect();
        let (done, gone) = oneshot::channel();
        let asked = self.addr()?.send(Remove { slots, done }).await;
        asked.unwrap_or(Err(ChangeError::Stopping))?;
        // Dropped untold only with the group, and then they are gone as well.
        let _ = gone.await;
        Ok(())
    }

    fn addr(&self) -> Result<&Addr<Supervisor>, ChangeError> {
        self.0.get().ok_or(ChangeError::NotStarted)
    }

    /// The group has been started, which happens once.
    pub(super) fn set(&self, addr: Addr<Supervisor>) {
        let _ = self.0.set(addr);
    }

    pub(super) fn get(&self) -> Option<&Addr<Supervisor>> {
        self.0.get()
    }
}
