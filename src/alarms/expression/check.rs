//! Checks a parsed expression: only known names pass, and every operator gets the types it accepts. Pure.
//!
//! Names, windows and other sensors become numbered inputs on the way, so that an evaluation reads no
//! text and calls no function of ours.
//!
//! Invariant: an accepted expression has at most [`MOST_NODES`] nodes, [`DEEPEST`] deep, each costing at most a
//! comparison (or `in`, a comparison with each listed element), and a boolean result. Types are checked before
//! evaluation, because `a || b` hides a mistake in `b` while `a` is true.

use std::time::Duration;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};

use super::ExpressionError;
use super::scope::{Input, Inputs, RATE_WINDOW, Statistic};
use super::types::{Type, not_taken, remedy, result, symbol};
use crate::domain::{SensorId, duration};
use crate::expression::{self, quote};

/// Maximum of nodes (names, literals, operators): about 40 comparisons.
pub(super) const MOST_NODES: usize = 160;

/// Maximum depth of the tree. A chain of additions has one level each; a chain of `&&` far fewer.
pub(super) const DEEPEST: usize = 32;

/// Longest window: the limit of a series' memory.
const LONGEST_WINDOW: Duration = Duration::from_hours(24);

/// CEL's macros over lists.
const COMPREHENSIONS: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];

const NAMES: &str = "there are value, quantity, rate, age, hour, minute and weekday";
const FUNCTIONS: &str = "there are mean, min, max, stddev, sensor and double";

type Checked = Result<Type, ExpressionError>;

/// The walk's state.
pub(super) struct Checker<'a> {
    places: &'a SourceInfo,
    inputs: Inputs,
    nodes: usize,
}

impl<'a> Checker<'a> {
    pub(super) fn new(places: &'a SourceInfo) -> Self {
        Self { places, inputs: Inputs::default(), nodes: 0 }
    }

    /// Checks the expression, and replaces names and calls by inputs.
    pub(super) fn check_all(mut self, tree: &mut IdedExpr) -> Result<Inputs, ExpressionError> {
        match self.check(tree, 1)? {
            Type::Bool => Ok(self.inputs),
            other => Err(ExpressionError::new(
                format!("the result is {}, not true or false", other.as_str()),
                None,
                "compare it with something, as in value > 8.0",
            )),
        }
    }

    fn check(&mut self, node: &mut IdedExpr, depth: usize) -> Checked {
        self.count(node.id, depth)?;
        let id = node.id;
        let (input, of_type) = match &mut node.expr {
            Expr::Literal(literal) => return self.literal(id, literal),
            Expr::Ident(name) => self.name(id, name)?,
            Expr::Select(select) => (self.other(id, select)?, Type::Double),
            Expr::Call(call) => match self.window(id, call)? {
                Some(input) => (input, Type::Double),
                None => return self.call(id, call, depth),
            },
            Expr::List(_) => {
                return Err(self.error(id, "a list stands alone", "lists go right of `in`"));
            }
            _ => {
                let remedy = "write the conditions out and join them by && or ||";
                return Err(self.error(id, "maps and messages are not taken", remedy));
            }
        };
        node.expr = Expr::Ident(self.inputs.name(input));
        Ok(of_type)
    }

    fn count(&mut self, id: u64, depth: usize) -> Result<(), ExpressionError> {
        self.nodes += 1;
        let remedy = "make two rules of it";
        if self.nodes > MOST_NODES {
            let what = format!("the expression has more than {MOST_NODES} parts");
            return Err(ExpressionError::new(what, None, remedy));
        }
        if depth > DEEPEST {
            let what = format!("the expression is more than {DEEPEST} levels deep");
            return Err(self.error(id, what, remedy));
        }
        Ok(())
    }

    fn literal(&self, id: u64, literal: &LiteralValue) -> Checked {
        match literal {
            LiteralValue::Boolean(_) => Ok(Type::Bool),
            LiteralValue::Int(_) => Ok(Type::Whole),
            LiteralValue::Double(_) => Ok(Type::Double),
            LiteralValue::String(_) => Ok(Type::Text),
            LiteralValue::UInt(_) => {
                Err(self.error(id, "unsigned numbers are not taken", "leave out the `u`"))
            }
            LiteralValue::Bytes(_) => {
                Err(self.error(id, "bytes are not taken", "leave out the `b`"))
            }
            LiteralValue::Null => Err(self.error(
                id,
                "nothing is ever null",
                "what is not known makes the verdict unknown by itself",
            )),
        }
    }

    fn name(&self, id: u64, name: &str) -> Result<(Input, Type), ExpressionError> {
        Ok(match name {
            "value" => (Input::Value, Type::Double),
            "quantity" => (Input::Quantity, Type::Text),
            "rate" => (Input::Statistic(Statistic::Rate, RATE_WINDOW), Type::Double),
            "age" => (Input::Age, Type::Double),
            "hour" => (Input::Hour, Type::Whole),
            "minute" => (Input::Minute, Type::Whole),
            "weekday" => (Input::Weekday, Type::Whole),
            "mean" | "min" | "max" | "stddev" => {
                let what = format!("`{name}` has no window");
                return Err(self.error(id, what, format!("write {name}(\"10m\")")));
            }
            _ => return Err(self.error(id, format!("there is no name {}", quote(name)), NAMES)),
        })
    }

