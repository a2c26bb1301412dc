//! Rights of a client to publish and subscribe: topic patterns, with `%u` for its user name and `%c` for its client
//! id.
//!
//! Invariants: a filter is granted if all topics that it matches are; a name with a wildcard or a slash is never
//! substituted; no pattern covers topics that only the daemon publishes. Pure.

use std::sync::Arc;

use crate::config::GATEWAY_USER;

/// Rights of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rights {
    /// Everything.
    All,
    /// Limited to the topics of these patterns.
    Limited(Limited),
}

/// Filters as MQTT has them, with `%u` and `%c` in their levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limited {
    pub publish: Vec<String>,
    pub subscribe: Vec<String>,
    /// Topics that only the daemon publishes.
    pub reserved: Vec<String>,
}

/// The rights of one client.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    /// User name; `None` for an anonymous client.
    pub user: Option<Arc<str>>,
    /// Digest of the password it gave.
    pub password: [u8; 32],
    pub rights: Arc<Rights>,
}

impl Grant {
    /// All rights, as an anonymous client has where no login is required.
    #[cfg(test)]
    pub fn all_in_test() -> Self {
        Self { user: None, password: [0; 32], rights: Arc::new(Rights::All) }
    }

    /// Nothing.
    pub fn none() -> Self {
        let rights = Arc::new(Rights::Limited(Limited::default()));
        Self { user: None, password: [0; 32], rights }
    }

    /// True for the daemon's own gateway, whose session need not outlive the process.
    pub fn is_gateway(&self) -> bool {
        self.user.as_deref() == Some(GATEWAY_USER)
    }

    pub fn is_limited(&self) -> bool {
        matches!(*self.rights, Rights::Limited(_))
    }

    /// True if the client may publish on a topic. No client may publish on the broker's own topics.
    pub fn may_publish(&self, client: &str, topic: &str) -> bool {
        if is_brokers_own(topic) {
            return false;
        }
        let Rights::Limited(limited) = &*self.rights else { return true };
        let is_covered = |pattern: &String| self.covers(pattern, client, topic);
        limited.publish.iter().any(is_covered) && !limited.reserved.iter().any(is_covered)
    }

    /// True if the client may subscribe to a filter, or receive a topic.
    pub fn may_subscribe(&self, client: &str, filter: &str) -> bool {
        let Rights::Limited(limited) = &*self.rights else { return true };
        limited.subscribe.iter().any(|pattern| self.covers(pattern, client, filter))
    }

    /// Whether a pattern matches all that a filter matches.
    fn covers(&self, pattern: &str, client: &str, filter: &str) -> bool {
        if filter.starts_with('$') && pattern.starts_with(['+', '#']) {
            // Wildcards don't match topics that begin with `$` (MQTT 5, 4.7.2).
            return false;
        }
        let mut levels = filter.split('/');
        for wanted in pattern.split('/') {
            if wanted == "#" {
                return true;
            }
            let is_same = match (wanted, levels.next()) {
                // `a/#` brings `a` too, and `a/+` doesn't.
                (_, None | Some("#")) => false,
                ("+", Some(_)) => true,
                (wanted, Some(level)) => self.is_level(wanted, client, level),
            };
            if !is_same {
                return false;
            }
        }
        levels.next().is_none()
    }

    fn is_level(&self, wanted: &str, client: &str, level: &str) -> bool {
        if !wanted.contains('%') {
            return wanted == level;
        }
        let user = self.user.as_deref().unwrap_or_default();
        let fits = |name: &str| !name.is_empty() && !name.contains(['+', '#', '/']);
        let is_usable =
            (!wanted.contains("%u") || fits(user)) && (!wanted.contains("%c") || fits(client));
        // A name is not looked into for the other's sign.
        let parts = wanted.split("%u").map(|part| part.replace("%c", client));
        is_usable && parts.collect::<Vec<_>>().join(user) == level
    }
}

