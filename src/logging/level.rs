//! Log level of Vigie's own lines, which may change while the daemon runs.
//!
//! Libraries log warnings and errors only, at every level.

use std::sync::atomic::{AtomicUsize, Ordering};

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};

/// Vigie's own targets begin so.
const OWN: &str = "vigie";

/// Level of the process, as an index into [`LEVELS`]. Global because the `log` crate's logger is.
static LEVEL: AtomicUsize = AtomicUsize::new(UNSET);

/// Unset: `RUST_LOG` decides.
const UNSET: usize = usize::MAX;

const LEVELS: [LevelFilter; 6] = [
    LevelFilter::Off,
    LevelFilter::Error,
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

/// Logger that passes Vigie's lines up to the level, and of other targets what the inner logger passes.
struct Leveled(env_logger::Logger);

impl Log for Leveled {
    fn enabled(&self, line: &Metadata<'_>) -> bool {
        let is_shown = !line.target().starts_with(OWN)
            || LEVELS.get(LEVEL.load(Ordering::Relaxed)).is_none_or(|level| line.level() <= *level);
        is_shown && self.0.enabled(line)
    }

    fn log(&self, line: &Record<'_>) {
        if self.enabled(line.metadata()) {
            self.0.log(line);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Starts logging through `logger` with Vigie's lines at `level`.
pub(super) fn init(logger: env_logger::Logger, level: LevelFilter) -> Result<(), SetLoggerError> {
    log::set_boxed_logger(Box::new(Leveled(logger)))?;
    change(level);
    Ok(())
}

/// Changes the level of Vigie's lines. Returns false if `RUST_LOG` overrides it.
#[must_use]
pub fn set_level(level: LevelFilter) -> bool {
    let is_ours = LEVEL.load(Ordering::Relaxed) != UNSET;
    if is_ours {
        change(level);
    }
    is_ours
}

fn change(level: LevelFilter) {
    let place = LEVELS.iter().position(|other| *other == level).unwrap_or(UNSET);
    LEVEL.store(place, Ordering::Relaxed);
    // Lines above the level cost nothing; libraries' warnings always pass.
    log::set_max_level(level.max(LevelFilter::Warn));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_have_a_level_and_others_their_own() {
        assert!(!set_level(LevelFilter::Debug), "without a start it isn't ours to set");
        assert!(LEVELS.windows(2).all(|pair| pair[0] < pair[1]));
        let mut inner = env_logger::Builder::new();
        inner.filter_level(LevelFilter::Warn).filter_module(OWN, LevelFilter::Trace);
        let leveled = Leveled(inner.build());
        let shows = |target: &str, level: log::Level| {
            leveled.enabled(&Metadata::builder().target(target).level(level).build())
        };
        LEVEL.store(3, Ordering::Relaxed);
        assert!(shows("vigie::app", log::Level::Info) && !shows("vigie::app", log::Level::Debug));
        assert!(shows("another", log::Level::Warn) && !shows("another", log::Level::Info));
        LEVEL.store(UNSET, Ordering::Relaxed);
    }
}
