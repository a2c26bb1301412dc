//! Operators' actions, their records, and the operators' view of an alarm.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::quantity::LONGEST_NAME as LONGEST_QUANTITY;
use super::{Location, Priority, Quantity, SensorId, SensorIdError, Unit, Value};

/// Default duration of a shelf.
pub const SHELVED_FOR: Duration = Duration::from_secs(8 * 3600);

/// Longest shelf. A longer absence is maintenance, which must be ended by hand: out of service.
pub const LONGEST_SHELF: Duration = Duration::from_secs(24 * 3600);

/// Longest name of an operator, in bytes: fits a table column.
const LONGEST_BY: usize = 64;

/// Longest reason, in bytes: a few sentences.
const LONGEST_WHY: usize = 500;

/// The longest name of a rule, in bytes: one of the short form, `high-` and a quantity.
const LONGEST_RULE: usize = "high-".len() + LONGEST_QUANTITY;

/// Kind of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Acknowledge the alarm.
    Acknowledge,
    /// Shelve the alarm for a time.
    Shelve {
        /// Duration of the shelf.
        lasting: Duration,
        /// Whether the shelf ends with the next return to normal.
        is_one_shot: bool,
    },
    /// End the shelf.
    Unshelve,
    /// Take the alarm out of service, until it is returned to service.
    TakeOutOfService,
    /// Return the alarm to service.
    ReturnToService,
    /// Reset a latched alarm.
    Reset,
    /// Forget a sensor: closes its alarms and drops its state until its next reading.
    Forget,
}

impl Action {
    /// Name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Shelve { .. } => "shelve",
            Self::Unshelve => "unshelve",
            Self::TakeOutOfService => "out-of-service",
            Self::ReturnToService => "return-to-service",
            Self::Reset => "reset",
            Self::Forget => "forget",
        }
    }
}

/// Channel by which an action came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    /// HTTP API.
    Api,
    /// Command line.
    Cli,
    /// MQTT message.
    Mqtt,
}

impl Via {
    /// Name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Mqtt => "mqtt",
        }
    }
}

/// Operator of an action, with the reason given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Name: not empty, at most 64 bytes, no control characters.
    pub by: Arc<str>,
    /// Reason: at most 500 bytes, no control characters.
    pub why: Option<Arc<str>>,
}

/// Names an alarm, or all of a sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmName {
    /// By alert id (16 hexadecimal digits) of the active or the latest alert.
    Id(Arc<str>),
    /// `RULE/SENSOR`, which also names a normal alarm. The rule's name is within its limit.
    Of {
        /// Name of the rule.
        rule: Arc<str>,
        /// Id of the sensor.
        sensor_id: SensorId,
    },
    /// All alarms of a sensor. It has no text form: the caller names a sensor.
    AllOf(SensorId),
}

/// Why a text names no alarm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlarmNameError {
    /// Neither an alert id nor `RULE/SENSOR`; holds the text.
    #[error(
        "`{0}` names no alarm: use the 16 digits of an alert id, as `vigie alarms` shows them, or \
         RULE/SENSOR"
    )]
    NoForm(String),
    /// The name of the rule is too long.
    #[error("a rule's name is at most {LONGEST_RULE} bytes long: no alarm has a longer one")]
    RuleTooLong,
    /// The name of the rule contains a control character.
    #[error("a rule's name has no control characters: no alarm is named so")]
    ControlInRule,
    /// The part after the slash is no sensor id.
    #[error("{0}")]
    NoSensor(#[from] SensorIdError),
}

impl std::str::FromStr for AlarmName {
    type Err = AlarmNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        match text.split_once('/') {
            // Split at the first slash: a rule's name has none, a sensor's id may have.
            Some((rule, _)) if rule.len() > LONGEST_RULE => Err(AlarmNameError::RuleTooLong),
            Some((rule, _)) if rule.contains(char::is_control) => {
                Err(AlarmNameError::ControlInRule)
            }
            Some((rule, sensor)) if !rule.is_empty() => {
                Ok(Self::Of { rule: rule.into(), sensor_id: SensorId::new(sensor)? })
            }
            None if text.len() == 16 && text.chars().all(is_digit) => Ok(Self::Id(text.into())),
            _ => Err(AlarmNameError::NoForm(text.escape_debug().take(80).collect())),
        }
    }
}

