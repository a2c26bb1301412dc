//! Syntax tree of a template. Chains of steps and of operators are stored as lists, so the depth of
//! the tree is that of its brackets.

use super::checks::Test;
use super::filters::Filter;
use super::methods::Method;

/// A sequence of nodes.
pub type Nodes = Vec<Node>;

/// A node of a template.
#[derive(Debug)]
pub enum Node {
    /// Literal text, printed verbatim.
    Text(Box<str>),
    /// `{{ … }}`: prints the value of an expression.
    Print(Expression),
    /// `{% if … %}`: conditions with their bodies, then the `else` body.
    If(Vec<(Expression, Nodes)>, Nodes),
    /// `{% for … in … %}`
    For(Box<For>),
    /// `{% set … = … %}`: assigns a variable.
    Set(Box<str>, Expression),
}

/// A `for` loop.
#[derive(Debug)]
pub struct For {
    /// Loop variables: one for the element, or several to destructure it.
    pub names: Vec<Box<str>>,
    /// Iterated list.
    pub list: Expression,
    /// Filter condition of the loop: `for … in … if …`.
    pub condition: Option<Expression>,
    /// Loop body.
    pub body: Nodes,
    /// `else` body, printed for an empty list.
    pub otherwise: Nodes,
}

/// An expression.
#[derive(Debug)]
pub enum Expression {
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// Integer literal.
    Integer(i64),
    /// Floating-point literal.
    Decimal(f64),
    /// String literal.
    Text(Box<str>),
    /// Reference to a variable.
    Name(Box<str>),
    /// List or tuple literal.
    List(Vec<Expression>),
    /// Dictionary literal.
    Map(Vec<(Expression, Expression)>),
    /// `not …`
    Not(Box<Expression>),
    /// `-…`
    Minus(Box<Expression>),
    /// Postfix steps on an operand: attributes, subscripts, filters, tests and methods, from left
    /// to right.
    Chain(Box<Expression>, Vec<Step>),
    /// Left-associative operators of one precedence level.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    /// Chained comparison: true if every adjacent pair holds.
    Comparison(Box<Expression>, Vec<(Comparator, Expression)>),
    /// `… and …`
    And(Vec<Expression>),
    /// `… or …`
    Or(Vec<Expression>),
    /// `… if … else …`: conditional expression.
    Choice(Box<Choice>),
    /// Function call.
    Call(Filter, Arguments),
}

/// Conditional expression: `then if condition else otherwise`.
#[derive(Debug)]
pub struct Choice {
    /// Condition that selects the branch.
    pub condition: Expression,
    /// Value if the condition holds.
    pub then: Expression,
    /// Value if the condition does not hold; undefined if `None`.
    pub otherwise: Option<Expression>,
}

/// A postfix step.
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
        /// Test to apply.
        test: Test,
        /// Arguments of the test.
        arguments: Arguments,
        /// True for `is not`.
        is_negated: bool,
    },
    /// `.method(…)`
    Method(Method, Arguments),
}

/// Arguments of a call.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Positional arguments.
    pub positional: Vec<Expression>,
    /// Keyword arguments.
    pub named: Vec<(Box<str>, Expression)>,
}

/// An arithmetic or string operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `~`: concatenation of strings.
    Join,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`: floor division.
    DivideWhole,
    /// `%`: remainder, or string formatting.
    Remainder,
    /// `**`
    Power,
}

/// A comparison operator.
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
    /// `in`: membership.
    In,
    /// `not in`
    NotIn,
}
