//! A step in doubt, or an undo that failed, is settled: where it stands, as what, and why.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::field::Field;
use super::super::glyph;
use super::super::model::{Model, Settling};
use super::super::paint::{Pen, Row, dialog, rows as paint_rows};
use super::super::pane::workflows::word;
use super::super::settle::{name, options};
use super::super::text::cut;
use super::super::theme::{Theme, Tone};
use crate::engine::{Run, RunStatus, Settled};

/// Draws it.
pub fn render(
    model: &Model,
    theme: &Theme,
    area: Rect,
    settling: &Settling,
    field: &Field,
    buffer: &mut Buffer,
) {
    let room = usize::from(area.width.saturating_sub(6));
    let mut rows = model.state().run(settling.run).map_or_else(Vec::new, |run| stands(run, settling, room));
    let choices = std::iter::once(None).chain(options(model, settling).iter().copied().map(Some));
    let mut choice = Row::new();
    for one in choices {
        let word = one.map_or("leave it", Settled::name);
        choice = match one == settling.picked {
            true => choice.add(format!("[{word}]"), Tone::Cursor),
            false => choice.add(format!(" {word} "), Tone::Dim),
        };
    }
    rows.push(choice);
    let undo = model.state().run(settling.run).is_some_and(|run| run.status() != RunStatus::Parked);
    rows.push(Row::new().add(consequence(settling.picked, undo), Tone::Wait));
    rows.push(Row::new());
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(64), line + 1);
    let title = format!("Settle {} of {}", cut(&name(model, settling), 30), settling.run);
    let foot = "Tab choose · ↑↓ step · Enter settle · Esc leave it";
    let inner = dialog(buffer, theme, area, size, &title, foot);
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    let needed = settling.picked.is_some_and(Settled::needs_reason);
    pen.text(if needed { "Reason: " } else { "Reason, if any: " }, Tone::Key);
    super::field(&mut pen, field, true);
}

fn stands(run: &Run, settling: &Settling, room: usize) -> Vec<Row> {
    let Some(step) = run.steps().get(settling.step.index()) else { return Vec::new() };
    let (glyph, tone) = glyph::of_run(run);
    let more = run.to_settle().count().saturating_sub(1);
    let more = if more == 0 { String::new() } else { format!("  {more} more to settle") };
    let action = |action: Option<&crate::model::Action>| {
        action.map_or_else(String::new, |action| {
            let target = action.target.as_deref().map_or_else(String::new, |target| format!(" {target}"));
            format!("{}{target}", action.name)
        })
    };
    let what = match run.undo_told(settling.step) {
        Some(told) => format!("{}: {told}", action(step.undo())),
        None => format!("{}: in doubt, attempt {} was cut short", action(step.action()), step.attempt()),
    };
    vec![
        Row::new()
            .add(settling.run.to_string(), Tone::Strong)
            .plain(format!("  {}  ", cut(run.workflow(), 30)))
            .add(format!("{glyph} {}", word(run)), tone)
            .dim(more),
        Row::new().plain(cut(&what, room)),
        Row::new(),
    ]
}

/// What comes of a choice.
fn consequence(picked: Option<Settled>, undo: bool) -> &'static str {
    match (picked, undo) {
        (None, _) => "Nothing changes.",
        (Some(Settled::Again), false) => "It is performed once more, under the same key.",
        (Some(Settled::Undo), _) => "It may have happened: the run is rolled back, and it is undone too.",
        (Some(Settled::Done), false) => "It happened: the run goes on, without an output of it.",
        (Some(Settled::Failed), _) => "It did not happen: what follows is as after a failure.",
        (Some(Settled::Again), true) => "It is undone once more, under the same key.",
        (Some(Settled::Done), true) => "It was undone by hand.",
        (Some(Settled::Skip), _) => "It is not undone. It stays shown as skipped, with the reason.",
    }
}
