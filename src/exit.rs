//! The exit codes, which scripts and service managers rely on.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Asked to stop, and stopped cleanly; or the command did what it was asked.
    Ok,
    /// The output could not be written, a rule test failed, or the daemon refused what was asked.
    Failed,
    /// Bad command line or config.
    Usage,
    /// A needed service is unavailable at start: port taken, database unwritable.
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
