//! What must hold after every step of the simulated world, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::case::Case;
use crate::engine::{
    Actor, Event, JournalKind, NewRun, Obligation, ObligationStatus, ProbeOf, Record, Run, RunStatus,
    Settled, State, StepStatus, Task,
};
use crate::model::{Digest, Map, Presence, RunId, StepIx};

/// A promise that was broken.
#[derive(Debug)]
pub struct Violation {
    /// The world that shows it.
    pub case: Case,
    /// Which promise, and how.
    pub what: String,
    /// What happened before, oldest first.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.trace.len().saturating_sub(200);
        for line in &self.trace[from..] {
            writeln!(f, "  {line}")?;
        }
        write!(f, "{}: {}", self.case, self.what)
    }
}

/// Watches the durable records and the effects that reach the world. It keeps books of its own and
/// asks the engine nothing.
#[derive(Debug, Default)]
pub struct Witness {
    /// Who said yes to what.
    pub(super) consent: super::consent::Consent,
    intents: BTreeSet<(RunId, StepIx, u32, bool)>,
    keys: BTreeMap<(RunId, StepIx, bool), Arc<str>>,
    /// Steps of each run whose outcome is durable, with what it was.
    outcomes: BTreeMap<(RunId, StepIx), Done>,
    needs: BTreeMap<RunId, Vec<Vec<StepIx>>>,
    completed: BTreeMap<RunId, Vec<StepIx>>,
    /// How many of the completed steps an undo has reached, counted from the last.
    undoing: BTreeMap<RunId, usize>,
    /// Steps of which an attempt ended without an answer.
    doubtful: BTreeSet<(RunId, StepIx)>,
    running: BTreeSet<(RunId, StepIx)>,
    /// The last forward attempt of each step, and whether it may be repeated without asking.
    attempts: BTreeMap<(RunId, StepIx), (u32, bool)>,
    /// Steps that may not be repeated, in doubt after a crash: a person has to say.
    unsettled: BTreeSet<(RunId, StepIx)>,
    /// Steps that have an undo, and steps that were undone.
    reversible: BTreeSet<(RunId, StepIx)>,
    undone: BTreeSet<(RunId, StepIx)>,
    /// Steps of which a person said that they are not undone, and that this is accepted.
    waived: BTreeSet<(RunId, StepIx)>,
    /// Steps whose undo a person wants tried again: others may have had their turn already.
    again: BTreeSet<(RunId, StepIx)>,
    /// Steps of which it is asked whether their effect is there, and those where it was found since.
    asked: BTreeSet<(RunId, StepIx)>,
    seen: BTreeSet<(RunId, StepIx)>,
    /// Steps whose effect was found absent since they were asked for.
    absent: BTreeSet<(RunId, StepIx)>,
    /// Steps in doubt.
    in_doubt: BTreeSet<(RunId, StepIx)>,
    live: BTreeMap<(Arc<str>, Arc<str>), RunId>,
    dedup: BTreeMap<RunId, (Arc<str>, Arc<str>)>,
    /// What the journal is for, the text of each workflow that is armed, and the runs that observe.
    kind: Option<JournalKind>,
    armed: BTreeMap<Arc<str>, Digest>,
    observing: BTreeSet<RunId>,
    halted: bool,
    /// Lifts that a person asked for: a halt does not hold them.
    by_hand: BTreeSet<RunId>,
    paused: BTreeSet<RunId>,
    ended: BTreeSet<RunId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Succeeded,
    Failed,
    Skipped,
}

