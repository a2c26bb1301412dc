//! Names of time zones. Pure.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::errors::{Mistake, quote};
use super::similar::closest;

/// A zone of the IANA time zone database.
pub(super) fn timezone(name: &str) -> Result<Tz, Mistake> {
    name.parse().map_err(|_| {
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        let city = |zone: &'static str| zone.rsplit('/').next().unwrap_or(zone);
        let meant = names()
            .find(|zone| zone.eq_ignore_ascii_case(name))
            .or_else(|| names().find(|zone| city(zone).eq_ignore_ascii_case(name)))
            .or_else(|| closest(name, names()));
        let hint = meant.map_or_else(
            || "use a name such as UTC or Europe/Paris".into(),
            |meant| format!("did you mean `{meant}`?"),
        );
        Mistake::new(format!("{} is no time zone", quote(name)), hint)
    })
}
