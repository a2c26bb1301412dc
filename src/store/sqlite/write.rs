//! One transaction from messages to rows.
//!
//! Invariant: rows are committed together with the position of their last log record. So a restart resumes exactly
//! there, and a batch that is repeated after a crash between the commit and its confirmation is recognised and
//! skipped.

mod readings;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Transaction, TransactionBehavior, params};

use super::database::{Database, SensorCache};
use super::rollups::Rollups;
use super::rollups::carry::{self, Carried};
use super::{decoders, events, receivers, resume};
use crate::domain::{
    ActionRecord, AlarmState, AlertEvent, AlertState, Ingress, Position, Reading, Rejected, time,
};
use crate::messages::{Judged, Store};
use crate::store::ledger::Work;
use crate::store::rollups::SeriesId;

/// Limit of cached sensors (unit, location): a stream of new ids must not fill the memory. Beyond it the cache is
/// cleared, and rows are written again as needed.
const SENSORS_REMEMBERED: usize = 100_000;

/// Deletes the oldest actions beyond `?1` that were refused or changed nothing: never a done one.
pub(in crate::store) const BOUND_IDLE_SQL: &str = "DELETE FROM operator_actions WHERE id IN
    (SELECT id FROM operator_actions WHERE outcome <> 'done'
     ORDER BY id DESC LIMIT -1 OFFSET ?1)";

