//! Evaluation of an expression on a message, whose JSON is borrowed.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::functions::Function;
use super::outcome::{Evaluated, Outcome, Unknown, wrong};
use super::tree::{Arithmetic, Comparison, Literal, Node};
use crate::ingest::formats::kit::values;

/// Operands of an evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Payload of the message.
    pub payload: &'a Json,
    /// Element; the payload in a table without elements.
    pub item: &'a Json,
    /// Topic of the message.
    pub topic: &'a str,
    /// Value of `$base`; `None` if the message has none.
    pub base: Option<f64>,
}

impl Node {
    /// Evaluates a node. The recursion is bounded by the depth of the tree.
    pub(super) fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Evaluated<'a> {
        match self {
            Self::Literal(literal) => Ok(literal.outcome()),
            Self::Payload => Ok(Outcome::of(scope.payload, self)),
            Self::Item => Ok(Outcome::of(scope.item, self)),
            Self::Topic => Ok(Outcome::Topic(scope.topic)),
            Self::Base => {
                scope.base.map(Outcome::Number).ok_or_else(|| Unknown::Missing("$base".into()))
            }
            Self::Field(operand, field) => operand.evaluate(scope)?.field(field, self),
            Self::Index(both) => both[0].evaluate(scope)?.index(&both[1].evaluate(scope)?, self),
            Self::Has(operand, field) => operand.has(field, scope),
            Self::Not(operand) => Ok(Outcome::Truth(!operand.truth(scope)?)),
            Self::Negative(operand) => Ok(Outcome::Number(-operand.number(scope)?)),
            Self::And(both) => decide(both, scope, false),
            Self::Or(both) => decide(both, scope, true),
            Self::Choice(all) => {
                let chosen = if all[0].truth(scope)? { &all[1] } else { &all[2] };
                chosen.evaluate(scope)
            }
            Self::Arithmetic(operator, both) => {
                operator.of(both[0].number(scope)?, both[1].number(scope)?).map(Outcome::Number)
            }
            Self::Comparison(operator, both) => {
                let (left, right) = (both[0].evaluate(scope)?, both[1].evaluate(scope)?);
                operator.of(&left, &right).map(Outcome::Truth)
            }
            Self::IsOneOf(operand, literals) => {
                let value = operand.evaluate(scope)?;
                let is_it = |literal: &Literal| equal(&value, &literal.outcome()) == Ok(true);
                Ok(Outcome::Truth(literals.iter().any(is_it)))
            }
            Self::IsKey(both) => {
                let key = both[0].evaluate(scope)?;
                both[1].has(key.text().ok_or_else(|| wrong(&key, "a key"))?, scope)
            }
            Self::Call(function, arguments) => call(*function, arguments, scope),
        }
    }

    fn number(&self, scope: &Scope<'_>) -> Result<f64, Unknown> {
        self.evaluate(scope)?.number().map_err(|unknown| self.named(unknown))
    }

    /// Evaluates a node as a boolean.
    pub(super) fn truth(&self, scope: &Scope<'_>) -> Result<bool, Unknown> {
        self.evaluate(scope)?.truth().map_err(|unknown| self.named(unknown))
    }

    /// Prefixes the reason with the name of the operand.
    fn named(&self, unknown: Unknown) -> Unknown {
        let is_place =
            matches!(self, Self::Payload | Self::Item | Self::Field(..) | Self::Index(_));
        match unknown {
            Unknown::Wrong(why) if is_place => Unknown::Wrong(format!("{}: {why}", self.name())),
            other => other,
        }
    }

    /// Whether an object has a key; false if the object is missing.
    fn has<'a>(&'a self, key: &str, scope: &Scope<'a>) -> Evaluated<'a> {
        match self.evaluate(scope) {
            Ok(Outcome::Container(Json::Object(object))) => {
                Ok(Outcome::Truth(object.contains_key(key)))
            }
            Ok(_) | Err(Unknown::Missing(_)) => Ok(Outcome::Truth(false)),
            Err(wrong) => Err(wrong),
        }
    }

    /// Source form of an operand, for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Payload => "payload".into(),
            Self::Item => "item".into(),
            Self::Topic => "topic".into(),
            Self::Base => "$base".into(),
            Self::Field(operand, field) => format!("{}.{field}", operand.name()),
            Self::Index(both) => match &both[1] {
                Self::Literal(Literal::Text(key)) => format!("{}[{key:?}]", both[0].name()),
                Self::Literal(Literal::Number(at)) => format!("{}[{at}]", both[0].name()),
                _ => format!("{}[…]", both[0].name()),
            },
            _ => "a part of it".into(),
        }
    }
}

impl Literal {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Null => Outcome::Null("null".into()),
            Self::Truth(is_true) => Outcome::Truth(*is_true),
            Self::Number(number) => Outcome::Number(*number),
            Self::Text(text) => Outcome::Text(Cow::Borrowed(text)),
        }
    }
}

/// Short-circuit `&&` and `||`: an operand that equals `deciding` determines the result, even if
/// the other is unknown.
fn decide<'a>(both: &'a [Node; 2], scope: &Scope<'a>, deciding: bool) -> Evaluated<'a> {
    let left = both[0].truth(scope);
    if left == Ok(deciding) {
        return Ok(Outcome::Truth(deciding));
    }
    let right = both[1].truth(scope);
    if right == Ok(deciding) {
        return Ok(Outcome::Truth(deciding));
    }
    left.and(right).map(Outcome::Truth)
}

