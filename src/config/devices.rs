//! `[[devices]]`: formats of devices, by a preset or a mapping. Patterns, pointers and expressions of a mapping are
//! validated by its format.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::device_model::{
    DeviceTable, MappedAvailability, MappedValue, Mapping, Precision, Preset, PresetTable, Shape,
};
use super::errors::quote;
use super::inspector::At;
use super::reader::TableReader;
use super::timezone::timezone;
use crate::domain::glob;

/// Limit of tables: each is tried for each message that earlier ones don't claim.
const MOST_TABLES: usize = 200;

/// Entries of one list or table of names.
const MOST_ENTRIES: usize = 10_000;

const PRECISIONS: [(&str, Precision); 5] = [
    ("s", Precision::Seconds),
    ("ms", Precision::Milliseconds),
    ("us", Precision::Microseconds),
    ("µs", Precision::Microseconds),
    ("ns", Precision::Nanoseconds),
];

/// Reads the `[[devices]]` tables, in their order.
pub(super) fn devices(root: &mut TableReader<'_>) -> Vec<DeviceTable> {
    let mut devices = Vec::new();
    for (index, mut table) in root.tables("devices", "[[devices]]").enumerate() {
        if index == MOST_TABLES {
            let what = format!("there are more than {MOST_TABLES} tables of devices");
            table.wrong(table.at(), what, "let one stand for many: name levels of the topic");
            break;
        }
        devices.extend(device(&mut table));
        table.finish();
    }
    devices
}

fn device(table: &mut TableReader<'_>) -> Option<DeviceTable> {
    let at = table.at();
    let zone = table.text("timezone");
    let zone = zone.and_then(|name| table.inspector.check(name.at, timezone(name.value)));
    let location = owned(table, "location");
    let only = sensors(table, "only");
    let ignore = sensors(table, "ignore");
    let rename = names(table, "rename", "[devices.rename]");
    let shape = if table.has("preset") {
        Shape::Preset(preset(table)?)
    } else if table.has("topic") {
        Shape::Mapping(Box::new(mapping(table)))
    } else {
        table.missing("preset", "name a family, such as preset = \"zigbee2mqtt\"; or describe the messages: topic = \"site/{sensor}/state\"");
        return None;
    };
    Some(DeviceTable { at, shape, location, zone, only, ignore, rename })
}

fn preset(table: &mut TableReader<'_>) -> Option<PresetTable> {
    let preset = table.choice("preset", &Preset::ALL);
    let base = owned(table, "base").map(|base| base.trim_end_matches('/').to_owned());
    let topic = owned(table, "topic");
    let device = owned(table, "device");
    let precision = table.choice("precision", &PRECISIONS);
    Some(PresetTable { preset: preset?, base, topic, device, precision })
}

fn mapping(table: &mut TableReader<'_>) -> Mapping {
    let (invalid, invalid_words) = invalid(table);
    let decimal = table.choice("decimal", &[(",", ','), (".", '.')]);
    Mapping {
        topic: owned(table, "topic").unwrap_or_default(),
        sensor: owned(table, "sensor"),
        device: owned(table, "device"),
        quantities: names(table, "quantities", "[devices.quantities]"),
        quantity: owned(table, "quantity"),
        value: texts(table, "value"),
        unit: owned(table, "unit"),
        time: owned(table, "time"),
        time_base: owned(table, "time_base"),
        precision: table.choice("precision", &PRECISIONS),
        each: owned(table, "each"),
        when: table.any_text("when").map(|it| it.value.to_owned()).filter(|it| !it.is_empty()),
        values: values(table),
        expr: expressions(table),
        invalid,
        invalid_words,
        map: words(table, "[devices.map]"),
        scale: table.number("scale").map(|it| it.value),
        offset: table.number("offset").map(|it| it.value),
        split: table.string("split").map(|it| it.value.to_owned()),
        decimal,
        unit_topic: owned(table, "unit_topic"),
        availability: availability(table),
    }
}

fn owned(table: &mut TableReader<'_>, key: &'static str) -> Option<String> {
    table.text(key).map(|text| text.value.to_owned())
}

