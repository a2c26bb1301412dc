//! A daemon with an accelerated wall clock that goes on over restarts: libfaketime, preloaded into the real binary.
//!
//! The library reads the clock's offset from a file, once a second. Its own multiplier is not used: that would shorten
//! every timeout too, and the daemon would do nothing but wake up.
//!
//! Invariant: the monotonic clock is the real one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Daemon, Home, skip};

const TICK: Duration = Duration::from_secs(1);

/// Accelerated wall clock of a daemon.
pub struct FastClock {
    library: PathBuf,
    folder: tempfile::TempDir,
    /// Offset from the real clock, in seconds.
    ahead: Arc<AtomicI64>,
    is_over: Arc<AtomicBool>,
    ticking: Option<JoinHandle<()>>,
}

impl FastClock {
    /// Starts a clock at a time, `speed` times as fast as the real one, advancing in steps.
    pub fn start(base: DateTime<Utc>, speed: u32) -> Option<Self> {
        let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|it| it.path());
        let library = folders
            .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
            .find(|library| library.is_file());
        let Some(library) = library else {
            skip("libfaketime is missing: `make setup` installs faketime");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temp folder");
        let ahead = Arc::new(AtomicI64::new((base - Utc::now()).num_seconds()));
        let file = folder.path().join("ahead");
        set(&file, ahead.load(Ordering::Relaxed));
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, seconds) = (is_over.clone(), ahead.clone());
        let ticking = thread::spawn(move || {
            let (began, mut gained) = (Instant::now(), 0);
            while !over.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                let elapsed = i64::try_from(began.elapsed().as_secs()).expect("minutes");
                let gain = elapsed * i64::from(speed - 1) - gained;
                gained += gain;
                set(&file, seconds.fetch_add(gain, Ordering::Relaxed) + gain);
            }
        });
        Some(Self { library, folder, ahead, is_over, ticking: Some(ticking) })
    }

    /// Present time of this clock. The daemon reads it once a second, so it may lag.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Moves the clock forward or back.
    pub fn leap(&self, by: TimeDelta) {
        self.ahead.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }

    /// Starts a daemon that reads this clock.
    pub fn run(&self, home: &mut Home, config: &str) -> Daemon {
        let file = self.folder.path().join("ahead");
        for (name, value) in [
            ("LD_PRELOAD", self.library.to_str().expect("a path of plain letters")),
            ("FAKETIME_TIMESTAMP_FILE", file.to_str().expect("a path of plain letters")),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ] {
            home.set_env(name, value);
        }
        home.start(config)
    }
}

impl Drop for FastClock {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(ticking) = self.ticking.take() {
            ticking.join().expect("the clock's thread");
        }
    }
}

/// Replaces the file atomically, so that a reader finds the old offset or the new one.
fn set(file: &Path, seconds_ahead: i64) {
    let new = file.with_extension("new");
    fs::write(&new, format!("{seconds_ahead:+}\n")).expect("the clock's file");
    fs::rename(&new, file).expect("the clock's file");
}
