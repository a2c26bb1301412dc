//! What a notification is to tell. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::group::Status;

/// A notification to be: which events it tells, not yet their words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Names the group.
    pub group: Arc<str>,
    /// Labels that all entries have in common.
    pub labels: BTreeMap<String, String>,
    /// News first, each half in the order of its rows.
    pub entries: Vec<Entry>,
    /// How many more alarms of the group it would tell of, had it room.
    pub truncated: usize,
    /// Which notification of its group it is, from 1.
    pub number: u64,
    /// Whether all news is in it.
    pub(super) is_whole: bool,
    /// Number of the last event that the repetition under way has told with it; `None` if nothing is to follow.
    pub(super) told_to: Option<u64>,
}

/// One alarm in a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the alert.
    pub alert_id: Arc<str>,
    /// The stored event that says how it is.
    pub number: u64,
    /// State that is notified.
    pub status: Status,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// Whether the receiver has not been told so before.
    pub is_news: bool,
}

#[cfg(test)]
mod tests {
    use super::super::Terms;
    use super::super::tests::*;

    #[test]
    fn who_forgets_what_is_not_repeated_is_told_of_all_in_parts() {
        let mut bench = Bench::new(Terms { at_most: 2, names_all: true, ..terms() });
        for (n, id) in ["a", "b", "c", "d", "e"].iter().enumerate() {
            bench.raise(id, &format!("A{n}"), 0);
        }
        assert_eq!(bench.tell(WAIT).unwrap(), "a firing, b firing");
        assert_eq!(bench.tell(WAIT).unwrap(), "c firing, d firing");
        assert_eq!(
            bench.tell(WAIT).unwrap(),
            "e firing, a* firing",
            "news first, and then the others"
        );
        assert_eq!(bench.tell(WAIT).unwrap(), "b* firing, c* firing");
        assert_eq!(bench.tell(WAIT).unwrap(), "d* firing, e* firing");
        assert_eq!(bench.tell(WAIT + REPEAT - 1), None);
        let again = WAIT + REPEAT;
        assert_eq!(bench.tell(again).unwrap(), "a* firing, b* firing");
        bench.end("a", "A0", again);
        let draft = bench.groups.due(at(again));
        assert_eq!(draft, None, "news waits for its interval, and the rest with it");
        let then = again + INTERVAL;
        assert_eq!(bench.tell(then).unwrap(), "a resolved, c* firing");
        assert_eq!(bench.tell(then).unwrap(), "d* firing, e* firing");
        assert_eq!(bench.tell(then), None);
        bench.keep();
        bench.restart();
        assert_eq!(bench.tell(then + REPEAT).unwrap(), "b* firing, c* firing");
    }
}
