//! The binary of the version before.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::scale;

/// The last commit with three journals.
const COMMIT: &str = "705a69a";

/// A worktree and a target folder, which go with it.
struct Built {
    folder: TempDir,
    binary: PathBuf,
}

impl Drop for Built {
    fn drop(&mut self) {
        let tree = self.folder.path().join("tree");
        let _ = git(&["worktree", "remove", "--force", &tree.display().to_string()]);
    }
}

/// `VIGIE_BEFORE`, or in a full run what is built from git's history. `None` where the run was not asked
/// for or can't be done; that has been said then.
pub fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("VIGIE_BEFORE").map(PathBuf::from) {
        assert!(path.is_file(), "VIGIE_BEFORE: no file {}", path.display());
        return Some(path.canonicalize().expect("its path"));
    }
    if !scale::is_full() {
        scale::not_asked(
            "set VIGIE_BEFORE to a binary of the version before, or VIGIE_ACCEPT=full",
        );
        return None;
    }
    static BUILT: OnceLock<Option<Built>> = OnceLock::new();
    let built = BUILT.get_or_init(build).as_ref();
    built.map_or_else(
        || scale::cannot(&format!("git's history has no {COMMIT}: set VIGIE_BEFORE")),
        |built| Some(built.binary.clone()),
    )
}

fn build() -> Option<Built> {
    if !git(&["cat-file", "-e", &format!("{COMMIT}^{{commit}}")]) {
        return None;
    }
    let folder = tempfile::Builder::new().prefix("vigie-before-").tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    let target = folder.path().join("target");
    assert!(git(&["worktree", "add", "--detach", &tree.display().to_string(), COMMIT]));
    let built = Built { folder, binary: target.join("debug/vigie") };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--target-dir"]).arg(&target).current_dir(&tree);
    assert!(cargo.status().expect("run cargo").success(), "build {COMMIT}");
    Some(built)
}

fn git(args: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    git.output().is_ok_and(|output| output.status.success())
}
