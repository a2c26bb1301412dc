//! Parses `VIGIE_FAULTS`: faults injected for tests. Pure but for [`from_env`].

use std::time::Duration;

use crate::config::duration;
use crate::supervisor::{FaultInjection, InjectedFault};

/// The environment variable.
const VARIABLE: &str = "VIGIE_FAULTS";

/// The children that have fault points.
const CHILDREN: [&str; 4] = ["alerts", "broker", "gateway", "storage"];

/// Prefix of receivers' names, which can be injected too.
const RECEIVER: &str = "notify ";

/// The only one that commits rows.
const COMMITS: &str = "storage";

/// Faults requested by the environment; logged loudly.
///
/// # Errors
/// If the value is invalid; names the error.
pub(super) fn from_env() -> Result<FaultInjection, String> {
    let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(FaultInjection::default());
    };
    let text =
        text.into_string().map_err(|text| format!("{VARIABLE}: {} is no text", text.display()))?;
    let faults = parse(&text).map_err(|why| {
        format!("{VARIABLE}: {why}; write e.g. panic:alerts=13s,slow:storage=10ms, or unset it")
    })?;
    log::warn!(target: "vigie::app", "💥 FAULTS ON REQUEST, not for a daemon in use: {VARIABLE}={text}");
    Ok(faults)
}

fn has_fault_points(child: &str) -> bool {
    CHILDREN.contains(&child) || child.starts_with(RECEIVER)
}

fn parse(text: &str) -> Result<FaultInjection, String> {
    let mut faults = FaultInjection::default();
    for wish in text.split(',').map(str::trim) {
        let parts = wish.split_once(':').and_then(|(kind, rest)| {
            let (child, time) = rest.split_once('=')?;
            Some((kind, child, time))
        });
        let Some((kind, child, time)) = parts else {
            return Err(format!("`{wish}` is not of the form KIND:CHILD=DURATION"));
        };
        let time = duration::parse(time).map_err(|mistake| mistake.to_string())?;
        if time.is_zero() {
            return Err(format!("`{wish}`: the duration must be above 0"));
        }
        let fault = faults.0.entry(child.to_owned()).or_default();
        let place = place(fault, kind, child).map_err(|why| format!("`{wish}`: {why}"))?;
        if place.replace(time).is_some() {
            return Err(format!("{kind}:{child} is there twice"));
        }
    }
    Ok(faults)
}

/// Setting of a kind of fault for a child.
fn place<'a>(
    fault: &'a mut InjectedFault,
    kind: &str,
    child: &str,
) -> Result<&'a mut Option<Duration>, String> {
    match kind {
        "panic" if has_fault_points(child) => Ok(&mut fault.panic_every),
        "panic" => Err(format!("no child `{child}` has fault points; {} do", CHILDREN.join(", "))),
        "slow" if child == COMMITS => Ok(&mut fault.slow_by),
        "slow" => Err(format!("only {COMMITS} can be slow")),
        "full" if child == COMMITS => Ok(&mut fault.full_in),
        "full" => Err(format!("only {COMMITS} has a disk that can be full")),
        _ => Err(format!("`{kind}` is no fault; panic, slow and full are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_wished_for() {
        let faults =
            parse("panic:alerts=13s, slow:storage=10ms,panic:storage=1m,full:storage=6h").unwrap();
        let (alerts, storage) = (faults.0["alerts"], faults.0["storage"]);
        assert_eq!(faults.0.len(), 2);
        assert_eq!(alerts.panic_every, Some(Duration::from_secs(13)));
        assert_eq!(alerts.slow_by, None);
        assert_eq!(storage.panic_every, Some(Duration::from_secs(60)));
        assert_eq!(storage.slow_by, Some(Duration::from_millis(10)));
        assert_eq!(storage.full_in, Some(Duration::from_secs(6 * 3600)));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, what) in [
            ("alerts", "`alerts` is not of the form KIND:CHILD=DURATION"),
            ("panic:alerts=13s,", "`` is not of the form KIND:CHILD=DURATION"),
            ("panic:alerts=13", "`13` has no unit"),
            ("panic:alerts=0s", "the duration must be above 0"),
            ("panic:alert=1s", "no child `alert` has fault points; alerts, broker, gateway"),
            ("slow:alerts=1s", "only storage can be slow"),
            ("full:alerts=1s", "only storage has a disk that can be full"),
            ("burn:alerts=1s", "`burn` is no fault; panic, slow and full are"),
            ("panic:alerts=1s,panic:alerts=2s", "panic:alerts is there twice"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(what), "{text}: {why}");
        }
    }
}
