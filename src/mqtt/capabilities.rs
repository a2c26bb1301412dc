//! Capabilities of the broker: as advertised under MQTT 5; under 3.1.1, and where the broker advertises nothing, found by
//! requesting less after a failure. Pure: (state, event, time) → decision.
//!
//! Always: a publishing connection that fails while the intake connection is open, and the broker answers others, is retried
//! with less: a Last Will that is not retained, then one at QoS 0, then none, then a single connection for both roles.
//! What is found so expires after [`REMEMBERED`].
//! Never: a conclusion from a broker that is down, or after a publishing connection has worked beside this intake connection;
//! intake interrupted, except to try a single connection.

use std::time::{Duration, Instant};

use super::link::{Advertised, Failed, Outcome, Outgoing, Qos, Role};
use crate::config::MqttVersion;
use crate::locale::{BrokerLimit, Refusal};

/// Lifetime of what was found by trying, since the broker's configuration or the user's rights may have changed: at the next
/// intake connection, and while that stays open.
pub const REMEMBERED: [Duration; 2] = [Duration::from_secs(3600), Duration::from_secs(24 * 3600)];
/// Attempts closed without a reason code before the Last Will is reduced: one may be chance.
const CLOSES: u32 = 2;
/// Attempts without a reason code before a single connection is tried.
const FAILURES: u32 = 3;
/// Intake connections closed by a second one before a single connection is tried.
const DISPLACEMENTS: u32 = 2;
/// A publishing connection open for this long counts as working.
const SETTLED: Duration = Duration::from_secs(3);
/// A broker that allows one connection of a user closes intake within this time after the second one opens.
const DISPLACED: Duration = Duration::from_secs(2);
/// Maximum size of a PUBLISH without topic, payload and properties: fixed header, topic length, packet id.
const PUBLISH_OVERHEAD: usize = 1 + 4 + 2 + 2;
/// Upper bound of the properties of a forwarded message, in bytes.
const MARK: usize = 128;
/// Length of an empty list of properties.
const NO_PROPERTIES: usize = 1;

/// Known capabilities of one broker.
#[derive(Debug)]
pub struct Capabilities {
    /// Whether the configuration allows retained messages.
    retain: bool,
    advertised: Advertised,
    learned: LearnedLimits,
    /// Reduction of the Last Will in the next attempt.
    trial: Trial,
    /// Consecutive attempts without a reason code.
    failures: u32,
    /// Consecutive intake connections closed right after the publishing connection opened.
    displaced: u32,
    /// When the publishing connection opened beside this intake connection.
    publishing_since: Option<Instant>,
    /// Whether a publishing connection has worked beside this intake connection.
    has_worked: bool,
    connections: Connections,
    /// Time of the first finding by trying.
    learned_at: Option<Instant>,
}

#[derive(Debug)]
struct LearnedLimits {
    maximum_qos: Qos,
    takes_retained: bool,
    takes_will: bool,
}

impl Default for LearnedLimits {
    fn default() -> Self {
        Self { maximum_qos: Qos::ExactlyOnce, takes_retained: true, takes_will: true }
    }
}

/// Reductions of the Last Will, in the order they are tried.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Trial {
    #[default]
    AsLearned,
    NotRetained,
    AtMostOnce,
    NoWill,
}

/// Number of connections.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Connections {
    #[default]
    Two,
    /// A single connection is tried, with or without a Last Will.
    TryingOne { with_will: bool },
    /// A single connection works.
    One { with_will: bool },
    /// A single connection failed too and is not tried again.
    NotOne,
}

/// Cause of a failed attempt, as far as it concerns what was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Retained,
    Qos,
    ClientId,
    Right,
    /// Closed without a reason code.
    SilentClose,
    /// No answer.
    Timeout,
    /// Another cause.
    None,
}

impl Fault {
    /// Reason codes of MQTT 5 (2.4) and return codes of 3.1.1 (3.2.2.3).
    const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Reason { code: 0x9A, .. } => Self::Retained,
            Outcome::Reason { code: 0x9B, .. } => Self::Qos,
            Outcome::Reason { code: 0x85 | 0x97, .. } | Outcome::Return(2) => Self::ClientId,
            Outcome::Reason { code: 0x87 | 0x8C | 0x95, .. } | Outcome::Return(5) => Self::Right,
            Outcome::TimedOut => Self::Timeout,
            Outcome::Reason { code: 0x80..=0x83, .. } | Outcome::Closed | Outcome::Transport(_) => {
                Self::SilentClose
            }
            _ => Self::None,
        }
    }
}

impl Capabilities {
    /// Assumes a broker without limits. `retain`: whether the configuration allows retained messages.
    #[must_use]
    pub fn new(retain: bool) -> Self {
        Self {
            retain,
            advertised: Advertised::default(),
            learned: LearnedLimits::default(),
            trial: Trial::default(),
            failures: 0,
            displaced: 0,
            publishing_since: None,
            has_worked: false,
            connections: Connections::default(),
            learned_at: None,
        }
    }

