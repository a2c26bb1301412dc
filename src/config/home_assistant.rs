//! `[homeassistant]`: Home Assistant discovery and its topics.

use super::model::HomeAssistantConfig;
use super::network::topic_prefix;
use super::reader::TableReader;

/// `None` if discovery is off.
pub(super) fn home_assistant(mut table: TableReader<'_>) -> Option<HomeAssistantConfig> {
    let is_on = table.flag("discovery").is_some_and(|flag| flag.value);
    let mut prefix = |key, default: &str| {
        let text = table.text(key);
        let checked = text.and_then(|text| {
            table.inspector.check(text.at, topic_prefix(key, default, text.value))
        });
        checked.unwrap_or_else(|| default.to_owned())
    };
    let config = HomeAssistantConfig {
        prefix: prefix("prefix", "homeassistant"),
        topic_prefix: prefix("topic_prefix", "vigie"),
    };
    table.finish();
    is_on.then_some(config)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use super::*;

    fn of(lines: &str) -> Option<HomeAssistantConfig> {
        accepted(&format!("[broker]\n[homeassistant]\n{lines}\n")).home_assistant
    }

    #[test]
    fn it_is_off_unless_it_is_turned_on() {
        assert_eq!(accepted("[broker]").home_assistant, None);
        assert_eq!(of(""), None);
        assert_eq!(of("discovery = false\nprefix = \"ha\""), None);
        let config = |prefix: &str, topic_prefix: &str| {
            Some(HomeAssistantConfig { prefix: prefix.into(), topic_prefix: topic_prefix.into() })
        };
        assert_eq!(of("discovery = true"), config("homeassistant", "vigie"));
        let own = "discovery = true\nprefix = \"ha\"\ntopic_prefix = \"plant/vigie\"";
        assert_eq!(of(own), config("ha", "plant/vigie"));
    }

    #[test]
    fn prefixes_are_topics() {
        let text =
            "[broker]\n[homeassistant]\ndiscovery = true\nprefix = \"a/+\"\ntopic_prefix = \"/v\"";
        assert_eq!(
            said(text),
            ["4: `prefix` has a wildcard in it", "5: `topic_prefix` has an empty level"]
        );
        let misspelt = "[broker]\n[homeassistant]\ndiscover = true";
        assert_eq!(hint(misspelt), "did you mean `discovery`?");
        assert!(hint("[broker]\n[homeassistant]\nprefix = \"#\"").contains("homeassistant"));
    }
}
