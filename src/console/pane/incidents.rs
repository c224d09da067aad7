//! 3 Incidents: what was found, the newest below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::glyph;
use super::super::layout::Pane;
use super::super::model::{Model, passes};
use super::super::paint::{Pen, frame};
use super::super::sort::{Sort, sorted};
use super::super::text::grouped;
use super::super::theme::{Theme, Tone};
use crate::engine::{Incident, IncidentStatus, State};
use crate::model::IncidentId;

/// What the rows can be sorted by.
pub const COLUMNS: [&str; 6] = ["opened", "severity", "rule", "about", "count", "state"];

/// The rows, in order of opening.
pub fn ids(state: &State, filter: &str, sort: Sort) -> Vec<IncidentId> {
    let row = |incident: &Incident| {
        let rule = &incident.first().rule;
        let (id, severity, status) = (incident.id(), incident.severity(), incident.status());
        format!("{id} {severity} {status} {} {} {}", rule.name, rule.title, incident.key())
    };
    let mut incidents: Vec<&Incident> = state.incidents().filter(|i| passes(filter, || row(i))).collect();
    sorted(&mut incidents, sort, |incident, column| match column {
        // The worst first.
        1 => (String::new(), -(incident.severity() as i64)),
        2 => (incident.first().rule.name.to_string(), 0),
        3 => (incident.key().to_owned(), 0),
        4 => (String::new(), i64::try_from(incident.count()).unwrap_or(i64::MAX)),
        _ => (String::new(), incident.status() as i64),
    });
    incidents.into_iter().map(Incident::id).collect()
}

/// `3 Incidents 41 · 3 open · FOLLOW`.
pub fn title(model: &Model) -> String {
    let counts = model.state().counts();
    let follow = if model.incidents.follows() { " · FOLLOW" } else { "" };
    format!("3 Incidents {} · {} open{follow}", counts.incidents, counts.open_incidents)
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Incidents;
    let foot = super::foot(model, Pane::Incidents, &model.incidents);
    let inner = frame(buffer, theme, area, &title(model), &foot, focused);
    if model.incidents.order().is_empty() {
        let text = "No incidents yet. One opens when a signal of the source fits a rule of the setup.";
        return super::empty(model, theme, Pane::Incidents, inner, buffer, text);
    }
    let columns = Columns::new(inner.width);
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.space(1).column("SEV", 5, Tone::Dim).column("OPENED", 8, Tone::Dim).column("ID", 7, Tone::Dim);
    pen.column("RULE", columns.rule, Tone::Dim).column("ABOUT", columns.key, Tone::Dim);
    if columns.wide {
        pen.right("COUNT", 7, Tone::Dim).column("RUN", 8, Tone::Dim);
    }
    pen.column("STATE", 14, Tone::Dim);
    for (row, id) in (1..inner.height).zip(model.incidents.order().iter().skip(model.incidents.offset())) {
        let Some(incident) = model.state().incident(*id) else { continue };
        let selected = model.incidents.selected() == Some(*id);
        line(&mut Pen::at(buffer, theme, inner, row), incident, selected, &columns);
        super::cursor(theme, buffer, inner, row, selected, focused);
    }
}

struct Columns {
    rule: usize,
    key: usize,
    wide: bool,
}

impl Columns {
    fn new(width: u16) -> Self {
        let wide = width >= 96;
        let others = 1 + 6 + 9 + 8 + 15 + if wide { 8 + 9 } else { 0 } + 2;
        let free = usize::from(width).saturating_sub(others);
        let rule = (free * 2 / 5).clamp(8, 24);
        Columns { rule, key: free.saturating_sub(rule).max(6), wide }
    }
}

fn line(pen: &mut Pen<'_>, incident: &Incident, selected: bool, columns: &Columns) {
    let (severity, severity_tone) = glyph::severity(incident.severity());
    let (state, tone) = glyph::incident(incident.status());
    let text = if incident.status().is_open() { Tone::Plain } else { Tone::Dim };
    pen.text(super::mark(selected), Tone::Key).column(severity, 5, severity_tone);
    pen.column(&incident.opened_at().clock(), 8, text).column(&incident.id().to_string(), 7, text);
    pen.column(&incident.first().rule.name, columns.rule, text).column(incident.key(), columns.key, text);
    if columns.wide {
        let run = incident.runs().last().map_or("-".to_owned(), |run| run.to_string());
        pen.right(&grouped(incident.count()), 7, text).column(&run, 8, text);
    }
    let loud = incident.status() == IncidentStatus::Open;
    pen.text(state, tone).space(1).column(&glyph::word(&incident.status().to_string(), loud), 12, tone);
}

/// One line about the latest.
pub fn strip(model: &Model, pen: &mut Pen<'_>) {
    let counts = model.state().counts();
    pen.text(&format!("{} open  ", counts.open_incidents), Tone::Plain);
    if let Some(latest) = model.state().incidents().next_back() {
        let (severity, tone) = glyph::severity(latest.severity());
        pen.text(severity, tone);
        let rule = &latest.first().rule.name;
        pen.text(&format!(" {} {rule} {} {}", latest.id(), latest.key(), latest.status()), Tone::Plain);
    }
}
