//! Expression parser: recursive descent from the lowest precedence down to operands with their
//! postfix steps.

use super::super::lexer::Token;
use super::super::patterns::Pattern;
use super::super::syntax::{Arguments, Choice, Comparator, Expression, Operator, Step};
use super::super::{checks, filters, methods};
use super::{Parser, shown};

impl Parser<'_, '_> {
    /// One expression; several separated by commas form a list.
    pub(super) fn tuple(&mut self) -> Result<Expression, String> {
        let first = self.expression()?;
        if !self.symbol(",") {
            return Ok(first);
        }
        let mut all = vec![first];
        while !matches!(
            self.tokens.first(),
            Some(Token::Symbol(")") | Token::PrintEnd | Token::BlockEnd)
        ) {
            all.push(self.expression()?);
            if !self.symbol(",") {
                break;
            }
        }
        Ok(Expression::List(all))
    }

    pub(super) fn expression(&mut self) -> Result<Expression, String> {
        self.nested(|parser| {
            let mut expression = parser.either()?;
            while parser.keyword("if") {
                let condition = parser.either()?;
                let has_otherwise = parser.keyword("else");
                let otherwise = if has_otherwise { Some(parser.expression()?) } else { None };
                let choice = Choice { condition, then: expression, otherwise };
                expression = Expression::Choice(Box::new(choice));
                if has_otherwise {
                    break;
                }
            }
            Ok(expression)
        })
    }

