//! `vigie check`: says whether a configuration file is valid, and if not, everything that is wrong.

use std::io::Write;
use std::path::Path;

use crate::app;
use crate::config::{self, AlertsConfig, ConfigErrors};
use crate::exit::Exit;

/// Checks the file at `path`. A valid one is summed up on stdout (exit code 0); the mistakes in an
/// invalid one go to stderr (exit code 2).
#[must_use]
pub fn run(path: &Path) -> Exit {
    // Whoever reads may have gone away, as `head` does: then there is nobody left to tell.
    match verdict(path) {
        Ok(summary) => {
            let _ = writeln!(std::io::stdout(), "{summary}");
            Exit::Ok
        }
        Err(complaint) => {
            let _ = writeln!(std::io::stderr(), "{complaint}");
            Exit::Usage
        }
    }
}

/// What there is to say of the file: a line if it is valid, every mistake if not.
fn verdict(path: &Path) -> Result<String, String> {
    let config = app::load(path).map_err(|errors| complaint(path, &errors))?;
    let sensors = counted(config.sensors.len(), "sensor");
    let rules = counted(num_rules(&config.alerts) + config.rules.len(), "rule");
    Ok(format!("{}: ok ({sensors}, {rules})", path.display()))
}

/// The errors, and how many there are when it is more than a line.
fn complaint(path: &Path, errors: &ConfigErrors) -> String {
    match errors.as_slice() {
        [only] if only.place.is_none() => only.to_string(),
        all => format!("{errors}\n{}: {}", path.display(), counted(all.len(), "error")),
    }
}

/// Each limit of a quantity is a rule, whether for all its sensors or for some.
fn num_rules(alerts: &AlertsConfig) -> usize {
    let of_quantity = |thresholds: &config::Thresholds| {
        let all = || thresholds.sensors.values().chain([&thresholds.default]);
        let has_high = all().any(|limits| limits.high.is_some());
        let has_low = all().any(|limits| limits.low.is_some());
        usize::from(has_high) + usize::from(has_low)
    };
    alerts.thresholds.values().map(of_quantity).sum()
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_on(text: &str) -> (Result<String, String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        (verdict(&path), path.display().to_string())
    }

    #[test]
    fn sums_up_a_valid_file() {
        let (said, path) = verdict_on(
            "[broker]\n[[sensors]]\nid = 'T{1..4}'\nsource = { type = 'simulated' }\n\
             [alerts.temperature]\nhigh = 35\n[alerts.temperature.sensors.A]\nlow = 1\n\
             [alerts.temperature.sensors.B]\nlow = 2\n",
        );
        assert_eq!(said, Ok(format!("{path}: ok (4 sensors, 2 rules)")));
        let (said, path) = verdict_on("[broker]\n[alerts.co2]\nhigh = 1000\n");
        assert_eq!(said, Ok(format!("{path}: ok (0 sensors, 1 rule)")));
    }

    #[test]
    fn lists_and_counts_the_errors() {
        let (said, path) = verdict_on("[broker]\nx = 1\ny = 2\n");
        let said = said.unwrap_err();
        assert_eq!(said.matches(": error: ").count(), 2);
        assert!(said.ends_with(&format!("\n{path}: 2 errors")), "{said}");
    }

    #[test]
    fn a_missing_file_is_one_line() {
        let said = verdict(Path::new("no/such.toml")).unwrap_err();
        assert_eq!(said, "no/such.toml: error: there is no such file; name one with -c FILE");
    }
}
