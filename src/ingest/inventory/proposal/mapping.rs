//! Proposals of mappings, inferred from topic and payload: the level that names the sensor, the values and their units. Pure.

use super::Proposal;
use super::levels::Levels;
use super::text::{escaped, quoted};
use crate::ingest::formats::kit::names;
use crate::ingest::inventory::fields::{Field, Leaf};
use crate::ingest::inventory::keys;
use crate::ingest::inventory::shapes::{TopicShape, WORDS, is_quantity};
use crate::ingest::inventory::structure::{Kind, Structure};

/// Limit of values in a proposed table.
const MOST_VALUES: usize = 16;

/// Limit of values that are written in one line.
const IN_ONE_LINE: usize = 2;

/// Line of a table whose numbers have a decimal comma.
pub const COMMA: &str = "decimal = \",\"\n";

const NOTHING: &str = "no number in it: nothing to read, or bytes of a protocol of its own; a table of the topic with ignore = [\"*\"] leaves it out";

const NO_ID: &str = "a list whose elements have no id: write each, sensor and values by hand";

/// Table for a shape, or a note why there is none.
pub fn proposal<T>(shape: &TopicShape<T>) -> Proposal {
    let levels = Levels::of(shape);
    let config = match &shape.structure.kind {
        Kind::Number | Kind::CommaNumber | Kind::Truth if shape.is_cut => None,
        Kind::Number => Some(number(levels, plain_number(&shape.payload))),
        Kind::CommaNumber => Some(number(levels, plain_number(&shape.payload)) + COMMA),
        Kind::Truth => truth(levels, &shape.payload),
        Kind::Object => object(levels, &shape.structure.fields),
        Kind::List(_) if !is_distinguishable(&shape.structure) => return Proposal::note(NO_ID),
        Kind::List(key) => list(levels, key, &shape.structure),
        Kind::Empty | Kind::Lines | Kind::Text | Kind::Bytes => None,
    };
    match config {
        Some(config) => Proposal { config: Some(config), note: None },
        None => Proposal::note(NOTHING),
    }
}

fn plain_number(payload: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(payload).trim().replace(',', ".");
    text.parse().unwrap_or_default()
}

/// Table for a topic whose payload is one number.
fn number(mut levels: Levels, number: f64) -> String {
    let last = levels.levels.len() - 1;
    let level = levels.levels[last].clone();
    if let Some(unit) = keys::unit_by_word(&level)
        && let Some(name) = keys::by_unit(unit)
        && !is_quantity(&level)
    {
        return one(levels, name, unit);
    }
    let (name, unit) = keys::named(&level, number);
    if keys::unit_of(&level).is_some()
        && let Ok(name) = names::quantity(&name)
    {
        return one(levels, name.as_str(), unit);
    }
    if is_quantity(&level) && last > 0 {
        "{quantity}".clone_into(&mut levels.levels[last]);
        return format!("[[devices]]\n{}", levels.named().lines());
    }
    // The last word names the quantity: `flow_temp` is a temperature.
    let word = names::canonical(level.rsplit(['_', '-']).next().unwrap_or_default());
    let name = if names::is_canonical(&word) { word.as_str() } else { "value" };
    let plausible = if name == "pressure" { 1000.0 } else { 1.0 };
    let unit = keys::usual_unit(name, if name.ends_with("voltage") { number } else { plausible });
    one(levels, name, unit)
}

/// Table of one value, which is the payload.
fn one(levels: Levels, name: &str, unit: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!("unit = {}\n", quoted(unit)) };
    format!("[[devices]]\n{}quantity = {}\n{unit}", levels.named().lines(), quoted(name))
}

/// Table for a topic whose payload is a word for true or false; `None` if its last level is a numeric quantity.
fn truth(levels: Levels, payload: &[u8]) -> Option<String> {
    let word = String::from_utf8_lossy(payload).trim().to_lowercase();
    let usual = if matches!(&*word, "open" | "closed") { "open" } else { "state" };
    let level = levels.last_word().unwrap_or_default().to_owned();
    if is_quantity(&level)
        || keys::unit_of(&level).is_some()
        || names::canonical(&level) == "energy"
    {
        return None;
    }
    // Without variable levels, the last one is the sensor.
    let is_name = !levels.wild.is_empty() && !WORDS.contains(&level.to_lowercase().as_str());
    let own = names::quantity(&names::canonical(&level)).ok().filter(|_| is_name);
    let name = own.as_ref().map_or(usual, |it| it.as_str());
    Some(one(levels, name, ""))
}

fn object(levels: Levels, fields: &[Field]) -> Option<String> {
    let id = object_id(fields);
    let parts = Parts::of(fields, id);
    let values = parts.values(|field| pointer(field, "/"))?;
    // An id in the payload is used only if the topic has no variable level.
    let topic = match id.filter(|_| levels.wild.is_empty()) {
        Some(id) => {
            let topic = quoted(&levels.levels.join("/"));
            format!("topic = {topic}\nsensor = {}\n", quoted(&pointer(id, "/")))
        }
        None => levels.named().lines(),
    };
    let time = parts.time(|field| pointer(field, "/"));
    Some(format!("[[devices]]\n{topic}{time}{values}"))
}

