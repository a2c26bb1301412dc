//! Parser from tokens to a syntax tree. Names are resolved here, so an unknown name rejects the
//! config.

mod expressions;

use super::lexer::{self, Token};
use super::syntax::{For, Node, Nodes};

/// Maximum nesting depth of brackets and blocks.
const MOST_DEPTH: usize = 48;

/// Parses a template.
///
/// # Errors
/// Names the unsupported or malformed part.
pub fn parse(source: &str) -> Result<Nodes, String> {
    let tokens = lexer::tokens(source)?;
    let names = ["value", "value_json"].map(Box::from).to_vec();
    let mut parser = Parser { tokens: &tokens, names, depth: 0 };
    let nodes = parser.nodes()?;
    match parser.tokens {
        [] => Ok(nodes),
        rest => Err(format!("{} stands where it can't", shown(rest.get(1).or(rest.first())))),
    }
}

struct Parser<'t, 's> {
    tokens: &'t [Token<'s>],
    /// Variables in scope.
    names: Vec<Box<str>>,
    depth: usize,
}

fn shown(token: Option<&Token<'_>>) -> String {
    match token {
        None => "its end".into(),
        Some(Token::PrintEnd) => "`}}`".into(),
        Some(Token::BlockEnd) => "`%}`".into(),
        Some(Token::Text(text) | Token::Name(text)) => {
            format!("`{}`", text.chars().take(40).collect::<String>())
        }
        Some(Token::Symbol(symbol)) => format!("`{symbol}`"),
        Some(Token::Integer(number)) => format!("`{number}`"),
        Some(Token::Decimal(number)) => format!("`{number}`"),
        Some(Token::Quoted(text)) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Some(Token::PrintStart) => "`{{`".into(),
        Some(Token::BlockStart) => "`{%`".into(),
    }
}

impl<'t, 's> Parser<'t, 's> {
    fn next(&mut self) -> Option<&'t Token<'s>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn eat(&mut self, expected: &Token<'_>) -> bool {
        let is_it = self.tokens.first() == Some(expected);
        if is_it {
            self.next();
        }
        is_it
    }

    fn symbol(&mut self, symbol: &'static str) -> bool {
        self.eat(&Token::Symbol(symbol))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.eat(&Token::Name(keyword))
    }

    fn expect(&mut self, expected: &Token<'_>) -> Result<(), String> {
        if self.eat(expected) {
            return Ok(());
        }
        let (found, wanted) = (shown(self.tokens.first()), shown(Some(expected)));
        Err(format!("{found} stands where {wanted} must"))
    }

    fn name(&mut self) -> Result<&'s str, String> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(format!("{} stands where a name must", shown(other))),
        }
    }

    /// Whether the next tokens open a block with one of the keywords.
    fn is_at_block(&self, keywords: &[&str]) -> bool {
        match self.tokens {
            [Token::BlockStart, Token::Name(name), ..] => keywords.contains(name),
            _ => false,
        }
    }

    /// Runs a parser one nesting level deeper.
    ///
    /// # Errors
    /// If the nesting exceeds [`MOST_DEPTH`].
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        if self.depth >= MOST_DEPTH {
            return Err(format!("it is nested more than {MOST_DEPTH} deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Nodes up to a block that ends or continues the enclosing one, such as `endif` or `else`.
    fn nodes(&mut self) -> Result<Nodes, String> {
        let mut nodes = Nodes::new();
        while !self.is_at_block(&["elif", "else", "endif", "endfor"]) {
            let Some(token) = self.next() else { break };
            nodes.push(match token {
                Token::Text(text) => Node::Text((*text).into()),
                Token::PrintStart => {
                    let printed = self.tuple()?;
                    self.expect(&Token::PrintEnd)?;
                    Node::Print(printed)
                }
                _ => self.nested(Self::block)?,
            });
        }
        Ok(nodes)
    }

    fn block(&mut self) -> Result<Node, String> {
        match self.name()? {
            "if" => self.condition(),
            "for" => self.repetition(),
            "set" => {
                let name: Box<str> = self.name()?.into();
                self.expect(&Token::Symbol("="))?;
                let value = self.tuple()?;
                self.expect(&Token::BlockEnd)?;
                self.names.push(name.clone());
                Ok(Node::Set(name, value))
            }
            other => Err(format!("it uses `{{% {other} %}}`, which is not known")),
        }
    }

    fn condition(&mut self) -> Result<Node, String> {
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.expect(&Token::BlockEnd)?;
            branches.push((condition, self.nodes()?));
            self.expect(&Token::BlockStart)?;
            match self.name()? {
                "elif" => {}
                "else" => {
                    self.expect(&Token::BlockEnd)?;
                    let otherwise = self.nodes()?;
                    self.end("endif")?;
                    return Ok(Node::If(branches, otherwise));
                }
                "endif" => {
                    self.expect(&Token::BlockEnd)?;
                    return Ok(Node::If(branches, Nodes::new()));
                }
                other => return Err(format!("`{other}` stands where `endif` must")),
            }
        }
    }

    fn end(&mut self, keyword: &str) -> Result<(), String> {
        self.expect(&Token::BlockStart)?;
        self.expect(&Token::Name(keyword))?;
        self.expect(&Token::BlockEnd)
    }

    fn repetition(&mut self) -> Result<Node, String> {
        let mut names: Vec<Box<str>> = vec![self.name()?.into()];
        while self.symbol(",") {
            names.push(self.name()?.into());
        }
        self.expect(&Token::Name("in"))?;
        let list = self.either()?;
        let num_before = self.names.len();
        self.names.extend(names.iter().cloned().chain(["loop".into()]));
        let condition = if self.keyword("if") { Some(self.expression()?) } else { None };
        self.expect(&Token::BlockEnd)?;
        let body = self.nodes()?;
        self.names.truncate(num_before);
        let mut otherwise = Nodes::new();
        if self.is_at_block(&["else"]) {
            self.tokens = &self.tokens[2..];
            self.expect(&Token::BlockEnd)?;
            otherwise = self.nodes()?;
        }
        self.end("endfor")?;
        Ok(Node::For(Box::new(For { names, list, condition, body, otherwise })))
    }
}
