//! Types of an expression's parts, and the result types of operators: CEL's rules, for the supported operators.
//! Pure.

use cel::common::ast::{CallExpr, operators};

/// Type of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Whole,
    Double,
    Text,
}

impl Type {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Double => "a double",
            Self::Text => "a text",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Double)
    }

    /// True if `==` can be true: CEL compares integers with doubles.
    pub(super) fn compares_with(self, other: Self) -> bool {
        self == other || self.is_number() && other.is_number()
    }
}

/// Written form of a supported operator; `double` counts as one.
pub(super) fn symbol(call: &CallExpr) -> Option<&'static str> {
    if call.target.is_some() {
        return None;
    }
    let (symbol, arguments) = match call.func_name.as_str() {
        operators::CONDITIONAL => ("?:", 3),
        operators::LOGICAL_AND => ("&&", 2),
        operators::LOGICAL_OR => ("||", 2),
        operators::LOGICAL_NOT => ("!", 1),
        operators::NEGATE => ("-", 1),
        operators::SUBSTRACT => ("-", 2),
        operators::ADD => ("+", 2),
        operators::MULTIPLY => ("*", 2),
        operators::DIVIDE => ("/", 2),
        operators::MODULO => ("%", 2),
        operators::EQUALS => ("==", 2),
        operators::NOT_EQUALS => ("!=", 2),
        operators::GREATER_EQUALS => (">=", 2),
        operators::LESS_EQUALS => ("<=", 2),
        operators::GREATER => (">", 2),
        operators::LESS => ("<", 2),
        "double" => ("double", 1),
        _ => return None,
    };
    (call.args.len() == arguments).then_some(symbol)
}

/// Result type of an operator; `None` if it does not accept these types.
pub(super) fn result(operator: &str, types: &[Type]) -> Option<Type> {
    use Type::{Bool, Double, Whole};
    match (operator, types) {
        (operators::CONDITIONAL, [Bool, yes, no]) if yes == no => Some(*yes),
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [Bool, Bool])
        | (operators::LOGICAL_NOT, [Bool]) => Some(Bool),
        (operators::NEGATE, [number]) if number.is_number() => Some(*number),
        (
            operators::SUBSTRACT | operators::ADD | operators::MULTIPLY | operators::DIVIDE,
            [left, right],
        ) if left == right && left.is_number() => Some(*left),
        (operators::MODULO, [Whole, Whole]) => Some(Whole),
        (operators::EQUALS | operators::NOT_EQUALS, [left, right])
            if left.compares_with(*right) =>
        {
            Some(Bool)
        }
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [left, right],
        ) if left.is_number() && right.is_number() => Some(Bool),
        ("double", [number]) if number.is_number() => Some(Double),
        _ => None,
    }
}

pub(super) fn not_taken(symbol: &str, types: &[Type]) -> String {
    let types: Vec<_> = types.iter().map(|of_type| of_type.as_str()).collect();
    format!("`{symbol}` doesn't go with {}", types.join(" and "))
}

pub(super) fn remedy(symbol: &str, types: &[Type]) -> &'static str {
    match (symbol, types) {
        ("?:", _) => "write a condition, and two of the same type",
        ("&&" | "||" | "!", _) => "it takes conditions, such as value > 8.0",
        ("%", _) => "it takes two whole numbers",
        ("+" | "-" | "*" | "/", [left, right]) if left.is_number() && right.is_number() => {
            "write 2.0 instead of 2, or double(hour)"
        }
        ("==" | "!=", _) => "both sides are of one type",
        ("<" | "<=" | ">" | ">=", [Type::Bool, _]) => "join two comparisons by &&",
        _ => "it takes numbers",
    }
}
