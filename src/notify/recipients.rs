//! Delivery state of a mail's recipients, and what their replies mean for it. Pure.
//!
//! Always: an address that has accepted the mail of a notification does not get it again while that
//! is remembered; a refusal of one address does not affect the others. Never: a notification
//! counted as delivered that no address has accepted.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::notification::Notification;
use super::outcome::{AttemptResult, DeliveryOutcome};

/// Limit of partially delivered notifications, one per group. Beyond it the oldest is forgotten,
/// and its mail is sent twice.
const MOST_PARTIAL: usize = 100;
/// Time for which an address that replies "later" delays further notifications to the others.
/// Longer than greylisting, shorter than a full mailbox lasts.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Interval at which a persistent refusal of an address is logged again.
const REMINDER: Duration = Duration::from_secs(600);

/// Reply to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecipientReply {
    Accepted,
    /// This mail is refused.
    Refused(String),
    /// The sender, or everything at present, is refused.
    Denied(String),
    Deferred(String),
}

/// Why an attempt got no further replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionError {
    pub why: String,
    /// True if the server refused this client; false if it was unreachable.
    pub is_denied: bool,
}

#[derive(Debug, Default)]
pub(super) struct Recipients {
    /// Partial deliveries, oldest first.
    partial: VecDeque<PartialDelivery>,
    /// State of each address of the receiver.
    addresses: BTreeMap<String, AddressState>,
}

/// Final replies to the mail of one notification.
#[derive(Debug)]
struct PartialDelivery {
    group: BTreeMap<String, String>,
    id: String,
    answers: BTreeMap<String, RecipientReply>,
}

/// State of one address.
#[derive(Debug, Default)]
struct AddressState {
    /// Time since which it replies "later" or "denied".
    since: Option<Instant>,
    said_at: Option<Instant>,
}

/// Addresses for which a mail is retried.
struct Waiting {
    why: String,
    is_denied: bool,
}

impl Recipients {
    /// Begins an attempt. Returns whether an address still needs the mail.
    ///
    /// Only the last notification of a group is remembered: ids repeat for devices without a clock.
    pub(super) fn begin(&mut self, notification: &Notification) -> impl Fn(&str) -> bool + '_ {
        let Notification { group_labels: group, id, .. } = notification;
        if self.find(notification).is_none() {
            self.partial.retain(|partial| partial.group != *group);
            if self.partial.len() >= MOST_PARTIAL {
                self.partial.pop_front();
            }
            let partial =
                PartialDelivery { group: group.clone(), id: id.clone(), answers: BTreeMap::new() };
            self.partial.push_back(partial);
        }
        let answers = self.find(notification).map(|partial| &partial.answers);
        move |address| !answers.is_some_and(|answers| answers.contains_key(address))
    }

    fn find(&self, notification: &Notification) -> Option<&PartialDelivery> {
        self.partial.iter().find(|partial| partial.is_of(notification))
    }

    /// Concludes an attempt with its replies. `broke` is the reason why there are no more.
    pub(super) fn conclude(
        &mut self,
        notification: &Notification,
        answers: Vec<(String, RecipientReply)>,
        broke: Option<SessionError>,
        now: Instant,
    ) -> AttemptResult {
        // Absent if an abandoned attempt ends after the next one has begun.
        let place = self.partial.iter().position(|partial| partial.is_of(notification));
        let partial = place.and_then(|place| self.partial.remove(place));
        let mut known = partial.map(|partial| partial.answers).unwrap_or_default();
        let (waiting, mut undelivered) = self.sort(answers, &mut known, now);
        let outcome = outcome(&known, &waiting, broke);
        let is_over =
            matches!(outcome, DeliveryOutcome::Delivered | DeliveryOutcome::Refused { .. });
        if let (Some(place), false) = (place, is_over) {
            let Notification { group_labels: group, id, .. } = notification;
            let partial = PartialDelivery { group: group.clone(), id: id.clone(), answers: known };
            self.partial.insert(place, partial);
        }
        // Has its own log line if every address refuses it.
        let is_given_up = matches!(outcome, DeliveryOutcome::Refused { .. });
        undelivered.retain(|(address, _)| !is_given_up && self.is_worth_a_line(address, now));
        AttemptResult { outcome, undelivered }
    }

    /// Adds final replies. Returns the addresses for which it is retried, and those that go
    /// undelivered.
    fn sort(
        &mut self,
        answers: Vec<(String, RecipientReply)>,
        known: &mut BTreeMap<String, RecipientReply>,
        now: Instant,
    ) -> (Vec<Waiting>, Vec<(String, String)>) {
        let mut given = known.values().chain(answers.iter().map(|(_, answer)| answer));
        let some_have_it = given.any(|answer| *answer == RecipientReply::Accepted);
        let (mut waiting, mut undelivered) = (Vec::new(), Vec::new());
        for (address, answer) in answers {
            let holds = self.holds_up(&address, &answer, some_have_it, now);
            let is_denied = matches!(answer, RecipientReply::Denied(_));
            match answer {
                RecipientReply::Denied(why) | RecipientReply::Deferred(why) if holds => {
                    waiting.push(Waiting { why: format!("{address}: {why}"), is_denied });
                }
                RecipientReply::Accepted => drop(known.insert(address, RecipientReply::Accepted)),
                RecipientReply::Refused(why)
                | RecipientReply::Denied(why)
                | RecipientReply::Deferred(why) => {
                    undelivered.push((address.clone(), why.clone()));
                    known.insert(address, RecipientReply::Refused(why));
                }
            }
        }
        (waiting, undelivered)
    }

    /// Whether the notification is retried for this address.
    fn holds_up(
        &mut self,
        address: &str,
        answer: &RecipientReply,
        some_have_it: bool,
        now: Instant,
    ) -> bool {
        let trouble = self.addresses.entry(address.to_owned()).or_default();
        if !matches!(answer, RecipientReply::Denied(_) | RecipientReply::Deferred(_)) {
            trouble.since = None;
            return false;
        }
        let since = *trouble.since.get_or_insert(now);
        !some_have_it || now.saturating_duration_since(since) < PATIENCE
    }

    fn is_worth_a_line(&mut self, address: &str, now: Instant) -> bool {
        let said_at = &mut self.addresses.entry(address.to_owned()).or_default().said_at;
        let is_known = said_at.is_some_and(|at| now.saturating_duration_since(at) < REMINDER);
        if !is_known {
            *said_at = Some(now);
        }
        !is_known
    }
}

