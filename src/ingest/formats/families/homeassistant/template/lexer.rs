//! Tokens of a template: its text, and the contents of `{{ }}` and `{% %}`.

/// Tokens of one template.
const MOST_TOKENS: usize = 2_000;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'s> {
    /// Text outside of the braces.
    Text(&'s str),
    /// `{{`
    PrintStart,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockStart,
    /// `%}`
    BlockEnd,
    /// A name or a keyword.
    Name(&'s str),
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point or an exponent.
    Decimal(f64),
    /// A text in quotes, unescaped.
    Quoted(String),
    /// An operator, a bracket or a separator.
    Symbol(&'static str),
}

/// Symbols, longer ones first.
const SYMBOLS: [&str; 26] = [
    "==", "!=", "<=", ">=", "//", "**", "(", ")", "[", "]", "{", "}", "<", ">", "+", "-", "*", "/",
    "%", "~", "|", ".", ",", ":", "=", ";",
];

/// Reads all tokens.
///
/// # Errors
/// The unreadable part.
pub fn tokens(source: &str) -> Result<Vec<Token<'_>>, String> {
    let mut lexer = Lexer { rest: source, tokens: Vec::new(), num_open: 0 };
    while !lexer.rest.is_empty() {
        lexer.text()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    tokens: Vec<Token<'s>>,
    /// Braces within `{{ }}` that are open.
    num_open: usize,
}

impl<'s> Lexer<'s> {
    fn push(&mut self, token: Token<'s>) -> Result<(), String> {
        if self.tokens.len() >= MOST_TOKENS {
            return Err(format!("it has more than {MOST_TOKENS} parts"));
        }
        self.tokens.push(token);
        Ok(())
    }

    fn eat(&mut self, expected: &str) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Longest run of matching characters.
    fn run(&mut self, is_of_it: impl Fn(char) -> bool) -> &'s str {
        let end = self.rest.find(|c| !is_of_it(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    /// Text, and the token after it.
    fn text(&mut self) -> Result<(), String> {
        let starts = ["{{", "{%", "{#"].into_iter().filter_map(|start| self.rest.find(start));
        let (text, rest) = self.rest.split_at(starts.min().unwrap_or(self.rest.len()));
        let is_trimmed = rest.get(2..).is_some_and(|inner| inner.starts_with('-'));
        let text = if is_trimmed { text.trim_end() } else { text };
        self.rest = rest;
        if !text.is_empty() {
            self.push(Token::Text(text))?;
        }
        if self.eat("{#") {
            let (_, rest) = self.rest.split_once("#}").ok_or("a comment is not closed")?;
            self.rest = rest;
            return Ok(());
        }
        let is_print = self.rest.starts_with("{{");
        if !is_print && !self.rest.starts_with("{%") {
            return Ok(());
        }
        self.rest = &self.rest[2..];
        let _ = self.eat("-") || self.eat("+");
        self.push(if is_print { Token::PrintStart } else { Token::BlockStart })?;
        self.code(if is_print { "}}" } else { "%}" })?;
        self.push(if is_print { Token::PrintEnd } else { Token::BlockEnd })
    }

    /// Tokens up to the end of the braces.
    fn code(&mut self, end: &str) -> Result<(), String> {
        self.num_open = 0;
        loop {
            self.rest = self.rest.trim_start();
            if self.num_open == 0 && self.eat(end) {
                return Ok(());
            }
            let trims = self.rest.strip_prefix('-').and_then(|rest| rest.strip_prefix(end));
            if let (0, Some(rest)) = (self.num_open, trims) {
                self.rest = rest.trim_start();
                return Ok(());
            }
            let token = self.token()?;
            self.push(token)?;
        }
    }

    fn token(&mut self) -> Result<Token<'s>, String> {
        let next = self.rest.chars().next().ok_or("its braces are not closed")?;
        if next.is_ascii_digit() {
            return self.number();
        }
        if next == '\'' || next == '"' {
            return self.quoted(next);
        }
        if next.is_alphabetic() || next == '_' {
            return Ok(Token::Name(self.run(|c| c.is_alphanumeric() || c == '_')));
        }
        let symbol = SYMBOLS.into_iter().find(|symbol| self.eat(symbol));
        let symbol = symbol.ok_or_else(|| format!("`{next}` is not known"))?;
        match symbol {
            "{" => self.num_open += 1,
            "}" => self.num_open = self.num_open.saturating_sub(1),
            _ => {}
        }
        Ok(Token::Symbol(symbol))
    }

    fn number(&mut self) -> Result<Token<'s>, String> {
        let start = self.rest;
        let is_digit = |c: char| c.is_ascii_digit();
        self.run(is_digit);
        // After a dot a number is the position in a list: `list.0.1`.
        let is_position = self.tokens.last() == Some(&Token::Symbol("."));
        if !is_position {
            let has_digits_after = |rest: &str| rest.starts_with(is_digit);
            if self.rest.strip_prefix('.').is_some_and(has_digits_after) {
                self.rest = &self.rest[1..];
                self.run(is_digit);
            }
            let exponent = self.rest.strip_prefix(['e', 'E']);
            let exponent = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
            if let Some(rest) = exponent.filter(|rest| has_digits_after(rest)) {
                self.rest = rest;
                self.run(is_digit);
            }
        }
        let text = &start[..start.len() - self.rest.len()];
        match text.parse() {
            Ok(number) => Ok(Token::Integer(number)),
            Err(_) => {
                text.parse().map(Token::Decimal).map_err(|_| format!("`{text}` is not a number"))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token<'s>, String> {
        let mut text = String::new();
        let mut characters = self.rest[1..].chars();
        loop {
            match characters.next().ok_or("a text is not closed")? {
                c if c == quote => break,
                '\\' => push_escaped(&mut text, &mut characters)?,
                c => text.push(c),
            }
        }
        self.rest = characters.as_str();
        Ok(Token::Quoted(text))
    }
}

/// Escape sequence. An unknown one is kept, so that patterns need no second backslash.
fn push_escaped(text: &mut String, characters: &mut std::str::Chars<'_>) -> Result<(), String> {
    let c = characters.next().ok_or("a text is not closed")?;
    let num_digits = match c {
        'x' => 2,
        'u' => 4,
        'n' | 't' | 'r' | '\\' | '\'' | '"' => {
            text.push(match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            });
            return Ok(());
        }
        other => {
            text.extend(['\\', other]);
            return Ok(());
        }
    };
    let digits: String = characters.by_ref().take(num_digits).collect();
    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
    text.push(code.ok_or_else(|| format!("`\\{c}{digits}` is no character"))?);
    Ok(())
}
