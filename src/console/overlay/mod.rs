//! Dialogs: what has the keys lies over the panes.

mod approvals;
mod confirm;
mod help;
mod palette;
mod person;
mod settle;
mod trigger;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::field::Field;
use super::model::{Mode, Model};
use super::paint::{Pen, Row};
use super::theme::{Theme, Tone};

/// Draws the dialog that is open, if one is.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    match &model.mode {
        Mode::Normal | Mode::Filter { .. } => {}
        Mode::Help { query, at } => help::render(model, theme, area, query, *at, buffer),
        Mode::Palette { query, at } => palette::render(model, theme, area, query, *at, buffer),
        Mode::Confirm(question) => confirm::question(model, theme, area, *question, buffer),
        Mode::Release { field } => confirm::release(model, theme, area, field, buffer),
        Mode::Abandon { run, field, .. } => confirm::abandon(model, theme, area, *run, field, buffer),
        Mode::Arm { workflow, field } => person::arm(model, theme, area, workflow, field, buffer),
        Mode::Answer { reply, field } => person::answer(model, theme, area, reply, field, buffer),
        Mode::Approvals { at, deny } => approvals::render(model, theme, area, *at, deny.as_ref(), buffer),
        Mode::Settle { settling, field } => settle::render(model, theme, area, settling, field, buffer),
        Mode::Pick { at } => trigger::pick(model, theme, area, *at, buffer),
        Mode::Form(form) => trigger::form(model, theme, area, form, buffer),
        Mode::Close { incident, nothing, field, .. } => {
            confirm::close(model, theme, area, *incident, *nothing, field, buffer);
        }
    }
}

/// A field with its cursor, cut so that the cursor can be seen.
pub fn field(pen: &mut Pen<'_>, field: &Field, active: bool) {
    let (before, after) = field.split();
    if !active {
        pen.text(field.text(), Tone::Plain);
        return;
    }
    let room = pen.left().saturating_sub(2).max(1);
    let skip = before.chars().count().saturating_sub(room);
    let before: String = before.chars().skip(skip).collect();
    let mut rest = after.chars();
    let under = rest.next().unwrap_or(' ').to_string();
    pen.text(&before, Tone::Plain).text(&under, Tone::Cursor).text(rest.as_str(), Tone::Plain);
}

/// Columns that rows take at most.
fn widest(rows: &[Row]) -> u16 {
    rows.iter().map(Row::width).max().unwrap_or(0).try_into().unwrap_or(u16::MAX)
}