    /// `sensor("ID").value` and `sensor("ID").age`.
    fn other(&self, id: u64, select: &SelectExpr) -> Result<Input, ExpressionError> {
        let Expr::Call(call) = &select.operand.expr else {
            let what = format!("nothing here has a field {}", quote(&select.field));
            return Err(self.error(id, what, "only sensor(\"ID\") has .value and .age"));
        };
        if call.func_name != "sensor" || call.target.is_some() {
            let what = format!("nothing here has a field {}", quote(&select.field));
            return Err(self.error(id, what, "only sensor(\"ID\") has .value and .age"));
        }
        let text = self.text_of(select.operand.id, call, "a sensor's id", "sensor(\"COLD_02\")")?;
        let sensor = SensorId::new(text).map_err(|error| {
            self.error(select.operand.id, error.to_string(), "name a sensor, as it names itself")
        })?;
        match select.field.as_str() {
            "value" => Ok(Input::OtherValue(sensor)),
            "age" => Ok(Input::OtherAge(sensor)),
            field => {
                let what = format!("a sensor has no field {}", quote(field));
                Err(self.error(id, what, "there are .value and .age"))
            }
        }
    }

    /// `mean("10m")` and its like; `None` for other calls.
    fn window(&self, id: u64, call: &CallExpr) -> Result<Option<Input>, ExpressionError> {
        let statistic = match call.func_name.as_str() {
            "mean" => Statistic::Mean,
            "min" => Statistic::Min,
            "max" => Statistic::Max,
            "stddev" => Statistic::StdDev,
            _ => return Ok(None),
        };
        let example = format!("{}(\"10m\")", call.func_name);
        let text = self.text_of(id, call, "a window", &example)?;
        let remedy = format!("write a whole number and s, m or h, as in {example}");
        let window = window_span(text)
            .ok_or_else(|| self.error(id, format!("{} is no window", quote(text)), remedy))?;
        if window.is_zero() || window > LONGEST_WINDOW {
            let what = format!("a window of {} is not taken", quote(text));
            return Err(self.error(id, what, "it is from 1s to 24h"));
        }
        Ok(Some(Input::Statistic(statistic, window)))
    }

    /// Text argument of a function, which must be a literal, so that it is known at load.
    fn text_of<'c>(
        &self,
        id: u64,
        call: &'c CallExpr,
        what: &str,
        example: &str,
    ) -> Result<&'c str, ExpressionError> {
        if let (None, [argument]) = (&call.target, call.args.as_slice())
            && let Expr::Literal(LiteralValue::String(text)) = &argument.expr
        {
            return Ok(text.inner());
        }
        let what = format!("`{}` takes {what} in quotes", call.func_name);
        Err(self.error(id, what, format!("write {example}")))
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Checked {
        if call.func_name == operators::IN && call.args.len() == 2 {
            return self.membership(id, call, depth);
        }
        let Some(symbol) = symbol(call) else {
            return Err(self.unknown_call(id, call));
        };
        let mut types = Vec::with_capacity(3); // no operator has more
        for argument in &mut call.args {
            types.push(self.check(argument, depth + 1)?);
        }
        result(&call.func_name, &types)
            .ok_or_else(|| self.error(id, not_taken(symbol, &types), remedy(symbol, &types)))
    }

    /// `x in [a, b]`: the list is written there, of literals.
    fn membership(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Checked {
        let [needle, list] = call.args.as_mut_slice() else {
            return Err(self.unknown_call(id, call)); // never: the caller counted
        };
        let needle = self.check(needle, depth + 1)?;
        self.count(list.id, depth + 1)?;
        let Expr::List(elements) = &mut list.expr else {
            let what = "`in` looks through a list";
            return Err(self.error(id, what, "write it there, as in weekday in [6, 7]"));
        };
        for element in &mut elements.elements {
            let element_id = element.id;
            let Expr::Literal(literal) = &element.expr else {
                let what = "a list holds numbers or texts only";
                return Err(self.error(element_id, what, "join comparisons by || instead"));
            };
            self.count(element_id, depth + 2)?;
            let element = self.literal(element_id, literal)?;
            if !needle.compares_with(element) {
                let what = format!("{} is never {}", element.as_str(), needle.as_str());
                return Err(self.error(element_id, what, "list what it can be"));
            }
        }
        Ok(Type::Bool)
    }

    fn unknown_call(&self, id: u64, call: &CallExpr) -> ExpressionError {
        let name = call.func_name.as_str();
        match name {
            "sensor" => {
                let remedy = "write sensor(\"COLD_02\").value or .age";
                self.error(id, "a sensor is no number", remedy)
            }
            _ if COMPREHENSIONS.contains(&name) => self.error(
                id,
                format!("`{name}` is a comprehension, whose cost has no bound"),
                "write the conditions out and join them by && or ||",
            ),
            "matches" => self.error(
                id,
                "regular expressions are not taken: their cost can't be seen",
                "compare with == or in [...]",
            ),
            operators::INDEX => {
                self.error(id, "nothing here has an index", "lists go right of `in`")
            }
            "has" => self.error(
                id,
                "there is no function `has`",
                "what is not known makes the verdict unknown by itself",
            ),
            "double" => self.error(id, "`double` takes one number", "write double(hour)"),
            _ => self.error(id, format!("there is no function {}", quote(name)), FUNCTIONS),
        }
    }

    fn error(
        &self,
        id: u64,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ExpressionError {
        ExpressionError::new(what, expression::character(self.places, id), remedy)
    }
}

/// Reads a duration in hours, minutes and seconds: `10m`, `1h30m`.
fn window_span(text: &str) -> Option<Duration> {
    duration::parse(text).ok().filter(|_| !text.contains('d') && !text.contains("ms"))
}
