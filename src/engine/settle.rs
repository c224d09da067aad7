//! A person settles what the engine cannot know: whether a step in doubt happened (C3), and what comes
//! of an undo that was given up or waits for its next attempt (C11).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answer::MAX_TEXT;
use super::doubt::Remedy;
use super::rollback::UNDO_ATTEMPTS;
use super::{Actor, Engine, Event, ObligationStatus, RollbackCause, Run, RunStatus, StepState, StepStatus};
use crate::model::{Failure, FailureKind, Map, RunId, StepIx, Timestamp};
use crate::workflow::OnFailure;

/// What a person says of a step in doubt, or of an undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Perform it, or undo it, once more under the same key.
    Again,
    /// It may have happened: roll the run back, and undo it too.
    Undo,
    /// It happened, or was undone by hand.
    Done,
    /// It did not happen.
    Failed,
    /// It is not undone, and that is accepted.
    Skip,
}

impl Settled {
    /// Each of them.
    pub const ALL: [Settled; 5] =
        [Settled::Again, Settled::Undo, Settled::Done, Settled::Failed, Settled::Skip];

    /// Its word for people.
    pub fn name(self) -> &'static str {
        match self {
            Settled::Again => "again",
            Settled::Undo => "undo",
            Settled::Done => "done",
            Settled::Failed => "failed",
            Settled::Skip => "skip",
        }
    }

    /// Whether it has to be said why: nobody can look it up later.
    pub fn needs_reason(self) -> bool {
        matches!(self, Settled::Done | Settled::Skip)
    }
}

/// That a person settled a step, or its undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// As what.
    pub settled: Settled,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The attempt that it was about.
    pub attempt: u32,
    /// Why; may be empty.
    pub reason: Arc<str>,
}

impl StepState {
    /// How a person settled it while it was in doubt.
    pub fn settled(&self) -> Option<&Settlement> {
        self.settled.as_deref()
    }
    /// How a person settled its undo.
    pub fn undo_settled(&self) -> Option<&Settlement> {
        self.undo_settled.as_deref()
    }
    /// Whether a person said that it is not undone, and that this is accepted.
    pub fn is_undo_skipped(&self) -> bool {
        self.status() == StepStatus::UndoFailed
            && self.undo_settled().is_some_and(|settlement| settlement.settled == Settled::Skip)
    }
    /// Whether its last attempt is in doubt, and a person said that it is performed again.
    pub(super) fn is_settled_again(&self) -> bool {
        let again = |s: &Settlement| s.settled == Settled::Again && s.attempt == self.attempt();
        self.status() == StepStatus::InDoubt && self.settled().is_some_and(again)
    }
}