/// A text, or a list of texts.
fn texts(table: &mut TableReader<'_>, key: &'static str) -> Vec<String> {
    if table.is_text(key) {
        return owned(table, key).into_iter().collect();
    }
    let Some(item) = table.item(key) else { return Vec::new() };
    let list = item.value.as_array();
    let texts = list.and_then(|list| {
        let texts = list.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    let Some(texts) = texts.filter(|texts| texts.len() <= MOST_ENTRIES) else {
        table.wrong_type::<()>(key, item, "a text, or a list of texts", "[\"Freezer*\"]");
        return Vec::new();
    };
    texts
}

/// Patterns of sensors.
fn sensors(table: &mut TableReader<'_>, key: &'static str) -> Vec<String> {
    let at = table.place_of(key);
    let patterns = texts(table, key);
    let is_nothing = |it: &&String| glob::excluded(it).unwrap_or(it).trim().is_empty();
    if let (Some(at), Some(nothing)) = (at, patterns.iter().find(is_nothing)) {
        let what = format!("{} in `{key}` is no pattern", quote(nothing));
        table.wrong(at, what, "`*` stands for any characters, `?` for one; `!` before it excludes");
    }
    patterns
}

/// Numbers and texts that stand for no value.
fn invalid(table: &mut TableReader<'_>) -> (Vec<f64>, Vec<String>) {
    let (mut numbers, mut words) = (Vec::new(), Vec::new());
    let Some(item) = table.item("invalid") else { return (numbers, words) };
    let Some(list) = item.value.as_array() else {
        table.wrong_type::<()>("invalid", item, "a list", "[-127, 85, \"ERR\"]");
        return (numbers, words);
    };
    for item in list {
        match (number(item.get_ref()), item.get_ref().as_str()) {
            (Some(number), _) => numbers.push(number),
            (None, Some(word)) => {
                // A number in quotes stands for the number, however it is sent.
                numbers.extend(word.trim().parse::<f64>().ok().filter(|it| it.is_finite()));
                words.push(word.to_owned());
            }
            (None, None) => {
                let at = table.base + item.span().start;
                let what = "an entry of `invalid` is neither a number nor text";
                table.wrong(at, what, "write invalid = [-127, 85, \"ERR\"]");
            }
        }
    }
    (numbers, words)
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let number: f64 = match value {
        DeValue::Float(float) => float.as_str().parse().ok()?,
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64
        }
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The entries of a table whose keys are names of the user's own.
fn entries<'a>(
    table: &mut TableReader<'a>,
    key: &'static str,
    name: &'static str,
) -> Vec<(At<&'a str>, At<&'a DeValue<'a>>)> {
    let Some(mut inner) = table.table(key, name) else { return Vec::new() };
    inner.rest()
}

fn names(
    table: &mut TableReader<'_>,
    key: &'static str,
    header: &'static str,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (key, item) in entries(table, key, header) {
        match item.value.as_str().filter(|name| !name.trim().is_empty()) {
            Some(name) => drop(names.insert(key.value.to_owned(), name.to_owned())),
            None => {
                let what = format!("the new name of {} is not text", quote(key.value));
                table.wrong(item.at, what, "write \"0x00158d0001\" = \"Freezer 1\"");
            }
        }
    }
    names
}

fn words(table: &mut TableReader<'_>, header: &'static str) -> BTreeMap<String, f64> {
    let mut words = BTreeMap::new();
    for (key, item) in entries(table, "map", header) {
        match number(item.value) {
            Some(number) => drop(words.insert(key.value.to_owned(), number)),
            None => {
                let what = format!("the value of {} is not a number", quote(key.value));
                table.wrong(item.at, what, "write map = { OPEN = 1, CLOSED = 0 }");
            }
        }
    }
    words
}

fn expressions(table: &mut TableReader<'_>) -> Vec<(String, String)> {
    let mut expressions = Vec::new();
    for (key, item) in entries(table, "expr", "[devices.expr]") {
        match item.value.as_str() {
            Some(text) => expressions.push((key.value.to_owned(), text.to_owned())),
            None => {
                let what = format!("the expression of {} is not text", quote(key.value));
                table.wrong(item.at, what, "write expr = { temperature = \"payload.raw / 10.0\" }");
            }
        }
    }
    expressions
}

fn values(table: &mut TableReader<'_>) -> Vec<MappedValue> {
    const EXAMPLE: &str = "values = { temperature = { at = \"/t\", unit = \"°C\" } }";
    let mut values = Vec::new();
    for (key, item) in entries(table, "values", "[devices.values]") {
        let quantity = key.value.to_owned();
        if let Some(at) = item.value.as_str() {
            values.push(MappedValue { quantity, at: at.to_owned(), ..MappedValue::default() });
            continue;
        }
        let name = format!("values.{quantity}");
        let mut value = table.as_table(key.value, name, item, || format!("write {EXAMPLE}"));
        let at = value.text("at");
        let (invalid, invalid_words) = invalid(&mut value);
        let hint = match &*quantity {
            "availability" | "quantities" | "rename" => {
                "if it is meant for the whole table, write it above [devices.values]"
            }
            _ => "say where it is: at = \"/t\"",
        };
        if let Some(at) = value.require(at, "at", hint) {
            values.push(MappedValue {
                quantity,
                at: at.value.to_owned(),
                unit: owned(&mut value, "unit"),
                scale: value.number("scale").map(|it| it.value),
                offset: value.number("offset").map(|it| it.value),
                invalid,
                invalid_words,
                map: words(&mut value, "[devices.values.map]"),
            });
        }
        value.finish();
    }
    values
}

fn availability(table: &mut TableReader<'_>) -> Option<MappedAvailability> {
    let mut inner = table.table("availability", "[devices.availability]")?;
    let topic = inner.text("topic");
    let topic = inner.require(topic, "topic", "topic = \"site/{sensor}/lwt\"");
    let word = |inner: &mut TableReader<'_>, key, default: &str| {
        inner.any_text(key).map_or_else(|| default.to_owned(), |it| it.value.to_owned())
    };
    let online = word(&mut inner, "online", "online");
    let offline = word(&mut inner, "offline", "offline");
    inner.finish();
    Some(MappedAvailability { topic: topic?.value.to_owned(), online, offline })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use super::*;

    #[test]
    fn a_preset_and_a_mapping_in_full() {
        let config = accepted(
            "[broker]\n[[devices]]\npreset = 'zigbee2mqtt'\nbase = 'zb/'\nlocation = 'Hall 1'\n\
             only = ['Freezer*']\nignore = '*/linkquality'\nrename = { '0x1' = 'Freezer 1' }\n\
             timezone = 'Europe/Paris'\n\
             [[devices]]\ntopic = 'site/{sensor}/state'\ntime = '/ts'\ninvalid = [-127, 85.5]\n\
             values = { temperature = { at = '/t', unit = '°C', scale = 0.1, offset = 1 }, humidity = '/h' }\n\
             availability = { topic = 'site/{sensor}/lwt', online = '1', offline = '0' }\n",
        );
        let [z2m, site] = config.devices.try_into().unwrap();
        let Shape::Preset(preset) = z2m.shape else { panic!() };
        assert_eq!((preset.preset, preset.base.as_deref()), (Preset::Zigbee2mqtt, Some("zb")));
        assert_eq!((z2m.only, z2m.ignore), (vec!["Freezer*".into()], vec!["*/linkquality".into()]));
        assert_eq!(z2m.rename["0x1"], "Freezer 1");
        assert_eq!(z2m.zone, Some(chrono_tz::Europe::Paris));
        let Shape::Mapping(mapping) = site.shape else { panic!() };
        assert_eq!(mapping.invalid, [-127.0, 85.5]);
        let [humidity, temperature] = mapping.values.try_into().unwrap();
        assert_eq!((&*humidity.at, humidity.unit), ("/h", None));
        assert_eq!((temperature.scale, temperature.offset), (Some(0.1), Some(1.0)));
        let availability = mapping.availability.unwrap();
        assert_eq!((&*availability.online, &*availability.offline), ("1", "0"));
    }

    #[test]
    fn mistakes_are_named_with_a_remedy() {
        for (text, what) in [
            ("preset = 'zigbe2mqtt'", "`preset` can't be `zigbe2mqtt`"),
            ("location = 'x'", "`preset` is missing"),
            ("topic = 'a'\nvalue = 1", "`value` must be a text, or a list of texts"),
            ("topic = 'a'\nscales = 1", "`scales`"),
            ("topic = 'a'\nvalues = { t = { unit = 'x' } }", "`at` is missing"),
            ("topic = 'a'\nmap = { a = 'b' }", "the value of `a` is not a number"),
            ("topic = 'a'\ndecimal = ';'", "`decimal` can't be"),
            ("preset = 'influx'\nvalues = {}", "`values`"),
        ] {
            let said = said(&format!("[broker]\n[[devices]]\n{text}\n")).join("\n");
            assert!(said.contains(what), "{text}: {said}");
        }
        let meant = hint("[broker]\n[[devices]]\npreset = 'zigbe2mqtt'");
        assert!(meant.contains("zigbee2mqtt"), "{meant}");
    }
}
