//! Evaluation of a template on a payload.

use std::cell::Cell;
use std::cmp::Ordering;

use super::arguments::Given;
use super::numbers::Failure;
use super::operators;
use super::payload::Payload;
use super::syntax::{Arguments, Comparator, Expression, For, Node, Step};
use super::values::{Outcome, Value};

/// Step limit of one template. A step is an evaluated node, a visited element, or 32 bytes of made
/// text.
const MOST_STEPS: u64 = 20_000;
/// Bytes of text per step.
const BYTES_A_STEP: usize = 32;

/// Inputs of a template, and its remaining steps.
pub struct Context<'a> {
    /// Message to read from.
    pub payload: &'a Payload<'a>,
    steps_left: Cell<u64>,
}

impl<'a> Context<'a> {
    /// Context of one template; its steps are limited by those left for the message.
    #[must_use]
    pub fn new(payload: &'a Payload<'a>) -> Self {
        Self { payload, steps_left: Cell::new(MOST_STEPS.min(payload.steps_left())) }
    }

    /// Counts visited elements as steps.
    ///
    /// # Errors
    /// If the step limit is exceeded.
    pub fn pay_for_elements(&self, number: usize) -> Result<(), Failure> {
        let left = self.steps_left.get().checked_sub(number as u64);
        self.payload.take_steps((number as u64).min(self.steps_left.get()));
        self.steps_left.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| Failure::Wrong("its template takes too long".into()))
    }

    /// Counts made or searched bytes as steps.
    ///
    /// # Errors
    /// If the step limit is exceeded.
    pub fn pay_for_bytes(&self, number: usize) -> Result<(), Failure> {
        self.pay_for_elements(1 + number / BYTES_A_STEP)
    }
}

/// Variables by name; the last one of a name shadows the others.
type Scope<'a> = Vec<(&'a str, Value<'a>)>;

/// An evaluation in progress.
pub struct Evaluation<'a, 'c> {
    context: &'c Context<'a>,
    scope: Scope<'a>,
    printed: String,
}

impl<'a, 'c> Evaluation<'a, 'c> {
    /// Evaluation without output so far.
    #[must_use]
    pub fn new(context: &'c Context<'a>) -> Self {
        Self { context, scope: Scope::new(), printed: String::new() }
    }

    /// Output.
    #[must_use]
    pub fn finish(self) -> String {
        self.printed
    }

