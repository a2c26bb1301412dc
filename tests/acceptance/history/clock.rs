//! A daemon whose wall clock runs faster than ours, and goes on over restarts: libfaketime before the real binary.
//!
//! Always: the clock that waits are measured by is the real one. Never: a clock that goes back.

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use crate::scale;
use crate::support::{Daemon, Home};

/// Wall clock of a daemon.
pub struct FastClock {
    library: PathBuf,
    base: DateTime<Utc>,
    speed: u32,
    began: Instant,
}

impl FastClock {
    /// Begins at a time, and runs `speed` times as fast as ours.
    pub fn start(base: DateTime<Utc>, speed: u32) -> Option<Self> {
        let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|it| it.path());
        let library = folders
            .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
            .find(|library| library.is_file());
        let Some(library) = library else {
            return scale::cannot("libfaketime is missing: `make setup` installs faketime");
        };
        Some(Self { library, base, speed, began: Instant::now() })
    }

    /// What it shows.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = self.began.elapsed().as_micros() * u128::from(self.speed);
        self.base + TimeDelta::microseconds(i64::try_from(micros).expect("a century"))
    }

    /// Starts a daemon that reads this clock.
    pub fn run(&self, home: &mut Home, config: &str) -> Daemon {
        let time = format!("@{} x{}", self.now().format("%Y-%m-%d %H:%M:%S"), self.speed);
        for (name, value) in [
            ("LD_PRELOAD", self.library.to_str().expect("a path of plain letters")),
            ("TZ", "UTC"),
            ("FAKETIME", &time),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ] {
            home.set_env(name, value);
        }
        home.start(config)
    }
}
