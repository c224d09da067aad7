//! `expand`: names in percent signs that stand for values of this place.
//!
//! Their values are in a document of their own among the rules:
//!
//! ```yaml
//! placeholders:
//!   Servers: [srv*, '10.0.0.5']
//! ```

use std::collections::BTreeMap;

use super::room::Room;
use super::text::{Text, Token};
use super::texts::{scalar, shown};
use crate::flow::fault::{Fault, did_you_mean};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};

/// The most values that one value becomes.
const MOST_VALUES: usize = 1_000;

/// The values of every placeholder, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placeholders(BTreeMap<String, Vec<String>>);

impl Placeholders {
    /// Reads the mapping under `placeholders`. One that is there already keeps what it has and takes
    /// the values in addition.
    pub fn add(&mut self, node: &Node, reader: &mut Reader<'_>) {
        for entry in reader.entries(node, "names of placeholders with their values").unwrap_or_default() {
            let values = match &entry.value.data {
                Data::List(items) if !items.is_empty() => items.as_slice(),
                _ => std::slice::from_ref(&entry.value),
            };
            for value in values {
                match scalar(value) {
                    Some(text) => self.0.entry(entry.key.clone()).or_default().push(text),
                    None => reader.expected(value, "a value of the placeholder: text or a number"),
                }
            }
        }
    }

    /// Every text that a value stands for. `\%` is a plain percent sign.
    ///
    /// # Errors
    /// A placeholder has no value, or they make too much of it.
    pub fn expand(&self, text: &str, room: &Room) -> Result<Vec<Text>, Fault> {
        let mut made = vec![Vec::new()];
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            let values = self.0.get(name).ok_or_else(|| self.missing(name))?;
            let many = made.len().saturating_mul(values.len());
            if many > MOST_VALUES {
                return Err(format!("the placeholders make more than {MOST_VALUES} values").into());
            }
            let longest = values.iter().map(String::len).max().unwrap_or_default();
            room.made(many, many.saturating_mul(text.len() + longest))?;
            let before = Text::parse(&before.replace("\\%", "%")).0;
            let mut longer: Vec<Vec<Token>> = Vec::new();
            for begun in &made {
                for value in values {
                    let mut tokens = begun.clone();
                    tokens.extend(before.iter().cloned());
                    tokens.extend(Text::parse(value).0);
                    longer.push(tokens);
                }
            }
            (made, rest) = (longer, after);
        }
        let last = Text::parse(&rest.replace("\\%", "%")).0;
        Ok(made.into_iter().map(|tokens| Text([tokens, last.clone()].concat()).joined()).collect())
    }

    /// Whether it has values.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn missing(&self, name: &str) -> Fault {
        let near = did_you_mean(name, self.0.keys().map(String::as_str));
        let shown = shown(name);
        Fault::new(format!("there is no value for the placeholder `%{shown}%`")).hint(
            near.unwrap_or_else(|| {
                "put a document `placeholders: {name: [values]}` among the rules".to_owned()
            }),
        )
    }
}

/// What comes before the first placeholder, its name, and what comes after.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let signs = text.match_indices('%').filter(|(at, _)| !text.get(..*at).is_some_and(|t| t.ends_with('\\')));
    let mut signs = signs.map(|(at, _)| at);
    let (start, end) = (signs.next()?, signs.next()?);
    let name = text.get(start + 1..end).filter(|name| !name.is_empty())?;
    Some((text.get(..start)?, name, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_their_values() {
        let mut reader = Reader::new("r");
        let node = reader.document("Servers: [srv*, dc1]\nUser: adm\nPort: 22").unwrap();
        let mut placeholders = Placeholders::default();
        placeholders.add(&node, &mut reader);
        assert_eq!(reader.noted(), 0);
        for (text, expected) in [
            ("%Servers%", vec!["srv*", "dc1"]),
            ("a%User%b%Servers%", vec!["aadmbsrv*", "aadmbdc1"]),
            ("%Port%", vec!["22"]),
            (r"\%plain%User%", vec!["%plainadm"]),
            ("100%", vec!["100%"]),
            ("none", vec!["none"]),
        ] {
            let expected: Vec<Text> = expected.into_iter().map(Text::parse).collect();
            assert_eq!(placeholders.expand(text, &Room::default()), Ok(expected), "{text}");
        }
        let fault = placeholders.expand("%Servrs%", &Room::default()).unwrap_err();
        assert!(fault.to_string().contains("`%Servrs%`") && fault.to_string().contains("Servers"), "{fault}");
    }
}
