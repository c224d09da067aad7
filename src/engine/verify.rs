//! `verify`: an action that answered "done" has succeeded only when its effect was found, an undo only
//! when nothing of it was.

use super::{Engine, Event, RunStatus, StepState};
use crate::model::planted::{Bug, planted};
use crate::model::{Failure, FailureKind, Map, Presence, RunId, Span, StepIx, Timestamp};
use crate::workflow::{VerifiedBy, Verify};

/// Between two questions, at least and at most: each pause is as long as it took so far.
const PAUSE: (Span, Span) = (Span::from_millis(500), Span::from_secs(10));

impl Engine {
    fn verify(&self, id: RunId, ix: StepIx) -> Option<&Verify> {
        self.definition(id, ix)?.verify.as_ref()
    }

    fn verifies_by_probe(&self, id: RunId, ix: StepIx) -> bool {
        self.verify(id, ix).is_some_and(|verify| matches!(verify.by, VerifiedBy::Probe))
    }

    /// The action answered "done".
    pub(super) fn on_performed(&mut self, id: RunId, ix: StepIx, output: Map) {
        let Some(run) = self.state.run(id) else { return };
        let attempt = run.steps()[ix.index()].attempt();
        let Some(within) = self.verify(id, ix).map(|verify| verify.within) else {
            return self.emit(Event::StepSucceeded { run: id, step: ix, attempt, output, found: false });
        };
        if run.status() == RunStatus::RollingBack {
            // It is undone anyway, verified or not.
            return self.emit(Event::StepCancelled { run: id, step: ix, in_doubt: true });
        }
        let until = self.now + within;
        self.emit(Event::StepPerformed { run: id, step: ix, attempt, output, until });
        self.ask(id, ix, false);
    }

    /// A step in doubt is done: its effect was found. To find it is to verify it, unless something else says so.
    pub(super) fn on_found_done(&mut self, id: RunId, ix: StepIx) {
        if self.verify(id, ix).is_some() && !self.verifies_by_probe(id, ix) {
            return self.on_performed(id, ix, Map::new());
        }
        let attempt = self.state.run(id).map_or(0, |run| run.steps()[ix.index()].attempt());
        let output = Map::new();
        self.emit(Event::StepSucceeded { run: id, step: ix, attempt, output, found: false });
    }

    /// Something was found out about a step that was performed.
    pub(super) fn on_verified(&mut self, id: RunId, ix: StepIx, found: &Presence) {
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        let attempt = step.attempt();
        if *found == Presence::Present || planted(Bug::VerifyIgnored) {
            let output = Map::new();
            self.emit(Event::StepSucceeded { run: id, step: ix, attempt, output, found: false });
            return self.go_on(id);
        }
        if self.asks_again(id, ix, false, found, self.next_question(step)) {
            return;
        }
        let what = if self.verifies_by_probe(id, ix) { "its effect" } else { "what verifies it" };
        let message = match found {
            Presence::Unknown(_) => format!("it was performed, but whether {what} is there is {found}"),
            _ if self.verifies_by_probe(id, ix) => "it was performed, but its effect is absent".to_owned(),
            _ => "it was performed, but what verifies it says no".to_owned(),
        };
        self.on_step_failed(id, ix, Failure { kind: FailureKind::Unverified, message });
    }

    /// The undo answered "done".
    pub(super) fn on_undo_performed(&mut self, id: RunId, ix: StepIx) {
        let attempt = self.undo_attempt(id, ix);
        if planted(Bug::UndoneTwice) && attempt == 1 {
            let message = "once more".to_owned();
            return self.on_undo_failed(id, ix, Failure { kind: FailureKind::Answered, message });
        }
        let probed = self.state.run(id).and_then(|run| run.steps().get(ix.index())?.action());
        let within = self.verify(id, ix).map(|verify| verify.within);
        match within.filter(|_| self.verifies_by_probe(id, ix) && probed.is_some_and(|action| action.probe)) {
            Some(within) => {
                let until = self.now + within;
                self.emit(Event::UndoPerformed { run: id, step: ix, attempt, until });
                self.ask(id, ix, true);
            }
            None => {
                self.emit(Event::UndoSucceeded { run: id, step: ix, attempt });
                self.roll_on(id);
            }
        }
    }

    /// Something was found out about a step that was undone.
    pub(super) fn on_undo_verified(&mut self, id: RunId, ix: StepIx, found: &Presence) {
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        let attempt = step.undo_attempt();
        if *found == Presence::Absent {
            self.emit(Event::UndoSucceeded { run: id, step: ix, attempt });
            return self.roll_on(id);
        }
        if self.asks_again(id, ix, true, found, self.next_question(step)) {
            return;
        }
        let message = match found {
            Presence::Unknown(_) => {
                format!("it answered that it is undone, but whether it is there is {found}")
            }
            _ => "it answered that it is undone, but its effect is still there".to_owned(),
        };
        self.on_undo_failed(id, ix, Failure { kind: FailureKind::Unverified, message });
    }

    /// When it is asked once more, if there is time.
    fn next_question(&self, step: &StepState) -> Option<Timestamp> {
        let until = step.verify_until.get().filter(|until| self.now < *until)?;
        let pause = self.now.since(step.since()).clamp(PAUSE.0, PAUSE.1);
        Some((self.now + pause).min(until))
    }

    fn asks_again(
        &mut self,
        id: RunId,
        ix: StepIx,
        undo: bool,
        found: &Presence,
        again_at: Option<Timestamp>,
    ) -> bool {
        self.found(id, ix, undo, found, again_at);
        self.watch_step(id, ix);
        again_at.is_some()
    }
}
