//! The threads children live on: one of its own for each critical child, a pool for the rest.
//!
//! Holds always: an arbiter that has ended is replaced before a child is put on it; every arbiter
//! ever made is joined at the end, or said to hang.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle, System};
use tokio::sync::oneshot;

use super::events::TARGET;
use super::watchdog::Watchdog;

/// Where a child lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// On an arbiter of its own: its work can't delay another's.
    Dedicated,
    /// On one of the pool's, with many others.
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
    /// Call it on the system's arbiter, which is watched too.
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

    /// A living arbiter for the child of that name; the pool's take turns.
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

    /// Ends every arbiter; their threads are to be [`join`]ed.
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

/// Waits for the threads of ended arbiters, but not for one that hangs longer than `at_most`: that
/// is left to the end of the process.
pub(super) async fn join(arbiters: Vec<Arbiter>, at_most: Duration) {
    let (done, joined) = oneshot::channel();
    // A plain thread: the runtime would wait for a blocking task of its own without end.
    let joiner = thread::Builder::new().name("joiner".into()).spawn(move || {
        for arbiter in arbiters {
            // An arbiter's thread doesn't panic; if it did, the hook has logged it.
            let _ = arbiter.join();
        }
        // Nobody waits any more when it took too long.
        let _ = done.send(());
    });
    if joiner.is_err() || tokio::time::timeout(at_most, joined).await.is_err() {
        log::warn!(target: TARGET, "an arbiter hangs and is left to the end of the process");
    }
}
