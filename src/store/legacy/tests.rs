use std::path::PathBuf;

use super::*;
use crate::config::Durability;
use crate::store::fixtures::{number, readings, settings, stored, temperature, texts};
use crate::store::{Prepared, Settings, prepare};

/// Two batches as the previous version wrote them, with everything that a batch may hold.
const RECORDS: [&str; 2] = [
    r#"{"number":2,"through":20,"watch":{"secs":5,"nanos":1000},"readings":[{"reading":{"sensor_id":"T","location":"Hall","quantity":"temperature","value":38.2,"unit":"celsius","timestamp":"2024-08-14T10:30:02Z"},"alert_triggered":true},{"reading":{"sensor_id":"H","location":"","quantity":"humidity","value":38,"unit":"percent","timestamp":"2024-08-14T10:30:02.000001Z"},"alert_triggered":false}],"alerts":[{"alert_id":"a","rule":"r","alert_type":"HIGH_TEMPERATURE","sensor_id":"T","location":"Hall","quantity":"temperature","value":38.2,"unit":"celsius","threshold":35.0,"severity":"High","state":"Active","change":"Raised","operator":null,"message":"m","timestamp":"2024-08-14T10:30:02Z","announced":true,"is_silent_end":false,"in_flood":false}],"alarms":[{"sensor_id":"T","rule":"r","state":"{}"},{"sensor_id":"H","rule":"r","state":null}],"rejected":[{"topic":"t","payload":[0,120],"payload_bytes":2,"reason":"not JSON","received_at":"2024-08-14T10:30:00Z"}],"actions":[{"action":{"what":{"Shelve":{"lasting":{"secs":90,"nanos":0},"is_one_shot":true}},"alarm":{"Of":{"rule":"r","sensor_id":"T"}},"operator":{"by":"Zoé","why":"\"checked\"\n"},"at":"2024-08-14T10:30:00Z","via":"Cli"},"of":{"alert_id":"0123456789abcdef","rule":"r","sensor_id":"T"},"outcome":{"Ok":true}},{"action":{"what":"Acknowledge","alarm":{"Id":"0123456789abcdef"},"operator":{"by":"Zoé","why":null},"at":"2024-08-14T10:30:00Z","via":"Mqtt"},"of":null,"outcome":{"Err":{"NotNow":"it is normal"}}}]}"#,
    r#"{"number":3,"through":30,"watch":{"secs":6,"nanos":0},"readings":[],"alerts":[{"alert_id":"a","rule":"r","alert_type":"HIGH_TEMPERATURE","sensor_id":"T","location":"Hall","quantity":"temperature","value":null,"unit":"celsius","threshold":0.30000000000000004,"severity":"Critical","state":"Resolved","change":"ReturnedToService","operator":{"by":"Zoé","why":null},"message":"m","timestamp":"2024-08-14T10:30:05Z","announced":false,"is_silent_end":true,"in_flood":true}],"alarms":[],"rejected":[],"actions":[]}"#,
];

/// A database whose last batch has this number, and the folder beside it with these records.
fn left(batch: u64, records: &[&[u8]]) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let first = Store { number: batch, ..readings([temperature("T", 0, 20.0)]) };
    let (home, path) = stored(&[first]);
    let folder = home.path().join("sensor_data.db.alerts");
    let (mut journal, _) = Journal::open(&folder, 0).unwrap();
    for record in records {
        journal.append(record).unwrap();
    }
    (home, path, folder)
}

fn start(path: &Path) -> Prepared {
    prepare(settings(path), &[]).unwrap()
}

#[test]
fn what_follows_on_the_database_is_committed_and_the_folder_removed() {
    let (_home, path, folder) = left(1, &RECORDS.map(str::as_bytes));
    let progress = start(&path).progress;
    assert_eq!((progress.batch, progress.position, progress.last_event), (3, 30, 2));
    assert!(!folder.exists());
    assert_eq!(number(&path, "SELECT count(*) FROM readings"), 3);
    let sql = "SELECT id || transition || announced || silent_end || in_flood || threshold
        || coalesce(\"by\", '-') || quote(value) FROM alerts ORDER BY id";
    assert_eq!(
        texts(&path, sql),
        ["1raised10035.0-38.2", "2returned-to-service0110.30000000000000004Zoé''"]
    );
    let sql = "SELECT action || via || outcome || alarm FROM operator_actions ORDER BY id";
    let expected =
        ["shelveclidone0123456789abcdef", "acknowledgemqttrefused: it is normal0123456789abcdef"];
    assert_eq!(texts(&path, sql), expected);
    assert_eq!(texts(&path, "SELECT sensor_id || state FROM alarm_states"), ["T{}"]);
    assert_eq!(number(&path, "SELECT count(*) FROM rejected_messages"), 1);
    assert_eq!(start(&path).progress, progress, "once");
}

#[test]
fn also_where_commits_wait_for_the_device() {
    let (_home, path, _) = left(1, &RECORDS.map(str::as_bytes));
    let settings = Settings { durability: Durability::Power, ..settings(&path) };
    assert_eq!(prepare(settings, &[]).unwrap().progress.batch, 3);
}

#[test]
fn what_was_committed_before_is_left_out() {
    let (_home, path, _) = left(2, &RECORDS.map(str::as_bytes));
    assert_eq!(start(&path).progress.batch, 3);
    assert_eq!(texts(&path, "SELECT alert_id FROM alerts"), ["a"]);
}

#[test]
fn after_a_gap_the_rest_is_left_to_be_evaluated_again() {
    let [second, third] = RECORDS.map(str::as_bytes);
    let later = br#"{"of": "a later version"}"#.as_slice();
    for (records, reached) in [(&[third][..], 1), (&[second, later, third][..], 2)] {
        let (_home, path, folder) = left(1, records);
        assert_eq!(start(&path).progress.batch, reached);
        assert!(!folder.exists());
    }
}

#[test]
fn a_database_that_has_no_batch_is_another_one() {
    let (home, _, folder) =
        left(1, &[RECORDS[0].replace("\"number\":2", "\"number\":1").as_bytes()]);
    let new = home.path().join("new.db");
    std::fs::rename(&folder, home.path().join("new.db.alerts")).unwrap();
    assert_eq!(start(&new).progress.batch, 0);
}

#[test]
fn a_write_that_was_cut_short_is_left_out() {
    let (_home, path, folder) = left(1, &RECORDS.map(str::as_bytes));
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let segment = files.filter(|it| it.extension().is_some()).max().unwrap();
    let written = std::fs::read(&segment).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0).unwrap();
    std::fs::write(&segment, &written[..end]).unwrap();
    assert_eq!(start(&path).progress.batch, 2);
}
