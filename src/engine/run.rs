//! One execution of a workflow: lifecycle and what is known of it.

use std::sync::{Arc, LazyLock};

use super::{Actor, Event, IncidentStatus, RollbackCause, RunMode, StepState, StepStatus};
use crate::flow::machine::{Change, Chart, Guard, Machine, Place, Source, Superstate, Transition};
use crate::model::{
    Digest, IncidentId, Map, Moment, ObligationId, RunId, Seq, Severity, Span, StepIx, Timestamp,
};
use crate::states;
use crate::workflow::Plan;

states!(
    /// Where a run stands (S1.3).
    RunStatus {
        /// It exists.
        Created = "created",
        /// It waits for its turn.
        Queued = "queued",
        /// Steps are started as they become ready.
        Running = "running",
        /// Held at step boundaries.
        Paused = "paused",
        /// Waits for a person.
        Parked = "parked",
        /// Its steps are being undone, last first.
        RollingBack = "rolling_back",
        /// An undo was given up: a person is needed.
        Stuck = "stuck",
        /// Every step is done.
        Completed = "completed",
        /// Ended badly; nothing was undone.
        Failed = "failed",
        /// Ended badly; everything was undone.
        RolledBack = "rolled_back",
        /// Cancelled by a person; everything was undone.
        Cancelled = "cancelled",
        /// Given up by a person; what is owed stays owed.
        Abandoned = "abandoned",
    }
);

impl RunStatus {
    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        use RunStatus::*;
        matches!(self, Completed | Failed | RolledBack | Cancelled | Abandoned)
    }

    /// Whether it goes on only when a person acts.
    pub fn waits_for_person(self) -> bool {
        matches!(self, RunStatus::Parked | RunStatus::Stuck | RunStatus::Paused)
    }
}

/// The lifecycle of runs.
pub static RUN: LazyLock<Machine<RunStatus, Run, Event>> = LazyLock::new(|| {
    use RunStatus::*;
    const fn go(
        from: Source<RunStatus>,
        to: RunStatus,
        on: &'static str,
    ) -> Transition<RunStatus, Run, Event> {
        Transition { from, to, on, guard: None, callback: None }
    }
    Machine::new(Chart {
        name: "run",
        initial: Created,
        superstates: &[
            Superstate { name: "Forward", of: &[Running, Paused] },
            Superstate { name: "Ended", of: &[Completed, Failed, RolledBack, Cancelled, Abandoned] },
        ],
        transitions: const {
            &[
                go(Source::States(&[Created]), Queued, "it has to wait for its turn"),
                go(Source::States(&[Created, Queued]), Running, "it starts"),
                go(Source::States(&[Running]), Paused, "pause"),
                go(Source::States(&[Paused, Parked]), Running, "resume, or retry of a parked run"),
                Transition {
                    from: Source::Within("Forward"),
                    to: Completed,
                    on: "every step is done",
                    guard: Some(Guard { name: "every step is done", check: Run::all_done }),
                    callback: None,
                },
                go(Source::Within("Forward"), Parked, "a step is in doubt, or its approval expired"),
                go(Source::Within("Forward"), RollingBack, "a critical step failed, or cancel"),
                go(Source::Within("Forward"), Failed, "a critical step failed, nothing to undo or `stop`"),
                go(Source::Within("Forward"), Abandoned, "abandon"),
                go(Source::States(&[Parked]), RollingBack, "cancel"),
                go(Source::States(&[Parked]), Abandoned, "abandon"),
                go(Source::States(&[RollingBack]), RolledBack, "everything is undone after a failure"),
                go(Source::States(&[RollingBack]), Cancelled, "everything is undone after a cancel"),
                go(Source::States(&[RollingBack]), Stuck, "an undo was given up"),
                go(Source::States(&[RollingBack]), Abandoned, "abandon"),
                go(Source::States(&[Stuck]), RollingBack, "retry"),
                go(Source::States(&[Stuck]), RolledBack, "settled by a person after a failure"),
                go(Source::States(&[Stuck]), Cancelled, "settled by a person after a cancel"),
                go(Source::States(&[Stuck]), Abandoned, "abandon"),
                go(Source::States(&[Created, Queued]), Cancelled, "cancel"),
                go(Source::States(&[Created, Queued]), Failed, "it cannot start"),
            ]
        },
    })
    .on_enter("Ended", Run::contains_incident)
});

