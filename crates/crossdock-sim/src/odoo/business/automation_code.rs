//! Reads the code of a server action. A real Odoo runs Python; the stand-in understands one sentence of it, the one
//! that an outbox is made of:
//!
//! ```python
//! env['x_outbox'].sudo().create([{'x_model': r._name, 'x_res_id': r.id, 'x_op': 'upsert'} for r in records])
//! ```
//!
//! the same for the records behind a link (`for r in records.order_id`), and the same as a loop. Anything else is refused when it is stored, loudly, rather than ignored when it runs.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value as Json;

/// What a rule's code does: makes a record for every record it fires on.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRows {
    pub model: String,
    /// The links from the records it fires on to those it writes about; none for themselves.
    pub via: Vec<String>,
    pub values: Vec<(String, Expression)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Literal(Json),
    /// The name of the model it fires on.
    ModelName,
    /// A path of fields from the record; `id` is one of them.
    Path(Vec<String>),
    /// The text of another.
    Text(Box<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(i64),
    Sign(char),
}

type Tokens = Peekable<IntoIter<Token>>;

/// Reads the code.
///
/// # Errors
/// What was expected, when it is another sentence.
pub fn read(code: &str) -> Result<CreateRows, String> {
    let mut tokens = tokens(code)?.into_iter().peekable();
    let mut looped = None;
    if tokens.peek() == Some(&Token::Name("for".into())) {
        tokens.next();
        let variable = name(&mut tokens)?;
        word(&mut tokens, "in")?;
        looped = Some((variable, records(&mut tokens)?));
        sign(&mut tokens, ':')?;
    }
    word(&mut tokens, "env")?;
    sign(&mut tokens, '[')?;
    let model = text(&mut tokens)?;
    sign(&mut tokens, ']')?;
    loop {
        sign(&mut tokens, '.')?;
        let call = name(&mut tokens)?;
        sign(&mut tokens, '(')?;
        match call.as_str() {
            "sudo" => sign(&mut tokens, ')')?,
            "create" => break,
            other => return Err(format!("sudo() or create(), not {other}()")),
        }
    }
    let listed = tokens.peek() == Some(&Token::Sign('['));
    if listed {
        tokens.next();
    }
    let entries = dictionary(&mut tokens)?;
    let (variable, via) = if listed && tokens.peek() == Some(&Token::Name("for".into())) {
        tokens.next();
        let variable = name(&mut tokens)?;
        word(&mut tokens, "in")?;
        (variable, records(&mut tokens)?)
    } else {
        looped.unwrap_or_else(|| ("record".into(), Vec::new()))
    };
    if listed {
        sign(&mut tokens, ']')?;
    }
    sign(&mut tokens, ')')?;
    if let Some(rest) = tokens.next() {
        return Err(format!("the end, not {rest:?}"));
    }
    let values = entries.into_iter().map(|(key, value)| Ok((key, rooted(value, &variable)?)));
    Ok(CreateRows { model, via, values: values.collect::<Result<_, String>>()? })
}

/// Turns `r.id` into a path from the record.
fn rooted(value: Expression, variable: &str) -> Result<Expression, String> {
    match value {
        Expression::Path(path) => match path.split_first() {
            Some((root, rest)) if root == variable && !rest.is_empty() => {
                Ok(if rest == ["_name"] { Expression::ModelName } else { Expression::Path(rest.to_vec()) })
            }
            _ => Err(format!("a field of {variable}, not {}", path.join("."))),
        },
        Expression::Text(inner) => Ok(Expression::Text(Box::new(rooted(*inner, variable)?))),
        other => Ok(other),
    }
}

fn dictionary(tokens: &mut Tokens) -> Result<Vec<(String, Expression)>, String> {
    sign(tokens, '{')?;
    let mut entries = Vec::new();
    while tokens.peek() != Some(&Token::Sign('}')) {
        let key = text(tokens)?;
        sign(tokens, ':')?;
        entries.push((key, expression(tokens)?));
        if tokens.peek() == Some(&Token::Sign(',')) {
            tokens.next();
        }
    }
    sign(tokens, '}')?;
    Ok(entries)
}