impl Witness {
    fn nothing_begins_in_a_halt(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Halted { .. } => self.halted = true,
            Event::Released { .. } => self.halted = false,
            Event::StepStarted { run, .. } | Event::UndoStarted { run, .. }
                if self.halted && !self.by_hand.contains(run) =>
            {
                return Err(format!("C30: {run} begins a step while everything is halted"));
            }
            _ => {}
        }
        Ok(())
    }

    /// A rule does not set a workflow off with the same inputs again while an effect that it ordered
    /// stands: what quell causes does not feed quell (C36).
    pub fn nothing_answers_itself(record: &Record, before: &State) -> Result<(), String> {
        let Event::RunCreated(new) = &record.event else { return Ok(()) };
        let rule = |fields: &Map| fields.get("rule_id").cloned();
        let by_rule = new.detection.as_deref().and_then(rule);
        if new.by != Actor::engine() || by_rule.is_none() {
            return Ok(());
        }
        let same = |run: &&Run| {
            let rule = run.detection().and_then(rule);
            run.workflow() == &*new.workflow
                && *run.inputs() == *new.inputs
                && rule == by_rule
                && run.dedup() == new.dedup.as_deref()
        };
        let stands = |o: &Obligation| {
            o.status() == ObligationStatus::InForce && o.until().is_none_or(|end| end > record.at)
        };
        for run in before.runs().filter(same).filter(|run| run.status() == RunStatus::Completed) {
            let steps = || (0..run.steps().len()).map(|i| StepIx(i as u16));
            let done =
                run.steps().iter().all(|step| step.status() == StepStatus::Succeeded && !step.is_assumed());
            let mut effects = steps().filter_map(|ix| before.obligation_of(run.id(), ix)).peekable();
            if done && effects.peek().is_some() && effects.all(stands) {
                return Err(format!("C36: {} repeats {}, of which everything stands", new.run, run.id()));
            }
        }
        Ok(())
    }

    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        self.nothing_observed_acts(&record.event)?;
        if let Event::StepSettled { run, step, .. } = &record.event {
            // A person said what became of it.
            self.settled((*run, *step));
        }
        self.nothing_begins_in_a_halt(&record.event)?;
        self.consent.record(record)?;
        match &record.event {
            Event::JournalOpened { kind, .. } => self.kind = Some(*kind),
            Event::WorkflowArmed { workflow, hash, .. } => {
                self.armed.insert(Arc::clone(workflow), **hash);
            }
            Event::WorkflowDisarmed { workflow, .. } => {
                self.armed.remove(workflow);
            }
            Event::StepAssumed { run, step, .. } => {
                if !self.observing.contains(run) {
                    return Err(format!("C31: step {} of {run} is assumed, but the run is live", step.0));
                }
                self.outcomes.insert((*run, *step), Done::Succeeded);
            }
            Event::RunCreated(new) => {
                let NewRun { run, plan, workflow, dedup, takes_over, .. } = &**new;
                if !new.lifts.is_empty() && &*new.by.0 != "quell" {
                    self.by_hand.insert(*run);
                }
                if !new.mode.is_live() {
                    self.observing.insert(*run);
                } else if new.lifts.is_empty()
                    && self.kind == Some(JournalKind::Real)
                    && self.armed.get(workflow) != Some(&new.hash)
                {
                    return Err(format!("C31: {run} acts, but {workflow} is not armed as it is"));
                }
                self.needs.insert(*run, plan.steps.iter().map(|step| step.needs.clone()).collect());
                for step in takes_over {
                    self.outcomes.insert((*run, *step), Done::Succeeded);
                    self.completed.entry(*run).or_default().push(*step);
                    if new.retry_of.is_some_and(|earlier| self.reversible.contains(&(earlier, *step))) {
                        self.reversible.insert((*run, *step));
                    }
                }
                if let Some(key) = dedup {
                    let key = (Arc::clone(workflow), Arc::clone(key));
                    self.dedup.insert(*run, key.clone());
                    if let Some(other) = self.live.insert(key, *run) {
                        return Err(format!("C15: {run} and {other} are live for one key"));
                    }
                }
            }
            Event::StepStarted { run, step, attempt, action, undo, .. } => {
                self.settled((*run, *step));
                self.attempts.insert((*run, *step), (*attempt, action.idempotent));
                if undo.is_some() {
                    self.reversible.insert((*run, *step));
                }
                return self.intent(*run, *step, *attempt);
            }
            Event::StepSucceeded { run, step, attempt, found, .. } => {
                let last = self.attempts.get(&(*run, *step)).map(|(last, _)| *last);
                if last != Some(*attempt) {
                    return Err(format!(
                        "{run} step {}: an answer of attempt {attempt} counts for {last:?}",
                        step.0
                    ));
                }
                let place = (*run, *step);
                if self.asked.remove(&place) && !self.seen.contains(&place) {
                    let name = format!("{run} step {}", step.0);
                    return Err(format!("C3: {name} succeeded, but nobody found its effect"));
                }
                self.settled(place);
                self.running.remove(&place);
                self.outcomes.insert(place, Done::Succeeded);
                if *found {
                    if self.doubtful.contains(&place) {
                        return Err(format!(
                            "S3.5: step {} of {run} may have acted, and is said to be found",
                            step.0
                        ));
                    }
                    self.reversible.remove(&place);
                } else {
                    self.complete(*run, *step);
                }
            }
            Event::StepPerformed { run, step, .. } => {
                self.running.remove(&(*run, *step));
                self.is_asked((*run, *step));
            }
            Event::StepProbed { run, step, undo: false, found, .. } if **found == Presence::Absent => {
                let place = (*run, *step);
                if self.in_doubt.contains(&place) {
                    self.doubtful.remove(&place);
                }
                self.unsettled.remove(&place);
                self.absent.insert(place);
            }
            Event::StepFailed { run, step, failure, retry_at, .. } => {
                self.answered(*run, *step, failure.kind.in_doubt());
                self.settled((*run, *step));
                if failure.kind.in_doubt() && !self.may_repeat((*run, *step)) {
                    self.unsettled.insert((*run, *step));
                }
                if retry_at.is_none() {
                    self.outcomes.insert((*run, *step), Done::Failed);
                    self.complete_if_doubtful(*run, *step);
                }
            }
            Event::StepInDoubt { run, step, .. } => {
                self.answered(*run, *step, true);
                self.in_doubt.insert((*run, *step));
                self.is_asked((*run, *step));
                if self.attempts.get(&(*run, *step)).is_some_and(|(_, idempotent)| !idempotent) {
                    self.unsettled.insert((*run, *step));
                }
            }
            Event::RunUnparked { run, .. } => {
                self.unsettled.retain(|(other, _)| other != run);
                // It may have been paused before it was parked.
                self.paused.remove(run);
            }
            Event::StepSettled { .. } => self.settled_by_person(&record.event),
            Event::StepJoined { run, step, undo, .. } => {
                if undo.is_some() {
                    self.reversible.insert((*run, *step));
                }
                self.outcomes.insert((*run, *step), Done::Succeeded);
                self.complete(*run, *step);
            }
            Event::UndoSucceeded { run, step, .. } | Event::LetGo { run, step, .. } => {
                self.undone.insert((*run, *step));
            }
            Event::StepSkipped { run, step, .. } => {
                self.outcomes.insert((*run, *step), Done::Skipped);
            }
            Event::StepCancelled { run, step, in_doubt } => {
                self.answered(*run, *step, *in_doubt);
                self.complete_if_doubtful(*run, *step);
            }
            Event::UndoStarted { run, step, attempt, .. } => {
                self.intents.insert((*run, *step, *attempt, true));
                if self.undone.contains(&(*run, *step)) || self.waived.contains(&(*run, *step)) {
                    return Err(format!("C11: {run} undoes step {} once more, or though skipped", step.0));
                }
                return self.undo_in_order(*run, *step);
            }
            Event::RollbackStarted { run, .. } => {
                self.undoing.insert(*run, 0);
                self.paused.remove(run);
                let idle =
                    self.doubtful.iter().filter(|place| place.0 == *run && !self.running.contains(place));
                for (run, step) in idle.copied().collect::<Vec<_>>() {
                    self.complete(run, step);
                }
            }
            Event::RunPaused { run, .. } => {
                self.paused.insert(*run);
            }
            Event::RunResumed { run, .. } => {
                self.paused.remove(run);
            }
            Event::RunCompleted { run } | Event::RunFailed { run, .. } | Event::RunAbandoned { run, .. } => {
                self.end(*run)
            }
            Event::RollbackCompleted { run } => {
                self.end(*run);
                return self.all_undone(*run);
            }
            _ => {}
        }
        Ok(())
    }

    /// C31: of a run that observes nothing is ever begun, answered, owed or undone.
    fn nothing_observed_acts(&self, event: &Event) -> Result<(), String> {
        let run = match event {
            Event::StepStarted { run, .. }
            | Event::StepSucceeded { run, .. }
            | Event::StepAnswered { run, .. }
            | Event::StepInDoubt { run, .. }
            | Event::StepPerformed { run, .. }
            | Event::StepProbing { run, .. }
            | Event::UndoStarted { run, .. }
            | Event::RollbackStarted { run, .. } => run,
            _ => return Ok(()),
        };
        match self.observing.contains(run) {
            true => Err(format!("C31: {run} only observes, and {event:?}")),
            false => Ok(()),
        }
    }

    /// Somebody said whether an effect is there.
    pub fn told(&mut self, of: ProbeOf, found: &Presence) {
        if let (ProbeOf::Step { run, step, undo: false, .. }, Presence::Present) = (of, found) {
            self.seen.insert((run, step));
        }
    }

    fn is_asked(&mut self, place: (RunId, StepIx)) {
        self.asked.insert(place);
        self.seen.remove(&place);
        self.absent.remove(&place);
    }

    fn settled(&mut self, place: (RunId, StepIx)) {
        self.asked.remove(&place);
        self.in_doubt.remove(&place);
    }

    /// Whether an attempt may be repeated that may have acted: doing it twice is doing it once, or it was
    /// found absent.
    fn may_repeat(&self, place: (RunId, StepIx)) -> bool {
        self.absent.contains(&place) || self.attempts.get(&place).is_some_and(|(_, idempotent)| *idempotent)
    }

    fn end(&mut self, run: RunId) {
        self.ended.insert(run);
        if let Some(key) = self.dedup.remove(&run) {
            self.live.remove(&key);
        }
    }

    fn answered(&mut self, run: RunId, step: StepIx, in_doubt: bool) {
        self.running.remove(&(run, step));
        if in_doubt {
            self.doubtful.insert((run, step));
        }
    }

    fn complete_if_doubtful(&mut self, run: RunId, step: StepIx) {
        if self.doubtful.contains(&(run, step)) {
            self.complete(run, step);
        }
    }

    /// Everything that acted, or may have acted, and has an undo, was undone.
    fn all_undone(&self, run: RunId) -> Result<(), String> {
        let mut acted = self.completed.get(&run).into_iter().flatten();
        let owed = acted.find(|step| {
            let place = (run, **step);
            let over = self.undone.contains(&place) || self.waived.contains(&place);
            self.reversible.contains(&place) && !over
        });
        match owed {
            Some(step) => Err(format!("C9: {run} ended its rollback, but step {} is not undone", step.0)),
            None => Ok(()),
        }
    }

    /// What a person settled is settled: the books follow.
    fn settled_by_person(&mut self, event: &Event) {
        let Event::StepSettled { run, step, undo, settled, .. } = event else { return };
        let place = (*run, *step);
        match (undo, settled) {
            (false, Settled::Failed) => {
                self.doubtful.remove(&place);
            }
            (true, Settled::Skip) => {
                self.waived.insert(place);
            }
            (true, Settled::Again) => {
                self.waived.remove(&place);
                self.again.insert(place);
            }
            _ => {}
        }
        self.unsettled.remove(&place);
    }

    fn complete(&mut self, run: RunId, step: StepIx) {
        let completed = self.completed.entry(run).or_default();
        if !completed.contains(&step) {
            completed.push(step);
        }
    }

    fn intent(&mut self, run: RunId, step: StepIx, attempt: u32) -> Result<(), String> {
        let name = format!("{run} step {} attempt {attempt}", step.0);
        if !self.intents.insert((run, step, attempt, false)) {
            return Err(format!("C4: {name} is started twice"));
        }
        self.running.insert((run, step));
        if self.outcomes.get(&(run, step)) == Some(&Done::Succeeded) {
            return Err(format!("C8: {name} is started, but it was completed before"));
        }
        if self.unsettled.contains(&(run, step)) {
            return Err(format!("C3: {name} is started, but it is in doubt and may not be repeated"));
        }
        if self.paused.contains(&run) {
            return Err(format!("C13: {name} is started in a pause"));
        }
        if self.ended.contains(&run) || self.undoing.contains_key(&run) {
            return Err(format!("C12: {name} is started after the run ended or began to roll back"));
        }
        let needs = self.needs.get(&run).and_then(|needs| needs.get(step.index()));
        let missing = needs.into_iter().flatten().find(|need| !self.outcomes.contains_key(&(run, **need)));
        match missing {
            Some(need) => Err(format!("C2: {name} is started before the outcome of step {}", need.0)),
            None => Ok(()),
        }
    }

    /// The undo of a step may start only when every step that completed after it had its turn.
    fn undo_in_order(&mut self, run: RunId, step: StepIx) -> Result<(), String> {
        let completed = self.completed.get(&run).map_or(&[][..], Vec::as_slice);
        let Some(place) = completed.iter().rev().position(|done| *done == step) else {
            return Err(format!("C9: {run} undoes step {}, which never acted", step.0));
        };
        let reached = self.undoing.entry(run).or_default();
        if self.again.contains(&(run, step)) {
            return Ok(());
        }
        if place < *reached {
            return Err(format!("C9: {run} undoes step {} after one that completed before it", step.0));
        }
        *reached = place;
        Ok(())
    }

    /// An effect reaches the world.
    pub fn effect(&mut self, task: &Task) -> Result<(), String> {
        let (run, step, undo) = (task.run, task.step, task.undo);
        let name = format!("{run} step {} attempt {} undo {undo}", step.0, task.attempt);
        if !self.intents.contains(&(run, step, task.attempt, undo)) {
            return Err(format!("C1: {name} is performed without a durable intent"));
        }
        if self.observing.contains(&run) {
            return Err(format!("C31: {name} is performed, but its run only observes"));
        }
        let known = self.keys.entry((run, step, undo)).or_insert_with(|| Arc::clone(&task.key));
        if **known != *task.key {
            return Err(format!("C4: {name} has the key {}, and had {known} before", task.key));
        }
        Ok(())
    }

    /// What must hold of a state at any moment.
    pub fn state(state: &State) -> Result<(), String> {
        let mut in_flight = 0;
        for run in state.runs() {
            let busy = |step: &&crate::engine::StepState| {
                step.status() == StepStatus::Running || step.undo_in_flight()
            };
            let busy = run.steps().iter().filter(busy).count();
            in_flight += busy;
            if run.status().is_terminal() && busy > 0 {
                return Err(format!("{} is {} with {busy} steps in flight", run.id(), run.status()));
            }
            if run.status() == RunStatus::Stuck && run.to_settle().next().is_none() {
                return Err(format!("C11: {} is stuck, and there is nothing to settle", run.id()));
            }
            let undoing = run.steps().iter().filter(|step| step.undo_in_flight()).count();
            if undoing > 1 {
                return Err(format!("C9: {} undoes {undoing} steps at once", run.id()));
            }
            let (done, all) = run.progress();
            if done > all || run.rollback().is_some_and(|rollback| rollback.done > rollback.total) {
                return Err(format!("{}: progress beyond its end", run.id()));
            }
        }
        let agents: u32 = state.agents().iter().map(|agent| agent.in_flight()).sum();
        if agents as usize != in_flight {
            return Err(format!("{agents} steps in flight by the agents, {in_flight} by the runs"));
        }
        let over = state.agents().iter().find(|agent| agent.in_flight() > agent.concurrency());
        match over {
            Some(agent) => Err(format!("{} works on more than it may", agent.name())),
            None => Ok(()),
        }
    }

    /// What must hold when nothing goes wrong any more and nothing is left to happen.
    pub fn at_rest(state: &State) -> Result<(), String> {
        let restless = state.runs().find(|run| {
            let status = run.status();
            !(status.is_terminal() || status.waits_for_person())
        });
        match restless {
            Some(run) => Err(format!("{} is {} and waits for nothing", run.id(), run.status())),
            None if state.counts().live_runs
                == state.runs().filter(|r| !r.status().is_terminal()).count() =>
            {
                Ok(())
            }
            None => Err("the count of live runs is wrong".to_owned()),
        }
    }
}
