//! The grammar, from what binds least to what binds most: `or`, `and`, `not`, comparisons, `+ -`, `* /`, a
//! sign, `^`, then numbers, names, functions and what is in parentheses.

use crate::tokens::{Placed, Token, tokens};
use crate::{Comparison, Function, GrammarError, Node, Operator};

/// Parentheses and signs within each other, at most: no deeper than anyone writes by hand.
const DEEPEST: usize = 50;
/// Words and signs, at most.
const MOST_TOKENS: usize = 1000;

/// Reads a number of every row.
///
/// # Errors
/// Where it cannot be read.
pub fn number(text: &str) -> Result<Node, GrammarError> {
    let mut reader = Reader::of(text)?;
    let node = reader.sum()?;
    reader.ends("expected `+`, `-`, `*`, `/`, `^` or the end")?;
    reader.number(node, 0)
}

/// Reads a condition on every row.
///
/// # Errors
/// Where it cannot be read.
pub fn condition(text: &str) -> Result<Node, GrammarError> {
    let mut reader = Reader::of(text)?;
    let node = reader.either()?;
    if !node.is_condition() {
        return Err(reader.error("expected a comparison such as `<` or `=`"));
    }
    reader.ends("expected `and`, `or` or the end")?;
    Ok(node)
}

/// Reads equations, `name = number`, with `;` between them.
///
/// # Errors
/// Where they cannot be read.
pub fn equations(text: &str) -> Result<Vec<(String, Node)>, GrammarError> {
    let mut reader = Reader::of(text)?;
    let mut found = Vec::new();
    loop {
        let Some(Token::Bare(name) | Token::Name(name)) = reader.peek().cloned() else {
            return Err(reader.error("expected a name, as in `loss = E + A*N^-alpha`,"));
        };
        reader.next += 1;
        if reader.peek() != Some(&Token::Compare(Comparison::Equal)) {
            return Err(reader.error("expected `=`, as in `loss = E + A*N^-alpha`,"));
        }
        reader.next += 1;
        let begin = reader.next;
        let node = reader.sum()?;
        found.push((name, reader.number(node, begin)?));
        if reader.peek() != Some(&Token::Semicolon) {
            reader.ends("expected `+`, `-`, `*`, `/`, `^`, `;` or the end")?;
            return Ok(found);
        }
        reader.next += 1;
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

type Read = Result<Node, GrammarError>;

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Result<Self, GrammarError> {
        let reader = Reader {
            text,
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        };
        if reader.tokens.len() > MOST_TOKENS {
            let message = format!("more than the {MOST_TOKENS} words and signs that are read");
            return Err(reader.error_at(MOST_TOKENS, &message));
        }
        Ok(reader)
    }

    fn error(&self, message: &str) -> GrammarError {
        self.error_at(self.next, message)
    }

    fn error_at(&self, token: usize, message: &str) -> GrammarError {
        let end = self.text.chars().count();
        GrammarError {
            message: message.to_owned(),
            at: 1 + self.tokens.get(token).map_or(end, |token| token.from),
            text: self.text.to_owned(),
        }
    }

    fn ends(&self, message: &str) -> Result<(), GrammarError> {
        if self.next < self.tokens.len() {
            return Err(self.error(message));
        }
        Ok(())
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn takes_bare(&mut self, word: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Bare(bare)) if bare.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    /// A part that is to be a condition.
    fn condition(&self, node: Node) -> Read {
        if node.is_condition() {
            return Ok(node);
        }
        Err(self.error("expected a comparison such as `<` or `=`"))
    }

    /// A part that is to be a number or a name, and begins at a token.
    fn number(&self, node: Node, token: usize) -> Read {
        if node.is_condition() || matches!(node, Node::Word(_)) {
            return Err(self.error_at(token, "expected a number or a column"));
        }
        Ok(node)
    }

    fn either(&mut self) -> Read {
        let mut node = self.both()?;
        while self.takes_bare("or") {
            let first = self.condition(node)?;
            let second = self.both()?;
            node = Node::Or(Box::new([first, self.condition(second)?]));
        }
        Ok(node)
    }

    fn both(&mut self) -> Read {
        let mut node = self.one()?;
        while self.takes_bare("and") {
            let first = self.condition(node)?;
            let second = self.one()?;
            node = Node::And(Box::new([first, self.condition(second)?]));
        }
        Ok(node)
    }

    fn one(&mut self) -> Read {
        let mut nots = 0;
        while self.takes_bare("not") {
            nots += 1;
        }
        let node = self.comparison()?;
        if nots % 2 == 0 {
            return Ok(node);
        }
        Ok(Node::Not(Box::new(self.condition(node)?)))
    }

    fn comparison(&mut self) -> Read {
        let begin = self.next;
        let first = self.sum()?;
        let Some(Token::Compare(by)) = self.peek() else {
            return Ok(first);
        };
        let by = *by;
        if first.is_condition() {
            return Err(self.error_at(begin, "expected a number or a column"));
        }
        self.next += 1;
        let begin = self.next;
        let second = self.sum()?;
        if second.is_condition() {
            return Err(self.error_at(begin, "expected a number or a word"));
        }
        let parts = Box::new([first, second]);
        Ok(Node::Compared { by, parts })
    }

    fn sum(&mut self) -> Read {
        self.joined(&[Operator::Plus, Operator::Minus], Reader::product)
    }

    fn product(&mut self) -> Read {
        self.joined(&[Operator::Times, Operator::Over], Reader::signed)
    }

    /// Parts joined by these operators, from left to right.
    fn joined(&mut self, by: &[Operator], part: fn(&mut Self) -> Read) -> Read {
        let begin = self.next;
        let mut node = part(self)?;
        while let Some(Token::Join(operator)) = self.peek().cloned() {
            if !by.contains(&operator) {
                break;
            }
            node = self.join(node, begin, operator, part)?;
        }
        Ok(node)
    }

    fn join(
        &mut self,
        first: Node,
        begin: usize,
        by: Operator,
        part: fn(&mut Self) -> Read,
    ) -> Read {
        let first = self.number(first, begin)?;
        self.next += 1;
        let at = self.next;
        let second = part(self)?;
        let parts = Box::new([first, self.number(second, at)?]);
        let (from, to) = (self.tokens[begin].from, self.tokens[self.next - 1].to);
        let text = self.text.chars().skip(from).take(to - from).collect();
        Ok(Node::Joined { by, parts, text })
    }

    fn signed(&mut self) -> Read {
        if self.peek() != Some(&Token::Join(Operator::Minus)) {
            return self.power();
        }
        self.next += 1;
        let begin = self.next;
        let node = self.deeper(Reader::signed)?;
        Ok(match self.number(node, begin)? {
            Node::Number(number) => Node::Number(-number),
            node => Node::Negated(Box::new(node)),
        })
    }

    /// From right to left, and more than the sign before it.
    fn power(&mut self) -> Read {
        let begin = self.next;
        let node = self.atom()?;
        if self.peek() != Some(&Token::Join(Operator::Power)) {
            return Ok(node);
        }
        let power = |reader: &mut Self| reader.deeper(Reader::signed);
        self.join(node, begin, Operator::Power, power)
    }

    fn atom(&mut self) -> Read {
        let placed = self.tokens.get(self.next).cloned();
        let expected = "expected a number, a column or a word";
        let Some(Placed { token, .. }) = placed else {
            return Err(self.error(expected));
        };
        self.next += 1;
        match token {
            Token::Number(number) => Ok(Node::Number(number)),
            Token::Word(word) => Ok(Node::Word(word)),
            Token::Name(name) => Ok(Node::Name(name)),
            Token::Bare(name) if self.peek() == Some(&Token::Open) => {
                let Ok(function) = name.parse::<Function>() else {
                    let message = format!("there is no function `{name}`");
                    return Err(self.error_at(self.next - 1, &message));
                };
                let named = self.next - 1;
                self.next += 1;
                let [least, most] = function.takes();
                let inside = self.arguments(most > 1)?;
                if inside.len() < least || inside.len() > most {
                    let message = format!(
                        "`{name}` takes {}",
                        if most == 1 {
                            "one number"
                        } else {
                            "two numbers or more"
                        }
                    );
                    return Err(self.error_at(named, &message));
                }
                Ok(Node::Called(function, inside))
            }
            Token::Bare(name) => Ok(Node::Name(name)),
            Token::Open => self.inside(),
            Token::Compare(_) | Token::Join(_) | Token::Close | Token::Comma | Token::Semicolon => {
                Err(self.error_at(self.next - 1, expected))
            }
        }
    }

    /// What is within parentheses, the first of which is taken.
    fn inside(&mut self) -> Read {
        let node = self.deeper(Reader::either)?;
        if self.peek() != Some(&Token::Close) {
            return Err(self.error("expected `)`"));
        }
        self.next += 1;
        Ok(node)
    }

    /// Numbers within parentheses, the first of which is taken, with commas between them.
    fn arguments(&mut self, several: bool) -> Result<Vec<Node>, GrammarError> {
        let mut found = Vec::new();
        loop {
            let begin = self.next;
            let node = self.deeper(Reader::either)?;
            found.push(self.number(node, begin)?);
            match self.peek() {
                Some(Token::Comma) => self.next += 1,
                Some(Token::Close) => break,
                _ if several => return Err(self.error("expected `)` or `,`")),
                _ => return Err(self.error("expected `)`")),
            }
        }
        self.next += 1;
        Ok(found)
    }

    fn deeper(&mut self, part: fn(&mut Self) -> Read) -> Read {
        if self.depth == DEEPEST {
            return Err(self.error("more parentheses or signs within each other than are read"));
        }
        self.depth += 1;
        let node = part(self);
        self.depth -= 1;
        node
    }
}