impl PartialDelivery {
    fn is_of(&self, notification: &Notification) -> bool {
        self.id == notification.id && self.group == notification.group_labels
    }
}

fn outcome(
    known: &BTreeMap<String, RecipientReply>,
    waiting: &[Waiting],
    broke: Option<SessionError>,
) -> DeliveryOutcome {
    match broke {
        Some(SessionError { why, is_denied: true }) => {
            return DeliveryOutcome::Denied { why, after: None };
        }
        Some(SessionError { why, is_denied: false }) => {
            return DeliveryOutcome::Unreachable { why };
        }
        None => {}
    }
    if !waiting.is_empty() {
        let why = waiting.iter().map(|it| it.why.as_str()).collect::<Vec<_>>().join("; ");
        let has_none = !known.values().any(|answer| *answer == RecipientReply::Accepted);
        let is_denied = has_none && waiting.iter().all(|it| it.is_denied);
        return if is_denied {
            DeliveryOutcome::Denied { why, after: None }
        } else {
            DeliveryOutcome::Later { why, after: None }
        };
    }
    let refusal = |(address, answer): (&String, &RecipientReply)| match answer {
        RecipientReply::Refused(why) => Some(format!("{address}: {why}")),
        RecipientReply::Accepted | RecipientReply::Denied(_) | RecipientReply::Deferred(_) => None,
    };
    let refusals: Vec<_> = known.iter().filter_map(refusal).collect();
    if refusals.len() == known.len() {
        return DeliveryOutcome::Refused { why: refusals.join("; ") };
    }
    DeliveryOutcome::Delivered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::fixtures::notification;

    fn answers(of: &[(&str, RecipientReply)]) -> Vec<(String, RecipientReply)> {
        of.iter().map(|(address, answer)| ((*address).to_owned(), answer.clone())).collect()
    }

    fn refused() -> RecipientReply {
        RecipientReply::Refused("550 gone".into())
    }

    fn not_now() -> RecipientReply {
        RecipientReply::Deferred("450 later".into())
    }

    /// One attempt with these replies.
    fn attempt(
        them: &mut Recipients,
        notification: &Notification,
        of: &[(&str, RecipientReply)],
        now: Instant,
    ) -> AttemptResult {
        let _ = them.begin(notification);
        them.conclude(notification, answers(of), None, now)
    }

    #[test]
    fn one_that_refuses_keeps_the_mail_from_no_other_and_is_named_now_and_then() {
        let (mut them, now) = (Recipients::default(), Instant::now());
        let mut lines = |after: u64| {
            let now = now + Duration::from_secs(after);
            let of = [("a@x", RecipientReply::Accepted), ("b@x", refused())];
            let conclusion = attempt(&mut them, &notification(), &of, now);
            assert_eq!(conclusion.outcome, DeliveryOutcome::Delivered);
            conclusion.undelivered
        };
        assert_eq!(lines(0), [("b@x".to_owned(), "550 gone".to_owned())]);
        assert_eq!(lines(599), []);
        assert_eq!(lines(600).len(), 1);
    }

    #[test]
    fn a_mail_that_nobody_takes_is_refused() {
        let (mut them, now) = (Recipients::default(), Instant::now());
        let of = [("a@x", refused()), ("b@x", refused())];
        let conclusion = attempt(&mut them, &notification(), &of, now);
        let why = "a@x: 550 gone; b@x: 550 gone".to_owned();
        assert_eq!(
            conclusion,
            AttemptResult { outcome: DeliveryOutcome::Refused { why }, undelivered: vec![] }
        );
    }

    #[test]
    fn who_has_it_is_not_asked_again_and_who_has_not_is() {
        let (mut them, now, it) = (Recipients::default(), Instant::now(), notification());
        let of = [("a@x", RecipientReply::Accepted), ("b@x", not_now()), ("c@x", refused())];
        let conclusion = attempt(&mut them, &it, &of, now);
        assert!(
            matches!(conclusion.outcome, DeliveryOutcome::Later { after: None, .. }),
            "{conclusion:?}"
        );
        let open = |them: &mut Recipients, it: &Notification| {
            let is_open = them.begin(it);
            ["a@x", "b@x", "c@x"].map(is_open)
        };
        assert_eq!(open(&mut them, &it), [false, true, false]);
        let conclusion = attempt(&mut them, &it, &[("b@x", refused())], now);
        assert_eq!(conclusion.outcome, DeliveryOutcome::Delivered, "a has it");
        assert_eq!(open(&mut them, &it), [true; 3], "it is done with: the id may come again");
        let newer = Notification { id: "newer".into(), ..notification() };
        attempt(&mut them, &it, &of, now);
        assert_eq!(open(&mut them, &newer), [true; 3]);
        assert_eq!(open(&mut them, &it), [true; 3], "overtaken");
    }

    #[test]
    fn an_attempt_that_broke_off_is_made_again_without_those_that_refused() {
        let (mut them, now, it) = (Recipients::default(), Instant::now(), notification());
        let _ = them.begin(&it);
        let broke = |is_denied| Some(SessionError { why: "gone".to_owned(), is_denied });
        let conclusion = them.conclude(&it, answers(&[("b@x", refused())]), broke(false), now);
        assert_eq!(conclusion.outcome, DeliveryOutcome::Unreachable { why: "gone".into() });
        assert_eq!(["a@x", "b@x"].map(them.begin(&it)), [true, false]);
        let conclusion = them.conclude(&it, Vec::new(), broke(true), now);
        assert_eq!(conclusion.outcome, DeliveryOutcome::Denied { why: "gone".into(), after: None });
        assert_eq!(["a@x", "b@x"].map(them.begin(&it)), [true, false]);
    }

    #[test]
    fn a_mailbox_that_stays_full_holds_nobody_else_up_for_long() {
        let (mut them, start) = (Recipients::default(), Instant::now());
        let of = [("a@x", RecipientReply::Accepted), ("b@x", not_now())];
        let mut outcome = |of: &[(&str, RecipientReply)], after: Duration| {
            attempt(&mut them, &notification(), of, start + after).outcome
        };
        assert!(matches!(outcome(&of, Duration::ZERO), DeliveryOutcome::Later { .. }));
        assert!(matches!(outcome(&of[1..], PATIENCE / 2), DeliveryOutcome::Later { .. }));
        assert_eq!(outcome(&of[1..], PATIENCE), DeliveryOutcome::Delivered);
        assert_eq!(outcome(&of, PATIENCE), DeliveryOutcome::Delivered, "nor the next");
        assert!(
            matches!(outcome(&of[1..], PATIENCE), DeliveryOutcome::Later { .. }),
            "nobody has it"
        );
        outcome(&[("b@x", RecipientReply::Accepted)], PATIENCE);
        assert!(
            matches!(outcome(&of, PATIENCE), DeliveryOutcome::Later { .. }),
            "it is patient again"
        );
    }

    #[test]
    fn a_sender_that_is_denied_everywhere_is_tried_again_for_all_its_mails() {
        let (mut them, now) = (Recipients::default(), Instant::now());
        let denied = || RecipientReply::Denied("554 5.7.1 relay".into());
        let mut outcome =
            |of: &[(&str, RecipientReply)]| attempt(&mut them, &notification(), of, now).outcome;
        let everywhere = outcome(&[("a@x", denied()), ("b@x", refused()), ("c@x", denied())]);
        let why = "a@x: 554 5.7.1 relay; c@x: 554 5.7.1 relay".to_owned();
        assert_eq!(everywhere, DeliveryOutcome::Denied { why, after: None }, "nothing is given up");
        let mixed = outcome(&[("a@x", denied()), ("c@x", not_now())]);
        assert!(matches!(mixed, DeliveryOutcome::Later { .. }), "{mixed:?}");
        let partial = outcome(&[("a@x", RecipientReply::Accepted), ("c@x", denied())]);
        assert!(
            matches!(partial, DeliveryOutcome::Later { .. }),
            "others are told meanwhile: {partial:?}"
        );
        let after = now + PATIENCE;
        let last = attempt(&mut them, &notification(), &[("c@x", denied())], after);
        assert_eq!(last.outcome, DeliveryOutcome::Delivered);
        assert_eq!(last.undelivered, [("c@x".to_owned(), "554 5.7.1 relay".to_owned())]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut them, now) = (Recipients::default(), Instant::now());
        for n in 0..=MOST_PARTIAL {
            let group_labels = BTreeMap::from([("location".to_owned(), n.to_string())]);
            let it = Notification { group_labels, ..notification() };
            attempt(&mut them, &it, &[("a@x", RecipientReply::Accepted), ("b@x", not_now())], now);
        }
        assert_eq!(them.partial.len(), MOST_PARTIAL);
    }
}
