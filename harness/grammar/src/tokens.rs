//! The signs and words of an expression.

use crate::{Comparison, GrammarError, Operator};

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A bare word: a column's name, a value, a function, `and`, `or` or `not`.
    Bare(String),
    /// In back quotes: a column's name.
    Name(String),
    /// In quotes: a value.
    Word(String),
    Number(f64),
    Compare(Comparison),
    Join(Operator),
    Open,
    Close,
    Comma,
    /// Between equations.
    Semicolon,
}

/// A token and where it is in the text, in characters from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub token: Token,
    pub from: usize,
    pub to: usize,
}

const SIGNS: [(&str, Token); 18] = [
    ("==", Token::Compare(Comparison::Equal)),
    ("!=", Token::Compare(Comparison::Unequal)),
    ("<>", Token::Compare(Comparison::Unequal)),
    ("<=", Token::Compare(Comparison::LessOrEqual)),
    (">=", Token::Compare(Comparison::MoreOrEqual)),
    ("**", Token::Join(Operator::Power)),
    ("=", Token::Compare(Comparison::Equal)),
    ("<", Token::Compare(Comparison::Less)),
    (">", Token::Compare(Comparison::More)),
    ("^", Token::Join(Operator::Power)),
    ("+", Token::Join(Operator::Plus)),
    ("-", Token::Join(Operator::Minus)),
    ("*", Token::Join(Operator::Times)),
    ("/", Token::Join(Operator::Over)),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    (";", Token::Semicolon),
];

/// The tokens of a text.
pub fn tokens(text: &str) -> Result<Vec<Placed>, GrammarError> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = characters.get(at) {
        if first.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = token(&characters[at..]).map_err(|message| GrammarError {
            message: message.to_owned(),
            at: at + 1,
            text: text.to_owned(),
        })?;
        found.push(Placed {
            token,
            from: at,
            to: at + length,
        });
        at += length;
    }
    Ok(found)
}

/// The token that a text begins with, and its length.
fn token(rest: &[char]) -> Result<(Token, usize), &'static str> {
    let first = rest[0];
    if ['`', '\'', '"'].contains(&first) {
        let inside: String = rest[1..].iter().take_while(|it| **it != first).collect();
        let length = inside.chars().count() + 2;
        if length > rest.len() {
            return Err("a quote that does not end");
        }
        let quoted = if first == '`' {
            Token::Name(inside)
        } else {
            Token::Word(inside)
        };
        return Ok((quoted, length));
    }
    let begins = |sign: &str| rest.iter().copied().take(sign.len()).eq(sign.chars());
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| begins(sign)) {
        return Ok((token.clone(), sign.len()));
    }
    let mut length = 0;
    while let Some(letter) = rest.get(length) {
        // The sign of an exponent belongs to its number.
        let exponent = "+-".contains(*letter)
            && first.is_ascii_digit()
            && length > 0
            && "eE".contains(rest[length - 1])
            && rest.get(length + 1).is_some_and(char::is_ascii_digit);
        if !(letter.is_alphanumeric() || "_.%".contains(*letter) || exponent) {
            break;
        }
        length += 1;
    }
    if length == 0 {
        return Err("a character that means nothing here");
    }
    let bare: String = rest[..length].iter().collect();
    Ok(match bare.parse() {
        Ok(number) if first.is_ascii_digit() || first == '.' => (Token::Number(number), length),
        _ => (Token::Bare(bare), length),
    })
}
