//! Validation of values: the single `value`, those of `values`, those of `expr`.

use std::collections::BTreeMap;

use super::Checker;
use crate::config::MappedValue;
use crate::ingest::formats::families::mapping::expression::Purpose;
use crate::ingest::formats::families::mapping::plan::{Name, Source, ValuePlan};
use crate::ingest::formats::families::mapping::pointer::Pointer;
use crate::ingest::formats::families::mapping::scalars;
use crate::ingest::formats::families::mapping::texts::Text;
use crate::ingest::formats::kit::{names, units};

impl Checker<'_> {
    pub(super) fn values(&mut self) -> Vec<ValuePlan> {
        self.check_numbers();
        let unit = self.mapping.unit.as_deref();
        self.unit = unit.and_then(|unit| self.unit_text("unit", unit));
        let mut plans = Vec::new();
        for value in &self.mapping.values {
            plans.extend(self.named(value));
        }
        for (name, source) in &self.mapping.expr {
            plans.extend(self.computed(name, source));
        }
        self.check_twice(&plans);
        if plans.is_empty() && self.mapping.values.is_empty() && self.mapping.expr.is_empty() {
            plans.extend(self.one());
        } else {
            self.check_alone();
        }
        plans
    }

    /// Records zero scales and non-finite numbers.
    fn check_numbers(&mut self) {
        let ways = |scale, offset, key: &str| {
            [(format!("{key}scale"), scale), (format!("{key}offset"), offset)]
        };
        let mut numbers = ways(self.mapping.scale, self.mapping.offset, "").to_vec();
        for value in &self.mapping.values {
            numbers.extend(ways(value.scale, value.offset, &format!("values.{}.", value.quantity)));
        }
        for (key, number) in numbers {
            match number {
                Some(0.0) if key.ends_with("scale") => {
                    self.wrong(key, "it makes every value 0; write a factor, as in 0.1");
                }
                Some(number) if !number.is_finite() => {
                    self.wrong(key, "it is not finite; write a number");
                }
                _ => {}
            }
        }
    }

    /// Records keys of a single value in a table that has `values` or `expr`.
    fn check_alone(&mut self) {
        let hint = "leave it out, or leave out `values` and `expr`";
        if !self.mapping.value.is_empty() {
            let text = format!("`values` and `expr` say where values are; {hint}");
            self.wrong("value", &text);
        }
        if self.mapping.quantity.is_some() {
            let text = format!("`values` and `expr` name their quantities; {hint}");
            self.wrong("quantity", &text);
        }
        if self.mapping.values.is_empty()
            && (self.mapping.scale.is_some() || self.mapping.offset.is_some())
        {
            let key = if self.mapping.scale.is_some() { "scale" } else { "offset" };
            self.wrong(key, "it does nothing to expressions; compute it there");
        }
    }

    /// Records quantities defined in both `values` and `expr`.
    fn check_twice(&mut self, plans: &[ValuePlan]) {
        for (name, _) in &self.mapping.expr {
            if plans.iter().any(|plan| plan.key == format!("values.{name}")) {
                let text = "`values` has it, too; leave out one of them";
                self.wrong(format!("expr.{name}"), text);
            }
        }
    }

    /// Compiles a value of `values`.
    fn named(&mut self, value: &MappedValue) -> Option<ValuePlan> {
        let key = format!("values.{}", value.quantity);
        let at = self.take(&key, Pointer::new(&value.at))?;
        self.check_reach(&key, &at);
        self.check_stars(&key, &value.quantity, &at);
        let name = self.table_name(&key, &value.quantity);
        let unit = match &value.unit {
            Some(unit) => self.unit_text(&format!("{key}.unit"), unit),
            None => self.unit.clone(),
        };
        let (scale, offset) = if value.scale.or(value.offset).is_some() {
            (value.scale, value.offset)
        } else {
            (self.mapping.scale, self.mapping.offset)
        };
        let source = match at.num_stars() {
            0 => Source::First(vec![at]),
            _ => Source::All(at),
        };
        let reader = self.reader(Some(value));
        Some(ValuePlan { key, source, name, unit, scale, offset, reader })
    }

    /// Records ambiguous names, and a `*` whose cost would be the product of two lists.
    fn check_stars(&mut self, key: &str, name: &str, at: &Pointer) {
        let (of_name, of_pointer) =
            (name.split('/').filter(|it| *it == "*").count(), at.num_stars());
        if of_name < of_pointer {
            let text = format!(
                "its {of_pointer} `*` point to several values of one name; write a `*` in the name for each, as in \"probe/*/temperature\""
            );
            self.wrong(key, &text);
        } else if of_name > of_pointer {
            self.wrong(key, "its name has more `*` than its pointer; leave some out");
        }
        if of_pointer > 0 && self.mapping.each.is_some() && (at.is_absolute() || at.num_up() > 0) {
            let text = "its `*` would be gone through for every element; point into the element";
            self.wrong(key, text);
        }
    }

    /// Compiles a value of `expr`.
    fn computed(&mut self, name: &str, source: &str) -> Option<ValuePlan> {
        let key = format!("expr.{name}");
        if name.split('/').any(|level| level == "*") {
            self.wrong(&key, "no `*` stands in an expression; name the quantity");
        }
        let source = Source::Expression(self.expression(&key, source, Purpose::Value)?);
        let (name, unit) = (self.table_name(&key, name), self.unit.clone());
        let reader = self.reader(None);
        Some(ValuePlan { key, source, name, unit, scale: None, offset: None, reader })
    }

    /// Compiles the single value of a table without `values` and `expr`.
    fn one(&mut self) -> Option<ValuePlan> {
        let pointers: Vec<Option<Pointer>> =
            self.mapping.value.iter().map(|text| self.pointer("value", text)).collect();
        let pointers: Option<Vec<Pointer>> = pointers.into_iter().collect();
        let name = self.name_of_one()?;
        let source = match pointers? {
            none if none.is_empty() => Source::Element,
            some => Source::First(some),
        };
        Some(ValuePlan {
            key: "value".into(),
            source,
            name,
            unit: self.unit.clone(),
            scale: self.mapping.scale,
            offset: self.mapping.offset,
            reader: self.reader(None),
        })
    }

    fn name_of_one(&mut self) -> Option<Name> {
        if let Some(text) = &self.mapping.quantity {
            let text = self.text("quantity", text, names::is_canonical)?;
            let Some(name) = text.as_literal().map(str::to_owned) else {
                return Some(Name::Message(text));
            };
            return Some(self.table_name("quantity", &name));
        }
        if self.names.levels.contains(&"quantity") {
            return Some(Name::Message(Text::of_levels(&["quantity"])));
        }
        if !self.mapping.value.is_empty() || self.mapping.each.is_some() {
            return Some(Name::Key);
        }
        let text = "nothing says what is measured; name a level of the topic {quantity}, or write quantity = \"temperature\"";
        self.wrong("quantity", text);
        None
    }

    /// Parses a configured name: additional levels of the sensor id, and the quantity.
    fn table_name(&mut self, key: &str, name: &str) -> Name {
        let is_star = |level: &str| level == "*";
        let mut levels: Vec<&str> = name.split('/').collect();
        let quantity = levels.pop().unwrap_or_default();
        if !is_star(quantity) {
            self.check_quantity(key, quantity);
        }
        if levels.contains(&"") {
            self.wrong(key, "a level of its name is empty; write one `/` between levels");
        }
        let owned = |level: &str| (!is_star(level)).then(|| level.to_owned());
        Name::Table { levels: levels.into_iter().map(owned).collect(), quantity: owned(quantity) }
    }

    fn unit_text(&mut self, key: &str, unit: &str) -> Option<Text> {
        self.text(key, unit, |word| units::known(word).is_some())
    }

    fn reader(&self, value: Option<&MappedValue>) -> scalars::Reader {
        let table = self.mapping;
        let own_map = value.map(|value| &value.map).filter(|map| !map.is_empty());
        let has_own =
            |value: &&MappedValue| !value.invalid.is_empty() || !value.invalid_words.is_empty();
        let (invalid, words) = match value.filter(has_own) {
            Some(value) => (&value.invalid, &value.invalid_words),
            None => (&table.invalid, &table.invalid_words),
        };
        let map: &BTreeMap<String, f64> = own_map.unwrap_or(&table.map);
        scalars::Reader {
            map: map.clone(),
            invalid: invalid.clone(),
            invalid_words: words.clone(),
            decimal: table.decimal,
        }
    }
}
