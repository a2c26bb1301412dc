//! Each fuzzing seed (`tests/fuzz/seeds/`) decodes to a reading or an availability message. Seeds named `regression-…` broke
//! a decoder once, and only have to be handled.

#[path = "../fuzz/harness.rs"]
mod harness;

use std::fs;
use std::path::{Path, PathBuf};

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz");

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn brings(answer: &harness::Answer) -> bool {
    let Some(Ok(decoded)) = answer else { return false };
    !decoded.measurements.is_empty() || !decoded.availability.is_empty()
}

#[test]
fn each_fuzz_seed_decodes_to_something() {
    let mut families: Vec<String> =
        vigie::config::Preset::ALL.map(|(name, _)| name.to_owned()).to_vec();
    families.extend(["mapping", "origin"].map(str::to_owned));
    families.sort_unstable();
    let mut tables = files(&Path::new(FUZZ).join("tables"));
    tables.sort_unstable();
    assert_eq!(tables.iter().map(|it| name(it)).collect::<Vec<_>>(), families, "a file each");

    let mut empty = Vec::new();
    for (table, family) in tables.iter().zip(&families) {
        let formats = harness::formats(table);
        let seeds = files(&Path::new(FUZZ).join("seeds").join(family));
        assert!(!seeds.is_empty(), "{family} has no seeds");
        for seed in seeds {
            eprintln!("{}", seed.display()); // shown when one panics
            let answers = harness::decode(&formats, &fs::read(&seed).expect("a seed"));
            if !name(&seed).starts_with("regression-") && !answers.iter().any(brings) {
                empty.push(format!("{}: {answers:#?}", seed.display()));
            }
        }
    }
    assert!(empty.is_empty(), "{}", empty.join("\n"));
}
