//! A mapping by the look of a topic and its payload: which level is the sensor, where the values are, and their units.

use super::quoted;
use crate::ingest::formats::kit::{names, units};
use crate::ingest::heard::outline::{EARLIEST_TIME, Field, Kind, Leaf, Outline};
use crate::ingest::heard::shapes::{Shape, WORDS, is_quantity};

/// Values in a table: beyond, a person picks.
const MOST_VALUES: usize = 16;

/// Values that are written in one line.
const IN_ONE_LINE: usize = 2;

/// Keys that name the sensor.
const IDS: &[&str] = &[
    "sensor_id",
    "sensorid",
    "sensor",
    "device_id",
    "deviceid",
    "device",
    "dev_eui",
    "deveui",
    "dev",
    "mac",
    "addr",
    "address",
    "serial",
    "sn",
    "id",
    "name",
    "n",
];

/// Keys that say when.
const TIMES: &[&str] = &["timestamp", "time", "ts", "datetime", "date_time", "date", "t"];

/// Keys of one value whose name is elsewhere.
const VALUES: &[&str] = &["value", "val", "v"];

/// Keys of numbers that measure nothing.
const NO_VALUES: &[&str] = &[
    "id", "seq", "sequence", "version", "ver", "port", "f_port", "f_cnt", "channel", "msg_id",
    "counter",
];

/// Short keys and the quantity that they mean most often.
const SHORT: [(&str, &str); 4] =
    [("t", "temperature"), ("h", "humidity"), ("p", "pressure"), ("u", "voltage")];

/// Lines that take a shape; `None` where its payload has no number.
pub fn guess<T>(shape: &Shape<T>) -> Option<String> {
    let levels = Levels::of(shape);
    match &shape.outline.kind {
        Kind::Number => Some(levels.number()),
        Kind::Object => object(levels, &shape.outline.fields),
        Kind::List(key) => list(levels, key, &shape.outline),
        Kind::Empty | Kind::Lines | Kind::Text | Kind::Bytes => None,
    }
}

/// Levels of a topic: names in braces for those that differ.
struct Levels {
    levels: Vec<String>,
    /// Places of those that differ.
    wild: Vec<usize>,
}

impl Levels {
    fn of<T>(shape: &Shape<T>) -> Self {
        let levels: Vec<String> = shape.levels.iter().map(ToString::to_string).collect();
        let wild = levels.iter().enumerate().filter(|(_, level)| *level == "+");
        let wild = wild.map(|(at, _)| at).collect();
        Self { levels, wild }
    }

    /// The lines `topic` and, where it takes one, `sensor`.
    fn lines(mut self) -> String {
        if self.wild.is_empty() {
            self.wild.extend(self.likely_name());
        }
        let mut sensor = String::new();
        match &self.wild[..] {
            [] => sensor = format!("sensor = {}\n", quoted(&self.levels.join("-"))),
            [one] => "{sensor}".clone_into(&mut self.levels[*one]),
            [one, two] => {
                "{device}".clone_into(&mut self.levels[*one]);
                "{sensor}".clone_into(&mut self.levels[*two]);
            }
            many => {
                let names: Vec<_> = (1..=many.len()).map(|at| format!("{{part{at}}}")).collect();
                for (at, name) in many.iter().zip(&names) {
                    self.levels[*at].clone_from(name);
                }
                sensor = format!("sensor = {}\n", quoted(&names.join("/")));
            }
        }
        format!("topic = {}\n{sensor}", quoted(&self.levels.join("/")))
    }

    /// The level that is most likely a name where none differs yet: the last that is no word for a purpose, and not the
    /// first.
    fn likely_name(&self) -> Option<usize> {
        let is_name = |at: &usize| {
            let level = &self.levels[*at];
            let is_word = WORDS.contains(&level.to_lowercase().as_str()) || level.starts_with('{');
            !is_word && !level.is_empty() && !is_quantity(level)
        };
        (1..self.levels.len()).rev().find(is_name)
    }

    /// A topic whose payload is one number.
    fn number(mut self) -> String {
        let last = self.levels.len() - 1;
        let level = self.levels[last].clone();
        if is_quantity(&level) && last > 0 {
            "{quantity}".clone_into(&mut self.levels[last]);
            return format!("[[devices]]\n{}", self.lines());
        }
        // `flow_temp` is a temperature of the flow.
        let word = names::canonical(level.rsplit(['_', '-']).next().unwrap_or_default());
        let name = if names::is_canonical(&word) { word.as_str() } else { "value" };
        let unit = usual_unit(name);
        format!("[[devices]]\n{}quantity = \"{name}\"\n{unit}", self.lines())
    }
}

/// The line `unit` of a quantity that has a usual one.
fn usual_unit(quantity: &str) -> String {
    match units::guess(quantity, plausible(quantity)) {
        "" => String::new(),
        unit => format!("unit = {}\n", quoted(units::spelling(unit))),
    }
}

/// A value that any quantity may have.
fn plausible(quantity: &str) -> f64 {
    if quantity == "pressure" { 1000.0 } else { 1.0 }
}