    /// Evaluates nodes in sequence.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&mut self, nodes: &'a [Node]) -> Result<(), Failure> {
        for node in nodes {
            self.context.pay_for_elements(1)?;
            match node {
                Node::Text(text) => {
                    self.context.pay_for_bytes(text.len())?;
                    self.printed.push_str(text);
                }
                Node::Print(expression) => {
                    let text = self.value(expression)?.printed(self.context)?;
                    self.printed.push_str(&text);
                }
                Node::If(branches, otherwise) => {
                    let taken = self.branch(branches)?.unwrap_or(otherwise);
                    self.run(taken)?;
                }
                Node::For(repetition) => self.repeat(repetition)?,
                Node::Set(name, expression) => {
                    let value = self.value(expression)?;
                    self.set(name, value);
                }
            }
        }
        Ok(())
    }

    fn branch(
        &mut self,
        branches: &'a [(Expression, Vec<Node>)],
    ) -> Result<Option<&'a Vec<Node>>, Failure> {
        for (condition, nodes) in branches {
            if self.value(condition)?.is_true() {
                return Ok(Some(nodes));
            }
        }
        Ok(None)
    }

    fn set(&mut self, name: &'a str, value: Value<'a>) {
        self.scope.push((name, value));
    }

    fn repeat(&mut self, repetition: &'a For) -> Result<(), Failure> {
        let elements = self.value(&repetition.list)?.elements(self.context)?;
        let outside = self.scope.len();
        let mut taken = Vec::new();
        for element in elements {
            self.bind(&repetition.names, element.clone())?;
            let is_taken = match &repetition.condition {
                Some(condition) => self.value(condition)?.is_true(),
                None => true,
            };
            self.scope.truncate(outside);
            if is_taken {
                taken.push(element);
            }
        }
        if taken.is_empty() {
            return self.run(&repetition.otherwise);
        }
        let length = taken.len();
        for (position, element) in taken.into_iter().enumerate() {
            self.set("loop", state_of_loop(position, length));
            self.bind(&repetition.names, element)?;
            self.run(&repetition.body)?;
            self.scope.truncate(outside);
        }
        Ok(())
    }

    /// Binds an element, or its parts, to the loop's names.
    fn bind(&mut self, names: &'a [Box<str>], element: Value<'a>) -> Result<(), Failure> {
        if let [name] = names {
            self.set(name, element);
            return Ok(());
        }
        let parts = element.elements(self.context)?;
        if parts.len() != names.len() {
            return Err(Failure::Wrong(format!("an element has {} parts", parts.len())));
        }
        for (name, part) in names.iter().zip(parts) {
            self.set(name, part);
        }
        Ok(())
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn value(&mut self, expression: &'a Expression) -> Outcome<'a> {
        self.context.pay_for_elements(1)?;
        Ok(match expression {
            Expression::None => Value::None,
            Expression::Bool(is_true) => Value::Bool(*is_true),
            Expression::Integer(number) => Value::Integer(*number),
            Expression::Decimal(number) => Value::Decimal(*number),
            Expression::Text(text) => Value::text(&**text),
            Expression::Name(name) => self.variable(name),
            Expression::List(elements) => Value::list(self.values(elements)?),
            Expression::Map(pairs) => self.map(pairs)?,
            Expression::Not(inner) => Value::Bool(!self.value(inner)?.is_true()),
            Expression::Minus(inner) => operators::negative(&self.value(inner)?)?,
            Expression::Chain(first, steps) => self.chain(first, steps)?,
            Expression::Arithmetic(first, rest) => {
                let mut value = self.value(first)?;
                for (operator, operand) in rest {
                    value = operators::apply(*operator, value, self.value(operand)?, self.context)?;
                }
                value
            }
            Expression::Comparison(first, rest) => Value::Bool(self.compare(first, rest)?),
            Expression::And(all) => self.first_that(all, |value| !value.is_true())?,
            Expression::Or(all) => self.first_that(all, Value::is_true)?,
            Expression::Choice(choice) => {
                let branch = if self.value(&choice.condition)?.is_true() {
                    Some(&choice.then)
                } else {
                    choice.otherwise.as_ref()
                };
                branch.map_or(Ok(Value::Undefined), |branch| self.value(branch))?
            }
            Expression::Call(function, arguments) => {
                let mut given = self.arguments(arguments)?;
                let input = given.take_first();
                function(&input, &given, self.context)?
            }
        })
    }

    fn variable(&self, name: &str) -> Value<'a> {
        let payload = self.context.payload;
        let set = self.scope.iter().rev().find(|(known, _)| *known == name);
        match (set, name) {
            (Some((_, value)), _) => value.clone(),
            (None, "value") => Value::text(payload.text()),
            (None, "value_json") => payload.json().map_or(Value::Undefined, Value::of_json),
            (None, _) => Value::Undefined,
        }
    }

    fn values(&mut self, expressions: &'a [Expression]) -> Result<Vec<Value<'a>>, Failure> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    fn map(&mut self, pairs: &'a [(Expression, Expression)]) -> Outcome<'a> {
        let mut map = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            map.push((self.value(key)?, self.value(value)?));
        }
        Ok(Value::Map(map.into()))
    }

    /// First value for which a condition holds, else the last one.
    fn first_that(
        &mut self,
        all: &'a [Expression],
        holds: impl Fn(&Value<'a>) -> bool,
    ) -> Outcome<'a> {
        let mut last = Value::Undefined;
        for expression in all {
            last = self.value(expression)?;
            if holds(&last) {
                break;
            }
        }
        Ok(last)
    }

    fn chain(&mut self, first: &'a Expression, steps: &'a [Step]) -> Outcome<'a> {
        let mut value = self.value(first)?;
        for step in steps {
            self.context.pay_for_elements(1)?;
            value = match step {
                Step::Attribute(name) => value.item(&Value::text(&**name), self.context)?,
                Step::Item(key) => {
                    let key = self.value(key)?;
                    value.item(&key, self.context)?
                }
                Step::Slice(parts) => self.slice(&value, parts)?,
                Step::Filter(filter, arguments) => {
                    filter(&value, &self.arguments(arguments)?, self.context)?
                }
                Step::Test { test, arguments, is_negated } => {
                    let holds = test(&value, &self.arguments(arguments)?, self.context)?;
                    Value::Bool(holds != *is_negated)
                }
                Step::Method(method, arguments) => {
                    if value.is_nothing() {
                        return Err(Failure::Nothing);
                    }
                    method(&value, &self.arguments(arguments)?, self.context)?
                }
            };
        }
        Ok(value)
    }

    fn slice(&mut self, value: &Value<'a>, parts: &'a [Option<Expression>; 3]) -> Outcome<'a> {
        let mut bounds = [None; 3];
        for (bound, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                let given = self.value(part)?;
                *bound = if given.is_nothing() { None } else { Some(given.integer()?) };
            }
        }
        operators::slice(value, bounds, self.context)
    }

    fn arguments(&mut self, arguments: &'a Arguments) -> Result<Given<'a>, Failure> {
        let positional = self.values(&arguments.positional)?;
        let mut named = Vec::with_capacity(arguments.named.len());
        for (name, expression) in &arguments.named {
            named.push((&**name, self.value(expression)?));
        }
        Ok(Given { positional, named })
    }

    fn compare(
        &mut self,
        first: &'a Expression,
        rest: &'a [(Comparator, Expression)],
    ) -> Result<bool, Failure> {
        let mut left = self.value(first)?;
        left.defined()?;
        for (comparator, operand) in rest {
            let right = self.value(operand)?;
            right.defined()?;
            let holds = match comparator {
                Comparator::Equal => left.equals(&right, self.context)?,
                Comparator::NotEqual => !left.equals(&right, self.context)?,
                Comparator::Less => left.order(&right, self.context)? == Ordering::Less,
                Comparator::LessOrEqual => left.order(&right, self.context)? != Ordering::Greater,
                Comparator::Greater => left.order(&right, self.context)? == Ordering::Greater,
                Comparator::GreaterOrEqual => left.order(&right, self.context)? != Ordering::Less,
                Comparator::In => operators::contains(&right, &left, self.context)?,
                Comparator::NotIn => !operators::contains(&right, &left, self.context)?,
            };
            if !holds {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }
}

/// The variable `loop`.
fn state_of_loop<'a>(position: usize, length: usize) -> Value<'a> {
    let number = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let fields = [
        ("index", number(position + 1)),
        ("index0", number(position)),
        ("first", Value::Bool(position == 0)),
        ("last", Value::Bool(position + 1 == length)),
        ("length", number(length)),
    ];
    Value::Map(fields.map(|(name, value)| (Value::text(name), value)).to_vec().into())
}
