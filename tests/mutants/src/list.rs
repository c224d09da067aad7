//! What `cargo mutants --list --json` says.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// One planted mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// Relative to the root.
    pub file: String,
    /// With place, function and change.
    pub name: String,
    pub genre: Genre,
    /// Of the code that is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: Place,
}

/// Both count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Asks for the mutants of the files that `args` name.
pub fn list(root: &str, args: &[String]) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("cargo");
    command.args(["mutants", "--list", "--json"]).args(args).current_dir(root);
    let output = command.output().map_err(|e| format!("cargo mutants: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("what cargo mutants lists: {e}"))
}
