//! The first line: what is watched, how it stands, and that a drill is a drill.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::Model;
use super::paint::{Pen, Row};
use super::pane::ledger;
use super::text::{cut, grouped, plural, uptime, width};
use super::theme::{Theme, Tone};
use crate::engine::JournalKind;

/// The word for how the picture relates to the engine.
fn standing(model: &Model) -> (&'static str, Tone) {
    let gauges = model.gauges();
    match () {
        () if model.frozen.is_some() => ("❚❚ FROZEN", Tone::Label),
        () if model.lost.is_some() => ("■ LOST", Tone::Critical),
        () if !model.connected => ("■ STOPPED", Tone::Bad),
        () if model.state().halt().is_some() => ("■ HALTED", Tone::Critical),
        () if gauges.on_hold.is_some() => ("▲ ON HOLD", Tone::Critical),
        () if gauges.draining => ("▼ DRAINING", Tone::Wait),
        () if gauges.ended => ("■ ENDED", Tone::Plain),
        () => ("▶ LIVE", Tone::Good),
    }
}

/// A figure, and how much it matters: 0 stays, the largest goes first where there is no room.
type Figure = (u8, String, Tone);

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let right = right(model);
    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    let figures = figures(model);
    let fitting = fitting(&figures, room);
    let mut pen = Pen::at(buffer, theme, area, 0);
    for (_, (_, text, tone)) in figures.iter().enumerate().filter(|(i, _)| fitting.contains(i)) {
        pen.text(text, *tone).space(2);
    }
    let start = area.width.saturating_sub(right.width() as u16);
    let place = Rect { x: area.x + start, width: area.width - start, ..area };
    Pen::at(buffer, theme, place, 0).row(&right);
}

/// What stands on the ledger, if something does, and what a halt holds of it.
fn in_force(model: &Model) -> (String, Tone) {
    let tally = model.state().ledger().tally();
    let mut text: Vec<String> = Vec::new();
    if tally.standing() > 0 {
        text.push(format!("{} in force", tally.in_force));
    }
    if tally.lift_failed > 0 {
        text.push(format!("{} STUCK", tally.lift_failed));
    }
    let held = ledger::held(model.state(), &tally);
    let tone = match (&held, tally.lift_failed) {
        (Some(_), _) => Tone::Critical,
        (None, 1..) => Tone::Bad,
        (None, 0) => Tone::Plain,
    };
    text.extend(held);
    (text.join(", "), tone)
}

fn figures(model: &Model) -> [Figure; 12] {
    let gauges = model.gauges();
    let counts = model.state().counts();
    let (word, tone) = standing(model);
    let dropped = gauges.books.dropped();
    let up = uptime(model.engine_now().since(gauges.started));
    let agents = model.state().agents_present().count();
    let (in_force, in_force_tone) = in_force(model);
    [
        (0, " quell".to_owned(), Tone::Strong),
        (0, word.to_owned(), tone),
        (4, cut(&gauges.source, 40), Tone::Plain),
        (3, speed(model), Tone::Plain),
        (6, format!("up {up}"), Tone::Dim),
        (5, plural(agents, "agent", "agents"), Tone::Plain),
        (2, plural(counts.live_runs, "run", "runs"), Tone::Plain),
        (1, format!("{} open", counts.open_incidents), Tone::Plain),
        (if in_force_tone == Tone::Plain { 2 } else { 1 }, in_force, in_force_tone),
        (0, to_approve(model), Tone::Wait),
        (0, blind(model), Tone::Critical),
        (1, format!("drop {}", grouped(dropped)), if dropped > 0 { Tone::Bad } else { Tone::Plain }),
    ]
}

/// How many sources are blind: none is no word.
fn blind(model: &Model) -> String {
    match model.gauges().sources.iter().filter(|source| source.blind.is_some()).count() {
        0 => String::new(),
        1 => "1 source BLIND".to_owned(),
        n => format!("{n} sources BLIND"),
    }
}

/// How many steps wait for people: none is no word.
fn to_approve(model: &Model) -> String {
    match model.state().approvals().len() {
        0 => String::new(),
        n => format!("{n} to approve (A)"),
    }
}

/// Which figures fit: those that matter most first, smaller ones where larger ones do not fit.
fn fitting(figures: &[Figure], room: usize) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..figures.len()).filter(|i| !figures[*i].1.is_empty()).collect();
    by_rank.sort_by_key(|i| figures[*i].0);
    let mut left = room;
    by_rank.retain(|i| {
        let wide = width(&figures[*i].1) + 2;
        let fits = figures[*i].0 == 0 || wide <= left;
        left = left.saturating_sub(if fits { wide } else { 0 });
        fits
    });
    by_rank
}

fn right(model: &Model) -> Row {
    let row = match model.state().kind() {
        Some(JournalKind::Exercise) => Row::new().add(" DRILL ", Tone::Label).plain("  "),
        Some(JournalKind::Real) => Row::new().add(" REAL ", Tone::Critical).plain("  "),
        None => Row::new(),
    };
    let clock = if model.gauges().virtual_time { "virtual " } else { "" };
    row.plain(if model.read_only { "RO  " } else { "RW  " })
        .plain(format!("{clock}{}Z ", model.engine_now().clock()))
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
