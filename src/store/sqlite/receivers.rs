//! What receivers of notifications keep, and the alert events they ask for.

use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, params};

use super::database::{Database, OpenError};
use super::recall::{self, EVENT_COLUMNS};
use crate::messages::{KeepReceiver, KeptByReceiver, LoadAlerts, PendingAlert};

impl Database {
    /// Forgets what all receivers kept but those that are `named`: one that comes back later is new,
    /// and is not told of what happened meanwhile.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn keep_receivers<'n>(
        &mut self,
        named: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), OpenError> {
        let path = self.connection.path().unwrap_or_default().to_owned();
        let named: Vec<_> = named.into_iter().collect();
        forget_others(&mut self.connection, &named)
            .map_err(|error| OpenError::sqlite(path.as_ref(), &error))
    }
}

fn forget_others(connection: &mut Connection, named: &[&str]) -> rusqlite::Result<()> {
    let known: Vec<String> = connection
        .prepare("SELECT receiver FROM receivers")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let transaction = connection.transaction()?;
    for receiver in known.iter().filter(|known| !named.contains(&known.as_str())) {
        transaction.execute("DELETE FROM receivers WHERE receiver = ?1", [receiver])?;
        transaction.execute("DELETE FROM receiver_states WHERE receiver = ?1", [receiver])?;
    }
    transaction.commit()
}

/// Part of a commit; repeated, it changes nothing.
pub(in crate::store) fn keep(connection: &Connection, keep: &KeepReceiver) -> rusqlite::Result<()> {
    let KeepReceiver { receiver, through, parts } = keep;
    connection
        .prepare_cached("REPLACE INTO receivers (receiver, through) VALUES (?1, ?2)")?
        .execute(params![receiver, through])?;
    let mut put = connection.prepare_cached(
        "REPLACE INTO receiver_states (receiver, part, state) VALUES (?1, ?2, ?3)",
    )?;
    let mut remove = connection
        .prepare_cached("DELETE FROM receiver_states WHERE receiver = ?1 AND part = ?2")?;
    for (part, state) in parts {
        match state {
            Some(state) => put.execute(params![receiver, part, state])?,
            None => remove.execute(params![receiver, part])?,
        };
    }
    Ok(())
}

pub(in crate::store) fn kept(
    connection: &Connection,
    receiver: &str,
) -> rusqlite::Result<KeptByReceiver> {
    let through = connection
        .prepare_cached("SELECT through FROM receivers WHERE receiver = ?1")?
        .query_row([receiver], |row| row.get(0))
        .optional()?;
    let last_row_id = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM alerts")?
        .query_row([], |row| row.get(0))?;
    let parts = connection
        .prepare_cached("SELECT part, state FROM receiver_states WHERE receiver = ?1")?
        .query_map([receiver], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(KeptByReceiver { through, last_row_id, parts })
}

pub(in crate::store) fn alerts(
    connection: &Connection,
    which: &LoadAlerts,
) -> rusqlite::Result<Vec<PendingAlert>> {
    match which {
        LoadAlerts::After { row_id, at_most } => after(connection, *row_id, *at_most),
        LoadAlerts::Rows(rows) => of_rows(connection, rows),
    }
}

/// The events after row `?1`.
pub(in crate::store) fn after_sql() -> String {
    // The planner would rather walk along the rows themselves.
    format!(
        "SELECT {EVENT_COLUMNS} FROM alerts INDEXED BY alerts_told
         WHERE id > ?1 AND (announced OR silent_end) ORDER BY id"
    )
}

/// The row itself says what receivers are to hear of: how its rule is announced now need not be how it
/// was then.
fn after(
    connection: &Connection,
    row_id: i64,
    at_most: usize,
) -> rusqlite::Result<Vec<PendingAlert>> {
    let mut select = connection.prepare_cached(&after_sql())?;
    let mut rows = select.query([row_id])?;
    let mut alerts = Vec::new();
    while alerts.len() < at_most {
        let Some(row) = rows.next()? else { break };
        alerts.extend(recall::readable(row)?);
    }
    Ok(alerts)
}

fn of_rows(connection: &Connection, row_ids: &[i64]) -> rusqlite::Result<Vec<PendingAlert>> {
    let mut select =
        connection.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM alerts WHERE id = ?1"))?;
    let mut alerts = Vec::with_capacity(row_ids.len());
    for row_id in row_ids {
        let mut rows = select.query([row_id])?;
        if let Some(row) = rows.next()? {
            alerts.extend(recall::readable(row)?);
        }
    }
    Ok(alerts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertEvent, AlertState};
    use crate::store::fixtures::{alerts as stored_alerts, event, settings};
    use crate::store::sqlite::write::{Work, commit};

    fn keep(through: i64, parts: &[(&str, Option<&str>)]) -> KeepReceiver {
        let owned =
            |(part, state): &(&str, Option<&str>)| ((*part).to_owned(), state.map(str::to_owned));
        KeepReceiver { receiver: "a".into(), through, parts: parts.iter().map(owned).collect() }
    }

    #[test]
    fn what_is_announced_is_loaded_and_so_are_ends_that_their_rules_announce_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = crate::store::open(&settings(&folder.path().join("a.db"))).unwrap();
        let quiet = |event: AlertEvent| AlertEvent { announced: false, ..event };
        let events = [
            event("a", "A", 1, AlertState::Active),
            quiet(event("b", "B", 2, AlertState::Active)),
            quiet(event("a", "A", 3, AlertState::Resolved)),
            AlertEvent { is_silent_end: true, ..quiet(event("a", "A", 4, AlertState::Resolved)) },
            event("c", "C", 5, AlertState::Active),
        ];
        commit(&mut database, &[Work::Store(&stored_alerts(events))]).unwrap();
        let rows = |which: &LoadAlerts| -> Vec<(i64, String)> {
            let found = alerts(&database.connection, which).unwrap();
            found.into_iter().map(|it| (it.row_id, it.event.alert_id.to_string())).collect()
        };
        let row = |row_id, alert_id: &str| (row_id, alert_id.to_owned());
        let after = |row_id, at_most| rows(&LoadAlerts::After { row_id, at_most });
        assert_eq!(after(0, 9), [row(1, "a"), row(4, "a"), row(5, "c")], "one was withheld");
        assert_eq!(after(1, 1), [row(4, "a")]);
        assert_eq!(rows(&LoadAlerts::Rows(vec![5, 2, 99])), [row(5, "c"), row(2, "b")]);
        assert_eq!(kept(&database.connection, "a").unwrap().last_row_id, 5);
    }

    #[test]
    fn what_a_receiver_keeps_is_given_back_and_to_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = crate::store::open(&settings(&folder.path().join("a.db"))).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), KeptByReceiver::default());
        let first = keep(3, &[("x", Some("1")), ("y", Some("2"))]);
        let second = keep(4, &[("x", None), ("y", Some("3"))]);
        commit(&mut database, &[Work::Receiver(&first), Work::Receiver(&second)]).unwrap();
        let found = kept(&database.connection, "a").unwrap();
        assert_eq!(found.through, Some(4));
        assert_eq!(found.parts, [("y".to_owned(), "3".to_owned())]);
        assert_eq!(kept(&database.connection, "b").unwrap().through, None);
        database.keep_receivers(["a"]).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), found);
        database.keep_receivers(["b"]).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), KeptByReceiver::default());
    }
}
