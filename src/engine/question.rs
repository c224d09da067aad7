//! What a person is asked: a text with the values of arguments in it.

use std::fmt;
use std::sync::Arc;

use crate::model::{Args, Value};

/// Characters of a rendered question at most; the rest is cut off.
const MAX_QUESTION: usize = 1_000;

/// A text with placeholders; each is the name of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(Arc<str>),
    Argument(Arc<str>),
}

impl Question {
    /// Reads a text with `${argument}` placeholders.
    ///
    /// # Errors
    /// Says which placeholder was not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("`${` without `}`")?;
            let name = name.trim();
            let good = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
            if !good {
                return Err("a placeholder is the name of an argument, such as `${host}`".to_owned());
            }
            pieces.push(Piece::Plain(Arc::from(before)));
            pieces.push(Piece::Argument(Arc::from(name)));
            rest = after;
        }
        pieces.push(Piece::Plain(Arc::from(rest)));
        pieces.retain(|piece| *piece != Piece::Plain(Arc::from("")));
        Ok(Question { pieces })
    }

    /// The arguments that it names, in order.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Argument(name) => Some(&**name),
            Piece::Plain(_) => None,
        })
    }

    /// The text for these arguments. What they bring in is text, not a placeholder.
    pub fn render(&self, args: &Args) -> Arc<str> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Argument(name) => match args.get(name) {
                    Some(Value::String(value)) => text.push_str(value),
                    Some(value) => text.push_str(&value.to_string()),
                    None => {}
                },
            }
        }
        if let Some((end, _)) = text.char_indices().nth(MAX_QUESTION) {
            text.truncate(end);
        }
        Arc::from(text)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Plain(plain) => f.write_str(plain),
            Piece::Argument(name) => write!(f, "${{{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_take_the_place_of_their_names() {
        let args = json!({"host": "web-1", "port": 7, "odd": "${host}"});
        let Value::Object(args) = args else { unreachable!() };
        for (text, shown) in [
            ("Unplug ${host} from its switch", "Unplug web-1 from its switch"),
            ("${host}", "web-1"),
            ("port ${ port } of ${host}.", "port 7 of web-1."),
            ("${odd} stays text", "${host} stays text"),
            ("costs $5", "costs $5"),
            ("", ""),
        ] {
            assert_eq!(&*Question::parse(text).unwrap().render(&Args::from(args.clone())), shown, "{text}");
        }
        for text in ["${host", "${}", "${a b}", "${1 + 1}"] {
            assert!(Question::parse(text).is_err(), "{text}");
        }
        let long = Value::Object([("host".to_owned(), json!("ä".repeat(5000)))].into_iter().collect());
        let Value::Object(long) = long else { unreachable!() };
        assert_eq!(
            Question::parse("${host}").unwrap().render(&Args::from(long)).chars().count(),
            MAX_QUESTION
        );
    }
}
