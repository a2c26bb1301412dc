//! Runbooks by rule name, shared by all receivers. Replacing them after a reload also triggers
//! retries of failed notifications.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::alarms::rule::Rule;

/// Runbook addresses by rule name, for rules that have one.
pub type Runbooks = HashMap<Arc<str>, Arc<str>>;

/// Handle to the current runbooks. Cloning is shallow.
#[derive(Debug, Clone)]
pub struct SharedRunbooks(watch::Sender<Arc<Runbooks>>);

impl SharedRunbooks {
    /// Runbooks of the given rules.
    #[must_use]
    pub fn of(rules: &[Rule]) -> Self {
        Self(watch::Sender::new(runbooks(rules)))
    }

    /// Replaces the runbooks, for all further notifications.
    pub fn replace(&self, rules: &[Rule]) {
        self.0.send_replace(runbooks(rules));
    }

    pub(super) fn now(&self) -> Arc<Runbooks> {
        self.0.borrow().clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Runbooks>> {
        self.0.subscribe()
    }
}

fn runbooks(rules: &[Rule]) -> Arc<Runbooks> {
    let with_runbook = |rule: &Rule| Some((rule.name.clone(), rule.runbook.clone()?));
    Arc::new(rules.iter().filter_map(with_runbook).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::rule::Priority;
    use crate::domain::Quantity;

    #[test]
    fn whoever_shares_them_has_those_of_the_rules_as_they_are() {
        let rule = |name: &str, runbook: Option<&str>| Rule {
            runbook: runbook.map(Arc::from),
            ..Rule::retired(name.into(), Quantity::temperature(), Priority::High)
        };
        let shared = SharedRunbooks::of(&[rule("hot", Some("old")), rule("cold", None)]);
        let of_a_receiver = shared.clone();
        assert_eq!(*of_a_receiver.now(), Runbooks::from([("hot".into(), "old".into())]));
        shared.replace(&[rule("hot", Some("new")), rule("cold", Some("heat"))]);
        let expected = [("hot".into(), "new".into()), ("cold".into(), "heat".into())];
        assert_eq!(*of_a_receiver.now(), Runbooks::from(expected));
        shared.replace(&[]);
        assert!(of_a_receiver.now().is_empty());
    }
}
