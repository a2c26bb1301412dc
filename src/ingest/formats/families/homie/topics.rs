//! Topics of the convention.

/// Subject of a topic below the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// State of a device.
    State { device: &'a str, is_version_5: bool },
    /// Availability in versions before `$state`.
    Online { device: &'a str },
    /// Description of a device of version 5.
    Description { device: &'a str },
    /// Attribute of a property of version 4, the property as `<device>/<node>/<property>`.
    Attribute { property: &'a str, attribute: &'a str },
    /// Value of a property, as `<device>/<node>/<property>`.
    Value { device: &'a str, property: &'a str, is_version_5: bool },
    /// A topic of the convention without a value.
    Other,
    /// Not of the convention.
    Foreign,
}

/// Attributes of properties that are remembered.
const ATTRIBUTES: [&str; 3] = ["$unit", "$datatype", "$format"];

/// Subject of a topic without its base.
pub fn subject(topic: &str) -> Subject<'_> {
    let (topic, is_version_5) = match topic.strip_prefix("5/") {
        Some(rest) => (rest, true),
        None => (topic, false),
    };
    let mut levels = topic.split('/');
    let device = levels.next().unwrap_or_default();
    let levels = [levels.next(), levels.next(), levels.next(), levels.next()];
    if device.is_empty() {
        return Subject::Foreign;
    }
    if device.starts_with('$') {
        return Subject::Other;
    }
    match levels {
        [Some("$state"), None, ..] => Subject::State { device, is_version_5 },
        [Some("$description"), None, ..] if is_version_5 => Subject::Description { device },
        [Some("$online"), None, ..] if !is_version_5 => Subject::Online { device },
        [Some(node), Some(property), None, _] if is_id(node) && is_id(property) => {
            Subject::Value { device, property: topic, is_version_5 }
        }
        [Some(node), Some(property), Some(attribute), None]
            if !is_version_5
                && is_id(node)
                && is_id(property)
                && ATTRIBUTES.contains(&attribute) =>
        {
            let property = topic.strip_suffix(attribute).and_then(|it| it.strip_suffix('/'));
            Subject::Attribute { property: property.unwrap_or(topic), attribute }
        }
        [None, ..] => Subject::Foreign,
        _ => Subject::Other,
    }
}

fn is_id(level: &str) -> bool {
    !level.is_empty() && !level.starts_with('$')
}
