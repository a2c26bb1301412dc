//! How many connections there are files for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for the log, the database, the page and the API.
const RESERVE: u64 = 256;

/// Connections allowed even if the limit of open files is no larger than the reserve.
const LEAST: usize = 16;

/// Raises the process's limit of open files as far as allowed. Returns how many descriptors connections may use.
pub(super) fn connections_at_most() -> usize {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, ..before };
    let _ = setrlimit(Resource::Nofile, raised);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(RESERVE)).unwrap_or(usize::MAX).max(LEAST)
}