impl fmt::Display for AlarmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Of { rule, sensor_id } => write!(f, "{rule}/{sensor_id}"),
            Self::AllOf(sensor_id) => write!(f, "{sensor_id}"),
        }
    }
}

/// An operator's action on one alarm or sensor, validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorAction {
    /// Kind of action.
    pub what: Action,
    /// Alarm that the action is for.
    pub alarm: AlarmName,
    /// Operator who requests it.
    pub operator: Operator,
    /// Receipt time, by the daemon's clock.
    pub at: DateTime<Utc>,
    /// Way in.
    pub via: Via,
}

/// Why an action is invalid as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Field that is empty.
    #[error("`{0}` is empty: say who you are, or leave it out")]
    Empty(&'static str),
    /// Field that is too long, with the limit in bytes.
    #[error("`{0}` is longer than {1} bytes")]
    TooLong(&'static str, usize),
    /// Field that contains a control character.
    #[error("`{0}` has a control character in it")]
    ControlCharacter(&'static str),
    /// The reason is missing.
    #[error("a reason is required: say `why`")]
    NoReason,
    /// The duration of the shelf exceeds the limit.
    #[error("an alarm is shelved for more than nothing and at most 24h: take it out of service")]
    ShelfTooLong,
}

impl Operator {
    /// # Errors
    /// If a text is not of its form; a reason of spaces alone counts as none.
    pub fn new(by: &str, why: Option<&str>) -> Result<Self, ActionError> {
        if by.trim().is_empty() {
            return Err(ActionError::Empty("by"));
        }
        let why = why.filter(|why| !why.trim().is_empty());
        for (name, text, longest) in [("by", Some(by), LONGEST_BY), ("why", why, LONGEST_WHY)] {
            let text = text.unwrap_or_default();
            if text.len() > longest {
                return Err(ActionError::TooLong(name, longest));
            }
            if text.chars().any(char::is_control) {
                return Err(ActionError::ControlCharacter(name));
            }
        }
        Ok(Self { by: by.trim().into(), why: why.map(|why| why.trim().into()) })
    }
}

impl OperatorAction {
    /// # Errors
    /// If the required reason is missing, or a shelf is too long.
    pub fn checked(self) -> Result<Self, ActionError> {
        let needs_reason = matches!(self.what, Action::Shelve { .. } | Action::TakeOutOfService);
        match self.what {
            _ if needs_reason && self.operator.why.is_none() => Err(ActionError::NoReason),
            Action::Shelve { lasting, .. } if lasting.is_zero() || lasting > LONGEST_SHELF => {
                Err(ActionError::ShelfTooLong)
            }
            _ => Ok(self),
        }
    }
}

/// Stored outcome of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRecord {
    /// Action as requested.
    pub action: OperatorAction,
    /// Alarm of the action; `None` if there is no such alarm.
    pub of: Option<AlarmOf>,
    /// `Ok(true)` if it changed something, `Ok(false)` if not; `Err` if refused.
    pub outcome: Result<bool, Refused>,
}

/// Why an action changes nothing, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    /// No such alarm.
    #[error("{0}")]
    Unknown(String),
    /// The alarm is in no state for it.
    #[error("{0}")]
    NotNow(String),
}

/// Which alarm, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmOf {
    /// `None` for one that was never raised.
    pub alert_id: Option<Arc<str>>,
    /// Name of the rule; [`AlarmOf::ALL`] for all of the sensor.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
}

impl AlarmOf {
    /// Wildcard for all rules; no rule can have this name.
    pub const ALL: &'static str = "*";
}

/// Something an operator did, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Operator.
    pub operator: Operator,
    /// Time of the action.
    pub at: DateTime<Utc>,
}

