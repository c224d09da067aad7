//! `t`: which workflow, and its inputs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::may::arming_matters;
use super::super::model::{Form, Model};
use super::super::paint::{Pen, dialog, highlight};
use super::super::theme::{Theme, Tone};
use crate::engine::Arming;
use crate::runtime::link::{Offer, OfferedInput};

/// The list of workflows.
pub fn pick(model: &Model, theme: &Theme, area: Rect, at: usize, buffer: &mut Buffer) {
    let workflows = &model.catalogue.workflows;
    let size = (90.min(area.width.saturating_sub(4)), workflows.len() as u16);
    let inner = dialog(buffer, theme, area, size, "Start which workflow?", "↑↓ choose · Enter inputs · Esc");
    let rows = usize::from(inner.height);
    let skip = (at + 1).saturating_sub(rows);
    for (row, (i, Offer { name, description, asks_live, .. })) in
        (0..inner.height).zip(workflows.iter().enumerate().skip(skip))
    {
        let mut pen = Pen::at(buffer, theme, inner, row);
        pen.column(name, 22, Tone::Strong);
        if arming_matters(model).is_ok() {
            let armed = model.state().arming(name).is_some_and(Arming::is_armed);
            let (word, tone) = match (armed, *asks_live) {
                (true, _) => ("armed", Tone::Busy),
                (false, true) => ("asks to be live", Tone::Wait),
                (false, false) => ("observes", Tone::Dim),
            };
            pen.column(word, 16, tone);
        }
        pen.text(description, Tone::Plain);
        if i == at {
            highlight(buffer, inner, row, theme.style(Tone::Cursor));
        }
    }
}

/// The inputs of one.
pub fn form(model: &Model, theme: &Theme, area: Rect, form: &Form, buffer: &mut Buffer) {
    let Some(Offer { name, description, inputs, .. }) = model.catalogue.workflows.get(form.workflow) else {
        return;
    };
    let lines = inputs.len() as u16 * 2 + 3;
    let size = (84.min(area.width.saturating_sub(4)), lines);
    let foot = "Tab next · Enter on Start starts it · Esc back";
    let inner = dialog(buffer, theme, area, size, &format!("Start {name}"), foot);
    Pen::at(buffer, theme, inner, 0).text(description, Tone::Dim);
    // The field under the cursor stays in sight on a low screen.
    let rows = usize::from(inner.height.saturating_sub(1));
    let skip = ((form.at + 1) * 2).saturating_sub(rows);
    let mut line = 0;
    let mut place = || {
        line += 1;
        u16::try_from(line - 1usize).ok().and_then(|l| l.checked_sub(skip as u16)).map(|l| l + 1)
    };
    for (i, input) in inputs.iter().enumerate() {
        let (Some(field), Some(error)) = (form.fields.get(i), form.errors.get(i)) else { continue };
        let active = form.at == i;
        if let Some(row) = place() {
            let mut pen = Pen::at(buffer, theme, inner, row);
            pen.text(if active { "▸ " } else { "  " }, Tone::Key);
            pen.column(&input.name, 18, if active { Tone::Strong } else { Tone::Plain });
            super::field(&mut pen, field, active);
        }
        if let Some(row) = place() {
            let mut pen = Pen::at(buffer, theme, inner, row);
            pen.space(21);
            match error {
                Some(why) => pen.text(&format!("✗ {why}"), Tone::Bad),
                None => pen.text(&hint(input), Tone::Dim),
            };
        }
    }
    place();
    if let Some(row) = place() {
        let tone = if form.at == inputs.len() { Tone::Cursor } else { Tone::Plain };
        Pen::at(buffer, theme, inner, row).space(2).text(&format!("[ Start {name} ]"), tone);
    }
}

fn hint(input: &OfferedInput) -> String {
    let mut hint = input.kind.to_string();
    hint.push_str(if input.required && input.default.is_none() { ", needed" } else { ", may be left empty" });
    if let Some(text) = &input.description {
        hint.push_str(" · ");
        hint.push_str(text);
    }
    hint
}
