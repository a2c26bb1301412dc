//! `alerts.jsonl`: every announced alert event, one JSON object a line.
//!
//! At least once: a line is written before its event is committed, so a kill in between, or a batch that storage
//! lost, repeats it. Opened for appending; reopened on request (after log rotation). A failing file never delays an
//! alert: the failure is logged, and the next event tries again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file, and the wish to have it reopened. One a process; the evaluator writes it.
#[derive(Debug)]
pub struct AlertsFile {
    path: PathBuf,
    open: Option<File>,
    reopen: Arc<AtomicBool>,
    is_failing: bool,
}

impl AlertsFile {
    /// `reopen` may be set at any time, from any thread.
    #[must_use]
    pub const fn new(path: PathBuf, reopen: Arc<AtomicBool>) -> Self {
        Self { path, open: None, reopen, is_failing: false }
    }

    /// Appends lines, each a complete JSON object without its line end.
    pub fn append(&mut self, lines: &[String]) {
        if self.reopen.swap(false, Ordering::Relaxed) {
            self.open = None;
        }
        if let Err(error) = self.write(lines) {
            self.open = None;
            if !self.is_failing {
                let path = self.path.display();
                log::error!(target: "vigie::alerts", "can't write alerts to {path}: {error}; they are in the database and the log; mend the file or its folder");
            }
            self.is_failing = true;
        } else if std::mem::take(&mut self.is_failing) {
            log::info!(target: "vigie::alerts", "alerts are written to {} again", self.path.display());
        }
    }

    fn write(&mut self, lines: &[String]) -> std::io::Result<()> {
        let mut text = lines.join("\n");
        text.push('\n');
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?),
        };
        file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_and_reopens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let reopen = Arc::new(AtomicBool::new(false));
        let mut file = AlertsFile::new(path.clone(), reopen.clone());
        file.append(&["1".into(), "2".into()]);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        file.append(&["3".into()]); // still to the old file
        reopen.store(true, Ordering::Relaxed);
        file.append(&["4".into()]);
        assert_eq!(std::fs::read_to_string(folder.path().join("old")).unwrap(), "1\n2\n3\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "4\n");
    }

    #[test]
    fn a_failing_file_heals() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("alerts.jsonl");
        let mut file = AlertsFile::new(path.clone(), Arc::default());
        file.append(&["lost".into()]);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        file.append(&["kept".into()]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "kept\n");
    }
}
