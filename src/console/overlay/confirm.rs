//! Questions before harm is done: they name the id, the state, and what would be undone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::field::Field;
use super::super::glyph;
use super::super::lift::may_lift;
use super::super::model::{Model, Question};
use super::super::paint::{Pen, Row, dialog, rows as paint_rows};
use super::super::pane::ledger::target;
use super::super::pane::workflows::word;
use super::super::subject::may_cancel;
use super::super::text::{cut, plural};
use super::super::theme::{Theme, Tone};
use crate::control::obligations::order;
use crate::engine::{EndsBy, Obligation, Run, StepStatus};
use crate::model::{IncidentId, ObligationId, RunId, SafeText, StepIx};

/// Ends that a halt holds are named up to so many.
const LISTED: usize = 5;

/// A question with y and n.
pub fn question(model: &Model, theme: &Theme, area: Rect, question: Question, buffer: &mut Buffer) {
    let (title, rows, foot) = match question {
        Question::Cancel { run, .. } => {
            (format!("Cancel {run}?"), cancel(model, run, area), "y cancel and roll back · N keep it")
        }
        Question::Lift { obligation, .. } => {
            (format!("Lift {obligation}?"), lift(model, obligation, area), "y undo it · N leave it in force")
        }
        Question::LiftOf(incident) => (
            format!("{incident} is dismissed. Lift what it caused?"),
            lift_of(model, incident),
            "y undo it · N leave it in force",
        ),
        Question::Halt => ("Halt everything?".to_owned(), halt(model), "y halt · N go on"),
        Question::Quit => ("Leave?".to_owned(), quit(model), "y leave · N stay"),
    };
    let size = (super::widest(&rows).max(44), rows.len() as u16);
    let inner = dialog(buffer, theme, area, size, &title, foot);
    paint_rows(buffer, theme, inner, &rows);
}

fn lift(model: &Model, id: ObligationId, area: Rect) -> Vec<Row> {
    let Some(obligation) = model.state().ledger().get(id) else {
        return vec![Row::new().dim(format!("{id} is no longer kept here"))];
    };
    let (glyph, tone) = glyph::obligation(obligation.status());
    let word = glyph::word(&obligation.status().to_string(), false);
    let until = match obligation.until() {
        Some(until) => format!("Until {}, ends {}.", until.clock(), obligation.ends_by().name()),
        None => "It has no end of its own.".to_owned(),
    };
    let mut rows = vec![
        Row::new()
            .add(id.to_string(), Tone::Strong)
            .plain("  ")
            .add(format!("{glyph} {word}"), tone)
            .plain(format!("  {} {}", obligation.action().name, target(obligation))),
        Row::new().plain(until),
    ];
    if let Err(why) = may_lift(obligation) {
        rows.push(Row::new());
        rows.push(Row::new().add(format!("It changed meanwhile: {why}"), Tone::Wait));
        return rows;
    }
    if obligation.holders().len() > 1 {
        rows.push(Row::new().add("Several want it to last; it is undone for all of them:", Tone::Wait));
    }
    let room = usize::from(area.height).saturating_sub(rows.len() + 5).max(1);
    rows.extend(obligation.holders().iter().take(room).map(|holder| {
        let incident = holder.incident().map_or(String::new(), |incident| format!(" for {incident}"));
        let text = format!("Held by {}{incident}, ordered by {}", holder.run(), holder.by());
        Row::new().plain(format!("  {text}"))
    }));
    if obligation.holders().len() > room {
        rows.push(Row::new().dim(format!("  … and {} more", obligation.holders().len() - room)));
    }
    if let Some(undo) = obligation.undo() {
        let target = undo.target.as_deref().unwrap_or_default();
        rows.push(Row::new().plain("Would be done: ").add(format!("{} {target}", undo.name), Tone::Strong));
    }
    rows
}

/// What is in force because of an incident.
fn lift_of(model: &Model, id: IncidentId) -> Vec<Row> {
    let found: Vec<&Obligation> = model.state().ledger().of_incident(id).collect();
    let count = plural(found.len(), "effect is in force", "effects are in force");
    let mut rows = vec![Row::new().plain(format!("{count} because of {id}:"))];
    rows.extend(found.iter().take(LISTED).map(|obligation| {
        let what = format!("{} {}", obligation.action().name, target(obligation));
        Row::new().plain(format!("  {}  {}", obligation.id(), cut(&what, 44)))
    }));
    if found.len() > LISTED {
        rows.push(Row::new().dim(format!("  … and {} more: 6 lists them", found.len() - LISTED)));
    }
    rows.push(Row::new().dim("What others hold too stays for them."));
    rows
}

