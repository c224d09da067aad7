//! The picture: a pure function of the model.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::actions::{ACTIONS, Action, ActionId, Chord};
use super::layout::{Class, Layout, NEEDED};
use super::model::{Detail, Mode, Model};
use super::paint::Pen;
use super::text::{plural, width, wrap};
use super::theme::{Theme, Tone};
use super::{Pane, detail, header, overlay, pane, subject};
use crate::engine::RunStatus;

/// Draws a whole frame into an empty buffer.
pub fn view(model: &Model, theme: &Theme, buffer: &mut Buffer) {
    let screen = buffer.area;
    let layout = Layout::new(screen, model.focus, model.zoom, model.log);
    if layout.class == Class::Small {
        small(theme, screen, buffer);
    } else {
        header::render(model, theme, layout.header, buffer);
        match model.page {
            Some(Detail { subject, scroll }) => {
                let area =
                    Rect { y: layout.tabs.y, height: layout.body.bottom() - layout.tabs.y, ..layout.body };
                let area = if layout.tabs.is_empty() { layout.body } else { area };
                detail::render(model, theme, area, subject, scroll, buffer);
            }
            None => panes(model, theme, &layout, buffer),
        }
        overlay::render(model, theme, layout.body, buffer);
        feet(model, theme, &layout, buffer);
    }
    theme.finish(buffer);
}

fn small(theme: &Theme, screen: Rect, buffer: &mut Buffer) {
    let text = format!("need {}x{}, have {}x{}", NEEDED.0, NEEDED.1, screen.width, screen.height);
    let mut lines = wrap(&text, usize::from(screen.width));
    lines.push("q quits".to_owned());
    for (row, line) in (0..screen.height).zip(&lines) {
        Pen::at(buffer, theme, screen, row).text(line, Tone::Strong);
    }
}

fn panes(model: &Model, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    if !layout.tabs.is_empty() {
        pane::strips::tabs(model, theme, layout.tabs, buffer);
    }
    for (pane, area) in &layout.panes {
        pane::render(model, theme, *pane, *area, buffer);
    }
    if !layout.strips.is_empty() {
        pane::strips::strips(model, theme, layout.strips, buffer);
    }
}

fn feet(model: &Model, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    let notice = notice(model);
    let one_line = layout.toast == layout.hints;
    if let Some((text, tone)) = &notice {
        Pen::at(buffer, theme, layout.toast, 0).space(1).text(text, *tone);
    }
    // A dialog says itself which keys it takes.
    if model.mode == Mode::Normal && (!one_line || notice.is_none()) {
        hints(model, theme, layout.hints, buffer);
    }
    if let Mode::Filter { pane, field, .. } = &model.mode {
        ratatui::widgets::Widget::render(ratatui::widgets::Clear, layout.hints, buffer);
        let mut pen = Pen::at(buffer, theme, layout.hints, 0);
        pen.text(&format!(" / {}: ", pane.name()), Tone::Key);
        overlay::field(&mut pen, field, true);
        let help = "Enter keep · Esc as before · !word hides";
        if pen.left() > width(help) + 4 {
            let space = pen.left() - width(help) - 1;
            pen.space(space).text(help, Tone::Dim);
        }
    }
}

/// The line for answers; without one, what one should know all the time.
fn notice(model: &Model) -> Option<(String, Tone)> {
    if let Some(toast) = &model.toast {
        return Some((toast.text.clone(), toast.tone));
    }
    let gauges = model.gauges();
    if model.frozen.is_some() {
        let at = model.engine_now().clock();
        return Some((format!("frozen at {at}; the engine goes on · f catches up"), Tone::Wait));
    }
    if let Some(why) = &gauges.on_hold {
        return Some((format!("on hold, nothing acts: {why}"), Tone::Critical));
    }
    if let Some(why) = &model.lost {
        return Some((format!("no engine: {why} · tried again every second · q quits"), Tone::Critical));
    }
    if !model.connected {
        return Some(("the engine has stopped · q quits".to_owned(), Tone::Bad));
    }
    if gauges.draining {
        return Some(("stopping: steps in flight finish".to_owned(), Tone::Wait));
    }
    // Recordings are read to their end; live sources do not end.
    let text = match model.state().counts().live_runs {
        0 => "replay finished · q quits".to_owned(),
        live => format!("recording read to its end, {} to go · q quits", plural(live, "run", "runs")),
    };
    gauges.ended.then_some((text, Tone::Good))
}

/// The keys that do something now, as many as fit.
fn hints(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut shown: Vec<&Action> = ACTIONS.iter().filter(|a| hinted(model, a)).collect();
    shown.sort_by_key(|action| action.hint);
    let mut pen = Pen::at(buffer, theme, area, 0);
    pen.space(1);
    let back = model.page.is_some().then_some(("Esc".to_owned(), "back"));
    let all = shown
        .iter()
        .filter_map(|action| Some((action.keys.first().map(Chord::to_string)?, title(model, action))));
    let quit = width("q quit");
    for (key, title) in back.into_iter().chain(all) {
        let wide = width(&key) + 1 + width(title);
        let last = title == "quit";
        if wide + if last { 0 } else { quit + 2 } > pen.left() {
            continue;
        }
        pen.text(&key, Tone::Key).text(" ", Tone::Plain).text(title, Tone::Plain).space(2);
    }
}

/// Its word in the line of hints: `p` does one of two things.
fn title(model: &Model, action: &Action) -> &'static str {
    let paused = |model: &Model| subject::to_pause(model).is_ok_and(|run| run.status() == RunStatus::Paused);
    match action.id {
        ActionId::Pause if paused(model) => "resume",
        ActionId::Freeze if model.frozen.is_some() => "unfreeze",
        _ => action.title,
    }
}

/// Whether a key is worth a hint here and now.
fn hinted(model: &Model, action: &Action) -> bool {
    let here = match action.id {
        ActionId::Scale => model.focus == Pane::Latency,
        ActionId::WindowMore => model.focus == Pane::Throughput,
        _ => true,
    };
    here && action.hint > 0 && (action.when)(model).is_ok()
}
