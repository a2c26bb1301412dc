//! Problems of the daemon and limits of the broker, in both languages.

use crate::domain::DatabaseFault;

/// Problem that keeps readings from being received, judged, stored or notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem<'a> {
    /// There is no connection to the broker.
    NotConnected {
        /// Name of the broker.
        broker: &'a str,
    },
    /// Messages are received from the broker, and none can be published.
    NotPublishing {
        /// Name of the broker.
        broker: &'a str,
        /// Cause, as text.
        why: &'a str,
    },
    /// The broker grants the subscription to readings, but sends nothing for it.
    SubscriptionSilent {
        /// Topic of the daemon's own status, which does not come back.
        topic: &'a str,
    },
    /// The log refuses messages: the disk fails or is full, or storage lags too far behind.
    NothingTaken,
    /// The open database is not the one at its path: no message is acknowledged.
    DatabaseAstray {
        /// Kind of fault.
        fault: &'a DatabaseFault,
    },
    /// Commits fail, and are retried.
    NothingStored {
        /// Cause, from the database.
        why: &'a str,
    },
    /// The embedded broker's state can't be written; it is retried.
    SessionsNotKept {
        /// Cause, as text.
        why: &'a str,
    },
    /// Messages queued for clients of the embedded broker are dropped for lack of room.
    BrokerQueuesFull,
    /// The embedded broker has no room for messages that are to be retained.
    BrokerRetainedFull,
    /// The embedded broker has no room for further clients.
    BrokerConnectionsFull,
    /// Storage has no room: judged readings wait in the log.
    StorageFull,
    /// The disk will be full within a day at the present rate.
    DiskFull,
    /// The broker refuses messages on a topic.
    Refused {
        /// Kind of the messages.
        what: Published,
        /// The topic.
        topic: &'a str,
        /// Reason of the refusal.
        why: Refusal,
    },
    /// A part of the daemon is not up.
    PartDown {
        /// Name of the part.
        name: &'a str,
    },
    /// This machine's clock is behind what it has shown before, or behind the build time.
    ClockBehind,
    /// Sensors whose readings a strict rule does not judge, since their unit does not convert.
    UnitsUnfit {
        /// How many.
        count: usize,
    },
    /// Heartbeats can't be sent.
    HeartbeatUnsent {
        /// Cause, as text.
        why: &'a str,
    },
    /// A receiver of notifications is unreachable.
    ReceiverFails {
        /// Name of the receiver.
        name: &'a str,
        /// Cause, as text.
        why: &'a str,
    },
    /// A receiver permanently refused notifications of active alarms.
    ReceiverUntold {
        /// Name of the receiver.
        name: &'a str,
    },
}

/// A limit of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerLimit {
    /// Greatest quality of service: 0 or 1.
    MaximumQos(u8),
    /// No retained messages.
    NoRetainedMessages,
    /// Largest packet in bytes.
    MaximumPacketBytes(u32),
    /// An optional subscription that was refused.
    SubscriptionRefused(String),
    /// No Last Will: readers of the status are not notified when the daemon dies.
    NoLastWill,
    /// No second connection: one is used for both roles.
    OneConnection {
        /// Client id of the second one.
        refused: String,
    },
    /// It replaces the client id by this one.
    ClientIdAssigned(String),
}

/// Kind of a message that the daemon publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Alerts.
    Alerts,
    /// Readings of own sensors.
    OwnReadings,
    /// The status of this daemon.
    Status,
    /// Descriptions and states of entities for Home Assistant.
    Discovery,
}

/// Why a broker refuses a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Reason code of MQTT 5, 0x80 or above.
    Code(u8),
    /// It closes the connection at each such message.
    EndsConnection,
    /// It exceeds the broker's maximum packet size.
    TooLarge {
        /// Size of the message.
        bytes: usize,
        /// Maximum packet size, in bytes.
        most: u32,
    },
}

