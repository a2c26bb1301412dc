//! Topics with named levels, and filters.

/// Topic filter with named levels: `site/{sensor}/state`, `{name...}` for one or more levels, `+` and `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    /// A literal level.
    Literal(String),
    /// One level, by a name; empty for `+`.
    One(String),
    /// One or more levels, by name; empty for `#`, which also matches none.
    Several(String),
}

/// Maximum of levels that `{name...}` matches if others follow it.
pub const MOST_SEVERAL: usize = 8;

/// The named levels of one topic.
pub type Levels<'a> = Vec<(&'a str, &'a str)>;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Names the error: an unclosed brace, an empty or repeated name, `#` or `{name...}` twice, or nothing but
    /// them.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut levels: Vec<Level> = Vec::new();
        for level in text.split('/') {
            levels.push(Level::new(level)?);
        }
        let mut names: Vec<&str> = levels.iter().filter_map(Level::name).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[one, other]| one == other) {
            return Err(format!("`{{{twice}}}` stands in it twice"));
        }
        if levels.iter().filter(|level| matches!(level, Level::Several(_))).count() > 1 {
            return Err("only one of its parts may take several levels".into());
        }
        if levels.iter().all(|level| matches!(level, Level::Several(_))) {
            return Err("it would take every topic: name at least one level".into());
        }
        Ok(Self { levels })
    }

    /// MQTT filters for its topics. If several levels are not at the end, there is a filter for each number of
    /// them, up to [`MOST_SEVERAL`].
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        let text = |level: &Level| match level {
            Level::Literal(text) => text.clone(),
            Level::One(_) => "+".to_owned(),
            Level::Several(_) => "#".to_owned(),
        };
        let mut levels: Vec<String> = self.levels.iter().map(text).collect();
        let several = levels.iter().position(|level| level == "#");
        let Some(at) = several.filter(|at| *at + 1 < levels.len()) else {
            return vec![levels.join("/")];
        };
        "+".clone_into(&mut levels[at]);
        let mut filters = Vec::new();
        for _ in 0..MOST_SEVERAL {
            filters.push(levels.join("/"));
            levels.insert(at, "+".to_owned());
        }
        filters
    }

    /// True if its first level is literal, so that it may match the broker's own topics (`$…`).
    #[must_use]
    pub fn begins_with_text(&self) -> bool {
        matches!(self.levels.first(), Some(Level::Literal(_)))
    }

    /// Names of its levels, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(Level::name)
    }

    /// The named levels of a topic that is of the pattern.
    #[must_use]
    pub fn levels<'a>(&'a self, topic: &'a str) -> Option<Levels<'a>> {
        let mut named = Levels::new();
        let several = self.levels.iter().position(|level| matches!(level, Level::Several(_)));
        let Some(several) = several else {
            let mut rest = topic.split('/');
            for level in &self.levels {
                level.take(rest.next()?, &mut named)?;
            }
            return rest.next().is_none().then_some(named);
        };
        let (before, after) = (&self.levels[..several], &self.levels[several + 1..]);
        let mut from = 0;
        for level in before {
            let rest = topic.get(from..)?;
            let end = rest.find('/').unwrap_or(rest.len());
            level.take(&rest[..end], &mut named)?;
            from += end + 1;
        }
        let mut to = topic.len();
        for level in after.iter().rev() {
            let rest = topic.get(from.min(to)..to)?;
            let start = rest.rfind('/').map_or(0, |at| at + 1);
            level.take(&rest[start..], &mut named)?;
            to = (from.min(to) + start).checked_sub(1)?;
        }
        let middle = topic.get(from..to.max(from)).unwrap_or_default();
        let Level::Several(name) = &self.levels[several] else { return None };
        if name.is_empty() {
            // `a/#` matches `a`, too.
            return Some(named);
        }
        if middle.is_empty() {
            return None;
        }
        named.push((name, middle));
        Some(named)
    }
}

impl Level {
    fn new(text: &str) -> Result<Self, String> {
        if text == "+" {
            return Ok(Self::One(String::new()));
        }
        if text == "#" {
            return Ok(Self::Several(String::new()));
        }
        let Some(inner) = text.strip_prefix('{') else {
            return if text.contains(['{', '}', '+', '#']) {
                Err(format!("`{text}`: a name or wildcard must be a whole level"))
            } else {
                Ok(Self::Literal(text.to_owned()))
            };
        };
        let name = inner.strip_suffix('}').ok_or(format!("`{text}`: the brace is not closed"))?;
        let (name, is_several) = match name.strip_suffix("...") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("`{text}`: a name is letters, digits and `_`"));
        }
        Ok(if is_several { Self::Several(name.to_owned()) } else { Self::One(name.to_owned()) })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::One(name) | Self::Several(name) if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    fn take<'a>(&'a self, level: &'a str, named: &mut Levels<'a>) -> Option<()> {
        match self {
            Self::Literal(text) => (text == level).then_some(()),
            Self::One(name) if name.is_empty() => Some(()),
            Self::One(name) => {
                named.push((name, level));
                Some(())
            }
            Self::Several(_) => None,
        }
    }
}

