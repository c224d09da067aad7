//! What is in force: what was done, for whom, until when, who ends it, and what would be undone.

use super::super::glyph;
use super::super::model::Model;
use super::super::paint::Row;
use super::super::pane::ledger::{is_held, left, target};
use super::super::theme::Tone;
use super::{described, entry, heading, pairs};
use crate::engine::{EndsBy, Holder, Obligation, ObligationStatus};
use crate::model::{IncidentId, RunId, StepIx, Timestamp};

/// The page.
pub fn rows(model: &Model, obligation: &Obligation, width: usize) -> Vec<Row> {
    let mut rows = vec![status(obligation)];
    if let Some(why) = obligation.why() {
        rows.extend(entry("why", why, Tone::Wait, width));
    }
    rows.extend(entry("did", &described(obligation.action()), Tone::Strong, width));
    rows.extend(entry("on", target(obligation), Tone::Plain, width));
    let (run, step) = obligation.origin();
    let mut origin = format!("step {step} of {run}, on {}", model.agent_name(obligation.agent()));
    if let Some(incident) = obligation.incident() {
        origin.push_str(&format!(", for {incident}"));
    }
    rows.extend(entry("origin", &origin, Tone::Plain, width));
    if let Some(output) = obligation.output().filter(|output| !output.is_empty()) {
        rows.extend(entry("output", &pairs(output.iter()), Tone::Plain, width));
    }
    rows.push(Row::new());
    rows.push(heading("How it ends"));
    rows.extend(end(model, obligation, width));
    rows.push(Row::new());
    rows.push(heading("Who wants it to last"));
    rows.extend(holders(model, obligation, width));
    rows.push(Row::new());
    rows.push(heading("History (UTC)"));
    rows.extend(history(model, obligation));
    rows
}

fn status(obligation: &Obligation) -> Row {
    let (glyph, tone) = glyph::obligation(obligation.status());
    let loud = obligation.status() == ObligationStatus::LiftFailed;
    Row::new()
        .add(format!("{glyph} {}", glyph::word(&obligation.status().to_string(), loud)), tone)
        .dim(format!("  since {}", obligation.since().clock()))
}

/// Who ends it, when, and by what.
fn end(model: &Model, obligation: &Obligation, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name, text: &str, tone| rows.extend(entry(name, text, tone, width));
    let at = |at: Timestamp| format!("{} (in {})", at.clock(), left(obligation, model.engine_now()));
    match (obligation.status().is_ended(), obligation.until()) {
        (true, _) => add("until", "it has ended", Tone::Plain),
        (false, Some(until)) => add("until", &at(until), Tone::Plain),
        (false, None) => add("until", "it is lifted: it has no end of its own", Tone::Wait),
    }
    let by = match obligation.ends_by() {
        EndsBy::Itself => "by itself, whether quell lives or not",
        EndsBy::Quell => "by quell: it takes an engine that lives then",
        EndsBy::Nobody => "when somebody lifts it, or its run is rolled back",
    };
    if !obligation.status().is_ended() {
        add("ends", by, Tone::Plain);
    }
    if is_held(model.state(), obligation) {
        add("held", "everything is halted: it does not end before the release", Tone::Critical);
    }
    match obligation.undo() {
        Some(undo) => add("undo", &described(undo), Tone::Plain),
        None => add("undo", "nothing undoes it", Tone::Dim),
    }
    if let Some(run) = obligation.lifted_by() {
        add("lifted by", &run.to_string(), Tone::Plain);
    }
    rows
}

