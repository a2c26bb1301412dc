//! Panic hook: writes one log line with the source location and the child.
//!
//! Never: symbolises a backtrace. Under `RUST_BACKTRACE=1` the standard hook does, which blocks the
//! panicking thread, and every other child on it, for 170 ms the first time.

#![expect(clippy::disallowed_methods, reason = "lines on panics are limited by time")]

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::events::{TARGET, line_limit};
use crate::logging::LineLimit;

thread_local! {
    /// Child whose code this thread is running.
    static CHILD: Cell<Option<Arc<str>>> = const { Cell::new(None) };
}

/// Separate limits, so that a failing fleet does not suppress other panics.
static IN_CHILDREN: Mutex<LineLimit> = Mutex::new(line_limit());
static ELSEWHERE: Mutex<LineLimit> = Mutex::new(line_limit());

/// Longest panic text kept, so that children can't fill the memory with it.
const MAX_TEXT_BYTES: usize = 500;

/// Installs a hook that logs each panic as one line at error: at most 20 a second of children, and 20 of
/// other threads. With that level switched off, the previous hook is called, so that no panic is silent.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if log::log_enabled!(target: TARGET, log::Level::Error) {
            log_panic(panic);
        } else {
            before(panic);
        }
    }));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let child = CHILD.try_with(|cell| {
        let name = cell.take();
        cell.set(name.clone());
        name
    });
    let child = child.ok().flatten();
    let limiter = if child.is_some() { &IN_CHILDREN } else { &ELSEWHERE };
    // If another thread's panic holds the lock, the line is logged without a limit.
    let allowed = limiter.try_lock().map_or(Some(0), |mut lines| lines.admit(Instant::now()));
    let Some(left_out) = allowed else { return };
    if left_out > 0 {
        log::error!(target: TARGET, "{left_out} more panics were not logged");
    }
    let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    let text = panic_text(panic.payload());
    if let Some(name) = child {
        log::error!(target: TARGET, "panic in {name} at {place}: {text}");
    } else {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        log::error!(target: TARGET, "panic on thread {thread} at {place}: {text}");
    }
}

/// Runs a child's code; a panic in it becomes its text.
pub(super) fn guarded<T>(child: &Arc<str>, code: impl FnOnce() -> T) -> Result<T, String> {
    let outer = CHILD.replace(Some(child.clone()));
    let result = std::panic::catch_unwind(AssertUnwindSafe(code));
    CHILD.set(outer);
    result.map_err(|payload| {
        let text = panic_text(&*payload);
        // The payload's own drop may panic; then that second payload is leaked.
        let _ =
            std::panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        text
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with a value that is no text");
    text[..text.floor_char_boundary(MAX_TEXT_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        let name: Arc<str> = "child".into();
        assert_eq!(guarded(&name, || 7), Ok(7));
        assert_eq!(guarded(&name, || panic!("a {}", "b")), Err::<(), _>("a b".into()));
        assert!(CHILD.take().is_none());
        let long = guarded(&name, || panic!("{}", "é".repeat(400)));
        assert_eq!(long.map_err(|text| text.len()), Err::<(), _>(500));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_survived() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let exit = guarded(&"child".into(), || std::panic::panic_any(Bomb));
        assert_eq!(exit, Err::<(), _>("with a value that is no text".into()));
    }
}
