//! An alarm as operators see it, as JSON:
//! `{"id":…,"rule":…,"sensor_id":…,"location":…,"quantity":…,"value":…,"unit":…,"threshold":…,
//! "alert_type":…,"severity":…,"state":…,"since":…,"withheld":…,"acknowledged":{"by":…,"why":…,"at":…},
//! "shelved":{"by":…,"why":…,"at":…,"until":…,"one_shot":…},"suppressed_by":…,"out_of_service":{…}}`, with `null`
//! for absent values.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::config::TimeStyle;
use crate::domain::{AlarmView, Said, ShelfView};

/// Serializable form of an alarm.
#[derive(Debug, Clone, Copy)]
pub struct AlarmJson<'a> {
    alarm: &'a AlarmView,
    times: TimeStyle,
}

impl<'a> AlarmJson<'a> {
    /// The JSON form of an alarm.
    #[must_use]
    pub const fn new(alarm: &'a AlarmView, times: TimeStyle) -> Self {
        Self { alarm, times }
    }

    fn said(&self, said: &Said) -> Value {
        let Said { operator, at } = said;
        json!({ "by": operator.by, "why": operator.why, "at": self.times.write(*at) })
    }

    fn shelf(&self, shelf: &ShelfView) -> Value {
        let mut json = shelf.said.as_ref().map_or_else(|| json!({}), |said| self.said(said));
        json["until"] = self.times.write(shelf.until).into();
        json["one_shot"] = shelf.is_one_shot.into();
        json
    }
}

impl Serialize for AlarmJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alarm = self.alarm;
        let said = |said: &Option<Said>| said.as_ref().map(|said| self.said(said));
        let mut map = serializer.serialize_map(Some(17))?;
        map.serialize_entry("id", &alarm.of.alert_id)?;
        map.serialize_entry("rule", &alarm.of.rule)?;
        map.serialize_entry("sensor_id", alarm.of.sensor_id.as_str())?;
        map.serialize_entry("location", alarm.location.as_str())?;
        map.serialize_entry("quantity", alarm.quantity.as_str())?;
        map.serialize_entry("value", &alarm.value)?;
        map.serialize_entry("unit", alarm.unit.as_str())?;
        map.serialize_entry("threshold", &alarm.threshold)?;
        map.serialize_entry("alert_type", &alarm.alert_type)?;
        map.serialize_entry("severity", alarm.severity.as_str())?;
        map.serialize_entry("state", alarm.state)?;
        map.serialize_entry("since", &alarm.since.map(|since| self.times.write(since)))?;
        map.serialize_entry("withheld", &alarm.withheld)?;
        map.serialize_entry("acknowledged", &said(&alarm.acknowledged))?;
        map.serialize_entry("shelved", &alarm.shelved.as_ref().map(|shelf| self.shelf(shelf)))?;
        map.serialize_entry("suppressed_by", &alarm.suppressed_by)?;
        map.serialize_entry("out_of_service", &said(&alarm.out_of_service))?;
        map.end()
    }
}