    pub(super) fn either(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.both()?];
        while self.keyword("or") {
            all.push(self.both()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::Or(all) })
    }

    fn both(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.negation()?];
        while self.keyword("and") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::And(all) })
    }

    fn negation(&mut self) -> Result<Expression, String> {
        if self.keyword("not") {
            let negated = self.nested(Self::negation)?;
            return Ok(Expression::Not(Box::new(negated)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let first = self.arithmetic(0)?;
        let mut rest = Vec::new();
        while let Some(comparator) = self.comparator() {
            rest.push((comparator, self.arithmetic(0)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Comparison(Box::new(first), rest) })
    }

    fn comparator(&mut self) -> Option<Comparator> {
        const SYMBOLS: [(&str, Comparator); 6] = [
            ("==", Comparator::Equal),
            ("!=", Comparator::NotEqual),
            ("<", Comparator::Less),
            ("<=", Comparator::LessOrEqual),
            (">", Comparator::Greater),
            (">=", Comparator::GreaterOrEqual),
        ];
        if self.keyword("in") {
            return Some(Comparator::In);
        }
        if let [Token::Name("not"), Token::Name("in"), rest @ ..] = self.tokens {
            self.tokens = rest;
            return Some(Comparator::NotIn);
        }
        SYMBOLS
            .into_iter()
            .find(|(symbol, _)| self.symbol(symbol))
            .map(|(_, comparator)| comparator)
    }

    /// Arithmetic operators of precedence level `rank` and above. Ranks from 0: sum, concatenation,
    /// product, power.
    fn arithmetic(&mut self, rank: usize) -> Result<Expression, String> {
        const RANKS: [&[(&str, Operator)]; 4] = [
            &[("+", Operator::Add), ("-", Operator::Subtract)],
            &[("~", Operator::Join)],
            &[
                ("*", Operator::Multiply),
                ("/", Operator::Divide),
                ("//", Operator::DivideWhole),
                ("%", Operator::Remainder),
            ],
            &[("**", Operator::Power)],
        ];
        let Some(operators) = RANKS.get(rank) else { return self.signed(true) };
        let first = self.arithmetic(rank + 1)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.symbol(symbol)) {
            rest.push((*operator, self.arithmetic(rank + 1)?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Arithmetic(Box::new(first), rest) })
    }

    /// Operand with its sign and postfix steps. A sign binds tighter than a filter: `-x | abs`
    /// applies the filter to `-x`.
    fn signed(&mut self, has_filters: bool) -> Result<Expression, String> {
        let first = if self.symbol("-") {
            let inner = self.nested(|parser| parser.signed(false))?;
            Expression::Minus(Box::new(inner))
        } else if self.symbol("+") {
            self.nested(|parser| parser.signed(false))?
        } else {
            self.value()?
        };
        let mut steps = Vec::new();
        while let Some(step) = self.step(has_filters)? {
            steps.push(step);
        }
        Ok(if steps.is_empty() { first } else { Expression::Chain(Box::new(first), steps) })
    }

    fn value(&mut self) -> Result<Expression, String> {
        Ok(match self.next() {
            Some(Token::Integer(number)) => Expression::Integer(*number),
            Some(Token::Decimal(number)) => Expression::Decimal(*number),
            Some(Token::Quoted(text)) => self.text(text),
            Some(Token::Name(name)) => self.named(name)?,
            Some(Token::Symbol("(")) => self.parenthesis()?,
            Some(Token::Symbol("[")) => Expression::List(self.elements("]")?),
            Some(Token::Symbol("{")) => self.map()?,
            other => return Err(format!("{} stands where a value must", shown(other))),
        })
    }

    /// Concatenates adjacent string literals.
    fn text(&mut self, first: &str) -> Expression {
        let mut text = first.to_owned();
        while let Some(Token::Quoted(more)) = self.tokens.first() {
            text.push_str(more);
            self.next();
        }
        Expression::Text(text.into())
    }

    fn named(&mut self, name: &str) -> Result<Expression, String> {
        Ok(match name {
            "true" | "True" => Expression::Bool(true),
            "false" | "False" => Expression::Bool(false),
            "none" | "None" => Expression::None,
            _ if self.symbol("(") => {
                let function = filters::function(name).ok_or_else(|| foreign(name))?;
                Expression::Call(function, self.arguments()?)
            }
            "pi" => Expression::Decimal(std::f64::consts::PI),
            _ if self.names.iter().any(|known| &**known == name) => Expression::Name(name.into()),
            _ => return Err(foreign(name)),
        })
    }

    fn parenthesis(&mut self) -> Result<Expression, String> {
        if self.symbol(")") {
            return Ok(Expression::List(Vec::new()));
        }
        let inner = self.tuple()?;
        self.expect(&Token::Symbol(")"))?;
        Ok(inner)
    }

    fn elements(&mut self, end: &'static str) -> Result<Vec<Expression>, String> {
        let mut elements = Vec::new();
        while !self.symbol(end) {
            elements.push(self.expression()?);
            if !self.symbol(",") {
                self.expect(&Token::Symbol(end))?;
                break;
            }
        }
        Ok(elements)
    }

    fn map(&mut self) -> Result<Expression, String> {
        let mut pairs = Vec::new();
        while !self.symbol("}") {
            let key = self.expression()?;
            self.expect(&Token::Symbol(":"))?;
            pairs.push((key, self.expression()?));
            if !self.symbol(",") {
                self.expect(&Token::Symbol("}"))?;
                break;
            }
        }
        Ok(Expression::Map(pairs))
    }

    /// Argument list; consumes the closing parenthesis.
    fn arguments(&mut self) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        while !self.symbol(")") {
            if let [Token::Name(name), Token::Symbol("="), rest @ ..] = self.tokens {
                self.tokens = rest;
                let value = self.expression()?;
                arguments.named.push(((*name).into(), value));
            } else {
                arguments.positional.push(self.expression()?);
            }
            if !self.symbol(",") {
                self.expect(&Token::Symbol(")"))?;
                break;
            }
        }
        Ok(arguments)
    }

    fn step(&mut self, has_filters: bool) -> Result<Option<Step>, String> {
        if self.symbol(".") {
            return self.attribute().map(Some);
        }
        if self.symbol("[") {
            return self.item().map(Some);
        }
        if has_filters && self.symbol("|") {
            let name = self.name()?;
            let filter = filters::filter(name).ok_or_else(|| unknown("filter", name))?;
            let arguments = if self.symbol("(") { self.arguments()? } else { Arguments::default() };
            check_pattern(name, &arguments)?;
            return Ok(Some(Step::Filter(filter, arguments)));
        }
        if has_filters && self.keyword("is") {
            return self.test().map(Some);
        }
        Ok(None)
    }

    fn attribute(&mut self) -> Result<Step, String> {
        if let Some(Token::Integer(index)) = self.tokens.first() {
            self.next();
            return Ok(Step::Item(Expression::Integer(*index)));
        }
        let name = self.name()?;
        if !self.symbol("(") {
            return Ok(Step::Attribute(name.into()));
        }
        let method = methods::method(name).ok_or_else(|| unknown("method", name))?;
        Ok(Step::Method(method, self.arguments()?))
    }

    /// Subscript or slice; consumes the closing bracket.
    fn item(&mut self) -> Result<Step, String> {
        let mut parts: [Option<Expression>; 3] = [None, None, None];
        let mut num_colons = 0;
        while !self.symbol("]") {
            if self.symbol(":") {
                num_colons += 1;
                if num_colons > 2 {
                    return Err("a slice has too many parts".into());
                }
            } else if parts[num_colons].is_none() {
                parts[num_colons] = Some(self.expression()?);
            } else {
                return Err(format!("{} stands where `]` must", shown(self.tokens.first())));
            }
        }
        let [first, ..] = &mut parts;
        match (num_colons, first.take()) {
            (0, Some(item)) => Ok(Step::Item(item)),
            (0, None) => Err("`[]` names no element".into()),
            (_, start) => {
                parts[0] = start;
                Ok(Step::Slice(Box::new(parts)))
            }
        }
    }

    fn test(&mut self) -> Result<Step, String> {
        let is_negated = self.keyword("not");
        let name = match self.next() {
            Some(Token::Name(name)) => *name,
            Some(Token::Symbol(symbol)) => symbol,
            other => return Err(format!("{} stands where a test must", shown(other))),
        };
        let test = checks::test(name).ok_or_else(|| unknown("test", name))?;
        let mut arguments = Arguments::default();
        if self.symbol("(") {
            arguments = self.arguments()?;
        } else if self.begins_value() {
            arguments.positional.push(self.nested(|parser| parser.signed(false))?);
        }
        check_pattern(name, &arguments)?;
        Ok(Step::Test { test, arguments, is_negated })
    }

    /// Whether the next token starts an argument of a test that is written without parentheses.
    fn begins_value(&self) -> bool {
        match self.tokens.first() {
            Some(Token::Name(name)) => {
                !matches!(*name, "else" | "or" | "and" | "if" | "is" | "in" | "not")
            }
            Some(Token::Integer(_) | Token::Decimal(_) | Token::Quoted(_)) => true,
            Some(Token::Symbol(symbol)) => matches!(*symbol, "[" | "{"),
            _ => false,
        }
    }
}

/// Compiles a regular expression that is a literal, so that an invalid one rejects the config.
fn check_pattern(name: &str, arguments: &Arguments) -> Result<(), String> {
    let is_of_patterns = name.starts_with("regex_") || matches!(name, "match" | "search");
    match arguments.positional.first() {
        Some(Expression::Text(text)) if is_of_patterns => Pattern::new(text, false).map(drop),
        _ => Ok(()),
    }
}

fn foreign(name: &str) -> String {
    format!("it uses `{name}`, which is not evaluated here")
}

fn unknown(kind: &str, name: &str) -> String {
    format!("it uses the {kind} `{name}`, which is not known")
}
