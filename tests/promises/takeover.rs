//! What an earlier version left on disk is taken over at the first start.

use std::path::Path;
use std::process::Command;

use vigie::config::Durability;
use vigie::store::{AlertFilter, History, Settings, prepare};

/// The installation was killed while another program held the database: its seven alerts had been published.
#[test]
fn alerts_published_by_a_killed_installation_are_stored_under_their_ids() {
    let archive = Path::new("../shared/data/installations/killed-while-locked.tar.gz");
    if !archive.exists() {
        assert!(std::env::var("CI").is_err(), "{} is not there", archive.display());
        eprintln!("SKIPPED: {} is not there", archive.display());
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(home.path()).status();
    assert!(unpacked.unwrap().success());
    let folder = home.path().join("killed-while-locked");
    let expected = std::fs::read(folder.join("expect.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let path = folder.join("sensor_data.db");
    let settings = Settings {
        path: path.clone(),
        durability: Durability::Process,
        rejected_keep: 100,
        naive: false,
    };
    prepare(settings, &[]).unwrap();
    let mut stored = Vec::new();
    let mut each = |row: vigie::store::AlertRow| {
        assert!(row.announced && row.published_at.is_none());
        stored.push(row.alert_id);
        Ok(())
    };
    History::open(&path).unwrap().alerts(&AlertFilter::default(), &mut each).unwrap();
    stored.sort_unstable();
    assert_eq!(serde_json::json!(stored), expected["alert_ids_heard"]);
    assert!(!folder.join("sensor_data.db.alerts").exists());
}
