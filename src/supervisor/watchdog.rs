//! Watchdog: detects an arbiter that no longer runs its tasks. An endless loop or a blocking call in an
//! actor can't be interrupted, so the caller ends the process.
//!
//! A task on each arbiter increments a counter; the watchdog's own thread polls the counters. Only time in
//! which that thread itself ran counts against an arbiter, so a suspended process or a starved machine
//! triggers nothing when it resumes.

#![expect(clippy::disallowed_methods, reason = "it measures how late a thread is")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;

/// Longest interval of ticks; shorter for a short threshold.
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
    /// Owned by the arbiter's task, so it ends with the arbiter.
    ticks: Weak<AtomicU64>,
    stall: Stall,
}

/// Time for which an arbiter has not ticked.
#[derive(Debug, Default)]
struct Stall {
    ticks: u64,
    lasts: Duration,
    is_reported: bool,
}

impl Stall {
    /// Polls the counter, `since_last_poll` after the previous poll. Returns the duration of the stall,
    /// once, when it reaches the threshold.
    fn poll(
        &mut self,
        ticks: u64,
        since_last_poll: Duration,
        tick: Duration,
        threshold: Duration,
    ) -> Option<Duration> {
        if ticks != self.ticks {
            *self = Self { ticks, ..Self::default() };
            return None;
        }
        self.lasts += since_last_poll.min(2 * tick);
        if self.is_reported || self.lasts < threshold {
            return None;
        }
        self.is_reported = true;
        Some(self.lasts)
    }
}

impl Watchdog {
    /// Starts the thread. It calls `on_stuck` once for each stall, with the arbiter's name and the
    /// duration.
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
                    for (name, lasts) in poll_all(&watched, elapsed, tick, threshold) {
                        on_stuck(&name, lasts);
                    }
                }
            }
        })?;
        Ok(Self { watched, tick, stop: Some(stop), thread: Some(thread) })
    }

    /// Watches an arbiter until it ends.
    pub(super) fn watch(&self, name: Arc<str>, arbiter: &ArbiterHandle) {
        let ticks = Arc::new(AtomicU64::new(0));
        let watched = Watched { name, ticks: Arc::downgrade(&ticks), stall: Stall::default() };
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

fn poll_all(
    watched: &Mutex<Vec<Watched>>,
    elapsed: Duration,
    tick: Duration,
    threshold: Duration,
) -> Vec<(Arc<str>, Duration)> {
    let mut stuck = Vec::new();
    watched.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|arbiter| {
        let Some(ticks) = arbiter.ticks.upgrade() else { return false };
        let count = ticks.load(Ordering::Relaxed);
        if let Some(lasts) = arbiter.stall.poll(count, elapsed, tick, threshold) {
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
            // Ends within one callback; the hook has logged a panic of the callback.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stall_is_reported_once() {
        const SECOND: Duration = Duration::from_secs(1);
        let mut stall = Stall::default();
        let mut poll = |ticks, seconds| stall.poll(ticks, SECOND * seconds, SECOND, SECOND * 3);
        assert_eq!([poll(1, 1), poll(1, 1), poll(1, 1)], [None; 3]);
        assert_eq!(poll(1, 1), Some(SECOND * 3));
        assert_eq!(poll(1, 1), None);
        assert_eq!(poll(2, 1), None);
        // An hour of suspension counts as two ticks.
        assert_eq!(poll(2, 3_600), None);
        assert_eq!(poll(3, 1), None);
    }
}
