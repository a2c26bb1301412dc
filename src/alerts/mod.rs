//! Judges every reading by the alert rules and says what changed.
//!
//! The [`Evaluator`] actor takes batches from the intake's feed, leaves out what came before, asks
//! the pure [`machine`] about each reading, logs the alerts, and passes everything on to storage in
//! the order it came.
//! It never publishes: an alert reaches the broker only after it was committed.

mod actor;
mod file;
mod machine;
mod recent;
mod rule;

pub use actor::{Evaluator, EvaluatorSettings};
pub use file::AlertsFile;
pub use machine::Standing;
pub use rule::Rules;