    /// Role of the connection that receives messages.
    #[must_use]
    pub const fn intake_role(&self) -> Role {
        match self.connections {
            Connections::Two | Connections::NotOne => Role::Intake,
            Connections::TryingOne { .. } | Connections::One { .. } => Role::Both,
        }
    }

    /// Last Will of the next attempt; `None` for none.
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

    /// Reduces a message to what the broker accepts.
    ///
    /// # Errors
    /// If the message exceeds the maximum packet size.
    pub fn adapt(&self, mut message: Outgoing) -> Result<Outgoing, Refusal> {
        message.qos = message.qos.min(self.maximum_qos());
        message.retained &= self.retain && self.takes_retained();
        if let Some(most) = self.advertised.maximum_packet_bytes {
            let mark = if message.is_forwarded { MARK } else { NO_PROPERTIES };
            let bytes = PUBLISH_OVERHEAD + message.topic.len() + message.payload.len() + mark;
            if u32::try_from(bytes).is_ok_and(|bytes| bytes > most) {
                return Err(Refusal::TooLarge { bytes, most });
            }
        }
        Ok(message)
    }

    fn maximum_qos(&self) -> Qos {
        let most = self.advertised.maximum_qos.min(self.learned.maximum_qos);
        // The persistent session may hold packet ids of an earlier process, with which a QoS 2 exchange would
        // collide.
        if self.intake_role() == Role::Both { most.min(Qos::AtLeastOnce) } else { most }
    }

    const fn takes_retained(&self) -> bool {
        self.advertised.takes_retained && self.learned.takes_retained
    }

    /// A connection opened. The primary one replaces what was advertised before; a second one adds to it.
    pub fn opened(&mut self, role: Role, advertised: Advertised, is_primary: bool, now: Instant) {
        let before = std::mem::replace(&mut self.advertised, advertised);
        if is_primary {
            (self.has_worked, self.publishing_since) = (false, None);
        } else {
            let new = std::mem::replace(&mut self.advertised.refused, before.refused);
            let is_new = |it: &String| !self.advertised.refused.contains(it);
            let new: Vec<_> = new.into_iter().filter(is_new).collect();
            self.advertised.refused.extend(new);
        }
        if role.publishes() {
            self.publishing_opened(now);
        }
    }

    fn publishing_opened(&mut self, now: Instant) {
        (self.failures, self.publishing_since) = (0, Some(now));
        let trial = std::mem::take(&mut self.trial);
        match trial {
            Trial::AsLearned => {}
            Trial::NotRetained => self.learned.takes_retained = false,
            Trial::AtMostOnce => self.learned.maximum_qos = Qos::AtMostOnce,
            Trial::NoWill => self.learned.takes_will = false,
        }
        let is_trial = matches!(self.connections, Connections::TryingOne { .. });
        if let Connections::TryingOne { with_will } = self.connections {
            self.connections = Connections::One { with_will };
        }
        if is_trial || trial != Trial::AsLearned {
            self.learned_at = Some(now);
        }
    }

    /// Called every few seconds while the publishing connection is open.
    pub fn tick(&mut self, now: Instant) {
        let is_settled = |at: Instant| now.saturating_duration_since(at) >= SETTLED;
        if self.publishing_since.is_some_and(is_settled) {
            (self.has_worked, self.displaced) = (true, 0);
        }
        self.expire(REMEMBERED[1], now);
    }

    /// The intake connection closed. A broker that closes it whenever the publishing connection opens allows one of them.
    pub fn intake_closed(&mut self, now: Instant) {
        (self.trial, self.failures) = (Trial::AsLearned, 0);
        let since = self.publishing_since.take();
        if since.is_none_or(|at| now.saturating_duration_since(at) > DISPLACED) {
            return;
        }
        self.displaced += 1;
        if self.displaced >= DISPLACEMENTS {
            self.try_single();
        }
    }

    /// An attempt to publish failed while the broker answers others.
    pub fn failed(&mut self, failed: &Failed, version: MqttVersion, now: Instant) {
        let fault = Fault::of(&failed.outcome);
        if fault == Fault::None || failed.role == Role::Intake {
            return;
        }
        match self.connections {
            Connections::TryingOne { with_will } => self.single_failed(fault, with_will),
            // Rights have changed: a second connection may work.
            Connections::One { .. } if fault <= Fault::Right => self.connections = Connections::Two,
            Connections::One { .. } => {}
            Connections::Two | Connections::NotOne if self.has_worked => {}
            Connections::Two | Connections::NotOne => {
                self.second_failed(fault, failed.had_will.then_some(version), now);
            }
        }
    }

