//! The kill switch (C30): while it is on, nothing is begun of the engine's own accord, forward or undo.

use std::sync::Arc;

use super::{Actor, Effect, Engine, Event, Run, StepState, StepStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{Failure, FailureKind, RunId, Span, StepIx, Timestamp};

/// Between two attempts of what was not begun.
const NOT_BEGUN_RETRY: Span = Span::from_secs(1);

/// That everything is halted, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    pub(super) by: Actor,
    pub(super) why: Arc<str>,
    pub(super) at: Timestamp,
}

impl Halt {
    /// Who asked for it.
    pub fn by(&self) -> &Actor {
        &self.by
    }
    /// Why; may be empty.
    pub fn why(&self) -> &str {
        &self.why
    }
    /// Since when.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl Engine {
    /// Whether nothing of a run may be begun: the engine is about to stop, or everything is halted. A run
    /// that observes touches nothing, and goes on in a halt; so does a lift that a person asked for.
    pub(super) fn holds(&self, run: RunId) -> bool {
        let by_hand = || {
            let run = self.state.run(run);
            run.is_some_and(|run| run.is_lift_by_hand() || (planted(Bug::HaltLetsExpiry) && run.is_lift()))
        };
        self.draining || (self.state.halt().is_some() && !self.observes(run) && !by_hand())
    }

    pub(super) fn on_halt(&mut self, reason: &str, by: &Actor) -> String {
        if let Some(halt) = self.state.halt() {
            return format!("halted already, by {} at {}", halt.by, halt.at);
        }
        let why: Arc<str> = Arc::from(reason.trim());
        self.emit(Event::Halted { by: by.clone(), why: Arc::clone(&why) });
        self.wish(Effect::Halt { by: by.clone(), why });
        let mut stopped = 0;
        for run in self.live_runs() {
            if planted(Bug::HaltStopsNothing) {
                break;
            }
            for (step, attempt, undo) in self.acting(run) {
                self.wish(Effect::Stop { run, step, attempt, undo });
                stopped += 1;
            }
        }
        let waiting = self.state.counts().live_runs;
        let mut told = format!(
            "halted: nothing is begun any more; stopped in flight: {stopped}; live runs that wait: {waiting}"
        );
        let tally = self.state.ledger().tally();
        if tally.standing() > 0 {
            told += &format!("; owed: {}; ends that are held: {}", tally.standing(), tally.by_quell);
        }
        told
    }

    /// The attempts of a run that are in flight. A person who was asked is not stopped.
    fn acting(&self, run: RunId) -> Vec<(StepIx, u32, bool)> {
        let Some(run) = self.state.run(run).filter(|run| !run.is_lift_by_hand()) else { return Vec::new() };
        let acts = |step: &StepState| {
            !step.is_asked() && (step.undo_in_flight || step.status() == StepStatus::Running)
        };
        let acting = run.steps().iter().enumerate().filter(|(_, step)| acts(step));
        let attempt = |(i, step): (usize, &StepState)| {
            let undo = step.undo_in_flight;
            (StepIx(i as u16), if undo { step.undo_attempt() } else { step.attempt() }, undo)
        };
        acting.map(attempt).collect()
    }

    /// What was half done is settled by what its action declares, as after a crash, and runs go on.
    pub(super) fn on_release(&mut self, by: &Actor) -> String {
        if self.state.halt().is_none() {
            return "nothing is halted".to_owned();
        }
        self.emit(Event::Released { by: by.clone() });
        self.wish(Effect::Release);
        let live = self.live_runs();
        if self.draining {
            return format!("released; live runs that go on at the next start: {}", live.len());
        }
        // What a person lifts goes on in a halt, and was not stopped by it.
        for run in &live {
            if !self.state.run(*run).is_some_and(Run::is_lift_by_hand) {
                self.doubt(*run);
            }
        }
        for run in &live {
            self.settle(*run);
        }
        self.watch_ledger();
        format!("released; live runs that go on: {}", live.len())
    }

    /// An attempt that the performer held back: there will be another one.
    pub(super) fn on_not_begun(&mut self, id: RunId, ix: StepIx) {
        let Some(run) = self.state.run(id) else { return };
        let attempt = run.steps()[ix.index()].attempt();
        let retry_at = (run.status() != super::RunStatus::RollingBack).then(|| self.now + NOT_BEGUN_RETRY);
        let failure = not_begun();
        self.emit(Event::StepFailed { run: id, step: ix, attempt, failure, retry_at });
        self.watch_step(id, ix);
    }

    /// The same for an undo.
    pub(super) fn on_undo_not_begun(&mut self, id: RunId, ix: StepIx) {
        let (attempt, retry_at) = (self.undo_attempt(id, ix), Some(self.now + NOT_BEGUN_RETRY));
        self.emit(Event::UndoFailed { run: id, step: ix, attempt, failure: not_begun(), retry_at });
        self.watch_step(id, ix);
    }
}

fn not_begun() -> Arc<Failure> {
    Arc::new(Failure { kind: FailureKind::NotSent, message: "it was held back before it began".to_owned() })
}
