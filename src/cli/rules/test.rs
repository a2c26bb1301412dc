//! `vigie rules test`: runs files of rule tests.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::config::rule_tests;
use crate::exit::Exit;
use crate::rehearsal::test::failures;

/// Runs rule tests, by the alarm engine the daemon has, with no daemon and no database.
///
/// Ends with 0 when all pass, 1 when one fails, 2 when a file can't be used.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Test files, such as `config/cold-chain.test.toml`.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[must_use]
pub(super) fn run(args: &Args) -> Exit {
    let results = args.files.iter().map(|file| one_file(file));
    // All files, whatever becomes of the first.
    let exits: Vec<_> = results.collect();
    let has = |exit: Exit| exits.contains(&exit);
    [Exit::Usage, Exit::Failed].into_iter().find(|exit| has(*exit)).unwrap_or(Exit::Ok)
}

fn one_file(file: &Path) -> Exit {
    let name = file.display().to_string();
    let tests = match rule_tests::load(file) {
        Ok(tests) => tests,
        Err(errors) => {
            let _ = writeln!(io::stderr(), "{errors}"); // nobody left to tell
            return Exit::Usage;
        }
    };
    let failures = failures(&tests, &name);
    let (count, failed) = (tests.tests.len(), failures.len());
    let mut text = failures.join("\n");
    let verdict = match (count, failed) {
        (1, 0) => "1 test passed".to_owned(),
        (_, 0) => format!("{count} tests passed"),
        _ => format!("{failed} of {count} failed"),
    };
    if failed > 0 {
        text.push('\n');
    }
    // Whoever reads may have gone away, as `head` does: the exit code says it too.
    let _ = writeln!(io::stdout(), "{text}{name}: {verdict}");
    if failed == 0 { Exit::Ok } else { Exit::Failed }
}
