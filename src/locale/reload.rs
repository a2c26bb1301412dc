//! What a reload of the configuration changed, in both languages.

use log::LevelFilter;

/// How many came, went, and are no longer what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
}

/// What is said of a reload.
#[derive(Debug, Clone, Default)]
pub struct ReloadWords<'a> {
    pub sensors: Counts,
    pub rules: Counts,
    /// Whether the turns of sensors without an interval of their own follow another beat.
    pub has_other_turns: bool,
    /// The log's new level, if it is another; with whether `RUST_LOG` overrides it.
    pub level: Option<(LevelFilter, bool)>,
    /// Keys that take effect only at the next start.
    pub needs_restart: &'a [&'static str],
}

pub(super) fn en(words: &ReloadWords<'_>) -> String {
    let ReloadWords { sensors, rules, has_other_turns, level, needs_restart } = words;
    let mut parts = Vec::new();
    let sensor =
        |count: usize| if count == 1 { "1 sensor".into() } else { format!("{count} sensors") };
    parts.extend(counted(*sensors, sensor, ["added", "changed", "removed"].map(|it| [it, it])));
    let rule = |count: usize| format!("rules: {count}");
    parts.extend(counted(*rules, rule, ["added", "changed", "removed"].map(|it| [it, it])));
    parts.extend(has_other_turns.then(|| "the sensors' turns".to_owned()));
    parts.extend(level.map(|(level, overridden)| {
        let level = level.as_str().to_lowercase();
        let but = if overridden { " (RUST_LOG overrides it)" } else { "" };
        format!("log level: {level}{but}")
    }));
    joined(parts, "nothing changed", "needs a restart: ", needs_restart)
}

pub(super) fn fr(words: &ReloadWords<'_>) -> String {
    let ReloadWords { sensors, rules, has_other_turns, level, needs_restart } = words;
    let mut parts = Vec::new();
    let sensor =
        |count: usize| if count == 1 { "1 capteur".into() } else { format!("{count} capteurs") };
    let done = [["ajouté", "ajoutés"], ["modifié", "modifiés"], ["supprimé", "supprimés"]];
    parts.extend(counted(*sensors, sensor, done));
    let rule = |count: usize| format!("règles: {count}");
    let done = [["ajoutée", "ajoutées"], ["modifiée", "modifiées"], ["supprimée", "supprimées"]];
    parts.extend(counted(*rules, rule, done));
    parts.extend(has_other_turns.then(|| "les tours des capteurs".to_owned()));
    parts.extend(level.map(|(level, overridden)| {
        let level = level.as_str().to_lowercase();
        let but = if overridden { " (RUST_LOG l'emporte)" } else { "" };
        format!("niveau du journal: {level}{but}")
    }));
    joined(parts, "rien n'a changé", "redémarrage nécessaire: ", needs_restart)
}

/// `2 sensors added, 1 changed`: what is counted is named once; `None` when nothing is.
fn counted(
    Counts { added, changed, removed }: Counts,
    first: impl Fn(usize) -> String,
    [added_words, changed_words, removed_words]: [[&str; 2]; 3],
) -> Option<String> {
    let counts = [(added, added_words), (changed, changed_words), (removed, removed_words)];
    let mut text = String::new();
    for (count, [one, more]) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let is_first = text.is_empty();
        let number = if is_first { first(count) } else { format!(", {count}") };
        text += &format!("{number} {}", if count == 1 { one } else { more });
    }
    (!text.is_empty()).then_some(text)
}

fn joined(mut parts: Vec<String>, nothing: &str, restart: &str, keys: &[&str]) -> String {
    if parts.is_empty() {
        parts.push(nothing.to_owned());
    }
    if !keys.is_empty() {
        parts.push(format!("{restart}{}", keys.join(", ")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_one_line() {
        let words = ReloadWords {
            sensors: Counts { added: 2, changed: 1, removed: 1 },
            rules: Counts { changed: 1, ..Counts::default() },
            needs_restart: &["mqtt.url", "language"],
            ..ReloadWords::default()
        };
        assert_eq!(
            en(&words),
            "2 sensors added, 1 changed, 1 removed; rules: 1 changed; needs a restart: mqtt.url, language"
        );
        assert_eq!(
            fr(&words),
            "2 capteurs ajoutés, 1 modifié, 1 supprimé; règles: 1 modifiée; redémarrage nécessaire: mqtt.url, language"
        );
    }

    #[test]
    fn nothing_is_said_of_what_is_as_it_was() {
        assert_eq!(en(&ReloadWords::default()), "nothing changed");
        let one = Counts { removed: 1, ..Counts::default() };
        let words = ReloadWords {
            sensors: one,
            has_other_turns: true,
            level: Some((LevelFilter::Debug, true)),
            ..ReloadWords::default()
        };
        assert_eq!(
            en(&words),
            "1 sensor removed; the sensors' turns; log level: debug (RUST_LOG overrides it)"
        );
        assert_eq!(
            fr(&words),
            "1 capteur supprimé; les tours des capteurs; niveau du journal: debug (RUST_LOG l'emporte)"
        );
    }
}
