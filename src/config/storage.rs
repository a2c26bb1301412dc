//! `[storage]` and `[log]`: what is stored on disk, and what is logged.

use log::LevelFilter;

use super::model::{Durability, LogConfig, LogFormat, StorageConfig};
use super::reader::TableReader;
use super::retention::retention;

pub(super) fn storage(mut table: TableReader<'_>) -> StorageConfig {
    let durability = [("process", Durability::Process), ("power", Durability::Power)];
    let storage = StorageConfig {
        path: table.path("path").map_or_else(|| "sensor_data.db".into(), |path| path.value),
        durability: table.choice("durability", &durability).unwrap_or(Durability::Process),
        rejected_keep: table.integer("rejected_keep").map_or(10_000, |keep| keep.value),
        retention: table.table("retention", "[storage.retention]").map(retention),
    };
    table.finish();
    storage
}

pub(super) fn log(mut table: TableReader<'_>) -> LogConfig {
    let levels = [
        ("off", LevelFilter::Off),
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
        ("trace", LevelFilter::Trace),
    ];
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log = LogConfig {
        level: table.choice("level", &levels).unwrap_or(LevelFilter::Info),
        format: table.choice("format", &formats).unwrap_or(LogFormat::Text),
        alerts_file: table.path("alerts_file").map(|path| path.value),
    };
    table.finish();
    log
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::testing::{accepted, said};
    use super::*;

    #[test]
    fn has_defaults() {
        let config = accepted("[broker]");
        assert_eq!(config.storage.path, Path::new("sensor_data.db"));
        assert_eq!(config.storage.durability, Durability::Process);
        assert_eq!(config.storage.rejected_keep, 10_000);
        assert_eq!(config.log.level, LevelFilter::Info);
        assert_eq!(config.log.format, LogFormat::Text);
        assert_eq!(config.log.alerts_file, None);
    }

    #[test]
    fn reads_everything() {
        let config = accepted(
            "[broker]\n[storage]\npath = \"a.db\"\ndurability = \"power\"\nrejected_keep = 0\n\
             [log]\nlevel = \"trace\"\nformat = \"json\"\nalerts_file = \"a.jsonl\"\n",
        );
        assert_eq!(config.storage.path, Path::new("a.db"));
        assert_eq!(config.storage.durability, Durability::Power);
        assert_eq!(config.storage.rejected_keep, 0);
        assert_eq!(config.log.level, LevelFilter::Trace);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.log.alerts_file.as_deref(), Some(Path::new("a.jsonl")));
    }

    #[test]
    fn checks() {
        assert_eq!(
            said("[broker]\n[storage]\npath = \"\"\nrejected_keep = -1\n[log]\nlevel = \"loud\""),
            [
                "3: `path` is empty",
                "4: `rejected_keep` is out of range",
                "6: `level` can't be `loud`"
            ]
        );
    }
}