/// An alarm that is not normal, as operators see it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmView {
    /// Rule and sensor of the alarm.
    pub of: AlarmOf,
    /// Alert type of the rule.
    pub alert_type: Arc<str>,
    /// Location of the sensor.
    pub location: Location,
    /// Quantity that is judged.
    pub quantity: Quantity,
    /// Newest value of the sensor at the alarm's last change; `None` for a sensor without any reading.
    pub value: Option<Value>,
    /// Unit of the value and the threshold.
    pub unit: Unit,
    /// Threshold of the rule, in `unit`.
    pub threshold: f64,
    /// Priority of the rule.
    pub severity: Priority,
    /// `normal`, `unacknowledged`, `acknowledged`, `returned-unacknowledged`,
    /// `latched-unacknowledged` or `latched-acknowledged`.
    pub state: &'static str,
    /// Time of the last raise or return; `None` for a normal alarm.
    pub since: Option<DateTime<Utc>>,
    /// `shelved`, `suppressed` or `out-of-service`.
    pub withheld: Option<&'static str>,
    /// Acknowledgement, if any.
    pub acknowledged: Option<Said>,
    /// Shelf, if the alarm is shelved.
    pub shelved: Option<ShelfView>,
    /// Cause of the suppression, if suppressed.
    pub suppressed_by: Option<Arc<str>>,
    /// Operator who took the alarm out of service, and when.
    pub out_of_service: Option<Said>,
}

/// Shelf as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfView {
    /// Operator and time; `None` for a state that was edited by hand.
    pub said: Option<Said>,
    /// Expected end, if the listening clock runs until then.
    pub until: DateTime<Utc>,
    /// Whether the shelf ends with the next return to normal.
    pub is_one_shot: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelve(lasting: Duration, why: Option<&str>) -> Result<OperatorAction, ActionError> {
        OperatorAction {
            what: Action::Shelve { lasting, is_one_shot: false },
            alarm: "warm/T".parse().unwrap(),
            operator: Operator::new("anne", why).unwrap(),
            at: DateTime::UNIX_EPOCH,
            via: Via::Api,
        }
        .checked()
    }

    #[test]
    fn an_alarm_is_named_in_two_ways() {
        for name in ["0123456789abcdef", "warm/T_1", "high-co2/hall 1/T+2"] {
            assert_eq!(name.parse::<AlarmName>().unwrap().to_string(), name);
        }
        for name in
            ["", "0123456789ABCDEF", "0123456789abcde", "warm", "/T", "warm/", "é/\n", "warm\n/T"]
        {
            assert!(name.parse::<AlarmName>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_names_an_alarm_is_no_longer_than_an_alarm_of_it_may_be() {
        let named = |rule: usize, sensor: usize| {
            format!("{}/{}", "r".repeat(rule), "s".repeat(sensor)).parse::<AlarmName>()
        };
        let longest_quantity = Quantity::new(&"q".repeat(64)).unwrap();
        let longest = format!("high-{longest_quantity}").len();
        assert!(named(longest, 256).is_ok());
        assert_eq!(named(longest + 1, 256), Err(AlarmNameError::RuleTooLong));
        let said = named(60_000, 1).unwrap_err().to_string();
        assert_eq!(said, "a rule's name is at most 69 bytes long: no alarm has a longer one");
        let said = named(longest, 257).unwrap_err().to_string();
        assert_eq!(said, "the sensor id is longer than 256 bytes");
        let said = "x".repeat(60_000).parse::<AlarmName>().unwrap_err().to_string();
        assert!(said.len() < 300, "{said}");
    }

    #[test]
    fn a_shelf_has_a_reason_and_an_end() {
        assert!(shelve(LONGEST_SHELF, Some("door repaired")).is_ok());
        let longer = LONGEST_SHELF + Duration::from_millis(1);
        assert_eq!(shelve(longer, Some("x")), Err(ActionError::ShelfTooLong));
        assert_eq!(shelve(Duration::ZERO, Some("x")), Err(ActionError::ShelfTooLong));
        for none in [None, Some(""), Some("  ")] {
            assert_eq!(shelve(SHELVED_FOR, none), Err(ActionError::NoReason));
        }
    }

    #[test]
    fn an_operator_has_a_name_of_one_line() {
        assert_eq!(Operator::new(" ", None), Err(ActionError::Empty("by")));
        assert_eq!(Operator::new(&"x".repeat(65), None), Err(ActionError::TooLong("by", 64)));
        assert_eq!(Operator::new("a\nb", None), Err(ActionError::ControlCharacter("by")));
        let long = "x".repeat(501);
        assert_eq!(Operator::new("a", Some(&long)), Err(ActionError::TooLong("why", 500)));
        assert_eq!(&*Operator::new(" anne ", Some(" so ")).unwrap().by, "anne");
    }
}
