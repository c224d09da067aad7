//! One line for each thing that has no pane on the screen, and the tabs above.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::layout::Pane;
use super::super::model::Model;
use super::super::paint::Pen;
use super::super::text::width;
use super::super::theme::{Theme, Tone};
use super::{agents, incidents, latency, throughput, workflows};

/// The names of the panes, with the figures that matter. Where they do not all fit, those without a
/// figure are keys only.
pub fn tabs(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let texts: Vec<(Pane, String, String)> = model.panes().map(|pane| tab(model, pane)).collect();
    let wide: usize = texts.iter().map(|(_, text, _)| width(text) + 1).sum();
    let all_fit = wide <= usize::from(area.width) + 1;
    let mut pen = Pen::at(buffer, theme, area, 0);
    for (pane, whole, short) in &texts {
        let focused = *pane == model.focus;
        let tone = if focused { Tone::Cursor } else { Tone::Plain };
        pen.text(if focused || all_fit { whole } else { short }, tone).text(" ", Tone::Plain);
    }
}

/// A tab, and the same where room is short.
fn tab(model: &Model, pane: Pane) -> (Pane, String, String) {
    let state = model.state();
    let figure = match pane {
        Pane::Agents => Some(state.agents_present().count()),
        Pane::Workflows => Some(state.counts().live_runs),
        Pane::Incidents => Some(state.counts().open_incidents),
        Pane::Ledger => Some(state.ledger().tally().in_force),
        _ => None,
    };
    let (key, name) = (pane.key(), pane.name());
    match figure {
        Some(figure) => {
            let text = format!(" {key} {name} {figure} ");
            (pane, text.clone(), text)
        }
        None => (pane, format!(" {key} {name} "), format!(" {key} ")),
    }
}

/// The strips below the pane.
pub fn strips(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let others = [Pane::Agents, Pane::Workflows, Pane::Incidents, Pane::Throughput];
    let shown = others.into_iter().filter(|pane| *pane != model.focus);
    for (row, pane) in (0..area.height).zip(shown) {
        let mut pen = Pen::at(buffer, theme, area, row);
        match pane {
            Pane::Agents => {
                pen.text(" 1 agents ", Tone::Key);
                agents::strip(model.state(), &mut pen);
            }
            Pane::Workflows => {
                let title = workflows::title(model.state());
                pen.text(" 2 workflows ", Tone::Key)
                    .text(title.trim_start_matches("2 Workflows "), Tone::Plain);
            }
            Pane::Incidents => {
                pen.text(" 3 incidents ", Tone::Key);
                incidents::strip(model, &mut pen);
            }
            _ => {
                pen.text(" 4 latency ", Tone::Key);
                latency::strip(model, &mut pen);
                pen.text("  5 ", Tone::Key);
                throughput::figures(model, &mut pen);
            }
        }
    }
}
