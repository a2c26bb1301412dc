//! Changes of a reload, in both languages.

use log::LevelFilter;

/// Numbers of added, changed and removed items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of added ones.
    pub added: usize,
    /// Number that differ from before.
    pub changed: usize,
    /// Number that went.
    pub removed: usize,
}

/// Changes of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// Whether its accounts are.
    pub users: bool,
    /// Whether its certificate is.
    pub certificate: bool,
}

/// Changes of the embedded broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerChanges {
    /// Whether its users, their passwords or their rights are.
    pub users: bool,
    /// Whether its certificate is.
    pub certificate: bool,
}

/// Changes of a reload.
#[derive(Debug, Clone, Default)]
pub struct ReloadWords<'a> {
    /// Changes of sensors.
    pub sensors: Counts,
    /// Changes of rules.
    pub rules: Counts,
    /// Windows of planned work.
    pub maintenance: Counts,
    /// Whether chattering is something else now.
    pub has_other_chattering: bool,
    /// Whether the turns of sensors without an interval of their own follow another beat.
    pub has_other_turns: bool,
    /// Changes of the page.
    pub page: PageChanges,
    /// Changes of the embedded broker.
    pub broker: BrokerChanges,
    /// New level of the log, if changed, and whether `RUST_LOG` overrides it.
    pub level: Option<(LevelFilter, bool)>,
    /// Keys that take effect at the next start only.
    pub needs_restart: &'a [&'static str],
}

pub(super) fn en(words: &ReloadWords<'_>) -> String {
    const DONE: Done = [["added"; 2], ["changed"; 2], ["removed"; 2]];
    let phrases = Phrases {
        sensor: |count| if count == 1 { "1 sensor".into() } else { format!("{count} sensors") },
        sensors_done: DONE,
        rules: "rules: ",
        maintenance: "maintenance: ",
        done: DONE,
        other_chattering: "the limits of chattering",
        other_turns: "the sensors' turns",
        other_users: "the users of the page",
        other_certificate: "the certificate of the page",
        other_clients: "the users of the broker",
        other_broker_certificate: "the certificate of the broker",
        level: "log level: ",
        overridden: " (RUST_LOG overrides it)",
        nothing: "nothing changed",
        needs_restart: "needs a restart: ",
    };
    said(words, &phrases)
}

pub(super) fn fr(words: &ReloadWords<'_>) -> String {
    let phrases = Phrases {
        sensor: |count| if count == 1 { "1 capteur".into() } else { format!("{count} capteurs") },
        sensors_done: [["ajouté", "ajoutés"], ["modifié", "modifiés"], ["supprimé", "supprimés"]],
        rules: "règles: ",
        maintenance: "maintenance: ",
        done: [["ajoutée", "ajoutées"], ["modifiée", "modifiées"], ["supprimée", "supprimées"]],
        other_chattering: "les seuils du bagotement",
        other_turns: "les tours des capteurs",
        other_users: "les utilisateurs de la page",
        other_certificate: "le certificat de la page",
        other_clients: "les utilisateurs du courtier",
        other_broker_certificate: "le certificat du courtier",
        level: "niveau du journal: ",
        overridden: " (RUST_LOG l'emporte)",
        nothing: "rien n'a changé",
        needs_restart: "redémarrage nécessaire: ",
    };
    said(words, &phrases)
}

/// Words for added, changed, removed: singular and plural.
type Done = [[&'static str; 2]; 3];

/// Phrases that differ between the languages.
struct Phrases {
    sensor: fn(usize) -> String,
    sensors_done: Done,
    rules: &'static str,
    maintenance: &'static str,
    /// For rules and maintenance.
    done: Done,
    other_chattering: &'static str,
    other_turns: &'static str,
    other_users: &'static str,
    other_certificate: &'static str,
    other_clients: &'static str,
    other_broker_certificate: &'static str,
    level: &'static str,
    overridden: &'static str,
    nothing: &'static str,
    needs_restart: &'static str,
}

fn said(words: &ReloadWords<'_>, phrases: &Phrases) -> String {
    let mut parts = Vec::new();
    let after = |what: &'static str| move |count: usize| format!("{what}{count}");
    parts.extend(counted(words.sensors, phrases.sensor, phrases.sensors_done));
    parts.extend(counted(words.rules, after(phrases.rules), phrases.done));
    parts.extend(counted(words.maintenance, after(phrases.maintenance), phrases.done));
    parts.extend(words.has_other_chattering.then(|| phrases.other_chattering.to_owned()));
    parts.extend(words.has_other_turns.then(|| phrases.other_turns.to_owned()));
    parts.extend(words.page.users.then(|| phrases.other_users.to_owned()));
    parts.extend(words.page.certificate.then(|| phrases.other_certificate.to_owned()));
    parts.extend(words.broker.users.then(|| phrases.other_clients.to_owned()));
    parts.extend(words.broker.certificate.then(|| phrases.other_broker_certificate.to_owned()));
    parts.extend(words.level.map(|(level, overridden)| {
        let but = if overridden { phrases.overridden } else { "" };
        format!("{}{}{but}", phrases.level, level.as_str().to_lowercase())
    }));
    if parts.is_empty() {
        parts.push(phrases.nothing.to_owned());
    }
    if !words.needs_restart.is_empty() {
        parts.push(format!("{}{}", phrases.needs_restart, words.needs_restart.join(", ")));
    }
    parts.join("; ")
}

/// `2 sensors added, 1 changed`: the noun is named once; `None` if nothing changed.
fn counted(
    Counts { added, changed, removed }: Counts,
    first: impl Fn(usize) -> String,
    [added_words, changed_words, removed_words]: Done,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_one_line() {
        let words = ReloadWords {
            sensors: Counts { added: 2, changed: 1, removed: 1 },
            rules: Counts { changed: 1, ..Counts::default() },
            maintenance: Counts { added: 1, ..Counts::default() },
            needs_restart: &["mqtt.url", "language"],
            ..ReloadWords::default()
        };
        assert_eq!(
            en(&words),
            "2 sensors added, 1 changed, 1 removed; rules: 1 changed; maintenance: 1 added; needs a restart: mqtt.url, language"
        );
        assert_eq!(
            fr(&words),
            "2 capteurs ajoutés, 1 modifié, 1 supprimé; règles: 1 modifiée; maintenance: 1 ajoutée; redémarrage nécessaire: mqtt.url, language"
        );
    }

    #[test]
    fn nothing_is_said_of_what_is_as_it_was() {
        assert_eq!(en(&ReloadWords::default()), "nothing changed");
        let one = Counts { removed: 1, ..Counts::default() };
        let words = ReloadWords {
            sensors: one,
            has_other_chattering: true,
            has_other_turns: true,
            level: Some((LevelFilter::Debug, true)),
            ..ReloadWords::default()
        };
        assert_eq!(
            en(&words),
            "1 sensor removed; the limits of chattering; the sensors' turns; log level: debug (RUST_LOG overrides it)"
        );
        assert_eq!(
            fr(&words),
            "1 capteur supprimé; les seuils du bagotement; les tours des capteurs; niveau du journal: debug (RUST_LOG l'emporte)"
        );
    }
}
