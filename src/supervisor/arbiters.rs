//! Arbiters (threads) of the children: a dedicated one for each critical child, a pool for the rest.
//!
//! Invariant: an arbiter that has ended is replaced before a child is placed on it; at the end every
//! arbiter is joined, or reported as hanging.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle, System};
use tokio::sync::oneshot;

use super::events::TARGET;
use super::watchdog::Watchdog;

/// Arbiter on which a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// An arbiter of its own, so that its work can't delay other children.
    Dedicated,
    /// An arbiter of the pool, shared with other children.
    Pool,
}

pub(super) struct Arbiters {
    own: HashMap<Arc<str>, Arbiter>,
    /// Filled on demand up to `pool_size`.
    pool: Vec<Arbiter>,
    pool_size: usize,
    next: usize,
    ended: Vec<Arbiter>,
    watchdog: Option<Watchdog>,
}

impl Arbiters {
    /// Must be called on the system's arbiter, which the watchdog watches too.
    pub(super) fn new(watchdog: Option<Watchdog>) -> Self {
        if let Some(watchdog) = &watchdog {
            watchdog.watch("system".into(), System::current().arbiter());
        }
        Self {
            own: HashMap::new(),
            pool: Vec::new(),
            pool_size: thread::available_parallelism().map_or(1, Into::into),
            next: 0,
            ended: Vec::new(),
            watchdog,
        }
    }

    /// A running arbiter for a child; those of the pool are assigned in turn.
    pub(super) fn get(
        &mut self,
        placement: Placement,
        name: &Arc<str>,
    ) -> io::Result<ArbiterHandle> {
        match placement {
            Placement::Dedicated => self.own(name),
            Placement::Pool => self.pooled(),
        }
    }

    fn own(&mut self, name: &Arc<str>) -> io::Result<ArbiterHandle> {
        if let Some(arbiter) = self.own.get(name).filter(|arbiter| arbiter.alive()) {
            return Ok(arbiter.handle());
        }
        let arbiter = self.make(name.clone())?;
        let handle = arbiter.handle();
        self.ended.extend(self.own.insert(name.clone(), arbiter));
        Ok(handle)
    }

    fn pooled(&mut self) -> io::Result<ArbiterHandle> {
        let turn = self.next % self.pool_size;
        self.next = turn + 1;
        match self.pool.get(turn) {
            Some(arbiter) if arbiter.alive() => Ok(arbiter.handle()),
            dead => {
                let replace = dead.is_some();
                let arbiter = self.make(format!("pool-{turn}").into())?;
                let handle = arbiter.handle();
                if replace {
                    self.ended.push(std::mem::replace(&mut self.pool[turn], arbiter));
                } else {
                    self.pool.push(arbiter);
                }
                Ok(handle)
            }
        }
    }

    fn make(&self, name: Arc<str>) -> io::Result<Arbiter> {
        let arbiter = Arbiter::try_new()?;
        if let Some(watchdog) = &self.watchdog {
            watchdog.watch(name, &arbiter.handle());
        }
        Ok(arbiter)
    }

    /// Stops every arbiter. The caller must [`join`] their threads.
    pub(super) fn end(&mut self) -> Vec<Arbiter> {
        let own = self.own.drain().map(|(_, arbiter)| arbiter);
        let all: Vec<Arbiter> =
            own.chain(self.pool.drain(..)).chain(self.ended.drain(..)).collect();
        for arbiter in &all {
            arbiter.stop();
        }
        self.watchdog = None;
        all
    }
}

/// Joins the threads of stopped arbiters, for at most `at_most`. A thread that hangs is left to the end of
/// the process.
pub(super) async fn join(arbiters: Vec<Arbiter>, at_most: Duration) {
    let (done, joined) = oneshot::channel();
    // A plain thread: at its end the runtime would wait for a blocking task without a limit.
    let joiner = thread::Builder::new().name("joiner".into()).spawn(move || {
        for arbiter in arbiters {
            // An arbiter's thread doesn't panic; if it did, the hook has logged it.
            let _ = arbiter.join();
        }
        // Fails if the wait has timed out.
        let _ = done.send(());
    });
    if joiner.is_err() || tokio::time::timeout(at_most, joined).await.is_err() {
        log::warn!(target: TARGET, "an arbiter hangs and is left to the end of the process");
    }
}
