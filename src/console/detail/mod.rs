//! Pages about one thing, in place of the panes.

mod agent;
mod incident;
mod obligation;
pub mod requests;
mod rules;
mod run;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::{Model, Subject};
use super::paint::{Row, frame, rows as paint_rows};
use super::text::wrap;
use super::theme::{Theme, Tone};
use crate::model::{Action, SafeText, Value};

/// The lines of a page for a width.
pub fn rows(model: &Model, subject: Subject, width: usize) -> Vec<Row> {
    let width = width.saturating_sub(4);
    let rows = match subject {
        Subject::Run(id) => model.state().run(id).map(|run| run::rows(model, run, width)),
        Subject::Incident(id) => {
            model.state().incident(id).map(|incident| incident::rows(model, incident, width))
        }
        Subject::Obligation(id) => {
            model.state().ledger().get(id).map(|obligation| obligation::rows(model, obligation, width))
        }
        Subject::Agent(id) => model.state().agent(id).map(|agent| agent::rows(model, agent)),
        Subject::Rules => Some(rules::rows(model, width)),
        Subject::Requests => Some(requests::rows(model, width)),
    };
    let gone = "It is no longer kept here; the journal has it.";
    rows.unwrap_or_else(|| vec![Row::new().dim(gone)])
}

/// Draws the page over the body.
pub fn render(
    model: &Model,
    theme: &Theme,
    area: Rect,
    subject: Subject,
    scroll: usize,
    buffer: &mut Buffer,
) {
    let title = match subject {
        Subject::Run(id) => match model.state().run(id) {
            Some(run) => format!("{id} {}", run.workflow()),
            None => id.to_string(),
        },
        Subject::Incident(id) => id.to_string(),
        Subject::Obligation(id) => match model.state().ledger().get(id) {
            Some(obligation) => format!("{id} {}", obligation.action().name),
            None => id.to_string(),
        },
        Subject::Agent(id) => model.agent_name(id).to_owned(),
        Subject::Rules => "Rules".to_owned(),
        Subject::Requests => "Requests".to_owned(),
    };
    let rows = rows(model, subject, usize::from(area.width));
    let shown = usize::from(area.height.saturating_sub(2));
    let foot = if rows.len() > shown {
        let last = (scroll + shown).min(rows.len());
        format!("lines {}-{last} of {} · Esc back", scroll + 1, rows.len())
    } else {
        "Esc back".to_owned()
    };
    let inner = frame(buffer, theme, area, &title, &foot, true);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    paint_rows(buffer, theme, inner, rows.iter().skip(scroll));
}

/// A heading.
fn heading(text: &str) -> Row {
    Row::new().add(text, Tone::Strong)
}

/// Columns for labels, with the space behind them.
const LABEL: usize = 14;

/// `name      value`, the value broken into as many lines as it takes.
fn entry(name: &str, value: &str, tone: Tone, width: usize) -> Vec<Row> {
    let lines = wrap(value, width.saturating_sub(LABEL + 2).max(20));
    let label = |i: usize| match i {
        // However long a label is, its value stands apart.
        0 => format!("  {name:<width$} ", width = LABEL - 1),
        _ => " ".repeat(LABEL + 2),
    };
    lines.into_iter().enumerate().map(|(i, line)| Row::new().dim(label(i)).add(line, tone)).collect()
}

/// `name=value` pairs, in one text.
fn pairs<'v, N: AsRef<str>>(values: impl IntoIterator<Item = (N, &'v Value)>) -> String {
    let pair = |(name, value): (N, &Value)| format!("{}={}", SafeText(name.as_ref()), plain(value));
    values.into_iter().map(pair).collect::<Vec<_>>().join("  ")
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => SafeText(text).to_string(),
        other => SafeText(&other.to_string()).to_string(),
    }
}

/// `block_source_ip address=10.0.7.21`.
fn described(action: &Action) -> String {
    format!("{} {}", SafeText(&action.name), pairs(action.args.iter())).trim_end().to_owned()
}
