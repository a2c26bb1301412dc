//! State of payload decoders: written with the batch that changed it, read when evaluation resumes.

use r2d2_sqlite::rusqlite::{self, Connection, params};

use crate::domain::DecoderChange;

/// Part of a commit.
pub(in crate::store) fn put(
    connection: &Connection,
    changes: &[DecoderChange],
) -> rusqlite::Result<()> {
    for DecoderChange { format, key, value } in changes {
        let sql = if value.is_some() {
            "INSERT INTO decoder_states (format, key, state) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET state = excluded.state"
        } else {
            "DELETE FROM decoder_states WHERE format = ?1 AND key = ?2 AND ?3 IS NULL"
        };
        connection.prepare_cached(sql)?.execute(params![format, key, value])?;
    }
    Ok(())
}

/// All of it, by format and key.
pub(in crate::store) fn all(connection: &Connection) -> rusqlite::Result<Vec<DecoderChange>> {
    let sql = "SELECT format, key, state FROM decoder_states ORDER BY format, key";
    let mut select = connection.prepare(sql)?;
    let states = select.query_map([], |row| {
        Ok(DecoderChange { format: row.get(0)?, key: row.get(1)?, value: Some(row.get(2)?) })
    })?;
    states.collect()
}
