//! Collects the mistakes of a configuration while it is read, and tells whether a file exists.

use std::cell::RefCell;
use std::path::Path;

use super::errors::Mistake;

/// A value with its byte position in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// A mistake, before its line is known.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) at: usize,
    pub(super) mistake: Mistake,
    /// Position of the other half of the mistake: the first of two duplicates.
    pub(super) first_at: Option<usize>,
}

/// Collects findings, and answers whether a file exists.
pub(super) struct Inspector<'a> {
    file_exists: &'a dyn Fn(&Path) -> bool,
    findings: RefCell<Vec<Finding>>,
}

impl<'a> Inspector<'a> {
    pub(super) fn new(file_exists: &'a dyn Fn(&Path) -> bool) -> Self {
        Self { file_exists, findings: RefCell::default() }
    }

    pub(super) fn file_exists(&self, path: &Path) -> bool {
        (self.file_exists)(path)
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    pub(super) fn wrong(&self, at: usize, mistake: Mistake) {
        self.add(Finding { at, mistake, first_at: None });
    }

    /// A mistake at two places, such as a duplicate and the first one.
    pub(super) fn duplicate(&self, at: usize, first_at: usize, mistake: Mistake) {
        self.add(Finding { at, mistake, first_at: Some(first_at) });
    }

    /// The value of `result`, or nothing and a finding.
    pub(super) fn check<T>(&self, at: usize, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.wrong(at, mistake)).ok()
    }

    fn add(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }
}