/// How far a rollback is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    /// Why.
    pub cause: RollbackCause,
    /// Why, for people.
    pub why: Arc<str>,
    /// Steps undone.
    pub done: u32,
    /// Steps to undo in all; grows if a step that was still running turns out to have acted.
    pub total: u32,
    /// When it started.
    pub since: Timestamp,
}

/// What is known of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub(super) id: RunId,
    pub(super) workflow: Arc<str>,
    pub(super) hash: Digest,
    pub(super) plan: Arc<Plan>,
    pub(super) place: Place<RunStatus, 4>,
    pub(super) changed: Seq,
    pub(super) changed_by: Option<Actor>,
    pub(super) created_at: Timestamp,
    pub(super) ended_at: Moment,
    pub(super) by: Actor,
    pub(super) incident: Option<IncidentId>,
    pub(super) detection: Option<Arc<Map>>,
    pub(super) dedup: Option<Arc<str>>,
    pub(super) severity: Option<Severity>,
    pub(super) inputs: Arc<Map>,
    pub(super) deadline: Moment,
    pub(super) retry_of: Option<RunId>,
    pub(super) mode: RunMode,
    pub(super) lifts: Box<[ObligationId]>,
    pub(super) steps: Vec<StepState>,
    pub(super) done: u32,
    /// Steps whose effect exists or may exist, in order of completion.
    pub(super) completed: Vec<StepIx>,
    pub(super) rollback: Option<Box<Rollback>>,
    pub(super) paused_at: Moment,
    pub(super) why: Option<Arc<str>>,
}

