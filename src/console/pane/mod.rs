//! The panes, one file each: what they list, and how they draw it.

pub mod agents;
pub mod incidents;
pub mod latency;
pub mod ledger;
pub mod log;
pub mod strips;
pub mod throughput;
pub mod workflows;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Pane;
use super::list::List;
use super::model::Model;
use super::paint::{Pen, highlight};
use super::sort::Sort;
use super::text::wrap;
use super::theme::{Theme, Tone};

/// Draws one pane with its frame.
pub fn render(model: &Model, theme: &Theme, pane: Pane, area: Rect, buffer: &mut Buffer) {
    match pane {
        Pane::Agents => agents::render(model, theme, area, buffer),
        Pane::Workflows => workflows::render(model, theme, area, buffer),
        Pane::Incidents => incidents::render(model, theme, area, buffer),
        Pane::Latency => latency::render(model, theme, area, buffer),
        Pane::Throughput => throughput::render(model, theme, area, buffer),
        Pane::Ledger => ledger::render(model, theme, area, buffer),
        Pane::Log => log::render(model, theme, area, buffer),
    }
}

/// What `o` can sort a pane by; the first is the order that it has by itself.
pub fn columns(pane: Pane) -> &'static [&'static str] {
    match pane {
        Pane::Agents => &agents::COLUMNS,
        Pane::Workflows => &workflows::COLUMNS,
        Pane::Incidents => &incidents::COLUMNS,
        Pane::Ledger => &ledger::COLUMNS,
        Pane::Latency | Pane::Throughput | Pane::Log => &["time"],
    }
}

/// `sort state ▲ · row 2 of 41 · filter: scan`.
fn foot<Id: Copy + Eq>(model: &Model, pane: Pane, list: &List<Id>) -> String {
    let filter = model.filters.get(&pane).map(|filter| format!("filter: {filter}"));
    let place = list.row().map(|row| format!("row {} of {}", row + 1, list.order().len()));
    let sort = model.sorts.get(&pane).copied().unwrap_or_default();
    let column = columns(pane).get(sort.column).copied().unwrap_or_default();
    let arrow = if sort.inverted { "▼" } else { "▲" };
    let sort = (sort != Sort::default()).then(|| format!("sort {column} {arrow}"));
    [sort, place, filter].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// What stands in a list without rows: what would fill it, or that the filter hides all.
fn empty(model: &Model, theme: &Theme, pane: Pane, area: Rect, buffer: &mut Buffer, filled_by: &str) {
    let hidden = "No row passes the filter. Esc clears it.";
    let text = if model.filters.contains_key(&pane) { hidden } else { filled_by };
    for (y, line) in (0..area.height).zip(wrap(text, usize::from(area.width).saturating_sub(2))) {
        Pen::at(buffer, theme, area, y).space(1).text(&line, Tone::Dim);
    }
}

/// The mark before a selected row.
fn mark(selected: bool) -> &'static str {
    if selected { "▌" } else { " " }
}

/// Columns of a row that show the cursor: enough to see it, few enough to move it over a slow line.
const CURSOR: u16 = 24;

/// Shows where the cursor is, once the row is drawn.
fn cursor(theme: &Theme, buffer: &mut Buffer, area: Rect, row: u16, selected: bool, focused: bool) {
    if selected && focused {
        highlight(buffer, Rect { width: area.width.min(CURSOR), ..area }, row, theme.style(Tone::Cursor));
    }
}
