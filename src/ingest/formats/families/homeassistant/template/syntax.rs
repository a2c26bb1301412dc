//! A template as it was parsed. Chains of steps and of operators are lists, so that its depth is that of its brackets.

use super::checks::Test;
use super::filters::Filter;
use super::methods::Method;

/// Nodes one after another.
pub type Nodes = Vec<Node>;

/// A part of a template.
#[derive(Debug)]
pub enum Node {
    /// Text that is printed as it is.
    Text(Box<str>),
    /// `{{ … }}`
    Print(Expression),
    /// `{% if … %}`: conditions with what they print, and what is printed where none holds.
    If(Vec<(Expression, Nodes)>, Nodes),
    /// `{% for … in … %}`
    For(Box<For>),
    /// `{% set … = … %}`
    Set(Box<str>, Expression),
}

/// A loop.
#[derive(Debug)]
pub struct For {
    /// Names of each element's parts, or of the whole element.
    pub names: Vec<Box<str>>,
    /// What is gone through.
    pub list: Expression,
    /// Condition of an element.
    pub condition: Option<Expression>,
    /// What is printed for each element.
    pub body: Nodes,
    /// What is printed where there is none.
    pub otherwise: Nodes,
}

/// An expression.
#[derive(Debug)]
pub enum Expression {
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point.
    Decimal(f64),
    /// A text in quotes.
    Text(Box<str>),
    /// A variable.
    Name(Box<str>),
    /// A list, or a tuple.
    List(Vec<Expression>),
    /// A dictionary.
    Map(Vec<(Expression, Expression)>),
    /// `not …`
    Not(Box<Expression>),
    /// `-…`
    Minus(Box<Expression>),
    /// Attributes, elements, filters, tests and methods, from left to right.
    Chain(Box<Expression>, Vec<Step>),
    /// Operators of one rank, from left to right.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    /// Comparisons that must all hold.
    Comparison(Box<Expression>, Vec<(Comparator, Expression)>),
    /// `… and …`
    And(Vec<Expression>),
    /// `… or …`
    Or(Vec<Expression>),
    /// `… if … else …`
    Choice(Box<Choice>),
    /// A function.
    Call(Filter, Arguments),
}

/// `then if condition else otherwise`
#[derive(Debug)]
pub struct Choice {
    /// What decides.
    pub condition: Expression,
    /// Where it holds.
    pub then: Expression,
    /// Where it doesn't; nothing at all without `else`.
    pub otherwise: Option<Expression>,
}

/// One step of a chain.
#[derive(Debug)]
pub enum Step {
    /// `.name`
    Attribute(Box<str>),
    /// `[…]`, `.0`
    Item(Expression),
    /// `[… : … : …]`
    Slice(Box<[Option<Expression>; 3]>),
    /// `| filter(…)`
    Filter(Filter, Arguments),
    /// `is test(…)`, `is not test(…)`
    Test {
        /// The test.
        test: Test,
        /// Its arguments.
        arguments: Arguments,
        /// Whether it must not hold.
        is_negated: bool,
    },
    /// `.method(…)`
    Method(Method, Arguments),
}

/// Arguments of a call.
#[derive(Debug, Default)]
pub struct Arguments {
    /// By position.
    pub positional: Vec<Expression>,
    /// By name.
    pub named: Vec<(Box<str>, Expression)>,
}

/// An operator of numbers and texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `~`
    Join,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    DivideWhole,
    /// `%`
    Remainder,
    /// `**`
    Power,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}
