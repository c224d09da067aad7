//! How time passes for a run (C13): it stands still while the run is paused, waits for a person or is
//! halted; what waits for its next attempt begins neither early nor late, and the deadline is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Actor, Event, NewRun, Record, Setup, StepWait};
use crate::flow::backoff::Backoff;
use crate::model::{Digest, Failure, FailureKind, RunId, Span, StepIx, Timestamp};

/// The delays between attempts to undo, or to lift.
const UNDO: Backoff =
    Backoff { first: Span::from_secs(1), factor_percent: 200, max: Span::from_secs(60), jitter_percent: 10 };
/// After that many attempts a person is asked.
const UNDO_ATTEMPTS: u32 = 5;
/// What is due this long ago is late.
const SLACK: Span = Span::from_secs(1);

/// Where a run stands, as far as time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Runs,
    /// It is paused, or waits for a person.
    Held,
    /// It is rolled back, or over: nothing waits forward.
    Over,
}

#[derive(Debug)]
struct Watch {
    workflow: Digest,
    is_lift: bool,
    /// A person asked for it: a halt does not hold it.
    by_hand: bool,
    pace: Pace,
    created: Timestamp,
    /// How long it may take.
    limit: Option<Span>,
    /// How long it stood still, and since when it does.
    stood: Span,
    stands_since: Option<Timestamp>,
}

impl Watch {
    /// The time that passed for it.
    fn passed(&self, now: Timestamp) -> Span {
        let until = self.stands_since.map_or(now, |since| since.min(now));
        Span(until.since(self.created).0.saturating_sub(self.stood.0))
    }

    fn stops(&mut self, at: Timestamp) {
        self.stands_since.get_or_insert(at);
    }

    fn goes_on(&mut self, at: Timestamp) {
        if let Some(since) = self.stands_since.take() {
            self.stood = Span(self.stood.0 + at.since(since).0);
        }
    }
}

/// The clock of every run.
#[derive(Debug)]
pub struct Clock {
    /// Of each step of each text of a workflow.
    backoffs: BTreeMap<(Digest, StepIx), Backoff>,
    runs: BTreeMap<RunId, Watch>,
    /// What waits for its next attempt, and when it is due by the clock of its run.
    due: BTreeMap<(RunId, StepIx), Span>,
    halted: bool,
    started: Timestamp,
}

