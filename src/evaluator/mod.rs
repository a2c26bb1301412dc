//! Judges every reading by the alert rules and says what changed.
//!
//! The [`Evaluator`] actor takes batches from the intake's feed, leaves out what came before, asks
//! the pure alarm [`engine`](crate::alarms::engine) about each reading, logs the alerts, and passes everything on to storage in
//! the order it came.
//! It never publishes: an alert reaches the broker only once storage has it on disk. Its log line and its line in
//! the alerts file are written before that, so both are there at least once: a kill, or a batch that storage
//! lost, repeats them.

mod actor;
mod announce;
mod file;
mod held;
mod recent;
mod short_form;
mod silence;
mod watch;

pub use actor::{Evaluator, EvaluatorSettings, RuleBook};
pub use announce::event;
pub use file::AlertsFile;
pub use short_form::rules as short_form;
