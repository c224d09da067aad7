//! 2 Workflows: runs, their steps, their rollbacks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::glyph;
use super::super::layout::Pane;
use super::super::model::{Model, passes};
use super::super::paint::{Pen, Row, frame};
use super::super::sort::{Sort, sorted};
use super::super::text::{about, age};
use super::super::theme::{Theme, Tone};
use crate::engine::{Run, RunStatus, State, StepStatus};
use crate::model::{RunId, StepIx};

/// What the rows can be sorted by.
pub const COLUMNS: [&str; 6] = ["live", "id", "workflow", "state", "progress", "age"];

/// The rows: live runs first, the newest of each kind above.
pub fn ids(state: &State, filter: &str, sort: Sort) -> Vec<RunId> {
    let row = |run: &Run| {
        let incident = run.incident().map(|id| id.to_string()).unwrap_or_default();
        format!(
            "{} {} {} {} {incident}",
            run.id(),
            run.workflow(),
            glyph::word(&run.status().to_string(), false),
            run.by()
        )
    };
    let passing = state.runs().rev().filter(|run| passes(filter, || row(run)));
    let (ended, mut live): (Vec<&Run>, Vec<&Run>) = passing.partition(|run| run.status().is_terminal());
    live.extend(ended);
    sorted(&mut live, sort, |run, column| match column {
        1 => (String::new(), run.id().0 as i64),
        2 => (run.workflow().to_owned(), 0),
        3 => (run.status().to_string(), 0),
        4 => {
            let (done, total) = run.progress();
            (String::new(), i64::from(done) * 1000 / i64::from(total.max(1)))
        }
        _ => (String::new(), run.duration(state.now()).0 as i64),
    });
    live.into_iter().map(Run::id).collect()
}

/// Lines of a row: the steps are shown of what is live and of what the cursor is on.
pub fn height(state: &State, id: RunId, selected: bool) -> usize {
    let live = state.run(id).is_some_and(|run| !run.status().is_terminal());
    if live || selected { 2 } else { 1 }
}

/// `2 Workflows 6 live · 1 rolling back`.
pub fn title(state: &State) -> String {
    let counts = state.counts();
    let mut title = format!("2 Workflows {} live", counts.live_runs);
    for (n, word) in [
        (counts.rolling_back, "rolling back"),
        (counts.paused, "paused"),
        (counts.parked, "PARKED"),
        (counts.stuck, "STUCK"),
    ] {
        if n > 0 {
            title.push_str(&format!(" · {n} {word}"));
        }
    }
    if counts.ended() > 0 {
        title.push_str(&format!(" · {} ended", counts.ended()));
    }
    title
}

struct Columns {
    workflow: usize,
    bar: usize,
}

impl Columns {
    fn new(width: u16) -> Self {
        // What the other columns take: mark, id, state, step and age, with their spaces.
        let free = usize::from(width).saturating_sub(1 + 8 + 15 + 8 + 8);
        let bar = free.saturating_sub(18 + 2).clamp(6, 20);
        Columns { workflow: free.saturating_sub(bar + 2).max(8), bar }
    }
}

/// Draws it.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let focused = model.focus == Pane::Workflows;
    let foot = super::foot(model, Pane::Workflows, &model.runs);
    let inner = frame(buffer, theme, area, &title(model.state()), &foot, focused);
    if model.runs.order().is_empty() {
        let text = "No runs yet. A detection that fits the trigger of a workflow starts one; \
                    t starts one by hand.";
        return super::empty(model, theme, Pane::Workflows, inner, buffer, text);
    }
    let columns = Columns::new(inner.width);
    let mut pen = Pen::at(buffer, theme, inner, 0);
    pen.space(1).column("ID", 7, Tone::Dim).column("WORKFLOW", columns.workflow, Tone::Dim);
    pen.column("STATE", 14, Tone::Dim).column("PROGRESS", columns.bar, Tone::Dim);
    pen.right("STEP", 7, Tone::Dim).right("AGE", 7, Tone::Dim);
    let mut row = 1;
    for id in model.runs.order().iter().skip(model.runs.offset()) {
        if row >= inner.height {
            break;
        }
        let Some(run) = model.state().run(*id) else { continue };
        let selected = model.runs.selected() == Some(*id);
        line(model, &mut Pen::at(buffer, theme, inner, row), run, selected, &columns);
        super::cursor(theme, buffer, inner, row, selected, focused);
        if height(model.state(), *id, selected) == 2 {
            let mut pen = Pen::at(buffer, theme, inner, row + 1);
            pen.text(super::mark(selected), Tone::Key).space(2).row(&steps(model, run));
            row += 1;
        }
        row += 1;
    }
}

