//! Notices of downtimes: for how long the daemon did not run. Pure.
//!
//! A mark with the time is persisted each minute and at a stop; the time from the last mark to the
//! next start is a downtime. Always: notified once, several in one message, and persisted until
//! then. Never: an alarm, or a notice of a first start.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::clock::after;
use super::fingerprint::TextFingerprint;
use super::notification::{Notice, Notification, NotifiedAlarm};
use super::status::Status;
use crate::domain::{AlertEvent, AlertState, Priority, Quantity, SensorId, Value};
use crate::locale::{DownTime, NotifyWords};

/// Keys of the persisted parts: the mark, and pending notices.
const MARK: &str = "alive";
const PENDING: &str = "starts";

/// Interval of marks: the precision of a downtime's start after a kill.
const MARK_EVERY: Duration = Duration::from_secs(60);

/// Limit of pending downtimes, as of a daemon that crashes repeatedly; drops the oldest.
const MOST_PENDING: usize = 20;

/// Rule and sensor name of a notice, for receivers that are programs.
const NAME: &str = "vigie-start";

/// A downtime, in microseconds of Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Down {
    from: i64,
    to: i64,
}

/// Downtimes that a receiver is notified of.
#[derive(Debug, Default)]
pub(super) struct DowntimeNotices {
    /// Whether notices are configured.
    is_on: bool,
    pending: Vec<Down>,
    due_at: DateTime<Utc>,
    /// Failed attempts in a row.
    pub failures: u32,
    retry_at: Option<DateTime<Utc>>,
    marked_at: Option<DateTime<Utc>>,
    is_mark_new: bool,
    is_pending_new: bool,
    /// Persisted parts to delete, since notices are off.
    to_remove: Vec<String>,
}

impl DowntimeNotices {
    /// Restores the state persisted by an earlier run. `started` is the start of this run, which is
    /// notified `wait` after it.
    pub(super) fn restore(
        is_on: bool,
        parts: &[(String, String)],
        started: Option<DateTime<Utc>>,
        wait: Duration,
    ) -> Self {
        let part = |name: &str| parts.iter().find(|(part, _)| part == name).map(|(_, text)| text);
        if !is_on {
            let kept = [MARK, PENDING].into_iter().filter(|name| part(name).is_some());
            return Self { to_remove: kept.map(ToOwned::to_owned).collect(), ..Self::default() };
        }
        let pending: Option<Vec<Down>> =
            part(PENDING).and_then(|text| serde_json::from_str(text).ok());
        let mut downtimes = Self { is_on, pending: pending.unwrap_or_default(), ..Self::default() };
        let mark: Option<i64> = part(MARK).and_then(|text| text.parse().ok());
        if let (Some(from), Some(to)) = (mark, started.map(|at| at.timestamp_micros())) {
            // The clock was set back: the downtime counts as zero.
            downtimes.pending.push(Down { from: from.min(to), to });
            let too_many = downtimes.pending.len().saturating_sub(MOST_PENDING);
            downtimes.pending.drain(..too_many);
            downtimes.is_pending_new = true;
        }
        downtimes.due_at = started.map(|at| after(at, wait)).unwrap_or_default();
        downtimes
    }

    /// Updates the mark, if due.
    pub(super) fn mark(&mut self, now: DateTime<Utc>) {
        let is_due = self.marked_at.is_none_or(|at| now < at || after(at, MARK_EVERY) <= now);
        if self.is_on && is_due {
            self.mark_now(now);
        }
    }

    /// Updates the mark.
    pub(super) fn mark_now(&mut self, now: DateTime<Utc>) {
        if self.is_on {
            self.marked_at = Some(now);
            self.is_mark_new = true;
        }
    }

