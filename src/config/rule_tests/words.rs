//! What a rule test calls the states of an alarm and what happens to it: the words of ISA-18.2. Pure.

use crate::alarms::machine::{Change, Condition, State, Withheld};

/// What may happen to an alarm.
pub const CHANGES: [(&str, Change); 13] = [
    ("raised", Change::Raised),
    ("still-active", Change::StillActive),
    ("returned", Change::Returned),
    ("latched", Change::Latched),
    ("acknowledged", Change::Acknowledged),
    ("reset", Change::Reset),
    ("shelved", Change::Shelved),
    ("unshelved", Change::Unshelved),
    ("suppressed", Change::Suppressed),
    ("unsuppressed", Change::Unsuppressed),
    ("taken-out-of-service", Change::TakenOutOfService),
    ("returned-to-service", Change::ReturnedToService),
    ("closed", Change::Closed),
];

/// How an alarm may stand.
pub const STATES: [&str; 8] = [
    "unacknowledged",
    "acknowledged",
    "returned-unacknowledged",
    "latched-unacknowledged",
    "latched-acknowledged",
    "shelved",
    "suppressed",
    "out-of-service",
];

/// The word for a change in a file of rule tests.
#[must_use]
pub fn of_change(change: Change) -> &'static str {
    CHANGES.iter().find(|(_, known)| *known == change).map_or("changed", |(word, _)| word)
}

/// The word of a state: what withholds the alarm, or else how it stands; `None` for a normal one.
#[must_use]
pub const fn of_state(state: State) -> Option<&'static str> {
    let word = match (state.condition, state.withheld) {
        (Condition::Normal, _) => return None,
        (_, Some(Withheld::OutOfService)) => "out-of-service",
        (_, Some(Withheld::Suppressed)) => "suppressed",
        (_, Some(Withheld::Shelved)) => "shelved",
        (Condition::Unacknowledged, None) => "unacknowledged",
        (Condition::Acknowledged, None) => "acknowledged",
        (Condition::ReturnedUnacknowledged, None) => "returned-unacknowledged",
        (Condition::LatchedUnacknowledged, None) => "latched-unacknowledged",
        (Condition::LatchedAcknowledged, None) => "latched-acknowledged",
    };
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_that_stands_has_a_word_of_the_list() {
        use Condition::{
            Acknowledged, LatchedAcknowledged, LatchedUnacknowledged, Normal,
            ReturnedUnacknowledged, Unacknowledged,
        };
        let withheld = [
            None,
            Some(Withheld::Shelved),
            Some(Withheld::Suppressed),
            Some(Withheld::OutOfService),
        ];
        let mut said = Vec::new();
        for condition in [
            Unacknowledged,
            Acknowledged,
            ReturnedUnacknowledged,
            LatchedUnacknowledged,
            LatchedAcknowledged,
        ] {
            said.extend(withheld.map(|withheld| of_state(State { condition, withheld }).unwrap()));
        }
        said.sort_unstable();
        said.dedup();
        let mut known = STATES;
        known.sort_unstable();
        assert_eq!(said, known);
        assert_eq!(of_state(State { condition: Normal, withheld: None }), None);
    }

    #[test]
    fn each_change_has_its_word() {
        for (word, change) in CHANGES {
            assert_eq!(of_change(change), word);
        }
    }
}