/// Field that identifies an object: a string, or a number whose key ends in `id`.
fn object_id(fields: &[Field]) -> Option<&Field> {
    let is_id = |field: &&Field| match field.leaf {
        Leaf::Number(_) => field.key().ends_with("id"),
        _ => keys::is_id(field),
    };
    keys::IDS.iter().find_map(|id| fields.iter().filter(is_id).find(|it| it.key() == *id))
}

/// Whether readings of a list's elements can be distinguished: by their ids, by their times, or because there is only one.
fn is_distinguishable(structure: &Structure) -> bool {
    structure.id.is_some()
        || structure.num_elements <= 1
        || structure.fields.iter().any(keys::is_time)
}

fn list(levels: Levels, key: &str, structure: &Structure) -> Option<String> {
    let id = structure.fields.iter().find(|field| Some(&field.path) == structure.id.as_ref());
    let parts = Parts::of(&structure.fields, id);
    let values = parts.values(of_element)?;
    let each = if key.is_empty() { "/*".to_owned() } else { format!("/{}/*", escaped(key)) };
    let named = match id {
        Some(id) => levels.of_elements(id, &of_element(id), structure),
        None => levels.named(),
    };
    // A time beside the list applies if the elements have none.
    let time = match parts.time {
        Some(_) => parts.time(of_element),
        None => Parts::of(&structure.outer, None).time(|field| pointer(field, "/")),
    };
    Some(format!("[[devices]]\n{}each = {}\n{time}{values}", named.lines(), quoted(&each)))
}

/// Fields by their role.
struct Parts<'a> {
    time: Option<&'a Field>,
    numbers: Vec<(&'a Field, f64)>,
}

impl<'a> Parts<'a> {
    fn of(fields: &'a [Field], id: Option<&Field>) -> Self {
        let named = |key: &&str| fields.iter().find(|it| it.key() == *key && keys::is_time(it));
        let time = keys::TIMES.iter().find_map(named);
        let number = |field: &'a Field| match field.leaf {
            Leaf::Number(number) | Leaf::Numeral(number, _) => Some((field, number)),
            Leaf::Text(_) | Leaf::Other => None,
        };
        let values = fields.iter().filter(|field| keys::is_value(field));
        let values = values.filter(|field| id.is_none_or(|id| id.path != field.path));
        Self { time, numbers: values.filter_map(number).take(MOST_VALUES).collect() }
    }

    fn time(&self, pointer: impl Fn(&Field) -> String) -> String {
        self.time.map_or_else(String::new, |it| format!("time = {}\n", quoted(&pointer(it))))
    }

    /// Lines of the values; `None` without a value.
    fn values(&self, pointer: impl Fn(&Field) -> String) -> Option<String> {
        if let [(field, _)] = self.numbers[..]
            && keys::VALUES.contains(&field.key().as_str())
        {
            return Some(format!("value = {}\n", quoted(&pointer(field))));
        }
        let mut names: Vec<String> = Vec::new();
        let mut lines = Vec::new();
        for (field, number) in &self.numbers {
            let Some((name, unit)) = quantity(field, *number, &names) else { continue };
            let at = quoted(&pointer(field));
            lines.push(match unit {
                "" => format!("{name} = {at}"),
                unit => format!("{name} = {{ at = {at}, unit = {} }}", quoted(unit)),
            });
            names.push(name);
        }
        match lines.len() {
            0 => None,
            1..=IN_ONE_LINE => Some(format!("values = {{ {} }}\n", lines.join(", "))),
            _ => Some(format!("[devices.values]\n{}\n", lines.join("\n"))),
        }
    }
}

/// Quantity and unit of a field. If the name is in use already, parent keys are prepended; `None` if no valid name is free.
fn quantity(field: &Field, number: f64, used: &[String]) -> Option<(String, &'static str)> {
    let (name, unit) = keys::named(field.path.last()?, number);
    let parents = names::snake_case(&field.path[..field.path.len() - 1].join("_"));
    let whole = names::snake_case(field.path.last()?);
    let longer = [format!("{parents}_{name}"), whole];
    let shared = [name].into_iter().chain(longer).filter_map(|name| names::quantity(&name).ok());
    let mut free = shared.map(|it| it.as_str().to_owned()).filter(|name| !used.contains(name));
    let found = free.next()?;
    Some((found, unit))
}

/// Pointer to a field of an element. It begins with `./` if a `.` or `[` would make it an expression.
fn of_element(field: &Field) -> String {
    let pointer = pointer(field, "");
    if pointer.contains(['.', '[']) { format!("./{pointer}") } else { pointer }
}

/// Pointer to a field, with a prefix.
fn pointer(field: &Field, prefix: &str) -> String {
    let keys: Vec<_> = field.path.iter().map(|key| escaped(key)).collect();
    format!("{prefix}{}", keys.join("/"))
}
