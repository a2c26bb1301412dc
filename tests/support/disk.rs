//! A small tmpfs that a test can fill. Needs root.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A mounted tmpfs, unmounted on drop.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one; `None` without the right to mount.
    pub fn mount(at: PathBuf, size_mib: u32) -> Option<Self> {
        fs::create_dir(&at).expect("create a folder");
        let size = format!("size={size_mib}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Fills the disk.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("create a file");
        for block in [1 << 20, 1 << 12, 1] {
            while file.write(&vec![1; block]).is_ok_and(|written| written > 0) {}
        }
    }

    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("remove a file");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy: a process that still has files open there is about to end.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("can't unmount {}", self.0.display());
        }
    }
}
