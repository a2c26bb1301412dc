//! Where evaluation resumes, from what was committed.

use super::*;
use crate::domain::{DecoderChange, SeriesPart, SeriesState};
use crate::messages::{Judged, Store};
use crate::store::Progress;
use crate::store::fixtures::{append, at, humidity, readings, settings, store, temperature};
use crate::store::ledger::{Ledger, Work};
use crate::store::sqlite::database::{Database, open};

fn checkpoint(sensor: &str, state: &[u8]) -> SeriesState {
    let Judged { reading, .. } = temperature(sensor, 0, 20.0);
    let Reading { sensor_id, quantity, .. } = reading;
    SeriesState { sensor_id, quantity, part: SeriesPart::Windows, state: Some(state.to_vec()) }
}

struct Bench {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

impl Bench {
    fn new(stores: impl IntoIterator<Item = Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        stores.into_iter().for_each(|store| append(&path, &store));
        Self { _folder: folder, path }
    }

    fn database(&self) -> Database {
        open(&settings(&self.path)).unwrap()
    }

    /// Sensors and seconds of the readings after their checkpoints.
    fn since(&self) -> (Vec<SeriesState>, Vec<(String, i64)>) {
        let reader = crate::store::sqlite::pool::open(&self.path).unwrap().get().unwrap();
        let SeriesStates { states, since, .. } =
            series(&self.database().connection, reader).unwrap();
        let since = since.map(|reading| {
            let (_, reading) = reading.unwrap();
            (reading.sensor_id.to_string(), (reading.timestamp - at(0)).num_seconds())
        });
        (states, since.collect())
    }
}

#[test]
fn progress_is_what_was_committed_last() {
    let mut clocks = ListeningClocks::default();
    for (ingress, seconds) in Ingress::ALL.into_iter().zip(1..) {
        clocks.set_at_least(ingress, Duration::from_secs(seconds));
    }
    let last = Store {
        through: 70,
        number: 1_000_000,
        received_at: Some(at(9)),
        clocks,
        ..readings([temperature("A", 1, 20.0)])
    };
    let bench = Bench::new([last]);
    let expected = Progress {
        position: 70,
        batch: 1_000_000,
        received_at: Some(at(9)),
        latest_received_at: Some(at(9)),
        clocks,
        ..Progress::default()
    };
    let mut database = bench.database();
    assert_eq!(Ledger::progress(&database).unwrap(), expected);
    for (published, expected) in [(69, 69), (60, 69)] {
        database.commit(&[], published).unwrap();
        assert_eq!(Ledger::progress(&database).unwrap().published, expected, "never back");
    }
    let put_back =
        Store { through: 71, number: 1_000_001, received_at: Some(at(5)), ..Store::default() };
    database.commit(&[Work::Store(&put_back)], 0).unwrap();
    let progress = Ledger::progress(&database).unwrap();
    assert_eq!([progress.received_at, progress.latest_received_at], [Some(at(5)), Some(at(9))]);
}

#[test]
fn readings_since_the_checkpoint_of_their_series_are_given_back_in_order() {
    let with = |series, readings_: Vec<Judged>| Store { series, ..readings(readings_) };
    let bench = Bench::new([
        with(vec![], vec![temperature("A", 1, 20.0), temperature("B", 2, 20.0)]),
        with(vec![checkpoint("A", b"a")], vec![temperature("A", 3, 20.0), humidity("H", 4, 50.0)]),
        with(vec![checkpoint("B", b"b")], vec![temperature("A", 5, 20.0)]),
        with(vec![checkpoint("B", b"later")], vec![temperature("B", 6, 20.0)]),
        with(vec![], vec![temperature("B", 7, 20.0), temperature("A", 8, 20.0)]),
    ]);
    let (states, since) = bench.since();
    let of = |id: &str| states.iter().find(|it| it.sensor_id.as_str() == id).unwrap();
    assert_eq!((of("A"), of("B")), (&checkpoint("A", b"a"), &checkpoint("B", b"later")));
    let expected = [("A", 5), ("B", 7), ("A", 8), ("H", 4)];
    assert_eq!(since, expected.map(|(id, seconds)| (id.to_owned(), seconds)));
}

/// Its checkpoint is the oldest, and nothing was stored of it since.
#[test]
fn a_series_that_is_silent_for_long_costs_a_restart_nothing() {
    let many = || (1..=17_000).map(|second| temperature("B", second, 20.0));
    let bench = |since_checkpoints| {
        let silent =
            Store { series: vec![checkpoint("A", b"a")], ..readings([temperature("A", 0, 20.0)]) };
        Bench::new([silent, Store { since_checkpoints, ..readings(many()) }])
    };
    for (temperatures, expected) in [(16_500, 16_500), (3, 16_384), (17_000, 17_000)] {
        let since = bench(ReadingCounts { temperatures, others: 0 }).since().1;
        assert_eq!(since.len(), expected);
    }
}

#[test]
fn a_checkpoint_that_is_withdrawn_is_gone() {
    let gone = SeriesState { state: None, ..checkpoint("A", b"") };
    let bench = Bench::new([
        Store { series: vec![checkpoint("A", b"a")], ..store() },
        Store { series: vec![gone], ..store() },
    ]);
    assert_eq!(bench.since().0, []);
}

#[test]
fn dedup_gets_the_last_fingerprints_of_both_kinds_in_order() {
    let all = [temperature("A", 1, 20.0), humidity("H", 2, 50.0), temperature("B", 3, 20.5)];
    let bench = Bench::new([readings(all.clone())]);
    let RecentReadings { temperatures, others } = recent(&bench.database().connection).unwrap();
    let [a, h, b] = all.map(|judged| Fingerprint::from(&judged.reading));
    assert_eq!((temperatures, others), (vec![a, b], vec![h]));
}

#[test]
fn a_stored_reading_is_found_by_all_that_tells_it_from_others() {
    let (stored, of_h) = (temperature("A", 1, 20.5), humidity("H", 2, 50.0));
    let bench = Bench::new([readings([stored.clone(), of_h.clone()])]);
    let database = bench.database();
    let is_stored = |judged: Judged| is_stored(&database.connection, &judged.reading).unwrap();
    assert!(is_stored(stored) && is_stored(of_h));
    for other in [
        temperature("B", 1, 20.5),
        temperature("A", 2, 20.5),
        temperature("A", 1, 20.25),
        humidity("A", 1, 20.5),
    ] {
        assert!(!is_stored(other.clone()), "{other:?}");
    }
}

#[test]
fn what_formats_remember_is_given_back_as_of_the_last_commit() {
    let change = |key: &str, value: Option<&[u8]>| DecoderChange {
        format: "f".into(),
        key: key.into(),
        value: value.map(<[u8]>::to_vec),
    };
    let bench = Bench::new([
        Store { decoders: vec![change("a", Some(b"1")), change("b", Some(b"2"))], ..store() },
        Store {
            decoders: vec![change("a", None), change("b", Some(b"3")), change("c", None)],
            ..store()
        },
    ]);
    let kept = Ledger::resume(&bench.database()).unwrap().decoders;
    assert_eq!(kept, [change("b", Some(b"3"))]);
}

/// What a dropped series left behind is not read again; what came of it afterwards is.
#[test]
fn rows_before_a_series_was_dropped_are_not_read_again() {
    let Judged { reading, .. } = temperature("A", 0, 20.0);
    let Reading { sensor_id, quantity, .. } = reading;
    let part = SeriesPart::Dropped;
    let dropped = SeriesState { sensor_id, quantity, part, state: Some(vec![1]) };
    let series = vec![dropped.clone()];
    let before = Store { through: 1, number: 1, series, ..readings([temperature("A", 1, 20.0)]) };
    let after = Store {
        through: 2,
        number: 2,
        ..readings([temperature("B", 2, 20.0), temperature("A", 3, 20.0)])
    };
    let bench = Bench::new([before, after]);
    let (states, since) = bench.since();
    assert_eq!(states, [dropped]);
    assert_eq!(since, [("B".to_owned(), 2), ("A".to_owned(), 3)]);
}
