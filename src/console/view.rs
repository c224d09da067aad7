//! The picture: a pure function of the model.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::actions::{ACTIONS, Action, Chord};
use super::layout::{Class, Layout, NEEDED};
use super::model::{Detail, Mode, Model};
use super::paint::{Pen, Row};
use super::text::{grouped, uptime, width};
use super::theme::{Theme, Tone};
use super::{detail, overlay, pane};
use crate::engine::JournalKind;

/// Draws a whole frame into an empty buffer.
pub fn view(model: &Model, theme: &Theme, buffer: &mut Buffer) {
    let screen = buffer.area;
    let layout = Layout::new(screen, model.focus, model.zoom, model.log);
    if layout.class == Class::Small {
        small(theme, screen, buffer);
    } else {
        header(model, theme, layout.header, buffer);
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
    Pen::at(buffer, theme, screen, 0).text(&text, Tone::Strong);
    Pen::at(buffer, theme, screen, 1).text("q quits", Tone::Dim);
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

/// The word for how the picture relates to the engine.
fn standing(model: &Model) -> (&'static str, Tone) {
    let gauges = model.gauges();
    match () {
        () if model.frozen.is_some() => ("❚❚ FROZEN", Tone::Label),
        () if !model.connected => ("■ STOPPED", Tone::Bad),
        () if gauges.on_hold.is_some() => ("▲ ON HOLD", Tone::Critical),
        () if gauges.draining => ("▼ DRAINING", Tone::Wait),
        () if gauges.ended => ("■ ENDED", Tone::Plain),
        () => ("▶ LIVE", Tone::Good),
    }
}

/// The first line. What matters least leaves first where there is no room.
fn header(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let gauges = model.gauges();
    let counts = model.state().counts();
    let (word, tone) = standing(model);
    let figure = |n: String, word: &str| format!("{n} {word}");
    let dropped = gauges.books.dropped();
    let up = uptime(model.engine_now().since(gauges.started));
    // (how soon it may leave: 0 never, text, tone)
    let left = [
        (0, " quell".to_owned(), Tone::Strong),
        (0, word.to_owned(), tone),
        (3, gauges.source.clone(), Tone::Plain),
        (4, speed(model), Tone::Plain),
        (6, format!("up {up}"), Tone::Dim),
        (5, figure(model.state().agents_present().count().to_string(), "agents"), Tone::Plain),
        (2, figure(counts.live_runs.to_string(), "runs"), Tone::Plain),
        (1, figure(counts.open_incidents.to_string(), "open"), Tone::Plain),
        (1, format!("drop {}", grouped(dropped)), if dropped > 0 { Tone::Bad } else { Tone::Plain }),
    ];
    let mut right = Row::new();
    match model.state().kind() {
        Some(JournalKind::Exercise) => right = right.add(" DRILL ", Tone::Label).plain("  "),
        Some(JournalKind::Real) => right = right.add(" REAL ", Tone::Critical).plain("  "),
        None => {}
    }
    right = right.plain(if model.read_only { "RO  " } else { "RW  " });
    let clock = if gauges.virtual_time { "virtual " } else { "" };
    right = right.plain(format!("{clock}{}Z ", model.engine_now().clock()));

    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    let mut shown: Vec<_> = left.into_iter().filter(|(_, text, _)| !text.is_empty()).collect();
    let taken =
        |shown: &[(u8, String, Tone)]| shown.iter().map(|(_, text, _)| width(text) + 2).sum::<usize>();
    while taken(&shown) > room
        && let Some(least) = shown.iter().map(|(rank, ..)| *rank).max().filter(|rank| *rank > 0)
    {
        shown.retain(|(rank, ..)| *rank != least);
    }
    let mut pen = Pen::at(buffer, theme, area, 0);
    for (_, text, tone) in &shown {
        pen.text(text, *tone).space(2);
    }
    let start = area.width.saturating_sub(right.width() as u16);
    let place = Rect { x: area.x + start, width: area.width - start, ..area };
    Pen::at(buffer, theme, place, 0).row(&right);
}

/// `1.0x 38%`.
fn speed(model: &Model) -> String {
    let gauges = model.gauges();
    let speed = match (gauges.speed, gauges.virtual_time) {
        (Some(speed), _) => format!("{speed:.1}x"),
        (None, true) => "max".to_owned(),
        (None, false) => String::new(),
    };
    let progress =
        gauges.progress.map(|share| format!("{:.0}%", (share * 100.0).floor())).unwrap_or_default();
    format!("{speed} {progress}").trim().to_owned()
}

fn feet(model: &Model, theme: &Theme, layout: &Layout, buffer: &mut Buffer) {
    let notice = notice(model);
    let one_line = layout.toast == layout.hints;
    if let Some((text, tone)) = &notice {
        Pen::at(buffer, theme, layout.toast, 0).space(1).text(text, *tone);
    }
    if !one_line || notice.is_none() {
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
    if !model.connected {
        return Some(("the engine has stopped · q quits".to_owned(), Tone::Bad));
    }
    if gauges.draining {
        return Some(("stopping: steps in flight finish".to_owned(), Tone::Wait));
    }
    // Recordings are read to their end; live sources do not end.
    gauges.ended.then(|| ("replay finished · q quits".to_owned(), Tone::Good))
}

/// The keys that do something now, as many as fit.
fn hints(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut shown: Vec<&Action> = ACTIONS.iter().filter(|a| a.hint > 0 && (a.when)(model).is_ok()).collect();
    shown.sort_by_key(|action| action.hint);
    let mut pen = Pen::at(buffer, theme, area, 0);
    pen.space(1);
    let back = model.page.is_some().then_some(("Esc".to_owned(), "back"));
    let all =
        shown.iter().filter_map(|action| Some((action.keys.first().map(Chord::to_string)?, action.title)));
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
