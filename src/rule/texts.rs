//! Texts as Sigma has them: a number counts as its text, and one stands for a list of one.

use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node, Place};
use crate::model::{SafeText, Value};

/// A number, boolean or text as text; `None` for everything else.
pub fn scalar(node: &Node) -> Option<String> {
    match &node.data {
        Data::Scalar(Value::String(text)) => Some(text.clone()),
        Data::Scalar(Value::Bool(flag)) => Some(flag.to_string()),
        Data::Scalar(Value::Number(number)) => Some(match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => float.to_string(),
            None => number.to_string(),
        }),
        _ => None,
    }
}

/// A text that is not empty. A whole number counts as its text.
pub fn text(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let found = match &node.data {
        Data::Scalar(Value::String(text)) if text.trim().is_empty() => {
            reader.wrong(node.at, format!("expected {what}, found empty text"));
            return None;
        }
        Data::Scalar(Value::String(_)) => scalar(node),
        Data::Scalar(Value::Number(number)) if !number.is_f64() => scalar(node),
        _ => None,
    };
    if found.is_none() {
        reader.expected(node, what);
    }
    found
}

/// One text or a list of them, each with its place.
pub fn texts(reader: &mut Reader<'_>, node: &Node, what: &str) -> Vec<(Place, String)> {
    let nodes = match &node.data {
        Data::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    nodes.iter().filter_map(|node| Some((node.at, text(reader, node, what)?))).collect()
}

/// A text of a file in a message.
pub fn shown(text: &str) -> String {
    SafeText(text).cut(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_their_text() {
        for (yaml, as_scalar, as_text) in [
            ("x", Some("x"), Some("x")),
            ("''", Some(""), None),
            ("22", Some("22"), Some("22")),
            ("-1", Some("-1"), Some("-1")),
            ("'022'", Some("022"), Some("022")),
            ("22.0", Some("22"), None),
            ("1.5", Some("1.5"), None),
            ("true", Some("true"), None),
            ("a:", None, None),
            ("[x]", None, None),
        ] {
            let mut reader = Reader::new("r");
            let node = reader.document(yaml).unwrap();
            assert_eq!(scalar(&node).as_deref(), as_scalar, "{yaml}");
            assert_eq!(text(&mut reader, &node, "a word").as_deref(), as_text, "{yaml}");
            assert_eq!(reader.noted(), usize::from(as_text.is_none()), "{yaml}");
        }
    }
}