impl Arithmetic {
    fn of(self, left: f64, right: f64) -> Result<f64, Unknown> {
        if matches!(self, Self::Divide | Self::Remainder) && right == 0.0 {
            return Err(Unknown::Wrong(format!("{left} is divided by 0")));
        }
        Ok(match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        })
    }
}

impl Comparison {
    fn of(self, left: &Outcome<'_>, right: &Outcome<'_>) -> Result<bool, Unknown> {
        match self {
            Self::Equal => equal(left, right),
            Self::NotEqual => equal(left, right).map(|is_equal| !is_equal),
            Self::Less => order(left, right).map(Ordering::is_lt),
            Self::LessOrEqual => order(left, right).map(Ordering::is_le),
            Self::Greater => order(left, right).map(Ordering::is_gt),
            Self::GreaterOrEqual => order(left, right).map(Ordering::is_ge),
        }
    }
}

/// Equality. A number equals a string that represents the same number.
fn equal(left: &Outcome<'_>, right: &Outcome<'_>) -> Result<bool, Unknown> {
    use Outcome::{Container, Null, Number, Text, Topic, Truth};
    match (left, right) {
        (Container(_) | Topic(_), Null(_)) | (Null(_), Container(_) | Topic(_)) => Ok(false),
        (Container(_) | Topic(_), _) => Err(wrong(left, "a value to compare")),
        (_, Container(_) | Topic(_)) => Err(wrong(right, "a value to compare")),
        (Text(left), Text(right)) => Ok(left == right),
        (Truth(left), Truth(right)) => Ok(left == right),
        (Null(_), Null(_)) => Ok(true),
        (Number(_), Number(_) | Text(_)) | (Text(_), Number(_)) => {
            Ok(matches!((left.number(), right.number()), (Ok(left), Ok(right)) if left == right))
        }
        _ => Ok(false),
    }
}

fn order(left: &Outcome<'_>, right: &Outcome<'_>) -> Result<Ordering, Unknown> {
    if let (Some(left), Some(right)) = (left.text(), right.text())
        && (values::number(left).is_none() || values::number(right).is_none())
    {
        return Ok(left.cmp(right));
    }
    let (left, right) = (left.number()?, right.number()?);
    left.partial_cmp(&right).ok_or_else(|| Unknown::Wrong("a number is not finite".into()))
}

fn call<'a>(function: Function, arguments: &'a [Node], scope: &Scope<'a>) -> Evaluated<'a> {
    let number = |at: usize| match arguments.get(at) {
        Some(argument) => argument.number(scope),
        None => Err(Unknown::Wrong("an argument is missing".into())),
    };
    let first = match arguments.first() {
        Some(first) => first.evaluate(scope)?,
        None => return Err(Unknown::Wrong("an argument is missing".into())),
    };
    let text = |at: usize| match arguments.get(at) {
        Some(Node::Literal(Literal::Text(text))) => &**text,
        _ => "",
    };
    let of_text = |test: &dyn Fn(&str) -> bool| match &first {
        Outcome::Text(text) => Ok(Outcome::Truth(test(text))),
        Outcome::Null(place) => Err(Unknown::Missing(place.clone())),
        other => Err(wrong(other, "a text")),
    };
    match function {
        Function::Double => as_number(&first).map(Outcome::Number),
        Function::Int => as_number(&first).map(|number| Outcome::Number(number.trunc())),
        Function::Size => size(&first).map(Outcome::Number),
        Function::StartsWith => of_text(&|it| it.starts_with(text(1))),
        Function::EndsWith => of_text(&|it| it.ends_with(text(1))),
        Function::Contains => of_text(&|it| it.contains(text(1))),
        Function::One(one) => one.of(number(0)?).map(Outcome::Number).map_err(Unknown::Wrong),
        Function::Two(two) => {
            two.of(number(0)?, number(1)?).map(Outcome::Number).map_err(Unknown::Wrong)
        }
        Function::Greatest => fold(arguments, scope, f64::max),
        Function::Least => fold(arguments, scope, f64::min),
    }
}

fn fold<'a>(arguments: &[Node], scope: &Scope<'_>, of: impl Fn(f64, f64) -> f64) -> Evaluated<'a> {
    let mut folded: Option<f64> = None;
    for argument in arguments {
        let number = argument.number(scope)?;
        folded = Some(folded.map_or(number, |folded| of(folded, number)));
    }
    folded.map(Outcome::Number).ok_or_else(|| Unknown::Wrong("an argument is missing".into()))
}

/// Numeric conversion of `double(x)`; also accepts booleans.
fn as_number(outcome: &Outcome<'_>) -> Result<f64, Unknown> {
    match outcome {
        Outcome::Truth(is_true) => Ok(f64::from(u8::from(*is_true))),
        other => other.number(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn size(outcome: &Outcome<'_>) -> Result<f64, Unknown> {
    match outcome {
        Outcome::Text(text) => Ok(text.chars().count() as f64),
        Outcome::Topic(topic) => Ok(topic.split('/').count() as f64),
        Outcome::Container(Json::Array(list)) => Ok(list.len() as f64),
        Outcome::Container(Json::Object(object)) => Ok(object.len() as f64),
        Outcome::Null(place) => Err(Unknown::Missing(place.clone())),
        other => Err(wrong(other, "a text or a list")),
    }
}
