//! What only a person decides: whether a workflow acts, and what came of a step done by hand.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::field::Field;
use super::super::model::{Model, Reply};
use super::super::paint::{Pen, Row, dialog, rows as paint_rows};
use super::super::text::cut;
use super::super::theme::{Theme, Tone};
use crate::model::SafeText;

/// The name has to be typed.
pub fn arm(model: &Model, theme: &Theme, area: Rect, workflow: &str, field: &Field, buffer: &mut Buffer) {
    let now = match model.state().arming(workflow) {
        Some(arming) if arming.is_armed() => format!("It was armed by {} at {}.", arming.by(), arming.at()),
        Some(arming) => {
            let why = arming.why().unwrap_or("somebody asked for it");
            format!("It was disarmed by {}: {why}.", arming.by())
        }
        None => "It was never armed: its runs only observe.".to_owned(),
    };
    let mut rows = vec![Row::new().plain(now)];
    if model.catalogue.asks_live(workflow) {
        rows.push(Row::new().plain("Its file asks to be live."));
    }
    rows.push(Row::new().add("From now on its runs act on the world, as its file is now.", Tone::Wait));
    rows.push(Row::new());
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(44), line + 1);
    let title = format!("Arm {}?", cut(workflow, 40));
    let inner = dialog(buffer, theme, area, size, &title, "Enter arm · Esc leave it");
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    pen.text(&format!("Type {workflow}: "), Tone::Key);
    super::field(&mut pen, field, true);
}

/// As done or as failed, and in what words.
pub fn answer(model: &Model, theme: &Theme, area: Rect, reply: &Reply, field: &Field, buffer: &mut Buffer) {
    let run = model.state().run(reply.run);
    let steps = run.into_iter().flat_map(|run| run.plan().steps.iter().zip(run.steps()));
    let question = steps.filter(|(plan, _)| plan.id == reply.step).find_map(|(_, step)| step.question());
    let question = question.unwrap_or("nobody is asked any more");
    let choice = |on: bool, word: &str| {
        if on { (format!("[{word}]"), Tone::Cursor) } else { (format!(" {word} "), Tone::Dim) }
    };
    let ((done, done_tone), (failed, failed_tone)) =
        (choice(!reply.failed, "done"), choice(reply.failed, "failed"));
    let room = usize::from(area.width.saturating_sub(6));
    let rows = [
        Row::new().add(SafeText(question).cut(room), Tone::Strong),
        Row::new().add(done, done_tone).plain("  ").add(failed, failed_tone),
        Row::new(),
    ];
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(54), line + 1);
    let of = if reply.undo { "the undo of " } else { "" };
    let title = format!("Answer for {of}{} of {}", cut(&reply.step, 30), reply.run);
    let inner = dialog(buffer, theme, area, size, &title, "Tab choose · Enter answer · Esc leave it");
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    pen.text("In your words: ", Tone::Key);
    super::field(&mut pen, field, true);
}
