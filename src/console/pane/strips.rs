//! One line for each thing that has no pane on the screen, and the tabs above.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::layout::Pane;
use super::super::model::Model;
use super::super::paint::Pen;
use super::super::theme::{Theme, Tone};
use super::{agents, incidents, latency, throughput, workflows};

/// The names of the panes, with the figures that matter.
pub fn tabs(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let state = model.state();
    let mut pen = Pen::at(buffer, theme, area, 0);
    for pane in model.panes() {
        let figure = match pane {
            Pane::Agents => format!(" {}", state.agents_present().count()),
            Pane::Workflows => format!(" {}", state.counts().live_runs),
            Pane::Incidents => format!(" {}", state.counts().open_incidents),
            _ => String::new(),
        };
        let tone = if pane == model.focus { Tone::Cursor } else { Tone::Plain };
        pen.text(&format!(" {} {}{figure} ", pane.key(), pane.name()), tone).text(" ", Tone::Plain);
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
