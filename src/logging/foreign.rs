//! Rate limit for libraries' log lines, by target: what a remote peer can trigger at will (a malformed request, a
//! connection too many) must not fill the log.
//!
//! Always: the first lines of each target in a window pass, and the first line of a later window reports how many
//! were suppressed. Never: Vigie's own lines, which are limited where they are written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::LineLimit;

/// Lines of one target per window: enough to show the event and its repetition.
const LINES: (u64, Duration) = (3, Duration::from_secs(10));

/// Distinct targets, which are modules of libraries; further ones share one limit.
const MOST_TARGETS: usize = 1_000;

/// Limits by target.
#[derive(Debug, Default)]
pub(super) struct ForeignLines(Mutex<BTreeMap<String, LineLimit>>);

impl ForeignLines {
    /// Requests a line. Returns a suffix to append, or `None` to suppress it.
    pub fn admit(&self, target: &str, now: Instant) -> Option<String> {
        if target.starts_with("vigie") {
            return Some(String::new());
        }
        // Updates are atomic, so a poisoned lock is still consistent.
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = limits.contains_key(target) || limits.len() < MOST_TARGETS;
        let target = if is_known { target } else { "" };
        if !limits.contains_key(target) {
            limits.insert(target.to_owned(), LineLimit::new(LINES.0, LINES.1));
        }
        let more = limits.get_mut(target)?.admit(now)?;
        drop(limits);
        Some(if more > 0 { format!(" (+{more} since the last such line)") } else { String::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_has_so_many_lines_and_vigie_all() {
        let (lines, start) = (ForeignLines::default(), Instant::now());
        let admitted = |target: &str, second: u64| {
            let now = start + Duration::from_secs(second);
            (0..100).filter_map(|_| lines.admit(target, now)).collect::<Vec<_>>()
        };
        assert_eq!(admitted("actix_http::h1::dispatcher", 0), ["", "", ""]);
        assert_eq!(admitted("actix_server::accept", 0).len(), 3);
        assert_eq!(admitted("vigie::storage", 0).len(), 100);
        assert_eq!(admitted("actix_server::accept", 9).len(), 0);
        let later = admitted("actix_http::h1::dispatcher", 11);
        assert_eq!(later, [" (+97 since the last such line)", "", ""]);
        for n in 0..5_000 {
            lines.admit(&format!("library::{n}"), start);
        }
        assert!(lines.0.lock().unwrap().len() <= MOST_TARGETS + 1);
    }
}