fn expression(tokens: &mut Tokens) -> Result<Expression, String> {
    match tokens.next() {
        Some(Token::Text(text)) => Ok(Expression::Literal(text.into())),
        Some(Token::Number(number)) => Ok(Expression::Literal(number.into())),
        Some(Token::Name(name)) => match name.as_str() {
            "True" => Ok(Expression::Literal(true.into())),
            "False" | "None" => Ok(Expression::Literal(false.into())),
            "str" if tokens.peek() == Some(&Token::Sign('(')) => {
                tokens.next();
                let inner = expression(tokens)?;
                sign(tokens, ')')?;
                Ok(Expression::Text(Box::new(inner)))
            }
            _ => {
                let mut path = vec![name];
                while tokens.peek() == Some(&Token::Sign('.')) {
                    tokens.next();
                    path.push(self::name(tokens)?);
                }
                Ok(Expression::Path(path))
            }
        },
        other => Err(format!("a value, not {other:?}")),
    }
}

/// What is looped over: the records, or those behind a path of links.
fn records(tokens: &mut Tokens) -> Result<Vec<String>, String> {
    match name(tokens)?.as_str() {
        "records" | "record" => {}
        other => return Err(format!("records, not {other}")),
    }
    let mut via = Vec::new();
    while tokens.peek() == Some(&Token::Sign('.')) {
        tokens.next();
        via.push(name(tokens)?);
    }
    Ok(via)
}

fn name(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.next() {
        Some(Token::Name(name)) => Ok(name),
        other => Err(format!("a name, not {other:?}")),
    }
}

fn text(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.next() {
        Some(Token::Text(text)) => Ok(text),
        other => Err(format!("a text, not {other:?}")),
    }
}

fn word(tokens: &mut Tokens, wanted: &str) -> Result<(), String> {
    match tokens.next() {
        Some(Token::Name(name)) if name == wanted => Ok(()),
        other => Err(format!("{wanted}, not {other:?}")),
    }
}

fn sign(tokens: &mut Tokens, wanted: char) -> Result<(), String> {
    match tokens.next() {
        Some(Token::Sign(found)) if found == wanted => Ok(()),
        other => Err(format!("{wanted:?}, not {other:?}")),
    }
}

fn tokens(code: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut letters = code.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '#' => while letters.next_if(|next| *next != '\n').is_some() {},
            _ if letter.is_whitespace() => {}
            '\'' | '"' => {
                let mut text = String::new();
                loop {
                    match letters.next() {
                        Some(next) if next == letter => break,
                        Some(next) => text.push(next),
                        None => return Err("the end of a text".into()),
                    }
                }
                found.push(Token::Text(text));
            }
            _ if letter.is_ascii_digit() => {
                let mut digits = String::from(letter);
                while let Some(next) = letters.next_if(char::is_ascii_digit) {
                    digits.push(next);
                }
                found.push(Token::Number(digits.parse().map_err(|_| "a smaller number".to_owned())?));
            }
            _ if letter.is_alphabetic() || letter == '_' => {
                let mut name = String::from(letter);
                while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    name.push(next);
                }
                found.push(Token::Name(name));
            }
            sign => found.push(Token::Sign(sign)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_of_an_outbox_is_understood() {
        let code = "# outbox\nenv['x_hub_outbox'].sudo().create([\n  {'x_model': r._name, 'x_res_id': r.id, \
                    'x_op': 'upsert'} for r in records])";
        let rows = read(code).expect("understood");
        assert_eq!(rows.model, "x_hub_outbox");
        assert_eq!(rows.values[0], ("x_model".into(), Expression::ModelName));
        assert_eq!(rows.values[1], ("x_res_id".into(), Expression::Path(vec!["id".into()])));
        assert_eq!(rows.values[2], ("x_op".into(), Expression::Literal("upsert".into())));
    }

    #[test]
    fn a_loop_says_the_same() {
        let code =
            "for record in records:\n    env[\"x_o\"].create({\"x_id\": str(record.id), \"x_m\": 'sale.order',})";
        let rows = read(code).expect("understood");
        assert_eq!(rows.values[0].1, Expression::Text(Box::new(Expression::Path(vec!["id".into()]))));
        assert_eq!(rows.values[1].1, Expression::Literal("sale.order".into()));
    }

    #[test]
    fn the_records_behind_a_link_are_understood() {
        let code = "env['x_o'].sudo().create([{'x_id': record.id} for record in records.order_id])";
        assert_eq!(read(code).expect("understood").via, ["order_id"]);
    }

    #[test]
    fn any_other_code_is_refused() {
        for code in ["records.write({'x': 1})", "env['a'].create([{'x': r.id} for r in others])", "import os", ""] {
            assert!(read(code).is_err(), "{code}");
        }
    }
}
