//! 6 In force: what quell is doing to the world right now, for whom, until when, and what ends it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::glyph;
use super::super::layout::Pane;
use super::super::model::{Model, passes};
use super::super::paint::{Pen, frame};
use super::super::sort::{Sort, sorted};
use super::super::text::{about, plural};
use super::super::theme::{Theme, Tone};
use crate::control::obligations::order;
use crate::engine::{EndsBy, Holder, Obligation, ObligationStatus, State, Tally};
use crate::model::{ObligationId, Timestamp};

/// What the rows can be sorted by.
pub const COLUMNS: [&str; 6] = ["until", "id", "action", "target", "state", "since"];

/// The rows: what ends first comes first, what has ended last.
pub fn ids(state: &State, filter: &str, sort: Sort) -> Vec<ObligationId> {
    let mut rows: Vec<&Obligation> =
        state.ledger().iter().filter(|obligation| passes(filter, || searched(state, obligation))).collect();
    rows.sort_by_key(|obligation| order(obligation));
    sorted(&mut rows, sort, |obligation, column| match column {
        1 => (String::new(), obligation.id().0 as i64),
        2 => (obligation.action().name.to_string(), 0),
        3 => (target(obligation).to_owned(), 0),
        4 => (obligation.status().to_string(), 0),
        _ => (String::new(), obligation.since().0),
    });
    rows.into_iter().map(Obligation::id).collect()
}

/// What a filter looks at.
fn searched(state: &State, obligation: &Obligation) -> String {
    let word = glyph::word(&obligation.status().to_string(), false);
    let agent = state.agent(obligation.agent()).map_or("", |agent| agent.name());
    let mut text = format!(
        "{} {} {} {word} {} {agent}",
        obligation.id(),
        obligation.action().name,
        target(obligation),
        obligation.ends_by().name(),
    );
    for holder in obligation.holders() {
        text.push_str(&format!(" {} {}", holder.run(), holder.by()));
        if let Some(incident) = holder.incident() {
            text.push_str(&format!(" {incident}"));
        }
    }
    text
}

/// What it acts on, in words.
pub fn target(obligation: &Obligation) -> &str {
    obligation.target().map_or("-", |target| target)
}

/// `6 In force 3 · 1 owed · 1 stuck · 2 ended`.
pub fn title(state: &State) -> String {
    let tally = state.ledger().tally();
    let mut title = format!("6 In force {}", tally.in_force);
    for (n, word) in tally.parts().skip(1) {
        let word = if word == "stuck" { "STUCK" } else { word };
        title.push_str(&format!(" · {n} {word}"));
    }
    if tally.ended > 0 {
        title.push_str(&format!(" · {} ended", tally.ended));
    }
    title
}

/// What everything being halted holds up: `3 ends held`; nothing without a halt.
pub fn held(state: &State, tally: &Tally) -> Option<String> {
    let holds = state.halt().is_some() && tally.by_quell > 0;
    holds.then(|| format!("{} held", plural(tally.by_quell, "end", "ends")))
}

/// Whether its end is due, or will be, and everything being halted holds it up.
pub fn is_held(state: &State, obligation: &Obligation) -> bool {
    let stands = !obligation.status().is_ended();
    state.halt().is_some() && stands && obligation.ends_by() == EndsBy::Quell
}

/// `59m`, `over` behind its end, `-` without one.
pub fn left(obligation: &Obligation, now: Timestamp) -> String {
    match obligation.until() {
        Some(until) if until > now => about(until.since(now)),
        Some(_) => "over".to_owned(),
        None => "-".to_owned(),
    }
}

/// `run-3 +1`.
fn held_by(obligation: &Obligation) -> String {
    let first = obligation.holders().first().map(Holder::run);
    match (first, obligation.holders().len()) {
        (Some(run), 1) => run.to_string(),
        (Some(run), n) => format!("{run} +{}", n - 1),
        (None, _) => "-".to_owned(),
    }
}

struct Columns {
    action: usize,
    target: usize,
    ends: bool,
    wide: bool,
}

impl Columns {
    fn new(width: u16) -> Self {
        let (ends, wide) = (width >= 76, width >= 100);
        let others = 1 + 8 + 2 + 12 + 7 + if ends { 12 } else { 0 } + if wide { 9 + 11 + 13 } else { 0 };
        let free = usize::from(width).saturating_sub(others + 2);
        let target = (free / 2).clamp(9, 40);
        Columns { action: free.saturating_sub(target).clamp(9, 32), target, ends, wide }
    }
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Ledger;
    let foot = super::foot(model, Pane::Ledger, &model.obligations);
    let inner = frame(buffer, theme, area, &title(model.state()), &foot, focused);
    if model.obligations.order().is_empty() {
        let text = "Nothing is in force. What runs do to the world is listed here, with who ordered it, \
                    until when, and what ends it.";
        return super::empty(model, theme, Pane::Ledger, inner, buffer, text);
    }
    let columns = Columns::new(inner.width);
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.space(1).column("ID", 7, Tone::Dim).column("ACTION", columns.action, Tone::Dim);
    pen.column("TARGET", columns.target, Tone::Dim).column("STATE", 13, Tone::Dim);
    if columns.wide {
        pen.column("UNTIL", 8, Tone::Dim);
    }
    pen.right("IN", 6, Tone::Dim);
    if columns.ends {
        pen.column("ENDS", 11, Tone::Dim);
    }
    if columns.wide {
        pen.column("HOLDERS", 10, Tone::Dim).column("AGENT", 12, Tone::Dim);
    }
    let rows = model.obligations.order().iter().skip(model.obligations.offset());
    for (row, id) in (1..inner.height).zip(rows) {
        let Some(obligation) = model.state().ledger().get(*id) else { continue };
        let selected = model.obligations.selected() == Some(*id);
        line(model, &mut Pen::at(buffer, theme, inner, row), obligation, selected, &columns);
        super::cursor(theme, buffer, inner, row, selected, focused);
    }
}

fn line(model: &Model, pen: &mut Pen<'_>, obligation: &Obligation, selected: bool, columns: &Columns) {
    let (glyph, tone) = glyph::obligation(obligation.status());
    let ended = obligation.status().is_ended();
    let text = if ended { Tone::Dim } else { Tone::Plain };
    let loud = obligation.status() == ObligationStatus::LiftFailed;
    pen.text(super::mark(selected), Tone::Key).column(&obligation.id().to_string(), 7, text);
    pen.column(&obligation.action().name, columns.action, text);
    pen.column(target(obligation), columns.target, text);
    pen.text(glyph, tone).space(1);
    pen.column(&glyph::word(&obligation.status().to_string(), loud), 11, tone);
    if columns.wide {
        pen.column(&obligation.until().map_or("-".to_owned(), |until| until.clock()), 8, text);
    }
    pen.right(&if ended { "-".to_owned() } else { left(obligation, model.engine_now()) }, 6, text);
    if columns.ends {
        let (ends, tone) = match is_held(model.state(), obligation) {
            true => ("held", Tone::Critical),
            false if ended => ("-", Tone::Dim),
            false => (obligation.ends_by().name(), Tone::Dim),
        };
        pen.column(ends, 11, tone);
    }
    if columns.wide {
        pen.column(&held_by(obligation), 10, text);
        pen.column(model.agent_name(obligation.agent()), 12, Tone::Dim);
    }
}