impl Run {
    /// Its id.
    pub fn id(&self) -> RunId {
        self.id
    }
    /// Name of the workflow.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }
    /// Hash of the workflow's text.
    pub fn hash(&self) -> Digest {
        self.hash
    }
    /// Its shape: ids, names and needs of its steps.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
    /// Where it stands.
    pub fn status(&self) -> RunStatus {
        self.place.now()
    }
    /// Since when it stands there.
    pub fn since(&self) -> Timestamp {
        self.place.since()
    }
    /// The states before, with the time at which each was entered, oldest first; at most four.
    pub fn history(&self) -> impl Iterator<Item = (RunStatus, Timestamp)> + '_ {
        self.place.history()
    }
    /// The record that changed its status last: what a request says it has seen (C23).
    pub fn changed(&self) -> Seq {
        self.changed
    }
    /// Who changed its status last; `None` is quell itself.
    pub fn changed_by(&self) -> Option<&Actor> {
        self.changed_by.as_ref()
    }
    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }
    /// When it reached a terminal state.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at.get()
    }
    /// Who ordered it.
    pub fn by(&self) -> &Actor {
        &self.by
    }
    /// The incident that it answers.
    pub fn incident(&self) -> Option<IncidentId> {
        self.incident
    }
    /// What its templates see as `detection`.
    pub fn detection(&self) -> Option<&Map> {
        self.detection.as_deref()
    }
    /// The value of its workflow's `dedup`.
    pub fn dedup(&self) -> Option<&str> {
        self.dedup.as_deref()
    }
    /// Severity of what it answers.
    pub fn severity(&self) -> Option<Severity> {
        self.severity
    }
    /// Its inputs.
    pub fn inputs(&self) -> &Map {
        &self.inputs
    }
    /// When it is given up.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline.get()
    }
    /// The run that this one tries again.
    pub fn retry_of(&self) -> Option<RunId> {
        self.retry_of
    }
    /// What it lifts, step by step; empty if it is not a lift.
    pub fn lifts(&self) -> &[ObligationId] {
        &self.lifts
    }
    /// Whether it lifts what other runs did.
    pub fn is_lift(&self) -> bool {
        !self.lifts.is_empty()
    }
    /// Whether it lifts by order of a person: then a halt does not hold it (C30).
    pub fn is_lift_by_hand(&self) -> bool {
        self.is_lift() && self.by != Actor::engine()
    }
    /// Whether its steps are performed.
    pub fn mode(&self) -> RunMode {
        self.mode
    }
    /// Whether it goes on only when a person acts: it is held, or all that is left are questions.
    pub fn waits_for_person(&self) -> bool {
        if self.status().waits_for_person() {
            return true;
        }
        let works = |step: &StepState| match step.status() {
            StepStatus::Running | StepStatus::Undoing => !step.is_asked(),
            StepStatus::Waiting | StepStatus::Verifying => true,
            StepStatus::InDoubt | StepStatus::UndoInDoubt => step.probing,
            _ => false,
        };
        let waits = |step: &StepState| step.is_asked() || step.awaits_approval();
        self.steps.iter().any(waits) && !self.steps.iter().any(works)
    }
    /// The steps that a person is asked to do, or to undo, in plan order.
    pub fn asked_steps(&self) -> impl Iterator<Item = StepIx> + '_ {
        let asked = self.steps.iter().enumerate().filter(|(_, step)| step.is_asked());
        asked.map(|(i, _)| StepIx(i as u16))
    }
    /// The steps about which people have to decide before they start, in plan order.
    pub fn awaiting_steps(&self) -> impl Iterator<Item = StepIx> + '_ {
        let awaiting = self.steps.iter().enumerate().filter(|(_, step)| step.awaits_approval());
        awaiting.map(|(i, _)| StepIx(i as u16))
    }
    /// Its steps, in the order of its plan.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }
    /// The id of a step as its file has it.
    pub fn step_id(&self, step: StepIx) -> &str {
        self.plan.steps.get(step.index()).map_or("?", |s| &s.id)
    }
    /// Steps that are done (succeeded, failed without being critical, skipped), and steps in all.
    pub fn progress(&self) -> (u32, u32) {
        (self.done, self.steps.len() as u32)
    }
    /// Steps whose effect exists or may exist, in order of completion: a rollback goes backwards through it.
    pub fn completed(&self) -> &[StepIx] {
        &self.completed
    }
    /// How far its rollback is, if there is or was one.
    pub fn rollback(&self) -> Option<&Rollback> {
        self.rollback.as_deref()
    }
    /// Why it stands where it stands, where there is something to say.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
    /// What it waits to hear about effects that it asks for, for people.
    pub fn asks_for(&self) -> Option<String> {
        let asks = |(_, step): &(usize, &StepState)| step.is_probing();
        let (i, step) = self.steps.iter().enumerate().find(asks)?;
        Some(format!("step `{}`: {}", self.step_id(StepIx(i as u16)), step.note()?))
    }
    /// The steps that failed, in plan order (S2.3).
    pub fn failed_steps(&self) -> impl Iterator<Item = StepIx> + '_ {
        let failed = |(_, s): &(usize, &StepState)| {
            s.failure.is_some() && matches!(s.status(), StepStatus::Failed | StepStatus::UndoFailed)
        };
        self.steps.iter().enumerate().filter(failed).map(|(i, _)| StepIx(i as u16))
    }
    /// The outputs of its steps by step id (S2.3).
    pub fn results(&self) -> Map {
        let output = |(plan, step): (&crate::workflow::PlanStep, &StepState)| {
            let output = step.output.as_deref()?;
            Some((plan.id.to_string(), crate::model::Value::Object(output.clone())))
        };
        self.plan.steps.iter().zip(&self.steps).filter_map(output).collect()
    }
    /// From creation to its end, or until now.
    pub fn duration(&self, now: Timestamp) -> Span {
        self.ended_at().unwrap_or(now).since(self.created_at)
    }

    /// Of the runs that ended, a completed one contains the incident that it answers, if the incident's own
    /// table permits that; one that only observed contains nothing.
    fn contains_incident(&self, change: &Change<RunStatus>, emitted: &mut Vec<Event>) {
        let contains = change.to == RunStatus::Completed && self.mode.is_live() && !self.is_lift();
        emitted.extend(self.incident.filter(|_| contains).map(|incident| Event::IncidentChanged {
            incident,
            to: IncidentStatus::Contained,
            by: Actor::engine(),
            reason: Some(Arc::from(format!("{} completed", self.id))),
        }));
    }

    fn all_done(&self) -> Result<(), String> {
        if self.done as usize == self.steps.len() { Ok(()) } else { Err("steps are left".to_owned()) }
    }
}
