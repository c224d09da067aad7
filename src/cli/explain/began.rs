//! Why a run began, and in which mode.

use std::sync::Arc;

use super::words;
use crate::cli::output::paragraph;
use crate::cli::output::words::span;
use crate::engine::{Actor, JournalKind, NewRun, Record, RunMode, State};
use crate::model::{IncidentId, RunId, Seq, Timestamp};
use crate::workflow::{self, Trigger, Workflow};

/// How a run came to be.
#[derive(Debug)]
pub struct Began {
    /// When it was created.
    pub at: Timestamp,
    /// By which record.
    pub seq: Seq,
    /// What it was created with.
    pub new: NewRun,
    /// Why, in sentences.
    pub because: Vec<String>,
    /// Why it acts, or only observes.
    pub mode_why: String,
    /// Raw records that led to it.
    pub evidence: Vec<Arc<str>>,
    /// Its workflow as its text was, if that can still be read.
    pub workflow: Option<Workflow>,
}

impl Began {
    /// `state` is the state before; `after` the run that ended just then.
    pub fn of(new: &NewRun, record: &Record, state: &State, after: Option<RunId>) -> Self {
        let workflow = text(new, state);
        let followed = after.filter(|run| names_next(*run, new, state));
        let mut because = Vec::new();
        match (&new.by, new.retry_of, followed) {
            (by, Some(run), _) => because.push(format!("{} had {run} tried again", words::by(by))),
            (_, None, Some(run)) => {
                because.push(format!(
                    "{run} ended badly, and its workflow names `on_failure: {}`",
                    new.workflow
                ));
            }
            (by, None, None) if *by != Actor::engine() => because.push(format!("{by} ordered it")),
            _ => {}
        }
        let mut evidence = Vec::new();
        if let Some(incident) = new.incident {
            because.extend(of_incident(incident, state));
            if let Some(incident) = state.incident(incident) {
                evidence = incident.latest().evidence.clone();
            }
            let trigger = workflow.as_ref().and_then(|workflow| workflow.trigger.as_ref());
            if let (Some(trigger), None, None) = (trigger, new.retry_of, followed) {
                because.push(format!("the trigger of `{}` fits: {}", new.workflow, fits(trigger)));
            }
        }
        if let Some(key) = &new.dedup {
            because.push(format!(
                "no other run of `{}` was live with the key {key}: what comes for it joins this one",
                new.workflow
            ));
        }
        if !new.takes_over.is_empty() {
            let ids = new.takes_over.iter().filter_map(|ix| new.plan.steps.get(ix.index()));
            let ids: Vec<&str> = ids.map(|step| &*step.id).collect();
            because.push(format!("it takes over what succeeded there: {}", ids.join(", ")));
        }
        let mode_why = mode(new, state, followed);
        Began { at: record.at, seq: record.seq, new: new.clone(), because, mode_why, evidence, workflow }
    }

    /// The definition of a step, if its text can still be read.
    pub fn step(&self, ix: crate::model::StepIx) -> Option<&crate::workflow::Step> {
        self.workflow.as_ref()?.steps.get(ix.index())
    }
}

fn text(new: &NewRun, state: &State) -> Option<Workflow> {
    let text = state.workflow_text(new.hash)?;
    workflow::parse(&new.workflow, text).ok()
}

/// Whether the workflow of a run that ended has this one follow.
fn names_next(ended: RunId, new: &NewRun, state: &State) -> bool {
    let Some(run) = state.run(ended).filter(|run| run.incident() == new.incident) else { return false };
    let text = state.workflow_text(run.hash());
    let workflow = text.and_then(|text| workflow::parse(run.workflow(), text).ok());
    workflow.and_then(|workflow| workflow.on_failure).is_some_and(|next| next == new.workflow)
}

fn of_incident(id: IncidentId, state: &State) -> Vec<String> {
    let Some(incident) = state.incident(id) else { return vec![format!("it answers {id}")] };
    let (first, latest) = (incident.first(), incident.latest());
    let (rule, level) = (&first.rule, incident.severity());
    let mut lines = vec![format!("{id}: the rule {} ({level}) found `{}`", rule.name, rule.title)];
    let signals = if latest.count == 1 { "1 signal".to_owned() } else { format!("{} signals", latest.count) };
    let window = latest.at.since(latest.since);
    let within = if window.0 == 0 { String::new() } else { format!(" within {}", span(window)) };
    lines.push(format!(
        "{signals} about {}{within}, the last at {}",
        incident.key(),
        paragraph::moment(latest.at)
    ));
    if incident.count() > latest.count {
        lines.push(format!(
            "{id} has counted {} in all, since {}",
            incident.count(),
            paragraph::moment(incident.opened_at())
        ));
    }
    lines
}

/// The parts of a trigger, as its file has them.
fn fits(trigger: &Trigger) -> String {
    let mut parts = Vec::new();
    parts.extend(trigger.rule.as_ref().map(|rule| format!("rule: {}", rule.0)));
    if !trigger.tags.is_empty() {
        parts.push(format!("one of the tags {}", trigger.tags.join(", ")));
    }
    parts.extend(trigger.severity.map(|least| format!("severity>=: {least}")));
    parts.extend(trigger.when.as_ref().map(|when| format!("when: {}", when.source())));
    parts.join("; ")
}

fn mode(new: &NewRun, state: &State, followed: Option<RunId>) -> String {
    let exercise = state.kind() == Some(JournalKind::Exercise);
    let short: String = new.hash.to_string().chars().take(12).collect();
    let arming = state.arming(&new.workflow);
    match (new.mode, arming) {
        (RunMode::Live, _) if exercise => {
            "it acts: in an exercise drills and builtins do, armed or not".to_owned()
        }
        (RunMode::Live, Some(arming)) => {
            format!(
                "it acts: {} armed the workflow at {}, with this text ({short})",
                arming.by(),
                paragraph::moment(arming.at())
            )
        }
        (RunMode::Live, None) => "it acts".to_owned(),
        (RunMode::Observe, _) if exercise => {
            "it only observes: a replay of a real setup touches nothing".to_owned()
        }
        (RunMode::Observe, _) if followed.is_some() => {
            "it only observes, as the run that it follows did".to_owned()
        }
        (RunMode::Observe, None) => "it only observes: nobody has armed its workflow".to_owned(),
        (RunMode::Observe, Some(arming)) if arming.is_armed() => {
            let armed: String = arming.hash().to_string().chars().take(12).collect();
            format!(
                "it only observes: {} armed another text of its workflow ({armed}); this one is {short}",
                arming.by()
            )
        }
        (RunMode::Observe, Some(arming)) => {
            let why = arming.why().map_or(String::new(), |why| format!(": {why}"));
            format!(
                "it only observes: {} disarmed its workflow at {}{why}",
                words::by(arming.by()),
                paragraph::moment(arming.at())
            )
        }
    }
}
