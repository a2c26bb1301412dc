//! What the broker lets this daemon do, found out and not assumed: under MQTT 5 by what it says, under 3.1.1, and where it
//! says nothing, by trying less and remembering what went. Pure: (state, event, time) → decision.
//!
//! Always: of an attempt to publish that fails beside a standing intake, less is asked the next time: a Last Will that is
//! not retained, then one of QoS 0, then none, then one connection for both. What is learned by trying is forgotten after
//! [`REMEMBERED`], at the next connection.
//! Never: anything learned from a broker that is away, or intake given up for publishing, but for the try whether one
//! connection may do both.

use std::time::{Duration, Instant};

use super::link::{Failed, Outcome, Outgoing, Qos, Role, Said};
use crate::locale::{BrokerLimit, Refusal};

/// After which a broker is asked for everything again: somebody may have given it, or the rights to it.
pub const REMEMBERED: Duration = Duration::from_secs(3600);
/// Connections that the broker ends without a word before less is asked: one may be chance.
const ENDS: u32 = 2;
/// Bytes of a PUBLISH beside topic, payload and properties, at most: fixed header, length of the topic, packet id.
const PUBLISH_OVERHEAD: usize = 1 + 4 + 2 + 2;
/// Bytes of the mark on what is forwarded, with the length of all properties: more than it ever takes.
const MARK: usize = 128;

/// What is known of one broker.
#[derive(Debug)]
pub struct Capabilities {
    /// Whether the configuration lets messages be retained.
    retain: bool,
    said: Said,
    learned: Learned,
    /// What the next attempt leaves out of the Last Will, to see whether it goes then.
    trial: Trial,
    /// Attempts in a row that the broker has ended without a word.
    ends: u32,
    connections: Connections,
    /// When something was first learned by trying.
    learned_at: Option<Instant>,
}

#[derive(Debug)]
struct Learned {
    maximum_qos: Qos,
    takes_retained: bool,
    takes_will: bool,
}

impl Default for Learned {
    fn default() -> Self {
        Self { maximum_qos: Qos::ExactlyOnce, takes_retained: true, takes_will: true }
    }
}

/// Of the Last Will, each less than the one before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Trial {
    #[default]
    AsLearned,
    NotRetained,
    AtMostOnce,
    NoWill,
}

/// One for intake and one for publishing, or one for both.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Connections {
    #[default]
    Two,
    /// One is tried, with a Last Will or without.
    TryingOne { with_will: bool },
    /// One does both.
    One { with_will: bool },
    /// One does not do either: it is not tried again.
    NotOne,
}

/// What an attempt's failure says about what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Retained,
    Qos,
    ClientId,
    Right,
    /// The broker ended it without a word.
    Silence,
    /// Nothing.
    None,
}

impl Fault {
    /// Reason codes of MQTT 5 (2.4) and return codes of 3.1.1 (3.2.2.3).
    const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Reason { code: 0x9A, .. } => Self::Retained,
            Outcome::Reason { code: 0x9B, .. } => Self::Qos,
            Outcome::Reason { code: 0x85 | 0x97, .. } | Outcome::Return(2) => Self::ClientId,
            Outcome::Reason { code: 0x86 | 0x87 | 0x8C | 0x95, .. } | Outcome::Return(4 | 5) => {
                Self::Right
            }
            Outcome::Reason { code: 0x80..=0x83, .. } | Outcome::Closed | Outcome::Transport(_) => {
                Self::Silence
            }
            _ => Self::None,
        }
    }
}

impl Capabilities {
    /// Nothing is known yet. `retain`: whether the configuration lets messages be retained.
    #[must_use]
    pub fn new(retain: bool) -> Self {
        Self {
            retain,
            said: Said::default(),
            learned: Learned::default(),
            trial: Trial::default(),
            ends: 0,
            connections: Connections::default(),
            learned_at: None,
        }
    }

    /// What the connection that takes messages in is for.
    #[must_use]
    pub const fn intake_role(&self) -> Role {
        match self.connections {
            Connections::Two | Connections::NotOne => Role::Intake,
            Connections::TryingOne { .. } | Connections::One { .. } => Role::Both,
        }
    }

    /// The Last Will as the next attempt has it; `None` for none.
    #[must_use]
    pub fn will(&self, mut will: Outgoing) -> Option<Outgoing> {
        use Connections::{One, TryingOne};
        if !self.learned.takes_will
            || matches!(self.connections, One { with_will: false } | TryingOne { with_will: false })
        {
            return None;
        }
        match self.trial {
            Trial::AsLearned => {}
            Trial::NotRetained => will.retained = false,
            Trial::AtMostOnce => will.qos = Qos::AtMostOnce,
            Trial::NoWill => return None,
        }
        self.adapt(will).ok()
    }

    /// A message as the broker takes it.
    ///
    /// # Errors
    /// When it is larger than the broker takes.
    pub fn adapt(&self, mut message: Outgoing) -> Result<Outgoing, Refusal> {
        message.qos = message.qos.min(self.maximum_qos());
        message.retained &= self.retain && self.takes_retained();
        if let Some(most) = self.said.maximum_packet_bytes {
            let mark = if message.is_forwarded { MARK } else { 1 };
            let bytes = PUBLISH_OVERHEAD + message.topic.len() + message.payload.len() + mark;
            if u32::try_from(bytes).is_ok_and(|bytes| bytes > most) {
                return Err(Refusal::TooLarge { bytes, most });
            }
        }
        Ok(message)
    }

    fn maximum_qos(&self) -> Qos {
        let most = self.said.maximum_qos.min(self.learned.maximum_qos);
        // What nobody remembers after the connection can't be exactly once.
        if self.intake_role() == Role::Both { most.min(Qos::AtLeastOnce) } else { most }
    }

