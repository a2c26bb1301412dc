//! Compilation of a parsed expression into a tree. Unknown syntax is rejected, and operand types
//! are checked as far as they are known without a message.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};

use super::functions::Function;
use super::kind::Kind;
use super::tree::{Arithmetic, BASE, Comparison, Literal, Node};
use super::{ExpressionError, Purpose};
use crate::expression::{self, quote};

/// Limit of nodes; enough for about 40 comparisons.
const MOST_NODES: usize = 160;

/// Limit of depth. A chain of additions adds one level per operator; a chain of `&&` far fewer.
const DEEPEST: usize = 32;

/// CEL's macros on lists, which are rejected.
const COMPREHENSIONS: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];

type Read = Result<Node, ExpressionError>;

/// Compilation in progress.
pub(super) struct Reader<'a> {
    places: &'a SourceInfo,
    purpose: Purpose,
    num_nodes: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(places: &'a SourceInfo, purpose: Purpose) -> Self {
        Self { places, purpose, num_nodes: 0 }
    }

    /// Compiles the whole expression and checks its result against the purpose.
    pub(super) fn read_all(mut self, tree: &IdedExpr) -> Read {
        let node = self.read(tree, 1)?;
        let kind = node.kind();
        let is_right = match self.purpose {
            Purpose::Condition => kind.may_be(Kind::Truth),
            Purpose::Value => !matches!(kind, Kind::Container | Kind::Null),
            Purpose::Time => kind.may_be(Kind::Number) || kind == Kind::Text,
        };
        if is_right {
            return Ok(node);
        }
        let remedy = match self.purpose {
            Purpose::Condition => "compare it with something, as in item.q == 192",
            Purpose::Value => "write what makes a number, as in payload.raw / 10",
            Purpose::Time => "write what makes a number or a text, as in $base + item.dt",
        };
        let what = format!("the result is {}", kind.as_str());
        Err(ExpressionError::new(what, None, remedy))
    }

    fn read(&mut self, node: &IdedExpr, depth: usize) -> Read {
        self.count(node.id, depth)?;
        match &node.expr {
            Expr::Literal(literal) => self.literal(node.id, literal).map(Node::Literal),
            Expr::Ident(name) => self.name(node.id, name),
            Expr::Select(select) => self.field(select, depth),
            Expr::Call(call) => self.call(node.id, call, depth),
            Expr::List(_) => Err(self.error(
                node.id,
                "a list stands alone",
                "write lists right of `in`, as in item.q in [1, 2]",
            )),
            _ => Err(self.error(
                node.id,
                "maps and messages are not taken",
                "write the conditions out and join them by && or ||",
            )),
        }
    }

    fn count(&mut self, id: u64, depth: usize) -> Result<(), ExpressionError> {
        self.num_nodes += 1;
        if self.num_nodes > MOST_NODES {
            let what = format!("the expression has more than {MOST_NODES} parts");
            return Err(ExpressionError::new(what, None, "write a shorter one"));
        }
        if depth > DEEPEST {
            let what = format!("the expression is more than {DEEPEST} levels deep");
            return Err(self.error(id, what, "write a shorter one"));
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles here")]
    fn literal(&self, id: u64, literal: &LiteralValue) -> Result<Literal, ExpressionError> {
        match literal {
            LiteralValue::Boolean(is_true) => Ok(Literal::Truth(*is_true.inner())),
            LiteralValue::Int(number) => Ok(Literal::Number(*number.inner() as f64)),
            LiteralValue::UInt(number) => Ok(Literal::Number(*number.inner() as f64)),
            LiteralValue::Double(number) => Ok(Literal::Number(*number.inner())),
            LiteralValue::String(text) => Ok(Literal::Text(text.inner().into())),
            LiteralValue::Null => Ok(Literal::Null),
            LiteralValue::Bytes(_) => {
                Err(self.error(id, "bytes are not taken", "leave out the `b`"))
            }
        }
    }

    fn name(&self, id: u64, name: &str) -> Read {
        match name {
            "payload" => Ok(Node::Payload),
            "item" => Ok(Node::Item),
            "topic" => Ok(Node::Topic),
            BASE if self.purpose == Purpose::Time => Ok(Node::Base),
            BASE => Err(self.error(
                id,
                "`$base` is for `time` alone",
                "write where in the payload it is, as in payload.t0",
            )),
            _ => Err(self.error(
                id,
                format!("there is no name {}; there are payload, item and topic", quote(name)),
                format!("for a key of the payload write payload.{name}"),
            )),
        }
    }

    fn field(&mut self, select: &SelectExpr, depth: usize) -> Read {
        let operand = Box::new(self.read(&select.operand, depth + 1)?);
        if !operand.kind().may_be(Kind::Container) || *operand == Node::Topic {
            let what = format!("{} has no field {}", operand.kind().as_str(), quote(&select.field));
            return Err(self.error(select.operand.id, what, "fields are of payload and item"));
        }
        let field = select.field.as_str().into();
        Ok(if select.test { Node::Has(operand, field) } else { Node::Field(operand, field) })
    }

    fn call(&mut self, id: u64, call: &CallExpr, depth: usize) -> Read {
        if let Some(target) = &call.target {
            return self.member(id, target, call, depth);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::IN, [operand, list]) => self.membership(id, operand, list, depth),
            ("has", [place]) => self.has(id, place, depth),
            (operators::CONDITIONAL, [_, _, _]) => {
                let [condition, yes, no] = self.three(call, depth)?;
                self.want(id, "?:", Kind::Truth, &condition)?;
                Ok(Node::Choice(Box::new([condition, yes, no])))
            }
            (operators::LOGICAL_NOT, [operand]) => {
                let operand = self.read(operand, depth + 1)?;
                self.want(id, "!", Kind::Truth, &operand)?;
                Ok(Node::Not(Box::new(operand)))
            }
            (operators::NEGATE, [operand]) => {
                let operand = self.read(operand, depth + 1)?;
                self.want(id, "-", Kind::Number, &operand)?;
                Ok(Node::Negative(Box::new(operand)))
            }
            (operator, [left, right]) if !operator.starts_with(char::is_alphabetic) => {
                let both = [self.read(left, depth + 1)?, self.read(right, depth + 1)?];
                self.binary(id, operator, both)
            }
            (name, arguments) => match Function::plain(name) {
                Some(function) => {
                    let arguments = self.arguments(arguments, depth)?;
                    self.function(id, name, function, arguments)
                }
                None => Err(self.unknown_function(id, name)),
            },
        }
    }

    fn binary(&self, id: u64, operator: &str, both: [Node; 2]) -> Read {
        let (symbol, arithmetic) = match operator {
            operators::LOGICAL_AND => return self.logical(id, "&&", Node::And, both),
            operators::LOGICAL_OR => return self.logical(id, "||", Node::Or, both),
            operators::INDEX => return self.index(id, both),
            operators::ADD => ("+", Arithmetic::Add),
            operators::SUBSTRACT => ("-", Arithmetic::Subtract),
            operators::MULTIPLY => ("*", Arithmetic::Multiply),
            operators::DIVIDE => ("/", Arithmetic::Divide),
            operators::MODULO => ("%", Arithmetic::Remainder),
            _ => return self.comparison(id, operator, both),
        };
        for operand in &both {
            self.want(id, symbol, Kind::Number, operand)?;
        }
        Ok(Node::Arithmetic(arithmetic, Box::new(both)))
    }

    fn logical(
        &self,
        id: u64,
        symbol: &str,
        make: impl Fn(Box<[Node; 2]>) -> Node,
        both: [Node; 2],
    ) -> Read {
        for operand in &both {
            self.want(id, symbol, Kind::Truth, operand)?;
        }
        Ok(make(Box::new(both)))
    }

    fn comparison(&self, id: u64, operator: &str, both: [Node; 2]) -> Read {
        let (symbol, comparison) = match operator {
            operators::EQUALS => ("==", Comparison::Equal),
            operators::NOT_EQUALS => ("!=", Comparison::NotEqual),
            operators::LESS => ("<", Comparison::Less),
            operators::LESS_EQUALS => ("<=", Comparison::LessOrEqual),
            operators::GREATER => (">", Comparison::Greater),
            operators::GREATER_EQUALS => (">=", Comparison::GreaterOrEqual),
            _ => return Err(self.error(id, "an operator is not taken", "write + - * / % or ==")),
        };
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let kinds = [both[0].kind(), both[1].kind()];
        let is_of_none = |kind: Kind| match kind {
            Kind::Container => true,
            Kind::Truth | Kind::Null => is_order,
            Kind::Any | Kind::Number | Kind::Text => false,
        };
        if let Some(kind) = kinds.into_iter().find(|kind| is_of_none(*kind)) {
            let what = format!("`{symbol}` doesn't go with {}", kind.as_str());
            return Err(self.error(id, what, "compare numbers or texts, and join by &&"));
        }
        Ok(Node::Comparison(comparison, Box::new(both)))
    }

    fn index(&self, id: u64, both: [Node; 2]) -> Read {
        let [operand, index] = &both;
        let is_key = index.kind().may_be(Kind::Number) || index.kind() == Kind::Text;
        if operand.kind().may_be(Kind::Container) && is_key {
            return Ok(Node::Index(Box::new(both)));
        }
        let remedy = "write a position or a key, as in payload.list[0] or payload[\"a b\"]";
        Err(self.error(id, "the index is of no use", remedy))
    }

    /// Compiles `x in [1, 2]` with a literal list, and `"key" in payload`.
    fn membership(&mut self, id: u64, operand: &IdedExpr, list: &IdedExpr, depth: usize) -> Read {
        let operand = self.read(operand, depth + 1)?;
        let Expr::List(elements) = &list.expr else {
            let object = self.read(list, depth + 1)?;
            if operand.kind().may_be(Kind::Text) && object.kind() == Kind::Any {
                return Ok(Node::IsKey(Box::new([operand, object])));
            }
            let remedy = "write item.q in [1, 2], or \"key\" in payload";
            return Err(self.error(
                id,
                "`in` looks through a list or the keys of an object",
                remedy,
            ));
        };
        self.count(list.id, depth + 1)?;
        let mut literals = Vec::with_capacity(elements.elements.len());
        for element in &elements.elements {
            self.count(element.id, depth + 2)?;
            match self.read(element, depth + 2)? {
                Node::Literal(literal) => literals.push(literal),
                Node::Negative(number) if matches!(*number, Node::Literal(Literal::Number(_))) => {
                    let Node::Literal(Literal::Number(number)) = *number else { continue };
                    literals.push(Literal::Number(-number));
                }
                _ => {
                    let what = "a list holds numbers and texts only";
                    return Err(self.error(element.id, what, "join comparisons by || instead"));
                }
            }
        }
        Ok(Node::IsOneOf(Box::new(operand), literals))
    }

    fn has(&mut self, id: u64, place: &IdedExpr, depth: usize) -> Read {
        match self.read(place, depth + 1)? {
            Node::Field(operand, field) => Ok(Node::Has(operand, field)),
            _ => {
                let what = "`has` takes a key";
                Err(self.error(id, what, "write has(payload.key), or \"a key\" in payload"))
            }
        }
    }

    /// Compiles `math.abs(x)` and `text.startsWith("a")`.
    fn member(&mut self, id: u64, target: &IdedExpr, call: &CallExpr, depth: usize) -> Read {
        let name = call.func_name.as_str();
        if matches!(&target.expr, Expr::Ident(math) if math == "math") {
            let function = Function::of_math(name).ok_or_else(|| {
                let what = format!("there is no function math.{name}");
                self.error(id, what, format!("there are {}", Function::names_of_math()))
            })?;
            let arguments = self.arguments(&call.args, depth)?;
            return self.function(id, name, function, arguments);
        }
        let Some(function) = Function::of_text(name) else {
            return Err(self.unknown_function(id, name));
        };
        let mut arguments = vec![self.read(target, depth + 1)?];
        arguments.extend(self.arguments(&call.args, depth)?);
        let is_literal = |argument: &Node| matches!(argument, Node::Literal(Literal::Text(_)));
        if !arguments[1..].iter().all(is_literal) {
            let remedy = format!("write a text in quotes, as in .{name}(\"a\")");
            return Err(self.error(id, format!("`{name}` looks for a text"), remedy));
        }
        self.function(id, name, function, arguments)
    }

    fn function(&self, id: u64, name: &str, function: Function, arguments: Vec<Node>) -> Read {
        if !function.takes(arguments.len()) {
            let what = format!("`{name}` does not take {} arguments", arguments.len());
            return Err(self.error(id, what, "write as many as it takes"));
        }
        for argument in &arguments {
            if function.argument() != Kind::Any {
                self.want(id, name, function.argument(), argument)?;
            }
        }
        Ok(Node::Call(function, arguments))
    }

    fn arguments(&mut self, all: &[IdedExpr], depth: usize) -> Result<Vec<Node>, ExpressionError> {
        all.iter().map(|argument| self.read(argument, depth + 1)).collect()
    }

    fn three(&mut self, call: &CallExpr, depth: usize) -> Result<[Node; 3], ExpressionError> {
        let all = self.arguments(&call.args, depth)?;
        all.try_into().map_err(|_| ExpressionError::new("`?:` is not finished", None, "finish it"))
    }

    /// Checks the type of an operand. A string of the message may represent a number; a string
    /// literal may not.
    fn want(
        &self,
        id: u64,
        symbol: &str,
        wanted: Kind,
        node: &Node,
    ) -> Result<(), ExpressionError> {
        let kind = node.kind();
        let is_text_of_message =
            kind == Kind::Text && wanted == Kind::Number && !matches!(node, Node::Literal(_));
        if kind.may_be(wanted) || is_text_of_message {
            return Ok(());
        }
        let remedy = match wanted {
            Kind::Truth => "it takes conditions, such as item.q == 192",
            Kind::Text => "it takes texts",
            _ => "it takes numbers",
        };
        let what = format!("`{symbol}` doesn't go with {}", kind.as_str());
        Err(self.error(id, what, remedy))
    }

    fn unknown_function(&self, id: u64, name: &str) -> ExpressionError {
        match name {
            _ if COMPREHENSIONS.contains(&name) => self.error(
                id,
                format!("`{name}` is a comprehension, whose cost has no bound"),
                "take the elements with `each`, or write the conditions out",
            ),
            "matches" => self.error(
                id,
                "regular expressions are not taken: their cost can't be seen",
                "write startsWith, endsWith or contains",
            ),
            _ if Function::of_math(name).is_some() => self.error(
                id,
                format!("there is no function {}", quote(name)),
                format!("write math.{name}(…)"),
            ),
            _ => self.error(
                id,
                format!("there is no function {}", quote(name)),
                "there are double, int, size, has, math.…, .startsWith, .endsWith and .contains",
            ),
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
