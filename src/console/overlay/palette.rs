//! `:`: a line to type in, and the actions that fit below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::actions::Chord;
use super::super::field::Field;
use super::super::model::Model;
use super::super::paint::{Pen, dialog, highlight};
use super::super::palette::found;
use super::super::theme::{Theme, Tone};

/// Actions that are shown at once.
const ROWS: u16 = 10;

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, query: &Field, at: usize, buffer: &mut Buffer) {
    let size = (80.min(area.width.saturating_sub(4)), ROWS + 1);
    let inner = dialog(buffer, theme, area, size, "Command", "↑↓ choose · Enter does it · Esc");
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.text(": ", Tone::Key);
    super::field(&mut pen, query, true);
    let entries = found(query.text());
    if entries.is_empty() {
        Pen::at(buffer, theme, inner, 1).text("No action has these letters.", Tone::Dim);
    }
    let rows = usize::from(inner.height.saturating_sub(1));
    let at = at.min(entries.len().saturating_sub(1));
    let skip = (at + 1).saturating_sub(rows);
    for (row, (i, action)) in (1..inner.height).zip(entries.iter().enumerate().skip(skip)) {
        let can = (action.when)(model);
        let keys = action.keys.first().map(Chord::to_string).unwrap_or_default();
        let mut pen = Pen::at(buffer, theme, inner, row);
        pen.column(&keys, 6, Tone::Key).column(action.title, 14, Tone::Strong);
        match can {
            Ok(()) => pen.text(action.help, Tone::Plain),
            Err(why) => pen.text(&format!("not now: {why}"), Tone::Dim),
        };
        if i == at {
            highlight(buffer, inner, row, theme.style(Tone::Cursor));
        }
    }
}