/// A named level.
#[must_use]
pub fn level<'a>(levels: &Levels<'a>, name: &str) -> Option<&'a str> {
    levels.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

/// First levels of a family's topics as configured, without a trailing `/`; the family's default otherwise.
///
/// # Errors
/// If nothing is left of it, or when it has a wildcard.
pub fn base(table: Option<&str>, default: &str) -> Result<String, String> {
    let base = table.unwrap_or(default).trim_end_matches('/');
    if base.is_empty() {
        return Err("`base` is empty: give the first levels of the topics".into());
    }
    if base.contains(['+', '#']) {
        return Err(format!("`base = \"{base}\"`: no wildcard may stand in it"));
    }
    Ok(base.to_owned())
}

/// Part of a topic after the base and a `/`; `None` for a topic that is not below it.
#[must_use]
pub fn below<'a>(base: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(base)?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// Whether a topic is of a filter, as MQTT has it: `$` topics are not of a filter that begins with a wildcard.
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn levels(pattern: &str, topic: &str) -> Option<String> {
        let pattern = Pattern::new(pattern).unwrap();
        let shown = |levels: Levels<'_>| {
            let all: Vec<_> =
                levels.iter().map(|(name, level)| format!("{name}={level}")).collect();
            all.join(" ")
        };
        pattern.levels(topic).map(shown)
    }

    #[test]
    fn levels_have_names() {
        assert_eq!(levels("site/{sensor}/state", "site/a/state").as_deref(), Some("sensor=a"));
        assert_eq!(levels("site/{sensor}/state", "site/a/b"), None);
        assert_eq!(levels("site/{sensor}", "site/a/b"), None);
        assert_eq!(levels("/{box}/{task}/+", "/b/t/x").as_deref(), Some("box=b task=t"));
        assert_eq!(levels("{sensor...}/json", "a/b/json").as_deref(), Some("sensor=a/b"));
        assert_eq!(levels("{sensor...}/json", "json"), None);
        assert_eq!(levels("n/{rest...}", "n/a/b/c").as_deref(), Some("rest=a/b/c"));
        assert_eq!(levels("n/{rest...}", "n"), None);
        assert_eq!(levels("n/{rest...}", "m/a"), None);
        assert_eq!(levels("n/{mid...}/z/{last}", "n/a/b/z/q").as_deref(), Some("last=q mid=a/b"));
        assert_eq!(levels("n/#", "n").as_deref(), Some(""));
        assert_eq!(levels("n/#", "n/a/b").as_deref(), Some(""));
    }

    #[test]
    fn filters_follow() {
        let filters = |text| Pattern::new(text).unwrap().filters();
        assert_eq!(filters("site/{sensor}/state"), ["site/+/state"]);
        assert_eq!(filters("n/{rest...}"), ["n/#"]);
        let several = filters("{rest...}/json");
        assert_eq!((several.len(), &*several[0], &*several[2]), (8, "+/json", "+/+/+/json"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("#", "every topic"),
            ("{all...}", "every topic"),
            ("a/{b", "not closed"),
            ("a/{}", "a name is"),
            ("a/x{b}", "whole level"),
            ("a/{b}/{b}", "twice"),
            ("a/{b...}/{c...}", "only one"),
        ] {
            assert!(Pattern::new(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn topics_below_a_base() {
        assert_eq!(base(Some("a/b/"), "z").as_deref(), Ok("a/b"));
        assert_eq!(base(None, "z").as_deref(), Ok("z"));
        assert!(base(Some("/"), "z").unwrap_err().contains("empty"));
        assert!(base(Some("a/#"), "z").unwrap_err().contains("wildcard"));
        assert_eq!(below("a/b", "a/b/c/d"), Some("c/d"));
        assert_eq!(
            (below("a/b", "a/b"), below("a/b", "a/b/"), below("a", "ab/c")),
            (None, None, None)
        );
    }

    #[test]
    fn wildcards_as_mqtt_has_them() {
        assert!(matches("a/+/c", "a/b/c") && matches("a/#", "a") && matches("a/#", "a/b/c"));
        assert!(!matches("a/+", "a/b/c") && !matches("+/b", "$SYS/b") && !matches("#", "$SYS/b"));
        assert!(matches("+/+/BT/x", "home/gw/BT/x"));
    }
}
