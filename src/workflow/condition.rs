//! Conditions in CEL, compiled at load, within bounds (C26).

use super::Scope;

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    source: String,
}

impl Condition {
    /// The text that it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Says what could not be evaluated.
    pub fn holds(&self, _scope: &Scope<'_>) -> Result<bool, String> {
        Err("not compiled".to_owned())
    }
}