/// True for a topic that is reserved for the broker's own messages.
pub(super) fn is_brokers_own(topic: &str) -> bool {
    topic.split('/').next() == Some("$SYS")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grant(publish: &[&str], subscribe: &[&str]) -> Grant {
        let owned = |patterns: &[&str]| patterns.iter().map(|it| (*it).to_owned()).collect();
        let rights = Limited {
            publish: owned(publish),
            subscribe: owned(subscribe),
            reserved: owned(&["factory/alerts/#", "factory/sensors/status"]),
        };
        let rights = Arc::new(Rights::Limited(rights));
        Grant { user: Some("freezer".into()), password: [0; 32], rights }
    }

    #[test]
    fn a_filter_is_granted_with_all_that_it_brings() {
        for (pattern, yes, no) in [
            ("a/b", &["a/b"][..], &["a", "a/b/c", "a/+", "a/#", "#", "+/b"][..]),
            ("a/+", &["a/b", "a/+", "a/"], &["a", "a/b/c", "a/#", "+/+"]),
            ("a/#", &["a", "a/b", "a/+/c", "a/#"], &["b", "#", "+/b", "ab"]),
            ("+/b", &["a/b", "+/b", "/b"], &["$SYS/b", "#/b"]),
            ("#", &["a", "#", "+/+"], &["$SYS/#", "$SYS/a"]),
            ("$SYS/#", &["$SYS/a", "$SYS/#"], &["#", "a"]),
        ] {
            let grant = grant(&[], &[pattern]);
            for filter in yes {
                assert!(grant.may_subscribe("c", filter), "{pattern} {filter}");
            }
            for filter in no {
                assert!(!grant.may_subscribe("c", filter), "{pattern} {filter}");
            }
        }
    }

    #[test]
    fn names_stand_in_patterns() {
        let grant = grant(&["site/%u/up", "dev-%c/+", "%u-%c"], &[]);
        assert!(grant.may_publish("c1", "site/freezer/up"));
        assert!(!grant.may_publish("c1", "site/other/up"));
        assert!(grant.may_publish("c1", "dev-c1/x"));
        assert!(!grant.may_publish("c1", "dev-c2/x"));
        assert!(grant.may_publish("%u", "freezer-%u"), "a name is not looked into");
    }

    #[test]
    fn a_name_with_a_wildcard_stands_for_nothing() {
        let grant = grant(&["a/%c"], &["a/%c", "a/%c/#"]);
        for client in ["+", "#", "b/c", ""] {
            assert!(!grant.may_subscribe(client, &format!("a/{client}")), "{client}");
            assert!(!grant.may_publish(client, &format!("a/{client}")), "{client}");
        }
        let nobody = Grant { user: None, ..super::tests::grant(&["a/%u"], &[]) };
        assert!(!nobody.may_publish("c", "a/"));
    }

    #[test]
    fn what_the_daemon_publishes_is_its_alone() {
        let grant = grant(&["#"], &["#"]);
        assert!(grant.may_publish("c", "factory/sensors/temperature"));
        assert!(!grant.may_publish("c", "factory/sensors/status"));
        assert!(!grant.may_publish("c", "factory/alerts/temperature"));
        assert!(grant.may_subscribe("c", "factory/alerts/#"));
        assert!(!grant.may_publish("c", "$SYS/broker/version"));
    }

    proptest! {
        /// What a granted filter matches is granted too.
        #[test]
        fn whatever_a_granted_filter_brings_is_granted(
            pattern in "(a|b|\\+)(/(a|b|\\+)){0,2}(/#)?|#",
            filter in "(a|b|\\+)(/(a|b|\\+)){0,2}(/#)?|#",
            topic in "(a|b)(/(a|b)){0,3}",
        ) {
            let grant = grant(&[], &[&pattern]);
            let is_brought = super::super::hub::matches(&filter, &topic);
            prop_assume!(is_brought && grant.may_subscribe("c", &filter));
            prop_assert!(grant.may_subscribe("c", &topic), "{pattern} {filter} {topic}");
        }
    }
}
