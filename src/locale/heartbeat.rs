//! Log lines on heartbeats, in both languages.

use std::sync::Arc;

/// Why there is no heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeartbeatBlock {
    /// The log refuses records.
    HookTimeout,
    /// Records are not judged and stored in time.
    NotStored {
        /// That time, in seconds.
        within_s: u64,
    },
    /// A receiver can't be notified of a due alarm.
    NotTold {
        /// Name of the receiver.
        receiver: Arc<str>,
    },
    /// There is no connection to the broker.
    NoBroker,
}

pub(super) fn held_en(held: &HeartbeatBlock) -> String {
    let why = match held {
        HeartbeatBlock::HookTimeout => "the log takes no readings; see its disk".to_owned(),
        HeartbeatBlock::NotStored { within_s } => {
            format!("what comes in is not judged and stored within {within_s} s")
        }
        HeartbeatBlock::NotTold { receiver } => {
            format!("receiver {receiver} can't be notified of an alarm")
        }
        HeartbeatBlock::NoBroker => "there is no connection to the broker".to_owned(),
    };
    format!("💔 No heartbeat: {why}")
}

pub(super) fn held_fr(held: &HeartbeatBlock) -> String {
    let why = match held {
        HeartbeatBlock::HookTimeout => {
            "le journal n'accepte aucune mesure; voyez son disque".to_owned()
        }
        HeartbeatBlock::NotStored { within_s } => {
            format!("ce qui arrive n'est pas jugé et enregistré en {within_s} s")
        }
        HeartbeatBlock::NotTold { receiver } => {
            format!("le destinataire {receiver} ne peut être averti d'une alarme")
        }
        HeartbeatBlock::NoBroker => "il n'y a pas de connexion au broker".to_owned(),
    };
    format!("💔 Pas de battement: {why}")
}

pub(super) fn unsent_en(why: &str) -> String {
    format!("💔 The heartbeat can't be sent: {why}")
}

pub(super) fn unsent_fr(why: &str) -> String {
    format!("💔 Le battement ne peut être envoyé: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_said_in_both_languages() {
        let untold = HeartbeatBlock::NotTold { receiver: "mail".into() };
        assert_eq!(
            held_en(&untold),
            "💔 No heartbeat: receiver mail can't be notified of an alarm"
        );
        assert!(held_fr(&untold).contains("le destinataire mail"));
        assert!(held_fr(&HeartbeatBlock::NotStored { within_s: 10 }).contains("10 s"));
    }
}