    /// Time at which a notice or a mark is due.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        let mark = self.marked_at.filter(|_| self.is_on).map(|at| after(at, MARK_EVERY));
        [mark, self.notify_at()].into_iter().flatten().min()
    }

    fn notify_at(&self) -> Option<DateTime<Utc>> {
        let at = self.retry_at.map_or(self.due_at, |at| at.max(self.due_at));
        (!self.pending.is_empty()).then_some(at)
    }

    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.notify_at().is_some_and(|at| at <= now)
    }

    /// Removes the pending downtimes: they were notified, or refused for good.
    pub(super) fn delivered(&mut self) {
        self.pending.clear();
        (self.failures, self.retry_at, self.is_pending_new) = (0, None, true);
    }

    /// Notes a failed attempt.
    pub(super) fn failed(&mut self, retry_at: DateTime<Utc>) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(retry_at);
    }

    /// Allows an immediate retry of what failed.
    pub(super) fn retry_now(&mut self) {
        self.retry_at = None;
    }

    pub(super) fn has_changes(&self) -> bool {
        self.is_mark_new || self.is_pending_new || !self.to_remove.is_empty()
    }

    /// Changes to persist: key, and new text or `None` for a deletion.
    pub(super) fn take_changes(&mut self) -> Vec<(String, Option<String>)> {
        let mut changes: Vec<_> = self.to_remove.drain(..).map(|name| (name, None)).collect();
        if std::mem::take(&mut self.is_mark_new) {
            let mark = self.marked_at.map(|at| at.timestamp_micros().to_string());
            changes.push((MARK.to_owned(), mark));
        }
        if std::mem::take(&mut self.is_pending_new) {
            // Serialization of numbers can't fail.
            let text = serde_json::to_string(&self.pending).unwrap_or_default();
            changes.push((PENDING.to_owned(), (!self.pending.is_empty()).then_some(text)));
        }
        changes
    }

    /// Notification of the pending downtimes. `num_readings` were received since the last start.
    pub(super) fn notification(
        &self,
        receiver: &str,
        num_readings: u64,
        words: &NotifyWords,
    ) -> Option<Notification> {
        let time = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
        let down = |it: &Down| DownTime { from: time(it.from), to: time(it.to) };
        let downs: Vec<_> = self.pending.iter().map(down).collect();
        let last @ DownTime { from, to } = *downs.last()?;
        let notice = Notice {
            subject: (words.start_subject)(last),
            text: (words.start_text)(&downs, num_readings),
        };
        let mut id = TextFingerprint::default();
        id.add(receiver);
        self.pending.iter().for_each(|it| id.add(&it.to.to_string()));
        let event = AlertEvent {
            alert_id: id.hex().into(),
            rule: NAME.into(),
            alert_type: "START".into(),
            severity: Priority::Low,
            value: Value::new(num_readings as f64).ok(),
            state: AlertState::Resolved,
            message: notice.subject.clone(),
            timestamp: to,
            announced: true,
            ..AlertEvent::new(SensorId::new(NAME).ok()?, Quantity::temperature())
        };
        let alarm = NotifiedAlarm {
            event,
            status: Status::Resolved,
            starts_at: from,
            is_news: true,
            runbook: None,
        };
        Some(Notification {
            receiver: receiver.into(),
            id: id.hex(),
            group_labels: [("rule".to_owned(), NAME.to_owned())].into(),
            alarms: vec![alarm],
            truncated: 0,
            is_escalated: false,
            notice: Some(notice),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;

    const WAIT: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_723_631_400 + seconds, 0).unwrap()
    }

    /// Persists the changes of a run.
    fn keep(kept: &mut Vec<(String, String)>, downtimes: &mut DowntimeNotices) {
        for (name, text) in downtimes.take_changes() {
            kept.retain(|(part, _)| *part != name);
            kept.extend(text.map(|text| (name, text)));
        }
    }

    fn start(kept: &mut Vec<(String, String)>, seconds: i64) -> DowntimeNotices {
        let mut downtimes = DowntimeNotices::restore(true, kept, Some(at(seconds)), WAIT);
        downtimes.mark(at(seconds));
        keep(kept, &mut downtimes);
        downtimes
    }

    fn subject(downtimes: &DowntimeNotices) -> Option<String> {
        let words = Language::English.words().notify;
        downtimes.notification("r", 7, words).map(|it| it.subject(words))
    }

    #[test]
    fn the_first_start_is_no_news_and_the_next_one_is_until_it_is_told() {
        let mut kept = Vec::new();
        let mut first = start(&mut kept, 0);
        assert_eq!((subject(&first), first.is_due(at(99_999))), (None, false));
        assert_eq!(first.next_due(), Some(at(60)), "the next mark");
        first.mark(at(59));
        assert!(!first.has_changes());
        first.mark(at(60));
        keep(&mut kept, &mut first);
        let mut second = start(&mut kept, 300);
        assert_eq!(
            subject(&second).unwrap(),
            "🔁 Vigie was down from 2024-08-14 10:31:00 UTC to 2024-08-14 10:35:00 UTC"
        );
        assert!(!second.is_due(at(329)) && second.is_due(at(330)));
        second.failed(at(400));
        assert!(!second.is_due(at(399)) && second.is_due(at(400)));
        second.delivered();
        keep(&mut kept, &mut second);
        assert!(!second.is_due(at(500)));
        let again = DowntimeNotices::restore(true, &kept, None, WAIT);
        assert_eq!(subject(&again), None, "another incarnation is no start");
    }

    #[test]
    fn what_could_not_be_told_is_told_with_the_next_start() {
        let mut kept = Vec::new();
        for seconds in [0, 100, 200] {
            start(&mut kept, seconds);
        }
        let downtimes = start(&mut kept, 300);
        let words = Language::English.words().notify;
        let it = downtimes.notification("r", 7, words).unwrap();
        assert_eq!(
            it.text(words),
            "Vigie runs again. It was down:\n  from 2024-08-14 10:30:00 UTC to 2024-08-14 10:31:40 UTC\n  \
             from 2024-08-14 10:31:40 UTC to 2024-08-14 10:33:20 UTC\n  \
             from 2024-08-14 10:33:20 UTC to 2024-08-14 10:35:00 UTC\n\
             7 readings have come in since.\n"
        );
        for n in 0..100 {
            start(&mut kept, 400 + n);
        }
        assert_eq!(start(&mut kept, 900).pending.len(), MOST_PENDING);
    }

    #[test]
    fn a_receiver_that_does_not_ask_for_it_forgets_the_mark() {
        let mut kept = Vec::new();
        start(&mut kept, 0);
        assert_eq!(kept.len(), 1);
        let mut off = DowntimeNotices::restore(false, &kept, Some(at(100)), WAIT);
        off.mark(at(100));
        keep(&mut kept, &mut off);
        assert!(kept.is_empty(), "{kept:?}");
        assert_eq!((subject(&off), off.next_due()), (None, None));
    }

    #[test]
    fn a_clock_that_was_put_back_makes_no_negative_time() {
        let mut kept = Vec::new();
        start(&mut kept, 1_000);
        let downtimes = start(&mut kept, 0);
        assert_eq!(downtimes.pending[0].from, downtimes.pending[0].to);
    }
}
