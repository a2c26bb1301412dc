//! Topics of configs.

/// Topic of a config: `<base>/<component>/[<node>/]<object>/config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// `sensor`, `binary_sensor`, or `device` for all entities of a device.
    pub component: &'a str,
    /// Level before the object's, if any.
    pub node: Option<&'a str>,
    /// Name of the entity, or of the device.
    pub object: &'a str,
}

impl<'a> Place<'a> {
    /// Parses a topic below the base; `None` if it is no config's.
    #[must_use]
    pub fn new(below_base: &'a str) -> Option<Self> {
        let path = below_base.strip_suffix("/config")?;
        let (component, rest) = path.split_once('/')?;
        let (node, object) = match rest.split_once('/') {
            Some((node, object)) => (Some(node), object),
            None => (None, rest),
        };
        let is_whole = !component.is_empty() && !object.is_empty() && !object.contains('/');
        is_whole.then_some(Self { component, node, object })
    }

    /// True if its entities have measured states. Those of other components are set, not measured.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        matches!(self.component, "sensor" | "binary_sensor" | "device")
    }

    /// Id of an entity whose config has none.
    #[must_use]
    pub fn own_id(&self) -> String {
        match self.node {
            Some(node) => format!("{node}/{}", self.object),
            None => self.object.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_configs() {
        let place = |topic| Place::new(topic).map(|it| (it.component, it.node, it.object));
        assert_eq!(place("sensor/a/config"), Some(("sensor", None, "a")));
        assert_eq!(place("device/n/a/config"), Some(("device", Some("n"), "a")));
        for other in
            ["sensor/config", "sensor/a/b/c/config", "sensor/a/state", "config", "sensor//config"]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