fn halt(model: &Model) -> Vec<Row> {
    let live = plural(model.state().counts().live_runs, "live run waits", "live runs wait");
    vec![
        Row::new().plain("Nothing is begun any more, forward or undo;"),
        Row::new().plain("what is in flight is stopped, perhaps half done."),
        Row::new().plain(format!("{live} until it is released.")),
    ]
    .into_iter()
    .chain(stands(model))
    .collect()
}

/// What stays as it is in a halt: what is half done, what is in force, and the ends that are held (C30).
fn stands(model: &Model) -> Vec<Row> {
    let tally = model.state().ledger().tally();
    let half = model.state().runs().filter(|run| !run.status().is_terminal()).flat_map(Run::steps);
    let half =
        half.filter(|step| matches!(step.status(), StepStatus::InDoubt | StepStatus::UndoInDoubt)).count();
    let mut rows = vec![Row::new().plain(format!("Half done: {half}; owed: {}.", tally.standing()))];
    if tally.by_quell > 0 {
        let ends = plural(tally.by_quell, "effect ends", "effects end");
        rows.push(Row::new().add(format!("{ends} by quell only: held until the release."), Tone::Wait));
        let ended_by_quell = |o: &&Obligation| !o.status().is_ended() && o.ends_by() == EndsBy::Quell;
        let mut held: Vec<&Obligation> = model.state().ledger().standing().filter(ended_by_quell).collect();
        held.sort_by_key(|obligation| order(obligation));
        rows.extend(held.iter().take(LISTED).map(|obligation| {
            let until = obligation.until().map_or(String::new(), |until| format!("  {}", until.clock()));
            let what = format!("{} {}", obligation.action().name, target(obligation));
            Row::new().dim(format!("  {}  {}{until}", obligation.id(), cut(&what, 44)))
        }));
        if held.len() > LISTED {
            rows.push(Row::new().dim(format!("  … and {} more: 6 lists them", held.len() - LISTED)));
        }
    }
    rows
}

/// The word has to be typed.
pub fn release(model: &Model, theme: &Theme, area: Rect, field: &Field, buffer: &mut Buffer) {
    let mut rows = Vec::new();
    if let Some(halt) = model.state().halt() {
        rows.push(Row::new().plain(format!(
            "Halted by {} at {}Z",
            SafeText(&halt.by().0),
            halt.at().clock()
        )));
        if !halt.why().is_empty() {
            rows.push(Row::new().dim(SafeText(halt.why()).cut(60)));
        }
    }
    let live = plural(model.state().counts().live_runs, "live run goes on", "live runs go on");
    rows.push(Row::new().plain(format!("{live}.")));
    rows.extend(stands(model));
    rows.push(Row::new());
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(44), line + 1);
    let inner = dialog(buffer, theme, area, size, "Release?", "Enter release · Esc leave it halted");
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    pen.text("Type release: ", Tone::Key);
    super::field(&mut pen, field, true);
}

fn quit(model: &Model) -> Vec<Row> {
    let live = plural(model.state().counts().live_runs, "run is live", "runs are live");
    vec![
        Row::new().plain(format!("{live} and act on the world.")),
        Row::new().plain("Leaving ends the intake; steps in flight finish,"),
        Row::new().plain("runs go on at the next start."),
    ]
}

fn cancel(model: &Model, id: RunId, area: Rect) -> Vec<Row> {
    let Some(run) = model.state().run(id) else {
        return vec![Row::new().dim(format!("{id} is no longer kept here"))];
    };
    let mut rows = summary(run);
    if let Err(why) = may_cancel(run) {
        rows.push(Row::new());
        rows.push(Row::new().add(format!("It changed meanwhile: {why}"), Tone::Wait));
        return rows;
    }
    rows.push(Row::new());
    rows.extend(stopped(model, run));
    let undone = undone(run);
    if undone.is_empty() {
        rows.push(Row::new().plain("Nothing has been done yet that would be undone."));
    } else {
        rows.push(Row::new().plain("Would be undone, in this order:"));
    }
    let room = usize::from(area.height).saturating_sub(rows.len() + 3).max(1);
    let hidden = undone.len().saturating_sub(room);
    rows.extend(undone.into_iter().take(room));
    if hidden > 0 {
        rows.push(Row::new().dim(format!("… and {hidden} more")));
    }
    rows
}

