//! A run: its steps, its rollback, and what happened when.

use super::super::glyph;
use super::super::model::Model;
use super::super::paint::Row;
use super::super::text::{age, cut, latency};
use super::super::theme::Tone;
use super::{described, entry, heading, pairs};
use crate::engine::{Permission, RollbackCause, Run, RunStatus, StepState, StepStatus};
use crate::model::StepIx;

/// The page.
pub fn rows(model: &Model, run: &Run, width: usize) -> Vec<Row> {
    let mut rows = head(model, run, width);
    rows.push(Row::new());
    rows.push(heading("Steps"));
    for (i, step) in run.steps().iter().enumerate() {
        rows.extend(step_rows(model, run, StepIx(i as u16), step, width));
    }
    rows.extend(rollback(run, width));
    rows.push(Row::new());
    rows.push(heading("Timeline (UTC)"));
    rows.extend(super::timeline::rows(run));
    rows
}

fn head(model: &Model, run: &Run, width: usize) -> Vec<Row> {
    let (glyph, tone) = glyph::of_run(run);
    let state = super::super::pane::workflows::word(run);
    let (done, total) = run.progress();
    let mut rows =
        vec![Row::new().add(format!("{glyph} {state}"), tone).plain(format!("  {done}/{total} steps")).dim(
            format!("  since {}  in all {}", run.since().clock(), age(run.duration(model.engine_now()))),
        )];
    if !run.mode().is_live() {
        let asks = model.catalogue.asks_live(run.workflow());
        let asks = if asks { "; its file asks to be live" } else { "" };
        let text = format!("only observes: nothing is done; W arms {}{asks}", run.workflow());
        rows.extend(entry("mode", &text, Tone::Wait, width));
    }
    if let Some(why) = run.why() {
        rows.extend(entry("why", why, Tone::Wait, width));
    }
    if let Some(offers) = offers(run) {
        rows.extend(entry("waits for you", &offers, Tone::Wait, width));
    }
    let mut origin = format!("by {}", run.by());
    if let Some(incident) = run.incident() {
        origin.push_str(&format!(", answers {incident}"));
    }
    if let Some(severity) = run.severity() {
        origin.push_str(&format!(", severity {severity}"));
    }
    if let Some(earlier) = run.retry_of() {
        origin.push_str(&format!(", tries {earlier} again"));
    }
    rows.extend(entry("ordered", &origin, Tone::Plain, width));
    if let Some(dedup) = run.dedup() {
        rows.extend(entry("one for each", dedup, Tone::Plain, width));
    }
    if let Some(deadline) = run.deadline().filter(|_| !run.status().is_terminal()) {
        rows.extend(entry("given up at", &deadline.clock(), Tone::Plain, width));
    }
    if !run.inputs().is_empty() {
        rows.extend(entry("inputs", &pairs(run.inputs()), Tone::Plain, width));
    }
    rows
}

/// What a person may do about a run that goes on only then, with the keys.
fn offers(run: &Run) -> Option<String> {
    let settles = run.to_settle().next().is_some();
    match run.status() {
        RunStatus::Parked => {
            let settles = if settles { "s settles what is in doubt; " } else { "" };
            Some(format!("{settles}r does it again; x cancels and rolls back; X abandons it"))
        }
        RunStatus::Stuck => {
            let settles = if settles { "s settles an undo: again, done by hand, skip; " } else { "" };
            Some(format!("{settles}r tries all of it again; X abandons it"))
        }
        RunStatus::RollingBack if settles => Some("s settles an undo that waits; X abandons it".to_owned()),
        _ => None,
    }
}

fn step_rows(model: &Model, run: &Run, ix: StepIx, step: &StepState, width: usize) -> Vec<Row> {
    let (glyph, tone) = glyph::of_step(step);
    let loud = matches!(step.status(), StepStatus::Failed | StepStatus::UndoFailed | StepStatus::InDoubt);
    let word = glyph::word(&step.status().to_string(), loud);
    let mut row = Row::new()
        .add(format!("{glyph} "), tone)
        .plain(format!("{:<16} ", cut(run.step_id(ix), 16)))
        .add(format!("{:<18}", if step.is_assumed() { "assumed".to_owned() } else { word }), tone);
    if let Some(agent) = step.agent() {
        row = row.plain(format!("{:<14} ", cut(model.agent_name(agent), 14)));
    }
    if step.attempt() > 0 {
        row = row.dim(format!("attempt {}  ", step.attempt()));
    }
    if step.undo_attempt() > 0 {
        row = row.dim(format!("undo attempt {}  ", step.undo_attempt()));
    }
    if let (Some(start), Some(end)) = (step.started_at(), step.ended_at()) {
        row = row.dim(format!("took {}  ", latency(end.since(start).0)));
    }
    if let Some(until) = step.until().filter(|_| moving(step.status())) {
        let word = if step.status() == StepStatus::Waiting { "waits until" } else { "at most until" };
        row = row.add(format!("{word} {}", until.clock()), Tone::Wait);
    }
    let mut rows = vec![row];
    if let Some(action) = step.action() {
        let does = if step.is_assumed() { "would do" } else { "does" };
        rows.extend(entry(does, &described(action), Tone::Plain, width));
    }
    rows.extend(for_people(run, ix, step, width));
    if let Some(output) = step.output().filter(|output| !output.is_empty()) {
        rows.extend(entry("output", &pairs(output), Tone::Plain, width));
    }
    if let Some(failure) = step.failure() {
        let kind = format!("{:?}", failure.kind);
        rows.extend(entry("failure", &format!("{} ({})", failure.message, spaced(&kind)), Tone::Bad, width));
    }
    if let Some(note) = step.note() {
        rows.extend(entry("probe", &note, Tone::Wait, width));
    }
    if step.in_doubt() {
        rows.extend(entry(
            "in doubt",
            "an attempt ended without an answer: it may have acted",
            Tone::Wait,
            width,
        ));
    }
    if let Some(undo) = step.undo() {
        rows.extend(entry("undo", &described(undo), Tone::Dim, width));
    }
    if let Some((text, tone)) = super::obligation::of_step(model, run.id(), ix) {
        rows.extend(entry("ledger", &text, tone, width));
    }
    rows
}

