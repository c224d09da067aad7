//! 1 Agents: who acts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::layout::Pane;
use super::super::model::{Model, passes};
use super::super::paint::{Pen, frame};
use super::super::sort::{Sort, sorted};
use super::super::text::{about, age, latency};
use super::super::theme::{Theme, Tone};
use super::super::{glyph, text};
use crate::engine::{AgentState, AgentStatus, State};
use crate::model::{AgentId, SafeText};

/// What the rows can be sorted by.
pub const COLUMNS: [&str; 5] = ["joined", "agent", "state", "run", "age"];

/// The rows: agents that have not left, in order of joining.
pub fn ids(state: &State, filter: &str, sort: Sort) -> Vec<AgentId> {
    let row = |agent: &AgentState| {
        format!("{} {} {} {}", agent.name(), agent.role(), agent.status(), agent.kind().name())
    };
    let mut agents: Vec<&AgentState> = state.agents_present().filter(|a| passes(filter, || row(a))).collect();
    sorted(&mut agents, sort, |agent, column| match column {
        1 => (agent.name().to_owned(), 0),
        2 => (agent.status().to_string(), 0),
        3 => (String::new(), agent.last_run().map_or(0, |run| run.0 as i64)),
        // The youngest first.
        _ => (String::new(), -agent.since().0),
    });
    agents.into_iter().map(AgentState::id).collect()
}

/// `1 Agents 7 · 1 error`.
pub fn title(state: &State) -> String {
    let impaired = |status| state.agents_present().filter(|a| a.status() == status).count();
    let mut title = format!("1 Agents {}", state.agents_present().count());
    for (status, word) in [(AgentStatus::Error, "error"), (AgentStatus::Degraded, "degraded")] {
        match impaired(status) {
            0 => {}
            n => title.push_str(&format!(" · {n} {word}")),
        }
    }
    title
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Agents;
    let state = model.state();
    let foot = super::foot(model, Pane::Agents, &model.agents);
    let inner = frame(buffer, theme, area, &title(state), &foot, focused);
    if model.agents.order().is_empty() {
        let text = "No agents yet. They join when the engine starts, as the agents of the setup say.";
        return super::empty(model, theme, Pane::Agents, inner, buffer, text);
    }
    let wide = inner.width >= 72;
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.space(3).column("AGENT", 13, Tone::Dim).column("STATE", 11, Tone::Dim);
    pen.column("RUN", 7, Tone::Dim).right("AGE", 6, Tone::Dim);
    if wide {
        pen.space(1).column("ROLE", 9, Tone::Dim).right("LOAD", 5, Tone::Dim);
        pen.right("OK", 5, Tone::Dim).right("MEAN", 8, Tone::Dim);
        if pen.left() >= 7 {
            pen.column("KIND", 7, Tone::Dim);
        }
    }
    for (row, id) in (1..inner.height).zip(model.agents.order().iter().skip(model.agents.offset())) {
        let Some(agent) = state.agent(*id) else { continue };
        let selected = model.agents.selected() == Some(*id);
        let mut pen = Pen::at(buffer, theme, inner, row);
        line(model, &mut pen, agent, selected, wide);
        super::cursor(theme, buffer, inner, row, selected, focused);
    }
}

fn line(model: &Model, pen: &mut Pen<'_>, agent: &AgentState, selected: bool, wide: bool) {
    let (glyph, tone) = glyph::agent(agent.status());
    let loud = matches!(agent.status(), AgentStatus::Error | AgentStatus::Degraded);
    let run = match agent.last_run() {
        Some(run) if agent.in_flight() > 0 || loud => run.to_string(),
        _ => "-".to_owned(),
    };
    let stood = model.engine_now().since(agent.since());
    let stood = if agent.in_flight() > 0 { age(stood) } else { about(stood) };
    pen.text(super::mark(selected), Tone::Key).column(glyph, 1, tone);
    pen.column(agent.name(), 13, Tone::Plain);
    pen.column(&glyph::word(&agent.status().to_string(), loud), 11, tone);
    pen.column(&run, 7, Tone::Plain).right(&stood, 6, Tone::Dim);
    if wide {
        let (succeeded, failed) = agent.totals();
        let rate = match succeeded + failed {
            0 => "-".to_owned(),
            _ => format!("{:.0}%", agent.success_rate() * 100.0),
        };
        let mean = match agent.mean_response().0 {
            0 => "-".to_owned(),
            micros => latency(micros),
        };
        pen.space(1).column(agent.role(), 9, Tone::Plain);
        pen.right(&format!("{}/{}", agent.in_flight(), agent.concurrency()), 5, Tone::Plain);
        pen.right(&rate, 5, Tone::Plain).right(&mean, 8, Tone::Plain);
        if pen.left() >= 7 {
            pen.column(agent.kind().name(), 7, Tone::Dim);
        }
    }
}

/// One line about all of them.
pub fn strip(state: &State, pen: &mut Pen<'_>) {
    for agent in state.agents_present() {
        let (glyph, tone) = glyph::agent(agent.status());
        let name = SafeText(agent.name()).to_string();
        if pen.left() < text::width(&name) + 3 {
            pen.text("…", Tone::Dim);
            return;
        }
        pen.text(glyph, tone).text(" ", Tone::Plain).text(&name, Tone::Plain).text("  ", Tone::Plain);
    }
}
