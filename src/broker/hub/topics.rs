//! Topic names and filters (MQTT 5, section 4.7).

pub(in crate::broker) use crate::ingest::formats::kit::topics::matches;

/// Levels of a filter, and of a topic that is retained: the tree of filters is walked to this depth, and the 65,535
/// that MQTT allows would overflow the stack.
const MAX_LEVELS: usize = 128;

/// True if the text is a valid topic to publish on.
pub(in crate::broker) fn is_valid_topic(topic: &str) -> bool {
    is_sound(topic) && !topic.contains(['+', '#'])
}

/// True if the text is a valid filter: wildcards fill a level, `#` only the last.
pub(super) fn is_valid_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_last = levels.peek().is_none();
        let is_allowed = match level {
            "+" => true,
            "#" => is_last,
            _ => !level.contains(['+', '#']),
        };
        if !is_allowed {
            return false;
        }
    }
    is_sound(filter) && is_shallow(filter)
}

fn is_sound(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// True if the text has at most [`MAX_LEVELS`] levels.
pub(super) fn is_shallow(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'/').count() < MAX_LEVELS
}

/// The part of a filter that every topic it matches begins with; `None` when it matches itself alone.
pub(super) fn literal_prefix(filter: &str) -> Option<&str> {
    let end = filter.find(['+', '#'])?;
    // `a/#` matches `a` too.
    let prefix = &filter[..end];
    Some(if filter.ends_with("/#") && end + 1 == filter.len() {
        &prefix[..end - 1]
    } else {
        prefix
    })
}

/// Group and filter of a shared subscription; `None` if it is none, or invalid.
pub(super) fn shared(filter: &str) -> Option<(&str, &str)> {
    let (group, filter) = filter.strip_prefix("$share/")?.split_once('/')?;
    (!group.is_empty() && !group.contains(['+', '#'])).then_some((group, filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_no_wildcards_and_filters_have_them_alone_in_their_level() {
        for topic in ["a", "/", "a/b", "a//b", "$SYS/x", "Ä b"] {
            assert!(is_valid_topic(topic) && is_valid_filter(topic), "{topic}");
        }
        for filter in ["#", "+", "a/#", "+/b", "a/+/c", "/#", "+/+"] {
            assert!(!is_valid_topic(filter) && is_valid_filter(filter), "{filter}");
        }
        for neither in ["", "a\0b", "a#", "a/b+", "#/a", "a/#/b"] {
            assert!(!is_valid_topic(neither) && !is_valid_filter(neither), "{neither:?}");
        }
        assert!(is_valid_filter(&"/".repeat(127)) && !is_valid_filter(&"/".repeat(128)));
        assert!(is_valid_topic(&"/".repeat(60_000)));
    }

    #[test]
    fn filters_match_as_mqtt_has_it() {
        for (filter, topic) in [
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("+", "a"),
            ("+/+", "/a"),
            ("#", "a"),
            ("$SYS/#", "$SYS/a"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("a/+", "a"),
            ("+", "/a"),
            ("#", "$SYS/a"),
            ("+/a", "$SYS/a"),
            ("a", "a/b"),
            ("a/b", "a"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn every_match_begins_with_the_literal_prefix() {
        assert_eq!(literal_prefix("a/b"), None);
        for (filter, prefix) in
            [("#", ""), ("a/#", "a"), ("a/b/+", "a/b/"), ("+/b", ""), ("/#", "")]
        {
            assert_eq!(literal_prefix(filter), Some(prefix), "{filter}");
        }
    }

    #[test]
    fn a_shared_filter_has_a_group() {
        assert_eq!(shared("$share/g/a/b"), Some(("g", "a/b")));
        for none in ["$share/g", "$share//a", "$share/g+/a", "share/g/a"] {
            assert_eq!(shared(none), None, "{none}");
        }
    }
}
