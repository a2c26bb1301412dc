//! Notifications in English: the twin of the French ones.

use super::{DownTime, NotifyWords, moment, place};
use crate::locale::heartbeat;

pub static WORDS: NotifyWords = NotifyWords {
    subject: |group, firing, resolved| {
        let of = |count| if count == 1 { "alarm" } else { "alarms" };
        let group = if group.is_empty() { String::new() } else { format!("{group}: ") };
        match (firing, resolved) {
            (0, over) => format!("✅ {group}{over} {} over", of(over)),
            (active, 0) => format!("🚨 {group}{active} {} active", of(active)),
            (active, over) => format!("🚨 {group}{active} {} active, {over} over", of(active)),
        }
    },
    raised: "Raised:",
    unacknowledged: "Raised, and acknowledged by nobody:",
    over: "Over:",
    standing: "Still active:",
    alarm: |told| {
        let (severity, message) = (told.event.severity.as_str(), &told.event.message);
        let since = moment(told.starts_at);
        let until = told.ends_at.map(|at| format!(" until {}", moment(at))).unwrap_or_default();
        let from = if told.ends_at.is_some() { "from" } else { "since" };
        format!("[{severity}] {message} ({}), {from} {since}{until}", place(told.event))
    },
    runbook: |runbook| format!("What to do: {runbook}"),
    truncated: |more| format!("… and {more} more"),
    sent: |receiver, subject| format!("📨 {receiver} was told: {subject}"),
    failed: |receiver, why, seconds| {
        format!(
            "❌ Receiver {receiver} can't be notified: {why}. Next try in {seconds:.1} s; nothing is lost"
        )
    },
    works_again: |receiver| format!("✅ Receiver {receiver} can be notified again"),
    given_up: |receiver, subject, why| {
        format!(
            "❌ Receiver {receiver} refuses a notification, which is given up: {why}. It said: \
             {subject}. Check the receiver's settings"
        )
    },
    address_refused: |receiver, address, why| {
        format!(
            "❌ Receiver {receiver}: {address} does not get a mail: {why}. The other addresses are \
             told. Correct this one"
        )
    },
    dropped: |receiver, total| {
        format!(
            "❌ Receiver {receiver} has been away for too long: {total} alarms that ended meanwhile \
             are never told to it. They are in the table `alerts`"
        )
    },
    cut: "… more than fits here: see `vigie alarms`",
    test: |receiver| {
        format!(
            "Test of receiver {receiver}: this is no alarm. Whoever reads it gets Vigie's alarms"
        )
    },
    test_place: "Test",
    escalated: |receiver, to, count| {
        let (of, go) = if count == 1 { ("alarm", "goes") } else { ("alarms", "go") };
        format!("⏫ {count} {of} that nobody acknowledged {go} on from {receiver} to {to}")
    },
    start_subject: |down| {
        format!("🔁 Vigie was down from {} to {}", moment(down.from), moment(down.to))
    },
    start_text: |downs, readings| {
        let line = |it: &DownTime| format!("  from {} to {}\n", moment(it.from), moment(it.to));
        let downs: String = downs.iter().map(line).collect();
        let came = if readings == 1 { "reading has" } else { "readings have" };
        format!("Vigie runs again. It was down:\n{downs}{readings} {came} come in since.\n")
    },
    heartbeat_held: heartbeat::held_en,
    heartbeat_unsent: heartbeat::unsent_en,
    heartbeat_goes_on: "💓 The heartbeat goes on",
};
