//! Decodes made-up messages as one family, which `VIGIE_FUZZ` names: `VIGIE_FUZZ=homie cargo +nightly fuzz run
//! --fuzz-dir tests/fuzz decode`. libFuzzer ends the process at the first panic, caught or not.

#![no_main]

mod harness;

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vigie::ingest::formats::Formats;

static FORMATS: LazyLock<Formats> = LazyLock::new(|| {
    let family = std::env::var("VIGIE_FUZZ").expect("VIGIE_FUZZ names a file of tests/fuzz/tables");
    harness::formats(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tables/{family}.toml")))
});

fuzz_target!(|input: &[u8]| drop(harness::decode(&FORMATS, input)));
