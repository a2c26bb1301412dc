//! Values of columns, as far as they can be read.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Row};

use crate::domain::time;

/// Why a row can't be read.
pub(in crate::store) type Unreadable = Box<dyn std::error::Error>;

pub(in crate::store) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    row.get(column)
}

pub(in crate::store) fn moment(row: &Row<'_>, column: usize) -> Result<DateTime<Utc>, Unreadable> {
    let text = text(row, column)?;
    time::parse_stored(&text).ok_or_else(|| format!("`{text}` is no timestamp").into())
}
