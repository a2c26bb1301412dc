//! The tree of an expression that was checked: what is left has a meaning, and a bounded cost.

use super::functions::Function;
use super::kind::Kind;

/// Substitute for `$base`, which CEL's grammar rejects; of the same length.
pub(super) const BASE: &str = "_base";

/// A node of the tree.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Literal(Literal),
    Payload,
    Item,
    Topic,
    Base,
    /// `a.b`: member access.
    Field(Box<Node>, Box<str>),
    /// `a[b]`: element of a list, or value of a key of an object.
    Index(Box<[Node; 2]>),
    /// `has(a.b)`: whether the key exists.
    Has(Box<Node>, Box<str>),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Choice(Box<[Node; 3]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    Comparison(Comparison, Box<[Node; 2]>),
    /// `a in [1, 2]`: membership in a literal list.
    IsOneOf(Box<Node>, Vec<Literal>),
    /// `"a" in b`: whether an object has the key.
    IsKey(Box<[Node; 2]>),
    Call(Function, Vec<Node>),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Truth(bool),
    Number(f64),
    Text(Box<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Literal(Literal::Null) => Kind::Null,
            Self::Literal(Literal::Text(_)) => Kind::Text,
            Self::Topic => Kind::Container,
            Self::Literal(Literal::Truth(_))
            | Self::Has(..)
            | Self::Not(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Comparison(..)
            | Self::IsOneOf(..)
            | Self::IsKey(_) => Kind::Truth,
            Self::Literal(Literal::Number(_))
            | Self::Base
            | Self::Negative(_)
            | Self::Arithmetic(..) => Kind::Number,
            Self::Call(function, _) => function.kind(),
            Self::Index(both) if both[0] == Self::Topic => Kind::Text,
            Self::Choice(all) if all[1].kind() == all[2].kind() => all[1].kind(),
            Self::Payload | Self::Item | Self::Field(..) | Self::Index(_) | Self::Choice(_) => {
                Kind::Any
            }
        }
    }
}