impl Run {
    /// As what a person may settle a step now; nothing if there is nothing to settle.
    pub fn may_settle(&self, step: StepIx) -> &'static [Settled] {
        use Settled::*;
        let Some(state) = self.steps().get(step.index()) else { return &[] };
        match (self.status(), state.status()) {
            (RunStatus::Parked, StepStatus::InDoubt | StepStatus::Failed) if self.is_lift() => {
                &[Again, Done, Skip]
            }
            (RunStatus::Parked, StepStatus::InDoubt) => match state.undo() {
                Some(_) => &[Again, Undo, Done, Failed],
                None => &[Again, Done, Failed],
            },
            (RunStatus::RollingBack | RunStatus::Stuck, status) if self.is_left(step) => match status {
                _ if state.undo_in_flight() => &[],
                StepStatus::UndoFailed if !state.undo_given_up => &[Done, Skip],
                StepStatus::UndoFailed | StepStatus::UndoInDoubt | StepStatus::Undoing => {
                    &[Again, Done, Skip]
                }
                // Its turn has not come.
                _ => &[Done, Skip],
            },
            (RunStatus::RollingBack | RunStatus::Stuck, _) if state.is_undo_skipped() => &[Again, Done],
            _ => &[],
        }
    }

    /// The steps that a person may settle now, in plan order.
    pub fn to_settle(&self) -> impl Iterator<Item = StepIx> + '_ {
        let all = (0..self.steps().len()).map(|i| StepIx(i as u16));
        all.filter(|step| !self.may_settle(*step).is_empty())
    }

    /// The steps whose undo a person skipped, in plan order.
    pub fn skipped_undos(&self) -> impl Iterator<Item = StepIx> + '_ {
        let skipped = self.steps().iter().enumerate().filter(|(_, step)| step.is_undo_skipped());
        skipped.map(|(i, _)| StepIx(i as u16))
    }

    /// Whether the effect of a step exists or may exist, and has to be undone still.
    fn is_left(&self, step: StepIx) -> bool {
        let Some(state) = self.steps().get(step.index()) else { return false };
        self.completed().contains(&step)
            && state.undo().is_some()
            && state.status() != StepStatus::Undone
            && !state.is_undo_skipped()
    }

    /// Where the undo of a step stands, in words; `None` if the run is not rolled back, or the step never
    /// acted. The words of agents in it are not safe for a terminal.
    pub fn undo_told(&self, step: StepIx) -> Option<String> {
        self.rollback()?;
        let state = self.steps().get(step.index()).filter(|_| self.completed().contains(&step))?;
        if state.undo().is_none() {
            return Some("nothing to undo".to_owned());
        }
        let attempt = state.undo_attempt();
        let of = |attempt: u32| attempt.div_ceil(UNDO_ATTEMPTS).max(1) * UNDO_ATTEMPTS;
        let because = state.failure().map_or(String::new(), |failure| format!(": {}", failure.message));
        let by_hand = |s: &Settlement, what: &str| format!("{what} by {} at {}: {}", s.by, s.at, s.reason);
        Some(match (state.status(), state.undo_settled()) {
            (StepStatus::UndoFailed, Some(s)) if s.settled == Settled::Skip => {
                by_hand(s, "not undone: skipped")
            }
            (StepStatus::Undone, Some(s)) if s.settled == Settled::Done => by_hand(s, "undone by hand"),
            (StepStatus::Undone, _) => "undone".to_owned(),
            (StepStatus::UndoFailed, _) if !state.undo_given_up => "to be tried again".to_owned(),
            (StepStatus::UndoFailed, _) if attempt == 0 => format!("not undone{because}"),
            (StepStatus::UndoFailed, _) => format!("given up after attempt {attempt}{because}"),
            (StepStatus::UndoInDoubt, _) => format!("in doubt: attempt {attempt} was cut short"),
            (StepStatus::Undoing, _) if state.undo_in_flight() => {
                format!("attempt {attempt} of {} is in flight", of(attempt))
            }
            (StepStatus::Undoing, _) => {
                let at = state.until().map_or(String::new(), |at| format!(" at {}", at.clock()));
                let next = attempt + 1;
                format!("attempt {next} of {}{at}, the last one failed{because}", of(next))
            }
            _ if self.status().is_terminal() => "not undone".to_owned(),
            _ => "its turn comes".to_owned(),
        })
    }
}

impl Engine {
    pub(super) fn on_settle(
        &mut self,
        id: RunId,
        name: &str,
        settled: Settled,
        reason: &str,
        by: &Actor,
    ) -> Result<String, String> {
        let reason = reason.trim();
        if reason.len() > MAX_TEXT {
            return Err(format!("the reason has {} bytes, at most {MAX_TEXT} are taken", reason.len()));
        }
        let step = self.step_named(id, name)?;
        let run = self.known(id)?;
        if !run.may_settle(step).contains(&settled) {
            return Err(cannot(run, step, settled));
        }
        if settled == Settled::Done
            && let Some(why) = self.undone_for_another(run, step)
        {
            return Err(why);
        }
        let word = settled.name();
        if reason.is_empty() && settled.needs_reason() {
            return Err(format!("`{word}` needs a reason: how do you know, and what was decided?"));
        }
        let undo = run.status() != RunStatus::Parked;
        let state = &run.steps()[step.index()];
        let attempt = if undo { state.undo_attempt() } else { state.attempt() };
        let (by_whom, why) = (Box::new(by.clone()), Arc::from(reason));
        self.emit(Event::StepSettled { run: id, step, attempt, undo, settled, reason: why, by: by_whom });
        match undo {
            true => self.settle_undo(id, step, settled),
            false => self.settle_step(id, step, settled, reason, by),
        }
        let what = if undo { "the undo of " } else { "" };
        let stands = self.known(id).map_or(String::new(), |run| self.stands(run));
        Ok(format!("{id}: {what}`{name}` is settled as {word}; {stands}"))
    }

