//! Who changed a run: what the loser of a race is told (C23).

use crate::engine::{Actor, Event, State};
use crate::model::RunId;

impl State {
    /// Notes the person behind a change of a run that was just folded.
    pub(super) fn credit(&mut self, event: &Event) {
        use Event::*;
        if let ApprovalGiven { run, by, .. } | ApprovalDenied { run, by, .. } = event {
            return self.changed_by(*run, by);
        }
        let (RunPaused { run, by }
        | RunResumed { run, by }
        | RunUnparked { run, by }
        | RollbackStarted { run, by, .. }
        | RunAbandoned { run, by }) = event
        else {
            return;
        };
        self.changed_by(*run, by);
    }

    fn changed_by(&mut self, run: RunId, by: &Actor) {
        if let Some(run) = self.runs.get_mut(run.0) {
            run.changed_by = Some(by.clone()).filter(|by| &*by.0 != "quell");
        }
    }
}