fn line(model: &Model, pen: &mut Pen<'_>, run: &Run, selected: bool, columns: &Columns) {
    let (glyph, tone) = glyph::of_run(run);
    pen.text(super::mark(selected), Tone::Key).column(&run.id().to_string(), 7, Tone::Plain);
    pen.column(run.workflow(), columns.workflow, Tone::Plain);
    pen.text(glyph, tone).space(1).column(&word(run), 12, tone);
    pen.column(&bar(run, columns.bar), columns.bar, tone);
    pen.right(&step_count(run), 7, Tone::Plain);
    let duration = run.duration(model.engine_now());
    // Where nothing happens until somebody comes, seconds say nothing.
    let coarse = run.status().waits_for_person();
    pen.right(&if coarse { about(duration) } else { age(duration) }, 7, Tone::Dim);
}

/// The state of a run as rows have it.
pub fn word(run: &Run) -> String {
    use RunStatus::*;
    if run.status() == Completed && !run.mode().is_live() {
        return "observed".to_owned();
    }
    let loud = matches!(run.status(), RollingBack | Stuck | Parked | Failed);
    glyph::word(&run.status().to_string(), loud)
}

/// How far it is; how much is left to undo while it is rolled back.
pub fn bar(run: &Run, columns: usize) -> String {
    let (done, total) = run.progress();
    let share =
        |n: u32, of: u32| (n as usize * columns).checked_div(of as usize).unwrap_or(columns).min(columns);
    match run.rollback() {
        Some(rollback) => {
            let left = share(rollback.total.saturating_sub(rollback.done), total.max(rollback.total));
            let head = if run.status().is_terminal() || left == columns { "" } else { "◀" };
            let rest = columns - left - usize::from(!head.is_empty());
            format!("{}{head}{}", "▒".repeat(left), "░".repeat(rest))
        }
        None => {
            let filled = share(done, total);
            format!("{}{}", "█".repeat(filled), "░".repeat(columns - filled))
        }
    }
}

/// `1/3`, and `↶1/2` for undone steps.
pub fn step_count(run: &Run) -> String {
    match run.rollback() {
        Some(rollback) => format!("↶{}/{}", rollback.done, rollback.total),
        None => {
            let (done, total) = run.progress();
            format!("{done}/{total}")
        }
    }
}

/// Its steps in one line, and what holds it up.
pub fn steps(model: &Model, run: &Run) -> Row {
    let mut row = Row::new();
    for (i, step) in run.steps().iter().enumerate() {
        let (glyph, tone) = glyph::of_step(step);
        let id = run.step_id(StepIx(i as u16));
        row = row.add(format!("{glyph} "), tone).plain(id);
        if step.is_asked() {
            row = row.add(" asks a person", Tone::Wait);
        }
        if step.awaits_approval() {
            row = row.add(" wants an approval (A)", Tone::Wait);
        }
        if step.status() == StepStatus::Waiting
            && let Some(until) = step.until()
        {
            row = row.add(format!(" waits until {}", until.clock()), Tone::Wait);
        } else if step.status() == StepStatus::Running && step.attempt() > 1 {
            row = row.add(format!(" attempt {}", step.attempt()), Tone::Wait);
        }
        row = row.plain("  ");
    }
    match run.why() {
        Some(why) if run.status() != RunStatus::Completed => row.dim(format!("· {why}")),
        _ => match run.incident().filter(|id| model.state().incident(*id).is_some()) {
            Some(incident) => row.dim(format!("· {incident}")),
            None => row,
        },
    }
}
