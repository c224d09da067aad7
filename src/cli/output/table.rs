//! Tables and lines of rows.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

/// Rows under their heads, each column as wide as its widest cell, the last one open.
pub fn aligned<const N: usize>(cells: &[[String; N]]) -> String {
    let width = |i: usize| cells.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N - 1).map(width).collect();
    let mut out = String::new();
    for row in cells {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a `String` cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        line.push_str(&row[N - 1]);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// One object on a line, with its type first.
pub fn object(kind: &str, row: &impl Serialize) -> String {
    let value = serde_json::to_value(row).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let fields: Vec<String> = fields.map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    let fields = fields.join(",");
    format!("{{\"type\":{},{fields}}}\n", Value::from(kind))
}

/// `2026-11-21 14:03:22` of a time in RFC 3339.
pub fn moment(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}
