//! The SQLite backend: schema, statements, checkpoints. Nothing outside this folder knows SQL, a row
//! number or an SQLite code.

pub(super) mod checkpoint;
pub(super) mod database;
pub(super) mod query;
pub(super) mod readers;
pub(super) mod recall;
pub(super) mod receivers;
pub(super) mod resume;
pub(super) mod schema;
pub(super) mod write;
