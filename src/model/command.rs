//! A program and its arguments, with placeholders for the values of an action (C25).
//!
//! There is no shell: one word of the file is one argument of the program, whatever the values say.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Args, SafeText, Span, Value, ValueType};

/// How a placeholder shows the value of its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `${NAME}`: as it is.
    Whole,
    /// `${NAME.family}` of an address or a prefix: `4` or `6`.
    Family,
    /// `${NAME.seconds}` of a duration: whole seconds, rounded up, so that a short time is never none.
    Seconds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(Arc<str>),
    Hole(Arc<str>, Form),
}

/// Text in which `${NAME}` stands for an argument of the action; `$$` is a `$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pieces: Vec<Piece>,
}

/// Why a text is not a [`Word`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordFault {
    /// What is wrong.
    pub message: String,
    /// The name that the action does not take, if that is what is wrong.
    pub unknown: Option<String>,
}

impl Word {
    /// Reads a text against what the action takes.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn parse(text: &str, takes: &[(Arc<str>, ValueType)]) -> Result<Word, Vec<WordFault>> {
        let (mut pieces, mut faults) = (Vec::new(), Vec::new());
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            let Some(inside) = after.strip_prefix('{') else {
                plain.push('$');
                rest = after.strip_prefix('$').unwrap_or(after);
                continue;
            };
            let Some((name, after)) = inside.split_once('}') else {
                let message = "`${` without `}`; write `$${` for the text itself".to_owned();
                faults.push(WordFault { message, unknown: None });
                return Err(faults);
            };
            match hole(name.trim(), takes) {
                Ok(hole) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain).into()));
                    }
                    pieces.push(hole);
                }
                Err((message, unknown)) => faults.push(WordFault { message, unknown }),
            }
            rest = after;
        }
        plain.push_str(rest);
        if plain.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            faults.push(WordFault { message: "a control character".to_owned(), unknown: None });
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain.into()));
        }
        if faults.is_empty() { Ok(Word { pieces }) } else { Err(faults) }
    }

    /// The arguments that it names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(name, _) => Some(name),
            Piece::Plain(_) => None,
        })
    }

    /// The text, if it has no placeholder.
    pub fn as_plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// The parts of it that are no placeholders.
    pub fn plain(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Plain(text) => Some(&**text),
            Piece::Hole(..) => None,
        })
    }

    /// The text with the values in it; `None` if one of them is not given.
    ///
    /// # Errors
    /// A value may not stand in an argument: it has a control character, or would begin the argument
    /// with a `-` and so be taken for an option.
    pub fn render(&self, args: &Args) -> Result<Option<String>, String> {
        self.fill(args, |before, value| {
            if value.chars().any(char::is_control) {
                return Err(format!("has a control character: `{}`", SafeText(&value).cut(60)));
            }
            if before.is_empty() && value.starts_with('-') {
                return Err(format!("begins with `-`, as an option does: `{}`", SafeText(&value).cut(60)));
            }
            Ok(value)
        })
    }

    /// The text with each value in it as `write` has it, which is told the text before the value;
    /// `None` if a value is not given.
    ///
    /// # Errors
    /// What `write` says, after the name of the argument.
    pub fn fill(
        &self,
        args: &Args,
        write: impl Fn(&str, String) -> Result<String, String>,
    ) -> Result<Option<String>, String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Hole(name, form) => {
                    let Some(value) = given(args, name) else { return Ok(None) };
                    let value = shown(value, *form).map_err(|why| format!("argument `{name}`: {why}"))?;
                    text.push_str(&write(&text, value).map_err(|why| format!("argument `{name}` {why}"))?);
                }
            }
        }
        Ok(Some(text))
    }

    /// What it stands for in JSON: a text that is one placeholder is the value itself, and what
    /// `.family` and `.seconds` show is a number. `None` if a value is not given.
    ///
    /// # Errors
    /// A value does not have the form that its placeholder asks for.
    pub fn value(&self, args: &Args) -> Result<Option<Value>, String> {
        if let [Piece::Hole(name, Form::Whole)] = self.pieces.as_slice() {
            return Ok(given(args, name).cloned());
        }
        let text = self.fill(args, |_, value| Ok(value))?;
        Ok(text.map(|text| match self.pieces.as_slice() {
            [Piece::Hole(..)] => text.parse::<u64>().map_or(Value::String(text), Value::from),
            _ => Value::String(text),
        }))
    }
}

fn given<'a>(args: &'a Args, name: &str) -> Option<&'a Value> {
    args.get(name).filter(|value| !value.is_null())
}

/// The placeholder of this name, or what is wrong with it, and the name if it is unknown.
fn hole(text: &str, takes: &[(Arc<str>, ValueType)]) -> Result<Piece, (String, Option<String>)> {
    let (name, part) = match text.split_once('.') {
        Some((name, part)) => (name, Some(part)),
        None => (text, None),
    };
    let shown = SafeText(name).cut(40);
    let Some((name, kind)) = takes.iter().find(|(taken, _)| **taken == *name) else {
        return Err((format!("the action takes no `{shown}`"), Some(name.to_owned())));
    };
    use ValueType::{Address, Duration, Ipv4, Ipv6, Prefix};
    let form = match (part, kind) {
        (None, _) => Form::Whole,
        (Some("family"), Ipv4 | Ipv6 | Address | Prefix) => Form::Family,
        (Some("seconds"), Duration) => Form::Seconds,
        (Some("family"), kind) => {
            return Err((format!("only an address or a prefix has a `.family`: `{name}` is {kind}"), None));
        }
        (Some("seconds"), kind) => {
            return Err((format!("only a duration has `.seconds`: `{name}` is {kind}"), None));
        }
        (Some(part), _) => {
            let part = SafeText(part).cut(40);
            return Err((format!("no value has a `.{part}`: there are `.family` and `.seconds`"), None));
        }
    };
    Ok(Piece::Hole(Arc::clone(name), form))
}

fn shown(value: &Value, form: Form) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return Err("a list or an object cannot be part of a text".to_owned()),
    };
    match form {
        Form::Whole => Ok(text),
        Form::Family => {
            let address = text.split_once('/').map_or(&*text, |(address, _)| address);
            let address: IpAddr = address.parse().map_err(|_| "expected an IP address".to_owned())?;
            Ok(if address.is_ipv4() { "4" } else { "6" }.to_owned())
        }
        Form::Seconds => {
            let span: Span = text.parse().map_err(|error| format!("{error}"))?;
            Ok(span.0.div_ceil(1_000_000).to_string())
        }
    }
}

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// One argument.
    One(Word),
    /// Arguments that are left out together if one of their placeholders has no value.
    Group(Vec<Word>),
}

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Absolute path of the program.
    pub program: Arc<str>,
    /// Its arguments.
    pub arguments: Vec<Argument>,
}

impl CommandLine {
    /// The arguments with the values in them.
    ///
    /// # Errors
    /// As [`Word::render`]; also if a value is missing outside of a group.
    pub fn render(&self, args: &Args) -> Result<Vec<String>, String> {
        let mut rendered = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::One(word) => match word.render(args)? {
                    Some(text) => rendered.push(text),
                    None => {
                        let missing = word.names().find(|name| args.get(name).is_none_or(Value::is_null));
                        return Err(format!("argument `{}` is missing", missing.map_or("?", |name| name)));
                    }
                },
                Argument::Group(words) => {
                    let words = words.iter().map(|word| word.render(args));
                    if let Some(words) = words.collect::<Result<Option<Vec<_>>, _>>()? {
                        rendered.extend(words);
                    }
                }
            }
        }
        Ok(rendered)
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
