//! What is wrong in a file that a person wrote, and where.

use std::fmt;

use super::SafeText;

/// One mistake in a setup file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, as it was named when it was read.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// As [`SafeText`]: also the name of a file may hold what steers a terminal (C32).
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, message) = (SafeText(&self.file), SafeText(&self.message));
        write!(f, "{file}:{}:{}: {message}", self.line, self.column)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", SafeText(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_a_mistake_steers_no_terminal() {
        let file = "rules/\u{1b}[2J.yml".to_owned();
        let (message, hint) = ("`\u{202e}` is unknown".to_owned(), Some("write\u{7} `x`".to_owned()));
        let mistake = Mistake { file, line: 1, column: 2, message, hint };
        let shown = "rules/\\x1b[2J.yml:1:2: `\\u{202e}` is unknown\n  hint: write\\x07 `x`";
        assert_eq!(mistake.to_string(), shown);
    }
}