    /// Why a step in doubt cannot be settled as done now: what it may have done is being undone.
    fn undone_for_another(&self, run: &Run, step: StepIx) -> Option<String> {
        let doubted = run.steps()[step.index()].status() == StepStatus::InDoubt && !run.is_lift();
        let action = run.steps()[step.index()].action().filter(|_| doubted)?;
        let effect = self.state.ledger().of_action(action)?;
        let lifting = effect.status() == ObligationStatus::Lifting;
        let other = effect.lifted_by().filter(|other| lifting && *other != run.id())?;
        let (id, name, effect) = (run.id(), run.step_id(step), effect.id());
        Some(format!(
            "`{name}` of {id} cannot be settled as done now: {other} is undoing {effect}; wait for its end"
        ))
    }

    /// A step in doubt of a parked run, or what a lift could not do.
    fn settle_step(&mut self, id: RunId, step: StepIx, settled: Settled, reason: &str, by: &Actor) {
        let attempt = self.state.run(id).map_or(0, |run| run.steps()[step.index()].attempt());
        match settled {
            Settled::Done => {
                self.emit(Event::StepSucceeded { run: id, step, attempt, output: Map::new(), found: false });
            }
            Settled::Failed => return self.settle_failed_step(id, step, attempt, reason, by),
            Settled::Undo => {
                let name = self.state.run(id).map_or("?", |run| run.step_id(step));
                let why = format!("step `{name}` may have happened; {by} has it undone{}", told(reason));
                return self.start_rollback(id, RollbackCause::Cancel, &why, by);
            }
            Settled::Skip => {
                let why = Arc::from(format!("it stays, says {by}{}", told(reason)));
                self.emit(Event::StepSkipped { run: id, step, why });
            }
            Settled::Again => {}
        }
        if self.unsettled(id).is_empty() {
            self.unpark(id, by);
        }
    }

    /// It did not happen: as after a failure of which nothing is owed.
    fn settle_failed_step(&mut self, id: RunId, step: StepIx, attempt: u32, reason: &str, by: &Actor) {
        let message = format!("it did not happen, says {by}{}", told(reason));
        let failure = Arc::new(Failure { kind: FailureKind::Answered, message: message.clone() });
        let failed = Event::StepFailed { run: id, step, attempt, failure, retry_at: None };
        let goes_on = self.definition(id, step).is_some_and(|step| step.on_failure == OnFailure::Continue);
        if !goes_on {
            self.emit(Event::RunUnparked { run: id, by: by.clone() });
            self.emit(failed);
            return self.on_step_given_up(id, step, &message);
        }
        self.emit(failed);
        if self.unsettled(id).is_empty() {
            self.unpark(id, by);
        }
    }

    /// The undo of a step, in a rollback that runs or is stuck.
    fn settle_undo(&mut self, id: RunId, step: StepIx, settled: Settled) {
        if settled == Settled::Again {
            let waits = |run: &Run| run.steps()[step.index()].status() == StepStatus::Undoing;
            return match self.state.run(id).is_some_and(waits) {
                true => self.begin_undo(id, step),
                false => self.roll_on(id),
            };
        }
        self.waiting.remove(id, step);
        self.turns.remove(id, step);
        if settled == Settled::Done {
            let attempt = self.undo_attempt(id, step);
            self.emit(Event::UndoSucceeded { run: id, step, attempt });
        }
        let Some(run) = self.state.run(id) else { return };
        match run.status() {
            RunStatus::Stuck if run.completed().iter().any(|step| run.is_left(*step)) => {}
            RunStatus::Stuck => {
                self.emit(Event::RollbackCompleted { run: id });
                self.after_bad_end(id);
            }
            _ => self.roll_on(id),
        }
    }

