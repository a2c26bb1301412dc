//! One notification: content of one message to a receiver, independent of the channel. Pure.
//!
//! [`super::groups`] decides which events it contains, a [`super::channel`] delivers it. Any
//! announced alert event can be notified so, including summaries.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::draft::{Draft, Entry};
use super::fingerprint::TextFingerprint;
use super::runbooks::Runbooks;
use super::status::Status;
use crate::domain::{AlertEvent, Priority};
use crate::locale::{AlarmPhrase, NotifyWords};

/// One message to one receiver, independent of the channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// Id; equal when the same notification is sent again, so that receivers can deduplicate.
    pub id: String,
    /// Labels that its alarms share, by the receiver's `group_by`.
    pub group_labels: BTreeMap<String, String>,
    /// Alarms; pending changes first.
    pub alarms: Vec<NotifiedAlarm>,
    /// Number of further alarms.
    pub truncated: usize,
    /// Whether it was escalated to this receiver.
    pub is_escalated: bool,
    /// Text in place of alarms. One placeholder alarm remains, for receivers that are programs.
    pub notice: Option<Notice>,
}

/// A message that is not about alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Subject, in one short line.
    pub subject: String,
    /// Text; each line ends with a line feed.
    pub text: String,
}

/// An alarm in a notification.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifiedAlarm {
    /// Last event of the alarm.
    pub event: AlertEvent,
    /// State of the alarm.
    pub status: Status,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// Whether the receiver does not know this status yet.
    pub is_news: bool,
    /// Address of the rule's runbook, if it has one.
    pub runbook: Option<Arc<str>>,
}

impl Notification {
    /// Notification of a draft and its events. Entries whose event is no longer stored are left
    /// out.
    #[must_use]
    pub fn new(
        receiver: Arc<str>,
        draft: &Draft,
        events: Vec<AlertEvent>,
        runbooks: &Runbooks,
    ) -> Self {
        let id = id(&receiver, draft);
        let mut by_number: HashMap<u64, AlertEvent> =
            events.into_iter().map(|event| (event.number, event)).collect();
        let alarm = |entry: &Entry| {
            let event = by_number.remove(&entry.number)?;
            let runbook = runbooks.get(&event.rule).cloned();
            let Entry { status, starts_at, is_news, .. } = *entry;
            Some(NotifiedAlarm { event, status, starts_at, is_news, runbook })
        };
        let alarms = draft.entries.iter().filter_map(alarm).collect();
        Self {
            receiver,
            id,
            group_labels: draft.labels.clone(),
            alarms,
            truncated: draft.truncated,
            is_escalated: false,
            notice: None,
        }
    }

    /// Firing as long as one of its alarms is.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.num(Status::Firing) > 0 { Status::Firing } else { Status::Resolved }
    }

    /// Number of alarms with this status.
    #[must_use]
    pub fn num(&self, status: Status) -> usize {
        self.alarms.iter().filter(|alarm| alarm.status == status).count()
    }

    /// Highest priority of the firing alarms, or of all if none is firing.
    #[must_use]
    pub fn priority(&self) -> Priority {
        let of_status = self.alarms.iter().filter(|alarm| alarm.status == self.status());
        of_status.map(|alarm| alarm.event.severity).max().unwrap_or(Priority::Low)
    }

    /// Name of the group: `Hall 3`, or `Hall 3, high-temperature`; empty for the group of all
    /// alarms.
    #[must_use]
    pub fn group_name(&self) -> String {
        let values = self.group_labels.values().filter(|value| !value.is_empty());
        values.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Subject in one line of at most 998 bytes, the limit of mail.
    #[must_use]
    pub fn subject(&self, words: &NotifyWords) -> String {
        if let Some(notice) = &self.notice {
            return notice.subject.clone();
        }
        let (firing, resolved) = (self.num(Status::Firing), self.num(Status::Resolved));
        (words.subject)(&one_line(&self.group_name()), firing, resolved)
    }

    /// Text: raised, resolved and continuing alarms, one line each.
    #[must_use]
    pub fn text(&self, words: &NotifyWords) -> String {
        if let Some(notice) = &self.notice {
            return notice.text.clone();
        }
        let mut text = String::new();
        let raised = |alarm: &&NotifiedAlarm| alarm.status == Status::Firing && alarm.is_news;
        let over = |alarm: &&NotifiedAlarm| alarm.status == Status::Resolved;
        let standing = |alarm: &&NotifiedAlarm| alarm.status == Status::Firing && !alarm.is_news;
        let raised_title = if self.is_escalated { words.unacknowledged } else { words.raised };
        self.section(&mut text, raised_title, raised, words);
        self.section(&mut text, words.over, over, words);
        self.section(&mut text, words.standing, standing, words);
        if self.truncated > 0 {
            text += &format!("{}\n", (words.truncated)(self.truncated));
        }
        text
    }

    fn section(
        &self,
        text: &mut String,
        title: &str,
        is_in_it: impl Fn(&&NotifiedAlarm) -> bool,
        words: &NotifyWords,
    ) {
        let mut alarms = self.alarms.iter().filter(is_in_it).peekable();
        if alarms.peek().is_none() {
            return;
        }
        text.push_str(title);
        text.push('\n');
        for alarm in alarms {
            let NotifiedAlarm { event, starts_at, runbook, .. } = alarm;
            let ends_at = (alarm.status == Status::Resolved).then_some(event.timestamp);
            let said = AlarmPhrase { event, starts_at: *starts_at, ends_at };
            *text += &format!("  {}\n", (words.alarm)(&said));
            if let (Some(runbook), Status::Firing) = (runbook, alarm.status) {
                *text += &format!("    {}\n", (words.runbook)(runbook));
            }
        }
        text.push('\n');
    }
}

