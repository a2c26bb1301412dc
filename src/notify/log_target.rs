//! Log target of notifications.

pub(super) const TARGET: &str = "vigie::notify";
