//! Stored state of receivers, and their queries of alert events.

use std::sync::LazyLock;

use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, params};

use super::events::{self, EVENT_COLUMNS};
use super::recall;
use crate::domain::AlertEvent;
use crate::messages::{LoadAlerts, SaveReceiver, SavedReceiver};

/// Deletes the state of all receivers but those `named`: one that returns later is new, and is not notified of what
/// happened meanwhile.
pub(in crate::store) fn forget_others(
    connection: &mut Connection,
    named: &[&str],
) -> rusqlite::Result<()> {
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
pub(in crate::store) fn keep(connection: &Connection, keep: &SaveReceiver) -> rusqlite::Result<()> {
    let SaveReceiver { receiver, through, parts } = keep;
    connection
        .prepare_cached("REPLACE INTO receivers (receiver, through) VALUES (?1, ?2)")?
        .execute(params![receiver, through.cast_signed()])?;
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
) -> rusqlite::Result<SavedReceiver> {
    let through = connection
        .prepare_cached("SELECT through FROM receivers WHERE receiver = ?1")?
        .query_row([receiver], |row| row.get::<_, i64>(0))
        .optional()?
        .map(i64::unsigned_abs);
    let last_event = recall::last_event(connection)?;
    let parts = connection
        .prepare_cached("SELECT part, state FROM receiver_states WHERE receiver = ?1")?
        .query_map([receiver], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(SavedReceiver { through, last_event, parts })
}

pub(in crate::store) fn alerts(
    connection: &Connection,
    which: &LoadAlerts,
) -> rusqlite::Result<Vec<AlertEvent>> {
    match which {
        LoadAlerts::After { number, at_most } => after(connection, *number, *at_most),
        LoadAlerts::Numbers(numbers) => of_numbers(connection, numbers),
    }
}

/// The events after the one of number `?1`.
pub(in crate::store) static AFTER_SQL: LazyLock<String> = LazyLock::new(|| {
    // The planner would rather walk along the rows themselves.
    format!(
        "SELECT {} FROM alerts INDEXED BY alerts_told
         WHERE id > ?1 AND (announced OR silent_end) ORDER BY id",
        *EVENT_COLUMNS
    )
});

static OF_NUMBER_SQL: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM alerts WHERE id = ?1", *EVENT_COLUMNS));

/// Uses the row, not its rule, whose announcement may have changed since.
fn after(
    connection: &Connection,
    number: u64,
    at_most: usize,
) -> rusqlite::Result<Vec<AlertEvent>> {
    let mut select = connection.prepare_cached(&AFTER_SQL)?;
    let mut rows = select.query([number.cast_signed()])?;
    let mut alerts = Vec::new();
    while alerts.len() < at_most {
        let Some(row) = rows.next()? else { break };
        alerts.extend(events::readable(row)?);
    }
    Ok(alerts)
}

fn of_numbers(connection: &Connection, numbers: &[u64]) -> rusqlite::Result<Vec<AlertEvent>> {
    let mut select = connection.prepare_cached(&OF_NUMBER_SQL)?;
    let mut alerts = Vec::with_capacity(numbers.len());
    for number in numbers {
        let mut rows = select.query([number.cast_signed()])?;
        if let Some(row) = rows.next()? {
            alerts.extend(events::readable(row)?);
        }
    }
    Ok(alerts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AlertState;
    use crate::store::ledger::Work;
    use crate::store::sqlite::fixtures::commit;
    use crate::store::sqlite::fixtures::{alerts as stored_alerts, event, settings};

    fn keep(through: u64, parts: &[(&str, Option<&str>)]) -> SaveReceiver {
        let owned =
            |(part, state): &(&str, Option<&str>)| ((*part).to_owned(), state.map(str::to_owned));
        SaveReceiver { receiver: "a".into(), through, parts: parts.iter().map(owned).collect() }
    }

    #[test]
    fn what_is_announced_is_loaded_and_so_are_ends_that_their_rules_announce_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut database =
            crate::store::sqlite::database::open(&settings(&folder.path().join("a.db"))).unwrap();
        let quiet = |event: AlertEvent| AlertEvent { announced: false, ..event };
        let events = [
            event("a", "A", 1, AlertState::Active),
            quiet(event("b", "B", 2, AlertState::Active)),
            quiet(event("a", "A", 3, AlertState::Resolved)),
            AlertEvent { is_silent_end: true, ..quiet(event("a", "A", 4, AlertState::Resolved)) },
            event("c", "C", 5, AlertState::Active),
        ];
        commit(&mut database, &[Work::Store(&stored_alerts(events))]).unwrap();
        let rows = |which: &LoadAlerts| -> Vec<(u64, String)> {
            let found = alerts(&database.connection, which).unwrap();
            found.into_iter().map(|event| (event.number, event.alert_id.to_string())).collect()
        };
        let row = |number, alert_id: &str| (number, alert_id.to_owned());
        let after = |number, at_most| rows(&LoadAlerts::After { number, at_most });
        assert_eq!(after(0, 9), [row(1, "a"), row(4, "a"), row(5, "c")], "one was withheld");
        assert_eq!(after(1, 1), [row(4, "a")]);
        assert_eq!(rows(&LoadAlerts::Numbers(vec![5, 2, 99])), [row(5, "c"), row(2, "b")]);
        assert_eq!(kept(&database.connection, "a").unwrap().last_event, 5);
    }

    #[test]
    fn what_a_receiver_keeps_is_given_back_and_to_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut database =
            crate::store::sqlite::database::open(&settings(&folder.path().join("a.db"))).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), SavedReceiver::default());
        let first = keep(3, &[("x", Some("1")), ("y", Some("2"))]);
        let second = keep(4, &[("x", None), ("y", Some("3"))]);
        commit(&mut database, &[Work::Receiver(&first), Work::Receiver(&second)]).unwrap();
        let found = kept(&database.connection, "a").unwrap();
        assert_eq!(found.through, Some(4));
        assert_eq!(found.parts, [("y".to_owned(), "3".to_owned())]);
        assert_eq!(kept(&database.connection, "b").unwrap().through, None);
        forget_others(&mut database.connection, &["a"]).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), found);
        forget_others(&mut database.connection, &["b"]).unwrap();
        assert_eq!(kept(&database.connection, "a").unwrap(), SavedReceiver::default());
    }
}