    /// Lets a parked run go on; its steps in doubt are performed again, under the same keys.
    pub(super) fn unpark(&mut self, id: RunId, by: &Actor) {
        self.emit(Event::RunUnparked { run: id, by: by.clone() });
        self.watch_run(id);
        self.requeue(id);
        self.again_in_doubt(id);
        self.ask_expired_again(id);
        self.advance(id);
    }

    /// The steps in doubt, and what a lift could not do: a person has to say what comes of them.
    fn unsettled(&self, id: RunId) -> Vec<StepIx> {
        let Some(run) = self.state.run(id) else { return Vec::new() };
        let open = |step: &StepState| {
            let open = step.remedy() != Remedy::Again && !step.is_probing();
            match run.is_lift() {
                true => matches!(step.status(), StepStatus::InDoubt | StepStatus::Failed),
                false => step.status() == StepStatus::InDoubt && open,
            }
        };
        let open = run.steps().iter().enumerate().filter(|(_, step)| open(step));
        open.map(|(i, _)| StepIx(i as u16)).collect()
    }

    /// What a person who settled something wants to know of the run.
    fn stands(&self, run: &Run) -> String {
        let left: Vec<StepIx> = match run.status() {
            RunStatus::Parked => self.unsettled(run.id()),
            RunStatus::Stuck => run.completed().iter().copied().filter(|step| run.is_left(*step)).collect(),
            _ => Vec::new(),
        };
        let status = run.status().to_string().replace('_', " ");
        match left.is_empty() {
            true => format!("the run is {status}"),
            false => {
                let names: Vec<String> = left.iter().map(|ix| format!("`{}`", run.step_id(*ix))).collect();
                format!("the run stays {status}: {} is to be settled", names.join(", "))
            }
        }
    }

    /// The step of a run by its id.
    pub(super) fn step_named(&self, id: RunId, name: &str) -> Result<StepIx, String> {
        let run = self.known(id)?;
        let ids = || run.plan().steps.iter().map(|step| &*step.id);
        let place = ids().position(|step| step == name);
        place.map(|i| StepIx(i as u16)).ok_or_else(|| {
            let known = ids().collect::<Vec<_>>().join(", ");
            format!("{id} has no step `{name}`; there are: {known}")
        })
    }
}

fn told(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// Why a step cannot be settled so, and what is possible now.
fn cannot(run: &Run, step: StepIx, settled: Settled) -> String {
    let (id, name) = (run.id(), run.step_id(step));
    let state = &run.steps()[step.index()];
    let (word, may) = (settled.name(), run.may_settle(step));
    if !may.is_empty() {
        let words: Vec<&str> = may.iter().map(|settled| settled.name()).collect();
        let lacks = settled == Settled::Undo && run.status() == RunStatus::Parked;
        let because = if lacks { ": it has no undo" } else { "" };
        return format!("`{name}` of {id} cannot be settled as {word}{because}; now: {}", words.join(", "));
    }
    if state.undo_in_flight() {
        let hint = if state.is_asked() { "answer it" } else { "wait for its answer" };
        let attempt = state.undo_attempt();
        return format!("the undo of `{name}` of {id} is in flight, attempt {attempt}: {hint}");
    }
    let status = state.status().to_string().replace('_', " ");
    if let Some(first) = state.undo_settled().or(state.settled()) {
        let word = first.settled.name();
        return format!(
            "`{name}` of {id} was settled already: {word}, by {} at {}; it is {status}",
            first.by, first.at
        );
    }
    let others: Vec<String> = run.to_settle().map(|ix| format!("`{}`", run.step_id(ix))).collect();
    let instead = match others.is_empty() {
        true => format!("the run is {}", run.status().to_string().replace('_', " ")),
        false => format!("to be settled: {}", others.join(", ")),
    };
    format!("there is nothing to settle about `{name}` of {id}: it is {status}; {instead}")
}
