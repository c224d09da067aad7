//! `?`: every key, what it does, and whether it can be done now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::actions::{Chord, Danger};
use super::super::dialogs::help_entries;
use super::super::field::Field;
use super::super::model::Model;
use super::super::paint::{Pen, dialog, highlight};
use super::super::theme::{Theme, Tone};

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, query: &Field, at: usize, buffer: &mut Buffer) {
    let size = (104.min(area.width.saturating_sub(4)), area.height.saturating_sub(2));
    let inner = dialog(buffer, theme, area, size, "Keys", "type to search · ↑↓ · Enter does it · Esc");
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.text("Search: ", Tone::Key);
    super::field(&mut pen, query, true);
    let entries = help_entries(query.text());
    if entries.is_empty() {
        Pen::at(buffer, theme, inner, 2).text("No key does that.", Tone::Dim);
    }
    let rows = usize::from(inner.height.saturating_sub(2));
    let at = at.min(entries.len().saturating_sub(1));
    // A heading takes a line too: scroll so that the entry under the cursor stays in sight.
    let mut lines = Vec::new();
    let mut group = None;
    let mut cursor = 0;
    for (i, action) in entries.iter().enumerate() {
        if group != Some(action.group) {
            group = Some(action.group);
            lines.push(None.or(Some((action.group.title(), None))));
        }
        if i == at {
            cursor = lines.len();
        }
        lines.push(Some(("", Some(*action))));
    }
    let skip = (cursor + 1).saturating_sub(rows);
    for (row, (line, text)) in (2..inner.height).zip(lines.iter().flatten().enumerate().skip(skip)) {
        let mut pen = Pen::at(buffer, theme, inner, row);
        let (heading, Some(action)) = text else {
            pen.text(text.0, Tone::Strong);
            continue;
        };
        let keys: Vec<String> = action.keys.iter().map(Chord::to_string).collect();
        pen.text(heading, Tone::Plain).space(2).column(&keys.join(" "), 9, Tone::Key).column(
            action.title,
            13,
            Tone::Plain,
        );
        let can = (action.when)(model);
        let danger = match action.danger {
            Danger::None => "",
            Danger::Confirm => " (asks y/N)",
            Danger::Type => " (type the id)",
        };
        pen.text(action.help, if can.is_ok() { Tone::Plain } else { Tone::Dim }).text(danger, Tone::Wait);
        if let Err(why) = can {
            pen.text(&format!("  not now: {why}"), Tone::Dim);
        }
        if line == cursor {
            highlight(buffer, inner, row, theme.style(Tone::Cursor));
        }
    }
}
