//! Notices an arbiter that no longer runs its tasks: an endless loop or a blocking call in an
//! actor can't be ended in Rust, so the process must be.
//!
//! A task on each arbiter counts up; a thread of its own watches the counts. Only time in which
//! the watching thread itself ran is counted against an arbiter, so a suspended process or a
//! starved machine raises no alarm when it comes back.

#![expect(clippy::disallowed_methods, reason = "it measures how late a thread is")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;

/// Ticks at least this often; more often when the threshold is short.
const MAX_TICK: Duration = Duration::from_secs(1);

/// Watches arbiters until it is dropped.
pub(super) struct Watchdog {
    watched: Arc<Mutex<Vec<Watched>>>,
    tick: Duration,
    /// Dropping it ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watched {
    name: Arc<str>,
    /// Held by the arbiter's task: gone when the arbiter is.
    ticks: Weak<AtomicU64>,
    quiet: Quiet,
}

/// For how long an arbiter has not ticked.
#[derive(Debug, Default)]
struct Quiet {
    ticks: u64,
    lasts: Duration,
    told: bool,
}

impl Quiet {
    /// Takes in a look at the count, `since_last_look` after the one before. Returns how long the
    /// arbiter has been quiet, once, when that reaches the threshold.
    fn look(
        &mut self,
        ticks: u64,
        since_last_look: Duration,
        tick: Duration,
        threshold: Duration,
    ) -> Option<Duration> {
        if ticks != self.ticks {
            *self = Self { ticks, ..Self::default() };
            return None;
        }
        self.lasts += since_last_look.min(2 * tick);
        if self.told || self.lasts < threshold {
            return None;
        }
        self.told = true;
        Some(self.lasts)
    }
}

impl Watchdog {
    /// Calls `on_stuck` with the arbiter's name and how long it has been stuck, once each time,
    /// on the watchdog's own thread.
    pub(super) fn start(
        threshold: Duration,
        on_stuck: impl Fn(&str, Duration) + Send + 'static,
    ) -> std::io::Result<Self> {
        let tick = (threshold / 4).min(MAX_TICK);
        let watched = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn({
            let watched = Arc::clone(&watched);
            move || {
                let mut last = Instant::now();
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    let elapsed = last.elapsed();
                    last += elapsed;
                    for (name, lasts) in look_at_all(&watched, elapsed, tick, threshold) {
                        on_stuck(&name, lasts);
                    }
                }
            }
        })?;
        Ok(Self { watched, tick, stop: Some(stop), thread: Some(thread) })
    }

    /// Watches an arbiter for as long as it lives.
    pub(super) fn watch(&self, name: Arc<str>, arbiter: &ArbiterHandle) {
        let ticks = Arc::new(AtomicU64::new(0));
        let watched = Watched { name, ticks: Arc::downgrade(&ticks), quiet: Quiet::default() };
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        let tick = self.tick;
        arbiter.spawn(async move {
            loop {
                ticks.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(tick).await;
            }
        });
    }
}

fn look_at_all(
    watched: &Mutex<Vec<Watched>>,
    elapsed: Duration,
    tick: Duration,
    threshold: Duration,
) -> Vec<(Arc<str>, Duration)> {
    let mut stuck = Vec::new();
    watched.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|arbiter| {
        let Some(ticks) = arbiter.ticks.upgrade() else { return false };
        let count = ticks.load(Ordering::Relaxed);
        if let Some(lasts) = arbiter.quiet.look(count, elapsed, tick, threshold) {
            stuck.push((arbiter.name.clone(), lasts));
        }
        true
    });
    stuck
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends within one callback; a panic in the callback has been logged by the hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_quiet_is_told_and_only_once() {
        const SECOND: Duration = Duration::from_secs(1);
        let mut quiet = Quiet::default();
        let mut look = |ticks, seconds| quiet.look(ticks, SECOND * seconds, SECOND, SECOND * 3);
        assert_eq!([look(1, 1), look(1, 1), look(1, 1)], [None; 3]);
        assert_eq!(look(1, 1), Some(SECOND * 3));
        assert_eq!(look(1, 1), None);
        assert_eq!(look(2, 1), None);
        // The process was suspended for an hour: counts as two ticks.
        assert_eq!(look(2, 3_600), None);
        assert_eq!(look(3, 1), None);
    }
}
