//! Signals: SIGTERM and Ctrl-C stop the daemon, SIGHUP reloads its configuration.
//!
//! Always: a signal that arrives after [`Signals::listen`] is remembered until it is handled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_rt::SystemRunner;
use actix_rt::signal::unix::{Signal, SignalKind, signal};

use crate::locale::Words;
use crate::messages::Reload;
use crate::supervisor::Route;

/// Received signals, and the runtime that listens.
pub struct Signals {
    pub(super) system: SystemRunner,
    pub(super) stop: Stop,
    pub(super) hangup: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen() -> std::io::Result<Self> {
        let system = actix_rt::System::new();
        let (stop, hangup) = system.block_on(async {
            std::io::Result::Ok((Stop::listen()?, signal(SignalKind::hangup())?))
        })?;
        Ok(Self { system, stop, hangup })
    }
}

/// Ctrl-C and SIGTERM.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Returns at each.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Returns at the first; the second ends the process at once, as the user wishes.
    pub async fn wait(mut self, words: &Words) {
        self.next().await;
        log::info!(target: "vigie::app", "{}", words.stopping);
        actix_rt::spawn(async move {
            let same = async {
                loop {
                    self.next().await;
                }
            };
            let _same_press = tokio::time::timeout(ONE_PRESS, same).await;
            self.next().await;
            log::warn!(target: "vigie::app", "asked twice: stopping at once");
            std::process::exit(INTERRUPTED);
        });
    }
}

/// Signals this close together count once: `timeout` and some shells send each twice.
const ONE_PRESS: Duration = Duration::from_millis(300);

/// Exit status of a program that was interrupted, as shells report it: 128 + SIGINT.
const INTERRUPTED: i32 = 130;

/// SIGHUP: the configuration has changed, or log rotation has moved the alerts file away.
pub(super) fn reload_on_sighup(mut hangup: Signal, reopen: Arc<AtomicBool>, reload: Route<Reload>) {
    actix_rt::spawn(async move {
        while hangup.recv().await.is_some() {
            reopen.store(true, Ordering::Relaxed);
            // A full channel has a pending reload, which will read the present file.
            let _ = reload.try_send(Reload);
        }
    });
}
