//! Device families, one file each. Its module documentation lists topics, values, units, times,
//! ids, availability and traps.
//!
//! Always: a fault is limited to one value; a missing value is not a fault. Never: a guess between
//! two possible meanings.

mod bthome;
mod chirpstack;
mod esphome;
mod homeassistant;
mod homie;
mod ignored;
mod influx;
mod lorawan;
mod mapping;
mod open_schema;
mod rtl_433;
mod ruuvi;
mod senml;
mod shelly;
mod table_topics;
mod tasmota;
mod theengs;
mod thingsboard;
mod tts;
mod victron;
mod zigbee2mqtt;

use chrono_tz::Tz;

use self::ignored::IgnoredTopics;
use self::mapping::MappingFormat;
use super::{Format, Table};
use crate::config::{DeviceTable, Mistake, Preset, PresetTable, Shape};

/// Creates the format of a table. `zone` is the default time zone of timestamps without an offset;
/// the table may override it.
///
/// # Errors
/// All mistakes of the table.
pub fn format(table: &DeviceTable, zone: Tz) -> Result<Table, Vec<Mistake>> {
    let zone = table.zone.unwrap_or(zone);
    let family: Box<dyn Format> = match &table.shape {
        Shape::Preset(preset) => of_preset(preset, zone).map_err(|why| vec![mistake(&why)])?,
        Shape::Mapping(mapping) if table.ignore == ["*"] => {
            Box::new(IgnoredTopics::new(&mapping.topic).map_err(|why| vec![mistake(&why)])?)
        }
        Shape::Mapping(mapping) => match MappingFormat::new(mapping, zone) {
            Ok(format) => Box::new(format),
            Err(mistakes) => return Err(mistakes.into_iter().map(Into::into).collect()),
        },
    };
    Ok(Table::new(family, table))
}

/// Splits an error text at `;` or `:` into description and remedy.
fn mistake(why: &str) -> Mistake {
    let parts = why.split_once("; ").or_else(|| why.split_once(": "));
    let (what, hint) = parts.unwrap_or((why, "correct the table"));
    Mistake::new(what, hint)
}

fn of_preset(table: &PresetTable, zone: Tz) -> Result<Box<dyn Format>, String> {
    Ok(match table.preset {
        Preset::Bthome => Box::new(bthome::new(table, zone)?),
        Preset::Chirpstack => Box::new(chirpstack::ChirpStack::new(table, zone)?),
        Preset::Esphome => Box::new(esphome::Esphome::new(table)?),
        Preset::Homeassistant => Box::new(homeassistant::HomeAssistant::new(table, zone)?),
        Preset::Homie => Box::new(homie::Homie::new(table, zone)?),
        Preset::Influx => Box::new(influx::Influx::new(table, zone)?),
        Preset::Rtl433 => Box::new(rtl_433::new(table, zone)?),
        Preset::Ruuvi => Box::new(ruuvi::new(table, zone)?),
        Preset::Senml => Box::new(senml::SenMl::new(table, zone)?),
        Preset::Shelly => Box::new(shelly::Shelly::new(table)?),
        Preset::Tasmota => Box::new(tasmota::Tasmota::new(table, zone)?),
        Preset::Theengs => Box::new(theengs::new(table, zone)?),
        Preset::Thingsboard => Box::new(thingsboard::ThingsBoard::new(table, zone)?),
        Preset::Tts => Box::new(tts::TheThingsStack::new(table, zone)?),
        Preset::Victron => Box::new(victron::Victron::new(table, zone)?),
        Preset::Zigbee2mqtt => Box::new(zigbee2mqtt::Zigbee2mqtt::new(table, zone)?),
    })
}
