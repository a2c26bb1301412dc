//! A file system of a test's own, whose power can be cut: ext4 in an image that is mounted by a loop device.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::Home;

/// Shuts a file system down when it is told to.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys
EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
folder = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))";

/// A file system in an image.
pub struct Disk {
    image: PathBuf,
    pub folder: PathBuf,
}

impl Disk {
    const BYTES: u64 = 300 << 20;

    pub fn format(home: &Home) -> Self {
        let disk = Self { image: home.path("disk.img"), folder: home.path("disk") };
        let image = std::fs::File::create(&disk.image).expect("an image");
        image.set_len(Self::BYTES).expect("a sparse file");
        run("mkfs.ext4", &[Path::new("-q"), Path::new("-F"), &disk.image]);
        std::fs::create_dir(&disk.folder).expect("a folder");
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &[Path::new("-o"), Path::new("loop"), &self.image, &self.folder]);
    }

    /// Once all is ready to, and `just_before` is done.
    pub fn shut_down(&self, just_before: impl FnOnce()) {
        self.arm().fire(just_before);
    }

    /// Gets all ready to shut it down at once.
    pub fn arm(&self) -> Armed {
        let mut python = Command::new("python3");
        python.args(["-c", SHUT_DOWN]).arg(&self.folder);
        let mut python =
            python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run python3");
        let mut ready = String::new();
        let output = python.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut ready).expect("that it is ready");
        Armed(python)
    }

    /// Removes all that is on it.
    pub fn empty(&self) {
        run("find", &[&self.folder, Path::new("-mindepth"), Path::new("1"), Path::new("-delete")]);
    }

    /// All that is on it has reached the device.
    pub fn sync(&self) {
        run("sync", &[Path::new("-f"), &self.folder]);
    }

    pub fn mount_again(&self) {
        run("umount", &[&self.folder]);
        self.mount();
    }
}

/// A file system that is about to be shut down.
pub struct Armed(Child);

impl Armed {
    pub fn fire(mut self, just_before: impl FnOnce()) {
        just_before();
        self.0.stdin.take().expect("its input").write_all(b"\n").expect("tell it");
        assert!(self.0.wait().expect("its end").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The home's folder can't be removed while it is mounted.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

pub fn run(program: &str, args: &[&Path]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}
