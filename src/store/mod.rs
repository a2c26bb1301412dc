//! Keeps every reading, alert and rejected message in one SQLite file.
//!
//! [`Writer`] is the only one that writes; [`History`] reads for people, beside it. Nothing
//! outside this module knows that it is SQLite.
//!
//! Holds always: what a [`Store`](crate::messages::Store) carries is committed whole or not yet,
//! in the order sent, exactly once while the process lives, whatever fails in between; [`Ahead`] keeps
//! beyond that what alerts went out for.
//! Never: a blocking call on an arbiter's thread, or a file of a newer version touched.

mod actor;
mod ahead;
mod backlog;
#[cfg(test)]
pub(crate) mod fixtures;
mod sqlite;

pub use actor::Writer;
pub use ahead::{Ahead, AheadError};
pub use sqlite::database::{Database, OpenError, Reason, Settings, open};
pub use sqlite::query::{AlertFilter, AlertRow, History, QueryError, ReadingFilter, ReadingRow};
pub use sqlite::resume::Progress;