impl Clock {
    pub fn new(setups: &[Arc<Setup>]) -> Self {
        let workflows = setups.iter().flat_map(|setup| setup.workflows.values());
        let steps = workflows.flat_map(|workflow| {
            let backoffs = workflow.steps.iter().map(|step| step.retry.backoff).enumerate();
            backoffs.map(|(i, backoff)| ((workflow.hash, StepIx(i as u16)), backoff))
        });
        Clock {
            backoffs: steps.collect(),
            runs: BTreeMap::new(),
            due: BTreeMap::new(),
            halted: false,
            started: Timestamp::MIN,
        }
    }

    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        use Event::*;
        let at = record.at;
        match &record.event {
            Recovered { .. } => self.started = at,
            RunCreated(new) => self.created(new, at),
            Halted { .. } => {
                self.halted = true;
                let held = |run: &&mut Watch| run.pace == Pace::Runs && !run.by_hand;
                self.runs.values_mut().filter(held).for_each(|run| run.stops(at));
            }
            Released { .. } => {
                self.halted = false;
                self.runs.values_mut().filter(|run| run.pace == Pace::Runs).for_each(|run| run.goes_on(at));
            }
            RunPaused { run, .. } | RunParked { run, .. } => self.goes_at(*run, Pace::Held, at),
            RunResumed { run, .. } | RunUnparked { run, .. } => self.goes_at(*run, Pace::Runs, at),
            RollbackStarted { run, .. }
            | RunCompleted { run }
            | RunFailed { run, .. }
            | RollbackCompleted { run }
            | RunAbandoned { run, .. } => {
                self.goes_at(*run, Pace::Over, at);
                self.due.retain(|(other, _), _| other != run);
            }
            StepFailed { run, step, attempt, failure, retry_at } => {
                self.begins((*run, *step), at)?;
                if let Some(retry_at) = retry_at {
                    self.waits((*run, *step), *attempt, failure, at, *retry_at)?;
                }
            }
            UndoFailed { run, step, attempt, failure, retry_at: Some(retry_at) } => {
                let name = format!("the undo of step {} of {run}", step.0);
                delay_fits(&name, UNDO, attempt % UNDO_ATTEMPTS, failure, retry_at.since(at))?;
            }
            StepStarted { run, step, .. }
            | StepJoined { run, step, .. }
            | StepSkipped { run, step, .. }
            | StepWaiting { run, step, wait: StepWait::Agent | StepWait::Lease, .. } => {
                self.begins((*run, *step), at)?;
            }
            ApprovalAsked(asked) => self.begins((asked.run, asked.step), at)?,
            StepCancelled { run, step, .. } | StepSettled { run, step, undo: false, .. } => {
                self.due.remove(&(*run, *step));
            }
            _ => {}
        }
        Ok(())
    }

    fn created(&mut self, new: &NewRun, at: Timestamp) {
        let by_hand = !new.lifts.is_empty() && new.by != Actor::engine();
        let watch = Watch {
            workflow: new.hash,
            is_lift: !new.lifts.is_empty(),
            by_hand,
            pace: Pace::Runs,
            created: at,
            limit: new.deadline.map(|deadline| deadline.since(at)),
            stood: Span::ZERO,
            stands_since: (self.halted && !by_hand).then_some(at),
        };
        self.runs.insert(new.run, watch);
    }

    fn goes_at(&mut self, run: RunId, pace: Pace, at: Timestamp) {
        let halted = self.halted;
        let Some(run) = self.runs.get_mut(&run) else { return };
        run.pace = pace;
        match pace {
            Pace::Held => run.stops(at),
            Pace::Runs if halted && !run.by_hand => run.stops(at),
            Pace::Runs | Pace::Over => run.goes_on(at),
        }
    }

    /// A step is to be tried again: after a delay of the right length.
    fn waits(
        &mut self,
        place: (RunId, StepIx),
        attempt: u32,
        failure: &Failure,
        at: Timestamp,
        retry_at: Timestamp,
    ) -> Result<(), String> {
        let Some(run) = self.runs.get(&place.0) else { return Ok(()) };
        let name = format!("step {} of {}", place.1.0, place.0);
        let (backoff, attempt) = match run.is_lift {
            true => (Some(UNDO), attempt % UNDO_ATTEMPTS),
            false => (self.backoffs.get(&(run.workflow, place.1)).copied(), attempt),
        };
        let delay = retry_at.since(at);
        if let Some(backoff) = backoff {
            delay_fits(&name, backoff, attempt, failure, delay)?;
        }
        self.due.insert(place, Span(run.passed(at).0 + delay.0));
        Ok(())
    }

    /// What waited for its next attempt begins, or waits for something else from here on.
    fn begins(&mut self, place: (RunId, StepIx), at: Timestamp) -> Result<(), String> {
        let Some(due) = self.due.remove(&place) else { return Ok(()) };
        let Some(run) = self.runs.get(&place.0) else { return Ok(()) };
        let passed = run.passed(at);
        if passed < due {
            let early = Span(due.0 - passed.0);
            return Err(format!(
                "C13: step {} of {} begins {early:?} before its delay is over",
                place.1.0, place.0
            ));
        }
        Ok(())
    }

    /// How long something is overdue, if the engine lives and its run goes on.
    fn overdue(&self, run: &Watch, due: Span, now: Timestamp) -> Option<Span> {
        if run.pace != Pace::Runs || run.stands_since.is_some() {
            return None;
        }
        let late = Span(run.passed(now).0.saturating_sub(due.0)).min(now.since(self.started));
        (late > SLACK).then_some(late)
    }

    /// Whether a run took longer than it may.
    pub fn is_over(&self, run: RunId, now: Timestamp) -> bool {
        let Some(run) = self.runs.get(&run) else { return false };
        run.limit.is_some_and(|limit| run.passed(now) >= limit)
    }

    pub fn nothing_is_late(&self, now: Timestamp) -> Result<(), String> {
        for ((id, step), due) in &self.due {
            let Some(run) = self.runs.get(id) else { continue };
            // A lift waits for an agent without a word.
            if let Some(late) = self.overdue(run, *due, now).filter(|_| !run.is_lift) {
                return Err(format!("C13: step {} of {id} should have begun {late:?} ago", step.0));
            }
        }
        for (id, run) in &self.runs {
            if let Some(late) = run.limit.and_then(|limit| self.overdue(run, limit, now)) {
                return Err(format!("C14: {id} goes on, and its deadline was {late:?} ago"));
            }
        }
        Ok(())
    }
}

/// The delay before another attempt is the one of its policy. What was held back before it began, or is
/// known not to have happened, is no failure of an attempt.
fn delay_fits(
    name: &str,
    backoff: Backoff,
    attempt: u32,
    failure: &Failure,
    delay: Span,
) -> Result<(), String> {
    let (least, most) = (backoff.delay(attempt, 0), backoff.delay(attempt, u64::MAX));
    if failure.kind == FailureKind::NotSent || (least <= delay && delay <= most) {
        return Ok(());
    }
    Err(format!("C13: {name} is tried again after {delay:?}, but its delay is {least:?} to {most:?}"))
}