fn summary(run: &Run) -> Vec<Row> {
    let (glyph, tone) = glyph::of_run(run);
    let (done, total) = run.progress();
    let mut row = Row::new()
        .add(run.id().to_string(), Tone::Strong)
        .plain(format!("  {}  ", run.workflow()))
        .add(format!("{glyph} {}", word(run)), tone)
        .plain(format!("  {done}/{total} steps done"));
    if let Some(incident) = run.incident() {
        row = row.dim(format!("  answers {incident}"));
    }
    vec![row]
}

fn stopped(model: &Model, run: &Run) -> Vec<Row> {
    let running = |step: &&(usize, &crate::engine::StepState)| {
        matches!(step.1.status(), StepStatus::Running | StepStatus::Verifying | StepStatus::Waiting)
    };
    let steps: Vec<_> = run.steps().iter().enumerate().collect();
    let row = |(i, step): &(usize, &crate::engine::StepState)| {
        let agent = step.agent().map_or("no agent yet", |agent| model.agent_name(agent));
        let id = run.step_id(StepIx(*i as u16));
        Row::new().plain("Stops ").add(id, Tone::Strong).plain(format!(" ({} on {agent})", step.status()))
    };
    steps.iter().filter(running).map(row).collect()
}

fn undone(run: &Run) -> Vec<Row> {
    let row = |ix: &StepIx| {
        let step = run.steps().get(ix.index())?;
        let row = Row::new().plain("  ").add(run.step_id(*ix), Tone::Strong).plain(" → ");
        Some(match step.undo() {
            Some(undo) => match &undo.target {
                Some(target) => row.plain(format!("{} {target}", undo.name)),
                None => row.plain(undo.name.as_ref()),
            },
            None => row.dim("cannot be undone"),
        })
    };
    run.completed().iter().rev().filter_map(row).collect()
}

/// The id has to be typed.
pub fn abandon(model: &Model, theme: &Theme, area: Rect, id: RunId, field: &Field, buffer: &mut Buffer) {
    let mut rows = match model.state().run(id) {
        Some(run) => {
            let mut rows = summary(run);
            let owed = undone(run);
            rows.push(Row::new());
            rows.push(Row::new().plain("Stops everything and undoes nothing."));
            let left = plural(owed.len(), "effect stays", "effects stay");
            rows.push(Row::new().add(format!("{left} in place."), Tone::Wait));
            rows
        }
        None => vec![Row::new().dim(format!("{id} is no longer kept here"))],
    };
    rows.push(Row::new());
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(44), line + 1);
    let inner = dialog(buffer, theme, area, size, &format!("Abandon {id}?"), "Enter abandon · Esc keep it");
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    pen.text(&format!("Type {id}: "), Tone::Key);
    super::field(&mut pen, field, true);
}

/// As over or as nothing, and why.
pub fn close(
    model: &Model,
    theme: &Theme,
    area: Rect,
    id: IncidentId,
    nothing: bool,
    field: &Field,
    buffer: &mut Buffer,
) {
    let mut rows = Vec::new();
    if let Some(incident) = model.state().incident(id) {
        let (severity, tone) = glyph::severity(incident.severity());
        rows.push(Row::new().add(severity, tone).plain(format!(
            "  {}  {}  {}",
            incident.first().rule.name,
            incident.key(),
            incident.status()
        )));
    }
    let choice = |on: bool, word: &str| {
        if on { (format!("[{word}]"), Tone::Cursor) } else { (format!(" {word} "), Tone::Dim) }
    };
    let ((over, over_tone), (no, no_tone)) =
        (choice(!nothing, "resolve: it is over"), choice(nothing, "dismiss: it was nothing"));
    rows.push(Row::new().add(over, over_tone).plain("  ").add(no, no_tone));
    rows.push(Row::new());
    let line = rows.len() as u16;
    let size = (super::widest(&rows).max(54), line + 1);
    let inner =
        dialog(buffer, theme, area, size, &format!("Close {id}"), "Tab choose · Enter close · Esc leave it");
    paint_rows(buffer, theme, inner, &rows);
    let mut pen = Pen::at(buffer, theme, inner, line);
    pen.text("Reason: ", Tone::Key);
    super::field(&mut pen, field, true);
}