pub(super) fn problem_en(problem: Problem<'_>) -> String {
    match problem {
        Problem::NotConnected { broker } => format!("not connected to {broker}"),
        Problem::NothingTaken => {
            "no message is taken: the disk fails or is full, or storage is too far behind".into()
        }
        Problem::DatabaseAstray { fault } => {
            format!("no message is taken: {}", database_fault_en(fault))
        }
        Problem::NothingStored { why } => format!("nothing can be stored: {why}"),
        Problem::SessionsNotKept { why } => {
            format!("sessions and retained messages of the broker can't be written: {why}")
        }
        Problem::BrokerQueuesFull => {
            "the embedded broker drops messages for clients that are away or too slow: their queues are full".into()
        }
        Problem::BrokerRetainedFull => {
            "the embedded broker has no room for more retained messages".into()
        }
        Problem::BrokerConnectionsFull => {
            "the embedded broker refuses clients: it has no room for more".into()
        }
        Problem::StorageFull => "storage is behind: judged readings wait in the log".into(),
        Problem::DiskFull => "the disk will be full within a day at the present rate".into(),
        Problem::NotPublishing { broker, why } => {
            format!("nothing can be published at {broker}, messages are taken in from it: {why}")
        }
        Problem::SubscriptionSilent { topic } => format!(
            "the broker grants the subscription to readings and delivers nothing: {topic} does not come back"
        ),
        Problem::Refused { what, topic, why } => {
            let (what, then) = match what {
                Published::Alerts => ("alerts", "they wait"),
                Published::OwnReadings => ("own readings", "they wait"),
                Published::Status => ("the status", "it may be out of date there"),
                Published::Discovery => ("messages for Home Assistant", "they wait"),
            };
            format!("{}: {then}", refusal_en(&format!("{what} on {topic}"), why))
        }
        Problem::ClockBehind => {
            "this machine's clock is behind what it has shown before: set it, by NTP if it can be".into()
        }
        Problem::UnitsUnfit { count } => {
            format!("not judged, their unit does not convert into that of a rule: readings of {count} sensors")
        }
        Problem::PartDown { name } => format!("{name} is not up"),
        Problem::HeartbeatUnsent { why } => format!("the heartbeat can't be sent: {why}"),
        Problem::ReceiverFails { name, why } => format!("receiver {name} fails: {why}"),
        Problem::ReceiverUntold { name } => {
            format!("receiver {name} has not been told of active alarms: it refused their notification")
        }
    }
}

pub(super) fn problem_fr(problem: Problem<'_>) -> String {
    match problem {
        Problem::NotConnected { broker } => format!("pas connecté à {broker}"),
        Problem::NothingTaken => {
            "aucun message n'est accepté: le disque est en panne ou plein, ou le stockage est trop en retard".into()
        }
        Problem::DatabaseAstray { fault } => {
            format!("aucun message n'est accepté: {}", database_fault_fr(fault))
        }
        Problem::NothingStored { why } => format!("rien ne peut être enregistré: {why}"),
        Problem::SessionsNotKept { why } => {
            format!("les sessions et messages retenus du courtier ne peuvent être écrits: {why}")
        }
        Problem::BrokerQueuesFull => {
            "le courtier embarqué abandonne des messages pour des clients absents ou trop lents: leurs files sont pleines".into()
        }
        Problem::BrokerRetainedFull => {
            "le courtier embarqué n'a plus de place pour des messages retenus".into()
        }
        Problem::BrokerConnectionsFull => {
            "le courtier embarqué refuse des clients: il n'a plus de place".into()
        }
        Problem::StorageFull => {
            "le stockage est en retard: des mesures jugées attendent dans le journal".into()
        }
        Problem::DiskFull => "le disque sera plein d'ici un jour au rythme actuel".into(),
        Problem::NotPublishing { broker, why } => {
            format!("rien ne peut être publié sur {broker}, les messages en sont reçus: {why}")
        }
        Problem::SubscriptionSilent { topic } => format!(
            "le courtier accepte l'abonnement aux mesures et ne livre rien: {topic} ne revient pas"
        ),
        Problem::Refused { what, topic, why } => {
            let (what, then) = match what {
                Published::Alerts => ("les alertes", "elles attendent"),
                Published::OwnReadings => ("les mesures propres", "elles attendent"),
                Published::Status => ("l'état", "il peut y être périmé"),
                Published::Discovery => ("les messages pour Home Assistant", "ils attendent"),
            };
            format!("{}: {then}", refusal_fr(&format!("{what} sur {topic}"), why))
        }
        Problem::ClockBehind => {
            "l'horloge de cette machine retarde sur ce qu'elle a déjà affiché: réglez-la, par NTP si possible".into()
        }
        Problem::UnitsUnfit { count } => {
            format!("non jugées, leur unité ne se convertit pas en celle d'une règle: mesures de {count} capteurs")
        }
        Problem::PartDown { name } => format!("{name} n'est pas en service"),
        Problem::HeartbeatUnsent { why } => format!("le battement ne peut être envoyé: {why}"),
        Problem::ReceiverFails { name, why } => format!("le destinataire {name} échoue: {why}"),
        Problem::ReceiverUntold { name } => {
            format!("le destinataire {name} n'a pas été prévenu d'alarmes actives: il a refusé leur notification")
        }
    }
}

