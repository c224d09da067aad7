//! Why a text is refused, before its place in a file is known; and the nearest known word.

use std::fmt;

/// What is wrong with a text, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), hint: None }
    }

    /// The same fault with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Fault { hint: Some(hint.into()), ..self }
    }

    /// The same fault with a hint, if there is one.
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        Fault { hint, ..self }
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Fault::new(message)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Fault::new(message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// Known words that are compared, and letters of the longest one.
const COMPARED: usize = 200;
const LETTERS: usize = 64;

/// "did you mean `…`?", if a known word is near: at most a third of its letters differ.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if word.len() > LETTERS {
        return None;
    }
    let word = word.to_lowercase();
    let near = known
        .into_iter()
        .filter(|known| known.len() <= LETTERS)
        .take(COMPARED)
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min()?;
    Some(format!("did you mean `{}`?", near.1))
}

/// The nearest known word, else the list of what is known.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    did_you_mean(word, known.clone()).or_else(|| match list(known) {
        names if names.is_empty() => None,
        names => Some(format!("known: {names}")),
    })
}

/// Names for people: the first twelve, then how many more.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.get(..12) {
        Some(first) if names.len() > 12 => format!("{} and {} more", first.join(", "), names.len() - 12),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["severity", "steps", "FORTRESS", "on"];
        for (word, near) in [
            ("sevrity", Some("severity")),
            ("step", Some("steps")),
            ("fortres", Some("FORTRESS")),
            ("Steps", Some("steps")),
            ("om", Some("on")),
            ("colour", None),
            ("", None),
        ] {
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            assert_eq!(did_you_mean(word, known), hint, "{word}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..14).map(|n| format!("n{n}")).collect();
        let shown = list(names.iter().map(String::as_str));
        assert!(shown.ends_with("n11 and 2 more"), "{shown}");
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(suggest("zzz", ["a", "b"]), Some("known: a, b".to_owned()));
        assert_eq!(suggest("zzz", []), None);
    }
}
