//! Evaluates the log: judges every reading by the alert rules and produces the changes.
//!
//! The [`Evaluator`] actor polls records from the log; the pure `fold` applies them one by one to the alarm
//! [`engine`](crate::alarms::engine) and to dedup; the results of a batch go to storage in log order. Alert events
//! are logged here and pushed by storage, so the log line and the line in the alerts file may precede the message.
//! Both are written at least once: a kill, or a batch that storage lost, repeats them.

mod actor;
mod announce;
mod batch;
mod clock;
mod dedup;
mod file;
mod fold;
mod live;
mod notes;
mod sender_clocks;
mod short_form;
mod time_marks;

pub use actor::{Evaluator, EvaluatorSettings, Findings, RuleBook};
pub use announce::event;
pub use file::AlertsFile;
#[cfg(test)]
pub(crate) use live::LiveUpdate;
pub use live::{LiveSummary, LiveTable, SeriesKey};
pub use short_form::rules as short_form;