fn holders(model: &Model, obligation: &Obligation, width: usize) -> Vec<Row> {
    if obligation.holders().is_empty() {
        return vec![Row::new().dim("  nobody any more")];
    }
    let row = |holder: &Holder| {
        let run = match model.state().run(holder.run()) {
            Some(run) => format!(
                "{} {}",
                super::super::text::cut(run.workflow(), 24),
                super::super::pane::workflows::word(run)
            ),
            None => "no longer kept here".to_owned(),
        };
        let until =
            holder.until().map_or("until it lets go".to_owned(), |at| format!("until {}", at.clock()));
        let incident = holder.incident().map_or(String::new(), |incident| format!(", for {incident}"));
        let text = format!("step {} {until}{incident}, by {}  {run}", holder.step_id(), holder.by());
        entry(&holder.run().to_string(), &text, Tone::Plain, width)
    };
    obligation.holders().iter().flat_map(row).collect()
}

/// What became of it, as far as its state remembers; every record of it is in the journal.
fn history(model: &Model, obligation: &Obligation) -> Vec<Row> {
    let mut moments: Vec<(Timestamp, String, Tone)> = Vec::new();
    for holder in obligation.holders() {
        let step = model.state().run(holder.run()).and_then(|run| run.steps().get(holder.step().index()));
        if let Some(at) = step.and_then(|step| step.started_at()) {
            moments.push((at, format!("{}: {} asks for it", holder.run(), holder.step_id()), Tone::Dim));
        }
    }
    if let Some(at) = obligation.in_force_since() {
        moments.push((at, "in force".to_owned(), Tone::Plain));
    }
    if obligation.status() != ObligationStatus::InForce {
        let (_, tone) = glyph::obligation(obligation.status());
        moments.push((obligation.since(), glyph::word(&obligation.status().to_string(), false), tone));
    }
    let changed_by = obligation.changed_by().map_or("quell".to_owned(), ToString::to_string);
    moments.sort_by_key(|(at, ..)| *at);
    let row = |(at, text, tone): (Timestamp, String, Tone)| {
        Row::new().dim(format!("  {}  ", at.clock())).add(text, tone)
    };
    let mut rows: Vec<Row> = moments.into_iter().map(row).collect();
    rows.push(Row::new().dim(format!("  last changed by {changed_by}, in record {}", obligation.changed())));
    rows
}

/// One line for what a step has in force, on the page of its run.
pub fn of_step(model: &Model, run: RunId, step: StepIx) -> Option<(String, Tone)> {
    let obligation = model.state().obligation_of(run, step)?;
    let (_, tone) = glyph::obligation(obligation.status());
    let word = glyph::word(&obligation.status().to_string(), false);
    let mut text = format!("{} {word}", obligation.id());
    if !obligation.status().is_ended() {
        if let Some(until) = obligation.until() {
            text.push_str(&format!(" until {}", until.clock()));
        }
        text.push_str(&format!(", ends {}", obligation.ends_by().name()));
    }
    let others = obligation.holders().iter().filter(|h| h.run() != run).map(|h| h.run().to_string());
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        text.push_str(&format!("; {} too", others.join(", ")));
    }
    Some((text, tone))
}

/// What stands because of an incident, on its page.
pub fn of_incident(model: &Model, incident: IncidentId) -> Vec<Row> {
    let is_for = |obligation: &&Obligation| {
        let held = obligation.holders().iter().any(|holder| holder.incident() == Some(incident));
        held || obligation.incident() == Some(incident)
    };
    let row = |obligation: &Obligation| {
        let (glyph, tone) = glyph::obligation(obligation.status());
        let word = glyph::word(&obligation.status().to_string(), false);
        let until = obligation.until().map_or(String::new(), |at| format!(" until {}", at.clock()));
        Row::new()
            .plain(format!("  {:<8} ", obligation.id().to_string()))
            .add(format!("{glyph} {word:<11} "), tone)
            .plain(format!("{} {}", obligation.action().name, target(obligation)))
            .dim(format!("{until}, ends {}", obligation.ends_by().name()))
    };
    let rows: Vec<Row> = model.state().ledger().standing().filter(is_for).map(row).collect();
    match rows.is_empty() {
        true => vec![Row::new().dim("  nothing")],
        false => rows,
    }
}
