//! An explanation as text in 80 columns, and as JSON. Whatever came from outside is safe text (C32).

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::agent::Candidate;
use super::course::Moment;
use super::{Explanation, words};
use crate::cli::next;
use crate::cli::output::paragraph::add;
use crate::cli::output::words::{span, words as spaced};
use crate::engine::JournalKind;
use crate::flow::machine::Status;
use crate::model::{SafeJson, SafeText, Timestamp};

/// Characters of a raw record that are shown.
const EVIDENCE: usize = 144;

/// `14:03:22.123`.
fn clock(at: Timestamp) -> String {
    format!("{}.{:03}", at.clock(), at.split().1 / 1_000)
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// For people.
pub fn text(of: &Explanation) -> String {
    let mut out = String::new();
    let (run, began) = (&of.run, &of.began);
    let drill = if of.state.kind() == Some(JournalKind::Exercise) { "DRILL " } else { "" };
    let observed = if run.mode().is_live() { "" } else { ", only observed" };
    let lasted = span(run.duration(of.state.now()));
    let stands = spaced(run.status().name());
    add(&mut out, drill, &format!("{} {}: {stands}{observed}, {lasted}", run.id(), run.workflow()));

    out.push_str("\nwhy it began\n");
    add(&mut out, "  ", &format!("on {} at {}, by record {}", day(began.at), clock(began.at), began.seq));
    began.because.iter().for_each(|line| add(&mut out, "  · ", line));
    add(&mut out, "  · ", &began.mode_why);
    if !began.new.inputs.is_empty() {
        add(&mut out, "  · ", &format!("its inputs: {}", words::map(&began.new.inputs)));
    }
    if !began.evidence.is_empty() {
        out.push_str("  · evidence, the newest last:\n");
        began
            .evidence
            .iter()
            .for_each(|raw| add(&mut out, "      ", &SafeText(raw.trim_end()).cut(EVIDENCE)));
    }

    out.push_str("\nwhat happened\n");
    let mut today = day(began.at);
    for moment in &of.course {
        let then = day(moment.at);
        if then != today {
            let _ = writeln!(out, "  {then}");
            today = then;
        }
        add(&mut out, &format!("  {}  ", clock(moment.at)), &moment.to_string());
        moment.because.iter().for_each(|line| add(&mut out, "                · ", line));
    }
    if of.cut > 0 {
        let _ = writeln!(out, "  … and {} more: `quell journal show` has every record", of.cut);
    }
    stands_now(&mut out, of);
    out
}

/// What is left to do, if something is.
fn stands_now(out: &mut String, of: &Explanation) {
    let (in_force, todo) = (next::in_force(&of.state, of.run.id()), next::actions(&of.run));
    if in_force.is_empty() && todo.is_empty() {
        return;
    }
    out.push_str("\nwhat is left\n");
    for line in in_force {
        add(out, "  · ", &line);
    }
    for (command, what) in todo {
        add(out, "  ", &format!("{command:<34}  {what}"));
    }
}

/// As one JSON object.
pub fn json(of: &Explanation) -> String {
    let (run, began) = (&of.run, &of.began);
    let value = json!({
        "type": "explanation",
        "id": run.id().to_string(),
        "drill": of.state.kind() == Some(JournalKind::Exercise),
        "workflow": run.workflow(),
        "hash": run.hash().to_string(),
        "status": run.status().name(),
        "why": run.why(),
        "began": {
            "at": began.at.to_string(),
            "seq": began.seq,
            "by": began.new.by.to_string(),
            "incident": began.new.incident.map(|incident| incident.to_string()),
            "dedup": began.new.dedup.as_deref(),
            "retry_of": began.new.retry_of.map(|run| run.to_string()),
            "mode": run.mode().name(),
            "mode_why": began.mode_why,
            "inputs": *began.new.inputs,
            "because": began.because,
            "evidence": began.evidence,
        },
        "course": of.course.iter().map(moment).collect::<Vec<_>>(),
        "cut": of.cut,
        "in_force": next::in_force(&of.state, run.id()),
        "next": next::actions(run).into_iter().map(|(command, _)| command).collect::<Vec<_>>(),
    });
    format!("{}\n", SafeJson(&value.to_string()))
}

fn moment(moment: &Moment) -> Value {
    let mut value = json!({
        "seq": moment.seq,
        "at": moment.at.to_string(),
        "what": moment.what,
        "because": moment.because,
    });
    if let Some(step) = &moment.step {
        value["step"] = json!(step);
    }
    if !moment.candidates.is_empty() {
        value["candidates"] = moment.candidates.iter().map(candidate).collect();
    }
    value
}

fn candidate(of: &Candidate) -> Value {
    json!({
        "agent": of.name,
        "chosen": of.chosen,
        "free": of.free,
        "score": (of.fitness.score() * 1e6).round() / 1e6,
        "success_rate": of.fitness.success_rate,
        "mean_response_ms": of.fitness.mean_response.0 as f64 / 1e3,
        "idle": of.fitness.idle,
        "in_flight": of.load.0,
    })
}
