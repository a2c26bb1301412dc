//! Exit codes, for scripts and service managers.

use std::process::ExitCode;

/// Outcome of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The daemon stopped cleanly on request, or the command succeeded.
    Ok,
    /// The output could not be written, a rule test failed, or the daemon refused the request.
    Failed,
    /// Invalid command line or configuration.
    Usage,
    /// A required resource is unavailable at the start: the port is in use, the database is not writable.
    /// (`EX_UNAVAILABLE` of BSD's sysexits.)
    Unavailable,
    /// The supervisor gave up. (`EX_SOFTWARE`.)
    GaveUp,
}

impl Exit {
    /// Exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unavailable => 69,
            Self::GaveUp => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