fn object(levels: Levels, fields: &[Field]) -> Option<String> {
    let parts = Parts::of(fields);
    let values = parts.values(|field| pointer(field, "/"))?;
    // A name in the payload is used where no level of the topic differs.
    let id = parts.id.filter(|_| levels.wild.is_empty());
    let topic = match id {
        Some(id) => {
            let topic = quoted(&levels.levels.join("/"));
            format!("topic = {topic}\nsensor = {}\n", quoted(&pointer(id, "/")))
        }
        None => levels.lines(),
    };
    let time = parts.time(|field| pointer(field, "/"));
    Some(format!("[[devices]]\n{topic}{time}{values}"))
}

fn list(levels: Levels, key: &str, outline: &Outline) -> Option<String> {
    let parts = Parts::of(&outline.fields);
    let of_element = |field: &Field| pointer(field, "");
    let values = parts.values(of_element)?;
    let each = if key.is_empty() { "/*".to_owned() } else { format!("/{}/*", escaped(key)) };
    let topic = match parts.id {
        Some(id) => {
            let text: Vec<_> = levels.levels.iter().map(String::as_str).collect();
            format!("topic = {}\nsensor = {}\n", quoted(&text.join("/")), quoted(&of_element(id)))
        }
        None => levels.lines(),
    };
    // A time beside the list is that of all elements without one.
    let time = match parts.time {
        Some(_) => parts.time(of_element),
        None => Parts::of(&outline.outer).time(|field| pointer(field, "/")),
    };
    Some(format!("[[devices]]\n{topic}each = {}\n{time}{values}", quoted(&each)))
}

/// Fields by what they are for.
struct Parts<'a> {
    id: Option<&'a Field>,
    time: Option<&'a Field>,
    numbers: Vec<(&'a Field, f64)>,
}

impl<'a> Parts<'a> {
    fn of(fields: &'a [Field]) -> Self {
        let best = |keys: &[&str], is_it: &dyn Fn(&Field) -> bool| {
            let named = |key: &&str| fields.iter().find(|it| last(it) == *key && is_it(it));
            keys.iter().find_map(named)
        };
        let time = best(TIMES, &is_time);
        // A number names a sensor only where its key says nothing else.
        let is_text = |field: &Field| matches!(field.leaf, Leaf::Text(_)) && !is_time(field);
        let id = best(IDS, &|field| {
            is_text(field) || (matches!(field.leaf, Leaf::Number(_)) && last(field).ends_with("id"))
        });
        let number = |field: &'a Field| match field.leaf {
            Leaf::Number(number) => Some((field, number)),
            _ => None,
        };
        let is_value = |(field, _): &(&Field, f64)| {
            !is_time(field)
                && !NO_VALUES.contains(&last(field).as_str())
                && id.is_none_or(|id| id.path != field.path)
        };
        let numbers = fields.iter().filter_map(number).filter(is_value).take(MOST_VALUES).collect();
        Self { id, time, numbers }
    }

    fn time(&self, pointer: impl Fn(&Field) -> String) -> String {
        self.time.map_or_else(String::new, |it| format!("time = {}\n", quoted(&pointer(it))))
    }

    /// The lines of the values; `None` without any.
    fn values(&self, pointer: impl Fn(&Field) -> String) -> Option<String> {
        if let [(field, _)] = self.numbers[..]
            && VALUES.contains(&last(field).as_str())
        {
            return Some(format!("value = {}\n", quoted(&pointer(field))));
        }
        let mut names: Vec<String> = Vec::new();
        let mut lines = Vec::new();
        for (field, number) in &self.numbers {
            let Some(name) = quantity(field, &names) else { continue };
            let at = quoted(&pointer(field));
            lines.push(match units::guess(&name, *number) {
                "" => format!("{name} = {at}"),
                unit => {
                    format!("{name} = {{ at = {at}, unit = {} }}", quoted(units::spelling(unit)))
                }
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

/// The quantity of a field, with the keys before it where the name is taken already; `None` where that is no name.
fn quantity(field: &Field, taken: &[String]) -> Option<String> {
    let key = field.path.last()?;
    let short = SHORT.iter().find(|(short, _)| *short == key.to_lowercase());
    let name = short.map_or_else(|| names::canonical(key), |(_, name)| (*name).to_owned());
    let parents = names::snake_case(&field.path[..field.path.len() - 1].join("_"));
    let longer = format!("{parents}_{name}");
    let name = [name, longer].into_iter().filter_map(|name| names::quantity(&name).ok());
    let mut name = name.map(|it| it.as_str().to_owned());
    name.find(|name| !taken.contains(name))
}

fn is_time(field: &Field) -> bool {
    let is_named = TIMES.contains(&last(field).as_str());
    match &field.leaf {
        Leaf::Number(number) => is_named && *number >= EARLIEST_TIME,
        // A year first: days and months before it are read either way round.
        Leaf::Text(text) => is_named && text.find('-') == Some(4) && text.starts_with(['1', '2']),
        Leaf::Other => false,
    }
}

/// Last key of a field, in snake case.
fn last(field: &Field) -> String {
    field.path.last().map(|key| names::snake_case(key)).unwrap_or_default()
}

/// Pointer to a field, which begins with `first`.
fn pointer(field: &Field, first: &str) -> String {
    let keys: Vec<_> = field.path.iter().map(|key| escaped(key)).collect();
    format!("{first}{}", keys.join("/"))
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