/// What a person is asked, has said, or has to say.
fn for_people(run: &Run, ix: StepIx, step: &StepState, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(permission) = step.permission() {
        rows.extend(permitted(permission, step, width));
    } else if let Some(approval) = run.plan().steps.get(ix.index()).and_then(|plan| plan.approval.as_ref()) {
        let reason = approval.reason.as_deref().unwrap_or("a person has to approve it");
        rows.extend(entry("approval", reason, Tone::Wait, width));
    }
    if let Some(protected) = step.protected() {
        rows.extend(entry("protected", &format!("{protected}: it would be refused"), Tone::Wait, width));
    }
    if let Some(when) = step.undecided() {
        rows.extend(entry("only if", when, Tone::Wait, width));
    }
    if let Some(question) = step.question() {
        rows.extend(entry("asks", &format!("{question} (d answers)"), Tone::Wait, width));
    }
    for (of, settled) in [("", step.settled()), ("undo ", step.undo_settled())] {
        if let Some(settled) = settled {
            let word = settled.settled.name();
            let text = format!("{of}{word}, by {} at {}  {}", settled.by, settled.at.clock(), settled.reason);
            rows.extend(entry("settled", text.trim_end(), Tone::Plain, width));
        }
    }
    if let Some(answered) = step.answered() {
        let (of, word) =
            (if answered.undo { "undo " } else { "" }, if answered.done { "done" } else { "failed" });
        let text = format!("{of}{word}, by {} at {}  {}", answered.by, answered.at.clock(), answered.text);
        rows.extend(entry("answered", text.trim_end(), Tone::Plain, width));
    }
    rows
}

/// What people were asked before it starts, and what they said.
fn permitted(permission: &Permission, step: &StepState, width: usize) -> Vec<Row> {
    let asked = permission.asked();
    let mut rows = entry("approval", &asked.why, Tone::Wait, width);
    if step.awaits_approval() {
        let until = step.until().map_or(String::new(), |until| format!(" until {}", until.clock()));
        let given = format!("{} of {}{until} (A)", permission.given().len(), asked.count);
        rows.extend(entry("approved", &given, Tone::Wait, width));
        rows.extend(entry("would do", &described(&asked.action), Tone::Plain, width));
    }
    for (by, at) in permission.given() {
        rows.extend(entry("approved", &format!("by {by} at {}", at.clock()), Tone::Good, width));
    }
    if let Some(denied) = permission.denied() {
        let text = format!("by {} at {}: {}", denied.by, denied.at.clock(), denied.reason);
        rows.extend(entry("denied", &text, Tone::Bad, width));
    }
    rows
}

/// Where an undo stands, if its word alone does not say it.
fn told_more(run: &Run, ix: StepIx) -> Option<String> {
    let step = run.steps().get(ix.index())?;
    match step.status() {
        StepStatus::Undone if step.undo_settled().is_none() => None,
        StepStatus::Undoing | StepStatus::Undone | StepStatus::UndoFailed | StepStatus::UndoInDoubt => {
            run.undo_told(ix)
        }
        _ => None,
    }
}

fn moving(status: StepStatus) -> bool {
    use StepStatus::*;
    matches!(status, Waiting | AwaitingApproval | Running | Verifying | InDoubt | Undoing | UndoInDoubt)
}

/// `TimedOut` as `timed out`.
fn spaced(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn rollback(run: &Run, width: usize) -> Vec<Row> {
    let Some(rollback) = run.rollback() else { return Vec::new() };
    let cause = match rollback.cause {
        RollbackCause::Failure => "a step failed",
        RollbackCause::Cancel => "cancelled by a person",
    };
    let mut rows = vec![
        Row::new(),
        heading("Rollback").plain(format!(
            "  {} of {} undone{}, since {}",
            rollback.done,
            rollback.total,
            match run.skipped_undos().count() {
                0 => String::new(),
                n => format!(", {n} skipped"),
            },
            rollback.since.clock()
        )),
    ];
    rows.extend(entry("cause", &format!("{cause}: {}", rollback.why), Tone::Plain, width));
    for (place, ix) in run.completed().iter().rev().enumerate() {
        let Some(step) = run.steps().get(ix.index()) else { continue };
        let (glyph, tone) = match step.status() {
            status @ (StepStatus::Undone
            | StepStatus::Undoing
            | StepStatus::UndoFailed
            | StepStatus::UndoInDoubt) => glyph::step(status),
            _ if step.undo().is_none() => ("-", Tone::Dim),
            _ => ("○", Tone::Dim),
        };
        let what = match step.undo() {
            Some(undo) => described(undo),
            None => "nothing to undo".to_owned(),
        };
        let word = glyph::word(&step.status().to_string(), step.status() == StepStatus::UndoFailed);
        rows.push(
            Row::new()
                .dim(format!("  {:>2}. ", place + 1))
                .add(format!("{glyph} "), tone)
                .plain(format!("{:<16} ", cut(run.step_id(*ix), 16)))
                .add(format!("{word:<13} "), tone)
                .dim(what),
        );
        if let Some(told) = told_more(run, *ix) {
            rows.extend(entry("", &told, Tone::Wait, width));
        }
    }
    rows
}
