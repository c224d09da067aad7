//! What a person said, and what was only assumed.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Answered, Event, STEP, State, StepStatus};

impl State {
    pub(super) fn step_assumed(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepAssumed { run: id, step: ix, agent, action, undo, undecided, protected } = event
        else {
            return Ok(());
        };
        self.agent_mut(*agent)?;
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        STEP.enter(&mut step.place, StepStatus::Succeeded, stamp.at)?;
        step.assumed = true;
        step.agent = Some(*agent);
        step.action = Some(Arc::clone(action));
        step.undo.clone_from(undo);
        step.undecided = undecided.as_deref().cloned();
        step.protected = protected.as_deref().cloned();
        step.ended_at = stamp.at.into();
        run.done += 1;
        Ok(())
    }

    pub(super) fn step_answered(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepAnswered { run: id, step: ix, undo, done, text, by, .. } = event else {
            return Ok(());
        };
        let (run, _) = self.step_mut(*id, *ix)?;
        run.steps[ix.index()].answered = Some(Arc::new(Answered {
            by: by.as_ref().clone(),
            at: stamp.at,
            undo: *undo,
            done: *done,
            text: Arc::clone(text),
        }));
        Ok(())
    }
}
