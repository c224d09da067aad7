//! What was asked of the engine from this console, and what it answered.

use serde_json::{Value, json};

use super::super::model::Model;
use super::super::paint::Row;
use super::super::text::wrap;
use super::super::theme::Tone;
use super::heading;
use crate::model::SafeText;

/// Columns in front of an answer.
const INDENT: usize = 12;

/// The page.
pub fn rows(model: &Model, width: usize) -> Vec<Row> {
    let sent = model.requests.sent();
    let mut rows =
        vec![heading(&format!("Requests {}", sent.len())).dim("  of this console, the last one first")];
    if sent.len() == 0 {
        rows.push(
            Row::new().dim("  Nothing was asked yet: p, x, t, a and their like ask; ? shows them all."),
        );
    }
    for one in sent {
        rows.push(Row::new().dim(format!("  {}  ", one.at.clock())).plain(SafeText(&one.what).to_string()));
        let (text, tone) = match &one.answer {
            Some((text, tone)) => (text.as_str(), *tone),
            None => ("sent, no answer yet", Tone::Busy),
        };
        for line in wrap(&SafeText(text).to_string(), width.saturating_sub(INDENT).max(20)) {
            rows.push(Row::new().plain(" ".repeat(INDENT)).add(line, tone));
        }
    }
    rows
}

/// The same for other programs.
pub fn json(model: &Model) -> Value {
    let row = |one: &super::super::requests::Sent| {
        let answer = one.answer.as_ref().map(|(text, _)| text);
        json!({ "at": one.at.to_string(), "request": one.what, "answer": answer })
    };
    model.requests.sent().map(row).collect()
}