fn database_fault_en(fault: &DatabaseFault) -> String {
    match fault {
        DatabaseFault::Removed => "the database was removed".into(),
        DatabaseFault::MovedAway => "the database was moved away".into(),
        DatabaseFault::Replaced => "the database was replaced by another file".into(),
        DatabaseFault::Overwritten => "something was copied over the database".into(),
        DatabaseFault::WriteAheadLogGone => {
            "the database's write-ahead log was removed or moved away".into()
        }
        DatabaseFault::JournalGone => "the folder of the log was removed or moved away".into(),
        DatabaseFault::Unreachable(why) => format!("the database can't be looked at: {why}"),
    }
}

fn database_fault_fr(fault: &DatabaseFault) -> String {
    match fault {
        DatabaseFault::Removed => "la base de données a été supprimée".into(),
        DatabaseFault::MovedAway => "la base de données a été déplacée".into(),
        DatabaseFault::Replaced => "la base de données a été remplacée par un autre fichier".into(),
        DatabaseFault::Overwritten => "la base de données a été écrasée par une copie".into(),
        DatabaseFault::WriteAheadLogGone => {
            "le journal d'écriture de la base de données a été supprimé ou déplacé".into()
        }
        DatabaseFault::JournalGone => "le dossier du journal a été supprimé ou déplacé".into(),
        DatabaseFault::Unreachable(why) => {
            format!("la base de données ne peut être examinée: {why}")
        }
    }
}

/// Text: the broker refuses something.
pub(super) fn refusal_en(what: &str, why: Refusal) -> String {
    match why {
        Refusal::Code(code) => format!("the broker refuses {what} with reason 0x{code:02X}"),
        Refusal::EndsConnection => format!("the broker ends the connection at {what}"),
        Refusal::TooLarge { bytes, most } => {
            format!(
                "the broker takes packets of {most} bytes at most, and not {what} ({bytes} bytes)"
            )
        }
    }
}

/// Text: the broker refuses something.
pub(super) fn refusal_fr(what: &str, why: Refusal) -> String {
    match why {
        Refusal::Code(code) => format!("le courtier refuse {what} avec le code 0x{code:02X}"),
        Refusal::EndsConnection => format!("le courtier coupe la connexion à {what}"),
        Refusal::TooLarge { bytes, most } => {
            format!(
                "le courtier accepte des paquets de {most} octets au plus, et pas {what} ({bytes} octets)"
            )
        }
    }
}

pub(super) fn limit_en(limit: BrokerLimit) -> String {
    match limit {
        BrokerLimit::MaximumQos(qos) => format!("QoS {qos} at most"),
        BrokerLimit::NoRetainedMessages => "no retained messages".into(),
        BrokerLimit::MaximumPacketBytes(bytes) => format!("packets of {bytes} bytes at most"),
        BrokerLimit::SubscriptionRefused(filter) => format!("subscription to {filter} refused"),
        BrokerLimit::NoLastWill => "no last will".into(),
        BrokerLimit::OneConnection { refused } => {
            format!("one connection at most: client id {refused} refused")
        }
        BrokerLimit::ClientIdAssigned(id) => format!("client id {id} only"),
    }
}

pub(super) fn limit_fr(limit: BrokerLimit) -> String {
    match limit {
        BrokerLimit::MaximumQos(qos) => format!("QoS {qos} au plus"),
        BrokerLimit::NoRetainedMessages => "pas de messages retenus".into(),
        BrokerLimit::MaximumPacketBytes(bytes) => format!("paquets de {bytes} octets au plus"),
        BrokerLimit::SubscriptionRefused(filter) => format!("abonnement à {filter} refusé"),
        BrokerLimit::NoLastWill => "pas de dernière volonté".into(),
        BrokerLimit::OneConnection { refused } => {
            format!("une seule connexion: identifiant client {refused} refusé")
        }
        BrokerLimit::ClientIdAssigned(id) => format!("identifiant client {id} seulement"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_and_limits_are_said_in_both_languages() {
        let fails = Problem::ReceiverFails { name: "mail", why: "refused" };
        assert_eq!(problem_en(fails), "receiver mail fails: refused");
        assert_eq!(problem_fr(fails), "le destinataire mail échoue: refused");
        let untold = Problem::ReceiverUntold { name: "mail" };
        assert!(problem_en(untold).contains("has not been told of active alarms"));
        assert!(problem_fr(untold).contains("n'a pas été prévenu d'alarmes actives"));
        let moved = Problem::DatabaseAstray { fault: &DatabaseFault::MovedAway };
        assert_eq!(problem_en(moved), "no message is taken: the database was moved away");
        assert_eq!(
            problem_fr(moved),
            "aucun message n'est accepté: la base de données a été déplacée"
        );
        assert_eq!(limit_en(BrokerLimit::MaximumQos(1)), "QoS 1 at most");
        assert_eq!(limit_fr(BrokerLimit::MaximumQos(1)), "QoS 1 au plus");
    }
}
