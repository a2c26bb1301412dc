//! The maximum number of alarms: the API returns them in pages, in memory that does not grow with their number.

use std::collections::BTreeSet;

use r2d2_sqlite::rusqlite::Connection;
use serde_json::Value;

use crate::fixture::Fixture;
use crate::support::resident_kib;

/// Limit of alarms that a restart resumes.
const MANY: usize = 250_000;

/// Maximum page size.
const PAGE: usize = 10_000;

/// Memory for two of the longest pages at a time, as alarms and as text, and the allocator's free pages.
const MOST_KIB: u64 = 64 * 1024;

#[test]
fn a_quarter_of_a_million_alarms_are_handed_out_in_bounded_memory() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("S", 30.0);
    let path = fixture.home.db().path().clone();
    let copy = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1 - 1)
        INSERT INTO alarm_states (sensor_id, rule, state)
        SELECT printf('S_%06d', n), rule, state FROM n, alarm_states WHERE sensor_id = 'S'";
    let added = Connection::open(path)
        .expect("opened")
        .execute(copy, [i64::try_from(MANY).expect("small")])
        .expect("copied");
    assert_eq!(added, MANY - 1);

    let memory = || resident_kib(fixture.daemon.pid()).expect("it runs");
    let (before, mut most, mut num_kib) = (memory(), 0, 0);
    let (mut found, mut after) = (BTreeSet::new(), String::new());
    loop {
        let path = format!("/api/v1/alarms?limit={PAGE}{after}");
        // Two at a time, as two open dashboards would.
        let other = std::thread::spawn({
            let (api, path) = (fixture.home.api(), path.clone());
            move || api.ask_raw("GET", &path, &[], "").expect("an answer").body.len()
        });
        let raw = fixture.home.api().ask_raw("GET", &path, &[], "").expect("an answer");
        assert_eq!(other.join().expect("an answer"), raw.body.len());
        num_kib += raw.body.len() / 1024;
        most = memory().max(most);
        let page: Value = serde_json::from_slice(&raw.body).expect("JSON");
        let alarms = page["alarms"].as_array().expect("a list");
        assert!(alarms.len() <= PAGE);
        found.extend(alarms.iter().map(|it| it["sensor_id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found.len(), MANY);
    let taken = most.saturating_sub(before);
    println!("{num_kib} KiB in pages, {taken} KiB taken of memory");
    assert!(num_kib as u64 > MOST_KIB, "all at once would have shown: {num_kib} KiB");
    assert!(taken < MOST_KIB, "{taken} KiB for pages of {PAGE} alarms");
    assert_eq!(fixture.daemon.stop(), 0);
}
