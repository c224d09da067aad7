//! Who changed a run: what the loser of a race is told (C23).

use crate::engine::{Event, State};

impl State {
    /// Notes the person behind a change of a run that was just folded.
    pub(super) fn credit(&mut self, event: &Event) {
        use Event::*;
        let (RunPaused { run, by }
        | RunResumed { run, by }
        | RunUnparked { run, by }
        | RollbackStarted { run, by, .. }
        | RunAbandoned { run, by }) = event
        else {
            return;
        };
        if let Some(run) = self.runs.get_mut(run.0) {
            run.changed_by = Some(by.clone()).filter(|by| &*by.0 != "quell");
        }
    }
}
