//! Suggestions for misspelt words. Pure.

/// Hint for a word that is none of `known`.
pub(super) fn one_of<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    if let Some(meant) = closest(word, known.clone()) {
        return format!("did you mean `{meant}`?");
    }
    let known: Vec<String> = known.map(|word| format!("`{word}`")).collect();
    match known.as_slice() {
        [] => "nothing is known here".into(),
        [only] => format!("use {only}"),
        _ => format!("use one of {}", known.join(", ")),
    }
}

/// Most similar word: few letters differ, or it contains what was written.
pub(super) fn closest<'k>(
    word: &str,
    mut known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    const LONGEST_WORD: usize = 64;
    if word.is_empty() || word.len() > LONGEST_WORD {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let near = known
        .clone()
        .map(|known| (strsim::osa_distance(&word, &plain(known)), known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).min(3))
        .min_by_key(|(distance, _)| *distance);
    near.map(|(_, known)| known)
        .or_else(|| known.find(|known| word.len() >= 4 && plain(known).contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["listen", "username", "password_env", "Europe/Paris", "s"];
        let meant = |word: &str| closest(word, known.into_iter());
        assert_eq!(meant("lisen"), Some("listen"));
        assert_eq!(meant("Lisetn"), Some("listen"));
        assert_eq!(meant("user-name"), Some("username"));
        assert_eq!(meant("password"), Some("password_env"));
        assert_eq!(meant("paris"), Some("Europe/Paris"));
        for nonsense in ["", "x", "port", &"listen".repeat(20)] {
            assert_eq!(meant(nonsense), None, "{nonsense}");
        }
    }
}
