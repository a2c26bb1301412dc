//! Restricts new files to their user.

use rustix::fs::Mode;

/// Files are made with mode 0600 and folders with 0700 from here on, whatever the umask was. What is there already keeps
/// its mode.
pub(super) fn make_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