/// Commits the work in one transaction, skipping what was committed before.
///
/// # Errors
/// On an error nothing of it is committed.
pub(in crate::store) fn commit(
    database: &mut Database,
    work: &[Work<'_>],
    published: Position,
) -> rusqlite::Result<()> {
    let mut carried = Carried::default();
    let result = try_commit(database, work, published, &mut carried);
    if result.is_ok() {
        database.checkpoints.note_commit(&database.connection);
    } else {
        database.rollups.not_committed(&carried);
    }
    if result.is_err() || database.sensors.len() > SENSORS_REMEMBERED {
        // After an error the cache may hold what is not in the file.
        database.sensors.clear();
    }
    result
}

fn try_commit(
    database: &mut Database,
    work: &[Work<'_>],
    published: Position,
    carried: &mut Carried,
) -> rusqlite::Result<()> {
    if work.is_empty() && database.published >= published {
        return Ok(());
    }
    let Database { connection, naive, rejected_keep, sensors, rollups, .. } = &mut *database;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let committed = resume::progress(&transaction)?.batch;
    rollups.expect(committed);
    let mut rows = Rows {
        transaction: &transaction,
        naive: *naive,
        sensors,
        rollups,
        carried,
        num_rejected: 0,
        has_idle: false,
    };
    let last = rows.work(work, committed)?;
    rows.bound_rejected(*rejected_keep)?;
    rows.bound_idle(*rejected_keep)?;
    if let Some(store) = last {
        rows.progress(store)?;
    }
    rows.published(published)?;
    rows.carried.write(&transaction)?;
    transaction.commit()?;
    database.published = published;
    database.rollups.committed(carried, last.map(|last| last.number));
    Ok(())
}

/// The rows of the transaction under way.
struct Rows<'a> {
    transaction: &'a Transaction<'a>,
    naive: bool,
    sensors: &'a mut SensorCache,
    rollups: &'a mut Rollups,
    carried: &'a mut Carried,
    num_rejected: i64,
    has_idle: bool,
}

impl Rows<'_> {
    /// Leaves out the batches up to the one `committed`. The last of the others.
    fn work<'w>(
        &mut self,
        work: &[Work<'w>],
        committed: u64,
    ) -> rusqlite::Result<Option<&'w Store>> {
        let mut last: Option<&Store> = None;
        for work in work {
            match work {
                Work::Store(store) if store.number > last.map_or(committed, |last| last.number) => {
                    self.store(store)?;
                    last = Some(store);
                }
                Work::Store(_committed_before) => {}
                Work::Delivered { numbers, at } => self.delivered(numbers, *at)?,
                Work::Receiver(keep) => receivers::keep(self.transaction, keep)?,
            }
        }
        Ok(last)
    }

    fn store(&mut self, store: &Store) -> rusqlite::Result<()> {
        for Judged { reading, .. } in &store.readings {
            let series = self.sensor(reading)?;
            self.carried.add(self.rollups, series, reading);
        }
        readings::insert(self.transaction, &store.readings, self.naive)?;
        for event in &store.alerts {
            events::insert(self.transaction, event, self.naive)?;
            self.standing(event)?;
        }
        for alarm in &store.alarms {
            self.alarm_state(alarm)?;
        }
        resume::put_series(self.transaction, &store.series)?;
        decoders::put(self.transaction, &store.decoders)?;
        for record in &store.actions {
            self.action(record)?;
        }
        for rejected in &store.rejected {
            self.rejected(rejected)?;
        }
        Ok(())
    }

    fn progress(&self, store: &Store) -> rusqlite::Result<()> {
        // 292,000 years at a million messages a second, or of microseconds.
        let integer = |count: u128| i64::try_from(count).unwrap_or(i64::MAX);
        let clock = |ingress| integer(store.clocks.get(ingress).as_micros());
        let [temperatures_after, others_after] =
            resume::read_after(self.transaction, store.since_checkpoints)?;
        self.transaction
            .prepare_cached(
                "UPDATE ingest_position SET position = ?1, number = ?2, received_us = ?3,
                    watch_us = ?4, embedded_us = ?5, remote_us = ?6,
                    temperatures_after = ?7, others_after = ?8,
                    latest_received_us = coalesce(max(latest_received_us, ?3), latest_received_us, ?3)",
            )?
            .execute(params![
                integer(store.through.into()),
                integer(store.number.into()),
                store.received_at.map(|at| at.timestamp_micros()),
                clock(Ingress::Own),
                clock(Ingress::Embedded),
                clock(Ingress::Remote),
                temperatures_after,
                others_after,
            ])?;
        Ok(())
    }

    /// Writes the publication cursor, which never goes back.
    fn published(&self, through: Position) -> rusqlite::Result<()> {
        let through = i64::try_from(through).unwrap_or(i64::MAX);
        let sql = "UPDATE ingest_position SET published = ?1 WHERE published < ?1";
        self.transaction.prepare_cached(sql)?.execute([through]).map(drop)
    }

    fn alarm_state(&self, alarm: &AlarmState) -> rusqlite::Result<()> {
        let (id, rule) = (alarm.sensor_id.as_str(), alarm.rule.as_ref());
        match &alarm.state {
            Some(state) => self
                .transaction
                .prepare_cached(
                    "REPLACE INTO alarm_states (sensor_id, rule, state) VALUES (?1, ?2, ?3)",
                )?
                .execute([id, rule, state])?,
            None => self
                .transaction
                .prepare_cached("DELETE FROM alarm_states WHERE sensor_id = ?1 AND rule = ?2")?
                .execute([id, rule])?,
        };
        Ok(())
    }

    fn action(&mut self, record: &ActionRecord) -> rusqlite::Result<()> {
        let ActionRecord { action, of, outcome } = record;
        self.has_idle |= *outcome != Ok(true);
        let outcome = match outcome {
            Ok(true) => "done".to_owned(),
            Ok(false) => "unchanged".to_owned(),
            Err(why) => format!("refused: {why}"),
        };
        let alert_id = of.as_ref().and_then(|of| of.alert_id.clone());
        self.transaction
            .prepare_cached(
                "INSERT INTO operator_actions
                    (at, action, alarm, rule, sensor, \"by\", why, via, outcome)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                time::stored(action.at, self.naive),
                action.what.as_str(),
                alert_id.unwrap_or_else(|| action.alarm.to_string().into()),
                of.as_ref().map(|of| &of.rule),
                of.as_ref().map(|of| of.sensor_id.as_str()),
                action.operator.by,
                action.operator.why,
                action.via.as_str(),
                outcome,
            ])?;
        Ok(())
    }

    /// Writes a sensor's unit and location if they changed. Returns the id of its series.
    fn sensor(&mut self, reading: &Reading) -> rusqlite::Result<SeriesId> {
        let Reading { sensor_id, quantity, unit, location, .. } = reading;
        let key = (sensor_id.clone(), quantity.clone());
        let known = self.sensors.get(&key);
        if let Some((known_unit, place, series)) = known
            && known_unit == unit
            && place == location
        {
            return Ok(*series);
        }
        let series = match known {
            Some((_, _, series)) => *series,
            None => carry::series_id(self.transaction, sensor_id, quantity)?,
        };
        self.transaction
            .prepare_cached(
                "INSERT INTO sensors (sensor_id, quantity, unit, location) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET unit = excluded.unit, location = excluded.location
                 WHERE unit <> excluded.unit OR location <> excluded.location",
            )?
            .execute([sensor_id.as_str(), quantity.as_str(), unit.as_str(), location.as_str()])?;
        self.sensors.insert(key, (unit.clone(), location.clone(), series));
        Ok(series)
    }

    /// A further event of an active alert leaves its row unchanged, in particular its start.
    fn standing(&self, event: &AlertEvent) -> rusqlite::Result<()> {
        let at = time::stored(event.timestamp, self.naive);
        let (id, rule) = (event.sensor_id.as_str(), event.rule.as_ref());
        match event.state {
            AlertState::Active => self
                .transaction
                .prepare_cached(
                    "INSERT INTO standing_alerts (sensor_id, rule, alert_id, since)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET alert_id = excluded.alert_id, since = excluded.since
                     WHERE alert_id <> excluded.alert_id",
                )?
                .execute([id, rule, event.alert_id.as_ref(), &at])?,
            AlertState::Resolved => self
                .transaction
                .prepare_cached("DELETE FROM standing_alerts WHERE sensor_id = ?1 AND rule = ?2")?
                .execute([id, rule])?,
        };
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected) -> rusqlite::Result<()> {
        self.num_rejected += 1;
        self.transaction
            .prepare_cached(
                "INSERT INTO rejected_messages (received_at, topic, payload, payload_bytes, reason)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                time::stored(rejected.received_at, self.naive),
                rejected.topic,
                rejected.payload,
                i64::try_from(rejected.payload_bytes).unwrap_or(i64::MAX),
                rejected.reason,
            ])?;
        Ok(())
    }

    /// Counts the rejected messages of this transaction and deletes the oldest beyond `keep`.
    fn bound_rejected(&self, keep: i64) -> rusqlite::Result<()> {
        if self.num_rejected == 0 {
            return Ok(());
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO counters (name, value) VALUES ('rejected_total', ?1)
                 ON CONFLICT DO UPDATE SET value = value + excluded.value",
            )?
            .execute([self.num_rejected])?;
        // The ids have no gaps, since only the oldest are ever deleted.
        self.transaction
            .prepare_cached(
                "DELETE FROM rejected_messages
                 WHERE id <= (SELECT max(id) FROM rejected_messages) - ?1",
            )?
            .execute([keep])?;
        Ok(())
    }

    /// Any client with publishing rights could fill the disk with them; done actions are the audit log.
    fn bound_idle(&self, keep: i64) -> rusqlite::Result<()> {
        if self.has_idle {
            self.transaction.prepare_cached(BOUND_IDLE_SQL)?.execute([keep])?;
        }
        Ok(())
    }

    fn delivered(&self, numbers: &[u64], at: DateTime<Utc>) -> rusqlite::Result<()> {
        let at = time::stored(at, self.naive);
        let mut update = self.transaction.prepare_cached(
            "UPDATE alerts SET published_at = ?1 WHERE id = ?2 AND published_at IS NULL",
        )?;
        for number in numbers {
            update.execute(params![at, number.cast_signed()])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