    const fn takes_retained(&self) -> bool {
        self.said.takes_retained && self.learned.takes_retained
    }

    /// A connection was made. `is_first` of those that stand now: what it says replaces all that was said.
    pub fn opened(&mut self, role: Role, said: Said, is_first: bool) {
        let before = std::mem::replace(&mut self.said, said);
        if !is_first {
            let new = std::mem::replace(&mut self.said.refused, before.refused);
            let is_new = |it: &String| !self.said.refused.contains(it);
            let new: Vec<_> = new.into_iter().filter(is_new).collect();
            self.said.refused.extend(new);
        }
        if !role.publishes() {
            return;
        }
        self.ends = 0;
        match std::mem::take(&mut self.trial) {
            Trial::AsLearned => {}
            Trial::NotRetained => self.learned.takes_retained = false,
            Trial::AtMostOnce => self.learned.maximum_qos = Qos::AtMostOnce,
            Trial::NoWill => self.learned.takes_will = false,
        }
        if let Connections::TryingOne { with_will } = self.connections {
            self.connections = Connections::One { with_will };
        }
    }

    /// An attempt failed: one for intake says nothing of what may be published, so it is passed over.
    pub fn failed(&mut self, failed: &Failed, now: Instant) {
        let fault = Fault::of(&failed.outcome);
        if fault == Fault::None || failed.role == Role::Intake {
            return;
        }
        self.learned_at.get_or_insert(now);
        match self.connections {
            Connections::TryingOne { with_will } | Connections::One { with_will } => {
                self.one_failed(fault, with_will);
            }
            Connections::Two | Connections::NotOne => self.second_failed(fault, failed.had_will),
        }
    }

    fn second_failed(&mut self, fault: Fault, had_will: bool) {
        let has_learned = |it: &mut bool| std::mem::replace(it, false);
        match fault {
            Fault::Retained if has_learned(&mut self.learned.takes_retained) => {}
            Fault::Qos if self.learned.maximum_qos > Qos::AtMostOnce => {
                self.learned.maximum_qos = Qos::AtMostOnce;
            }
            Fault::Right if had_will => self.trial = Trial::NoWill,
            Fault::Silence if had_will => self.ask_less(),
            _ => self.try_one(),
        }
    }

    fn ask_less(&mut self) {
        self.ends += 1;
        self.trial = match self.trial {
            Trial::AsLearned if self.ends < ENDS => Trial::AsLearned,
            Trial::AsLearned => Trial::NotRetained,
            Trial::NotRetained => Trial::AtMostOnce,
            Trial::AtMostOnce | Trial::NoWill => Trial::NoWill,
        };
    }

    fn try_one(&mut self) {
        (self.trial, self.ends) = (Trial::AsLearned, 0);
        if self.connections == Connections::Two {
            self.connections = Connections::TryingOne { with_will: true };
        }
    }

    fn one_failed(&mut self, fault: Fault, with_will: bool) {
        let was_good = matches!(self.connections, Connections::One { .. });
        if fault == Fault::Silence {
            self.ends += 1;
            // One that was good fails so when the broker is away.
            if was_good || self.ends < ENDS {
                return;
            }
        }
        self.ends = 0;
        self.connections = match (was_good, with_will) {
            (false, true) => Connections::TryingOne { with_will: false },
            (false, false) => Connections::NotOne,
            (true, _) => Connections::Two,
        };
    }

    /// The broker takes a message only with less asked for it.
    pub fn learn(&mut self, lowered: Lowered, now: Instant) {
        self.learned_at.get_or_insert(now);
        match lowered {
            Lowered::Qos(qos) => self.learned.maximum_qos = self.learned.maximum_qos.min(qos),
            Lowered::NotRetained => self.learned.takes_retained = false,
        }
    }

    /// To be called before all connections are made anew.
    pub fn forget_old(&mut self, now: Instant) {
        if self.learned_at.is_some_and(|at| now.saturating_duration_since(at) >= REMEMBERED) {
            *self = Self::new(self.retain);
        }
    }

    /// What the broker can't do, as far as it is known. `second_id` is the client id of the second connection.
    #[must_use]
    pub fn limits(&self, second_id: &str) -> Vec<BrokerLimit> {
        let qos = match self.said.maximum_qos.min(self.learned.maximum_qos) {
            Qos::AtMostOnce => Some(BrokerLimit::MaximumQos(0)),
            Qos::AtLeastOnce => Some(BrokerLimit::MaximumQos(1)),
            Qos::ExactlyOnce => None,
        };
        let retained = (!self.takes_retained()).then_some(BrokerLimit::NoRetainedMessages);
        let packet = self.said.maximum_packet_bytes.map(BrokerLimit::MaximumPacketBytes);
        let is_willless =
            !self.learned.takes_will || self.connections == Connections::One { with_will: false };
        let one = matches!(self.connections, Connections::One { .. });
        let one = one.then(|| BrokerLimit::OneConnection { refused: second_id.to_owned() });
        let assigned = self.said.assigned_id.clone().map(BrokerLimit::ClientIdAssigned);
        let refused = self.said.refused.iter().cloned().map(BrokerLimit::SubscriptionRefused);
        let will = is_willless.then_some(BrokerLimit::NoLastWill);
        [qos, retained, packet, will, one, assigned].into_iter().flatten().chain(refused).collect()
    }
}

/// What was left out of a message that the broker took at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowered {
    /// It was sent with this quality of service, and before with a greater one.
    Qos(Qos),
    /// It was not to be retained, and before it was.
    NotRetained,
}

#[cfg(test)]
#[path = "capabilities_tests.rs"]
mod tests;