    /// Version of MQTT if the attempt had a Last Will.
    fn second_failed(&mut self, fault: Fault, will: Option<MqttVersion>, now: Instant) {
        match fault {
            Fault::Retained if self.learned.takes_retained => {
                (self.learned.takes_retained, self.learned_at) = (false, Some(now));
            }
            Fault::Qos if self.learned.maximum_qos > Qos::AtMostOnce => {
                (self.learned.maximum_qos, self.learned_at) = (Qos::AtMostOnce, Some(now));
            }
            Fault::Right if will.is_some() => self.trial = Trial::NoWill,
            Fault::SilentClose if will.is_some() => self.reduce_will(will),
            Fault::SilentClose | Fault::Timeout if self.failures + 1 < FAILURES => {
                self.failures += 1;
            }
            _ => self.try_single(),
        }
    }

    fn reduce_will(&mut self, version: Option<MqttVersion>) {
        self.failures += 1;
        self.trial = match self.trial {
            Trial::AsLearned if self.failures < CLOSES => return,
            // MQTT 5 has reason codes and properties for the others.
            Trial::AsLearned if version == Some(MqttVersion::V5) => Trial::NoWill,
            Trial::AsLearned => Trial::NotRetained,
            Trial::NotRetained => Trial::AtMostOnce,
            Trial::AtMostOnce | Trial::NoWill => Trial::NoWill,
        };
        if self.trial == Trial::NoWill {
            self.failures = 0;
        }
    }

    /// True if the broker is known to answer others since the last connection.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    fn try_single(&mut self) {
        (self.trial, self.failures) = (Trial::AsLearned, 0);
        if self.connections == Connections::Two {
            self.connections = Connections::TryingOne { with_will: true };
        }
    }

    fn single_failed(&mut self, fault: Fault, with_will: bool) {
        self.failures += 1;
        if fault >= Fault::SilentClose && self.failures < FAILURES {
            return;
        }
        self.failures = 0;
        self.connections = if with_will {
            Connections::TryingOne { with_will: false }
        } else {
            Connections::NotOne
        };
    }

    /// The broker accepted a message only once it was reduced.
    pub fn learn(&mut self, reduced: ReducedMessage, now: Instant) {
        self.learned_at = Some(now);
        match reduced {
            ReducedMessage::Qos(qos) => {
                self.learned.maximum_qos = self.learned.maximum_qos.min(qos);
            }
            ReducedMessage::NotRetained => self.learned.takes_retained = false,
        }
    }

    /// Called before an intake connection is opened.
    pub fn before_intake(&mut self, now: Instant) {
        self.expire(REMEMBERED[0], now);
    }

    fn expire(&mut self, after: Duration, now: Instant) {
        if self.learned_at.is_some_and(|at| now.saturating_duration_since(at) >= after) {
            (self.learned, self.connections) = (LearnedLimits::default(), Connections::Two);
            self.learned_at = None;
        }
    }

    /// Maximum payload on a topic, if the broker has a maximum packet size.
    #[must_use]
    pub fn maximum_payload_bytes(&self, topic: &str) -> Option<usize> {
        let most = usize::try_from(self.advertised.maximum_packet_bytes?).ok()?;
        Some(most.saturating_sub(PUBLISH_OVERHEAD + topic.len() + NO_PROPERTIES))
    }

    /// Known limits of the broker. `second_id`: client id of the publishing connection.
    #[must_use]
    pub fn limits(&self, second_id: &str) -> Vec<BrokerLimit> {
        let qos = match self.advertised.maximum_qos.min(self.learned.maximum_qos) {
            Qos::AtMostOnce => Some(BrokerLimit::MaximumQos(0)),
            Qos::AtLeastOnce => Some(BrokerLimit::MaximumQos(1)),
            Qos::ExactlyOnce => None,
        };
        let retained = (!self.takes_retained()).then_some(BrokerLimit::NoRetainedMessages);
        let packet = self.advertised.maximum_packet_bytes.map(BrokerLimit::MaximumPacketBytes);
        let is_willless =
            !self.learned.takes_will || self.connections == Connections::One { with_will: false };
        let one = matches!(self.connections, Connections::One { .. });
        let one = one.then(|| BrokerLimit::OneConnection { refused: second_id.to_owned() });
        let assigned = self.advertised.assigned_id.clone().map(BrokerLimit::ClientIdAssigned);
        let refused = self.advertised.refused.iter().cloned().map(BrokerLimit::SubscriptionRefused);
        let will = is_willless.then_some(BrokerLimit::NoLastWill);
        [qos, retained, packet, will, one, assigned].into_iter().flatten().chain(refused).collect()
    }
}

/// Reduction of a message before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReducedMessage {
    /// Lower QoS.
    Qos(Qos),
    /// Not retained.
    NotRetained,
}

#[cfg(test)]
#[path = "capabilities_tests.rs"]
mod tests;
