//! Runs come into being: by a detection, by a person, after a bad end, as another try.

use std::sync::Arc;

use super::bound::Bound;
use super::timers::TimerKey;
use super::{Actor, Engine, Event, NewRun, Request, RunMode, RunStatus, StepStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{Detection, IncidentId, Map, RunId, StepIx};
use crate::workflow::{Scope, Workflow};

/// Everything that a new run is made of beside its workflow.
#[derive(Default)]
pub(super) struct Launch {
    pub inputs: Map,
    pub detection: Option<Arc<Map>>,
    pub incident: Option<IncidentId>,
    pub severity: Option<crate::model::Severity>,
    pub retry_of: Option<RunId>,
    pub takes_over: Vec<StepIx>,
    /// The run that this one follows only observed: so does this one.
    pub observes: bool,
}

/// What a trigger came to.
pub(super) enum Launched {
    /// A new run.
    Started(RunId),
    /// The live run of the same workflow and key takes it (C15).
    Joined(RunId),
}

/// What templates see as `detection`.
pub(super) fn detection_fields(detection: &Detection) -> Map {
    let mut fields = detection.fields.clone();
    let rule = &detection.rule;
    for (name, value) in [
        ("rule", rule.name.as_ref().into()),
        ("rule_id", rule.id.as_ref().into()),
        ("title", rule.title.as_ref().into()),
        ("level", rule.level.name().into()),
        ("key", detection.key.as_ref().into()),
        ("count", detection.count.into()),
        ("at", detection.at.to_string().into()),
    ] {
        fields.insert(name.to_owned(), value);
    }
    fields
}

impl Engine {
    /// Starts a run, or joins the live one of the same workflow and key.
    pub(super) fn launch(
        &mut self,
        bound: &Arc<Bound>,
        launch: Launch,
        by: &Actor,
    ) -> Result<Launched, String> {
        let workflow = &bound.workflow;
        let dedup = dedup_key(bound, &launch)?;
        if let Some(run) = self.live_for(bound, dedup.as_ref()) {
            self.join(run, launch.incident);
            return Ok(Launched::Joined(run));
        }
        let limit = self.setup.limits.live_runs;
        if self.state.counts().live_runs >= limit {
            return Err(format!("{limit} runs are live, which is the limit `live_runs`"));
        }
        self.record_text(workflow);
        let mode = if launch.observes { RunMode::Observe } else { self.mode_of(workflow) };
        // What was really done is no part of a run that does nothing.
        let takes_over = if mode.is_live() { launch.takes_over } else { Vec::new() };
        let run = RunId(self.state.runs.next());
        let deadline = workflow.timeout.map(|timeout| self.now + timeout);
        self.emit(Event::RunCreated(Box::new(NewRun {
            run,
            workflow: Arc::clone(&workflow.name),
            hash: workflow.hash,
            plan: Arc::clone(&workflow.plan),
            inputs: Arc::new(launch.inputs),
            by: by.clone(),
            incident: launch.incident,
            detection: launch.detection,
            dedup,
            severity: launch.severity.or(workflow.severity),
            deadline,
            retry_of: launch.retry_of,
            takes_over,
            lifts: Box::default(),
            mode,
        })));
        if let Some(at) = deadline {
            self.timers.arm(at, TimerKey::Run(run));
        }
        self.advance(run);
        Ok(Launched::Started(run))
    }

    /// The live run of a workflow that takes a key (C15).
    fn live_for(&self, bound: &Bound, key: Option<&Arc<str>>) -> Option<RunId> {
        let key = key.filter(|_| !planted(Bug::TwoLiveRuns))?;
        let key = (Arc::clone(&bound.workflow.name), Arc::clone(key));
        self.state.by_dedup.get(&key).copied()
    }

    /// Keeps the text of a workflow, once per hash.
    pub(super) fn record_text(&mut self, workflow: &Workflow) {
        if self.state.workflow_text(workflow.hash).is_none() {
            self.emit(Event::WorkflowRecorded {
                hash: Box::new(workflow.hash),
                name: Arc::clone(&workflow.name),
                text: Arc::clone(&workflow.text),
            });
        }
    }

    fn join(&mut self, run: RunId, incident: Option<IncidentId>) {
        let new = incident.and_then(|id| self.state.incident(id)).filter(|i| !i.runs().contains(&run));
        if let Some(incident) = new.map(|incident| incident.id()) {
            self.emit(Event::RunJoined { run, incident });
        }
    }

    /// Starts every workflow whose trigger fits (S3.2).
    pub(super) fn launch_for(&mut self, incident: IncidentId, detection: &Detection) {
        let bounds: Vec<Arc<Bound>> =
            self.library.present().filter(|bound| bound.workflow.trigger.is_some()).cloned().collect();
        if bounds.is_empty() {
            return;
        }
        for bound in bounds {
            self.launch_one(incident, detection, &bound, true);
        }
    }

    /// Starts a workflow whose trigger fits, unless what set it off comes from quell itself (C36): then
    /// that is recorded, if it is `new`.
    pub(super) fn launch_one(
        &mut self,
        incident: IncidentId,
        detection: &Detection,
        bound: &Arc<Bound>,
        new: bool,
    ) {
        let Some(trigger) = &bound.workflow.trigger else { return };
        let fields = Arc::new(detection_fields(detection));
        let inputs = match trigger.fits(&detection.rule, &fields) {
            Ok(false) => return,
            Ok(true) => bound.workflow.inputs_from(&fields),
            Err(why) => Err(why),
        };
        let launched = inputs.and_then(|inputs| {
            let launch = Launch {
                inputs,
                detection: Some(fields),
                incident: Some(incident),
                severity: Some(detection.rule.level),
                ..Launch::default()
            };
            let joins = self.live_for(bound, dedup_key(bound, &launch)?.as_ref()).is_some();
            match self.echo_of(bound, detection, &launch).filter(|_| !joins) {
                Some(echo) if new => self.hear_echo(incident, bound, echo),
                Some(_) => {}
                None => {
                    self.journal_repeats(incident);
                    self.launch(bound, launch, &Self::itself())?;
                }
            }
            Ok(())
        });
        // What was held back is tried with each repeat: one refusal is enough.
        if let (Err(why), true) = (launched, new) {
            let request = Request::Trigger { workflow: Arc::clone(&bound.workflow.name), inputs: Map::new() };
            let why = Arc::from(format!("for {incident}: {why}"));
            self.emit(Event::RequestRefused { by: Self::itself(), request: Box::new(request), why });
        }
    }

    /// Starts the workflow that another one names as its `on_failure`, for the same case.
    pub(super) fn launch_after(&mut self, failed: RunId, next: &Arc<str>) {
        let Some(run) = self.state.run(failed) else { return };
        let (detection, incident, severity) = (run.detection.clone(), run.incident, run.severity);
        let (given, observes) = (run.inputs.clone(), !run.mode.is_live());
        let launched = self.library.named(next).cloned().ok_or(format!("no workflow `{next}`"));
        let launched = launched.and_then(|bound| {
            let inputs = match &detection {
                Some(fields) => bound.workflow.inputs_from(fields)?,
                None => {
                    let takes = |name: &str| bound.workflow.inputs.iter().any(|spec| *spec.name == *name);
                    let kept = given.iter().filter(|(name, _)| takes(name));
                    bound.workflow.inputs_given(&kept.map(|(k, v)| (k.clone(), v.clone())).collect())?
                }
            };
            let launch = Launch { inputs, detection, incident, severity, observes, ..Launch::default() };
            self.launch(&bound, launch, &Self::itself())
        });
        if let Err(why) = launched {
            let request = Request::Trigger { workflow: Arc::clone(next), inputs: Map::new() };
            let why = Arc::from(format!("after {failed}: {why}"));
            self.emit(Event::RequestRefused { by: Self::itself(), request: Box::new(request), why });
        }
    }

    /// A new run in place of one that ended. After `failed` it takes over what succeeded; after a
    /// rollback it starts from the beginning.
    pub(super) fn launch_again(&mut self, ended: RunId, by: &Actor) -> Result<Launched, String> {
        let run = self.state.run(ended).ok_or_else(|| format!("{ended} is not known"))?;
        if run.is_lift() {
            return Err(format!("{ended} was a lift: lift what is left of it"));
        }
        let bound = self.library.get(run.hash()).cloned();
        let bound = bound.ok_or_else(|| format!("the workflow text of {ended} is not known any more"))?;
        let succeeded = run
            .steps()
            .iter()
            .enumerate()
            .filter(|(_, step)| step.status() == StepStatus::Succeeded && !step.is_assumed())
            .map(|(i, _)| StepIx(i as u16));
        let takes_over = if run.status() == RunStatus::Failed { succeeded.collect() } else { Vec::new() };
        let launch = Launch {
            inputs: Map::clone(&run.inputs),
            detection: run.detection.clone(),
            incident: run.incident,
            severity: run.severity,
            retry_of: Some(ended),
            takes_over,
            observes: false,
        };
        self.launch(&bound, launch, by)
    }
}

fn dedup_key(bound: &Bound, launch: &Launch) -> Result<Option<Arc<str>>, String> {
    let Some(template) = &bound.workflow.dedup else { return Ok(None) };
    let scope =
        Scope { inputs: &launch.inputs, detection: launch.detection.as_deref(), run: None, steps: &|_| None };
    let value = template.render(&scope).map_err(|why| format!("dedup: {why}"))?;
    Ok(Some(match value.as_str() {
        Some(text) => Arc::from(text),
        None => Arc::from(value.to_string()),
    }))
}