/// Limit of a name in a subject, in characters of at most four bytes.
const LONGEST_NAME: usize = 200;

/// Name that fits in a line: truncated, without characters that end the line or change its
/// direction.
pub(super) fn one_line(name: &str) -> String {
    let is_unfit = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let fit = |c: char| if is_unfit(c) { ' ' } else { c };
    let is_cut = name.chars().nth(LONGEST_NAME).is_some();
    let kept = if is_cut { LONGEST_NAME - 1 } else { LONGEST_NAME };
    let line: String = name.chars().take(kept).map(fit).collect();
    if is_cut { format!("{}…", line.trim_end()) } else { line }
}

fn id(receiver: &str, draft: &Draft) -> String {
    let mut hash = TextFingerprint::default();
    hash.add(receiver);
    hash.add(&draft.group);
    hash.add(&draft.number.to_string());
    for entry in draft.entries.iter().filter(|entry| entry.is_news) {
        hash.add(&entry.alert_id);
        hash.add(entry.status.as_str());
    }
    hash.hex()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::notification;

    #[test]
    fn the_text_says_what_is_new_first() {
        let text = |language: Language| notification().text(language.words().notify);
        assert_eq!(
            text(Language::English),
            "Raised:\n  [HIGH] A is hot (A, Hall \"3\"), since 2024-08-14 10:30:00 UTC\n    \
             What to do: https://r\n\n\
             Over:\n  [HIGH] B is fine (B, Hall \"3\"), from 2024-08-14 10:30:00 UTC until \
             2024-08-14 10:31:40 UTC\n\n\
             Still active:\n  [HIGH] C is hot (C, Hall \"3\"), since 2024-08-14 10:30:00 UTC\n    \
             What to do: https://r\n\n… and 2 more\n"
        );
        let french = text(Language::French);
        let titles = ["Déclenchées:\n", "\nTerminées:\n", "\nToujours actives:\n", "Que faire: "];
        assert!(titles.iter().all(|title| french.contains(title)), "{french}");
        assert!(french.contains("du 2024-08-14 10:30:00 UTC au 2024-08-14 10:31:40 UTC"));
        let escalated = Notification { is_escalated: true, ..notification() };
        let text = escalated.text(Language::English.words().notify);
        assert!(
            text.starts_with("Raised, and acknowledged by nobody:\n  [HIGH] A is hot"),
            "{text}"
        );
    }

    #[test]
    fn it_fires_as_long_as_one_alarm_does() {
        let mut notification = notification();
        let words = Language::English.words().notify;
        assert_eq!(notification.subject(words), "🚨 Hall \"3\", hot: 2 alarms active, 1 over");
        assert_eq!(
            (notification.status(), notification.priority()),
            (Status::Firing, Priority::High)
        );
        notification.alarms.retain(|alarm| alarm.status == Status::Resolved);
        assert_eq!(notification.status(), Status::Resolved);
    }

    #[test]
    fn a_subject_is_a_line_that_mail_servers_take() {
        let subject = |location: &str| {
            let group_labels = BTreeMap::from([("location".to_owned(), location.to_owned())]);
            let it = Notification { group_labels, ..notification() };
            [Language::English, Language::French].map(|it_in| it.subject(it_in.words().notify))
        };
        for location in ["x".repeat(60_000), "é ".repeat(30_000), "𒀀".repeat(15_000)] {
            for subject in subject(&location) {
                assert!(subject.len() < 998, "{}", subject.len());
                assert!(subject.contains("…: 2 alarm"), "the counts are kept: {subject}");
            }
        }
        let [clean, _] = subject("Hall\r\nBcc: x@y\0\u{202e}3\u{2028}");
        assert_eq!(clean, "🚨 Hall  Bcc: x@y  3 : 2 alarms active, 1 over");
        let whole = "x".repeat(LONGEST_NAME);
        assert!(subject(&whole)[0].contains(&format!("{whole}:")), "not cut");
    }

    #[test]
    fn an_event_that_is_gone_is_left_out() {
        let entry = |number| Entry {
            alert_id: format!("{number}").into(),
            number,
            status: Status::Firing,
            starts_at: DateTime::UNIX_EPOCH,
            is_news: true,
        };
        let mut draft = Draft::for_test(vec![entry(1), entry(2)]);
        let event = notification().alarms.remove(0).event;
        let events = vec![AlertEvent { number: 2, ..event }];
        let runbooks = Runbooks::from([("hot".into(), "https://r".into())]);
        let made = |draft: &Draft| Notification::new("r".into(), draft, events.clone(), &runbooks);
        let first = made(&draft);
        assert_eq!(first.alarms.len(), 1);
        assert_eq!(first.alarms[0].runbook.as_deref(), Some("https://r"));
        assert_eq!(first.id, made(&draft).id, "the same again");
        draft.number += 1;
        assert_ne!(first.id, made(&draft).id);
    }
}
