//! What is in doubt is settled by those who know (C3).

use super::Witness;
use crate::engine::{Event, ProbeOf, Settled};
use crate::model::{Presence, RunId, StepIx};

impl Witness {
    /// Somebody said whether an effect is there.
    pub fn told(&mut self, of: ProbeOf, found: &Presence) {
        let ProbeOf::Step { run, step, undo: false, .. } = of else { return };
        if !matches!(found, Presence::Unknown(_)) && !self.did_nothing(run, found) {
            self.seen.insert((run, step));
        }
    }

    /// Whether what was found says that a step did nothing: a lift leaves nothing, the others something.
    pub(super) fn did_nothing(&self, run: RunId, found: &Presence) -> bool {
        let undone = if self.lifts.contains(&run) { Presence::Present } else { Presence::Absent };
        *found == undone
    }

    pub(super) fn is_asked(&mut self, place: (RunId, StepIx)) {
        self.asked.insert(place);
        self.seen.remove(&place);
        self.absent.remove(&place);
    }

    pub(super) fn settled(&mut self, place: (RunId, StepIx)) {
        self.asked.remove(&place);
        self.in_doubt.remove(&place);
    }

    /// Whether an attempt may be repeated that may have acted: doing it twice is doing it once, or it was
    /// found absent.
    pub(super) fn may_repeat(&self, place: (RunId, StepIx)) -> bool {
        self.absent.contains(&place) || self.attempts.get(&place).is_some_and(|(_, idempotent)| *idempotent)
    }

    pub(super) fn answered(&mut self, run: RunId, step: StepIx, in_doubt: bool) {
        self.running.remove(&(run, step));
        self.verifying.remove(&(run, step));
        if in_doubt {
            self.doubtful.insert((run, step));
        }
    }

    pub(super) fn complete_if_doubtful(&mut self, run: RunId, step: StepIx) {
        if self.doubtful.contains(&(run, step)) {
            self.complete(run, step);
        }
    }

    /// What a person settled is settled: the books follow.
    pub(super) fn settled_by_person(&mut self, event: &Event) {
        let Event::StepSettled { run, step, undo, settled, .. } = event else { return };
        let place = (*run, *step);
        match (undo, settled) {
            (false, Settled::Failed) => {
                self.doubtful.remove(&place);
                self.inherited.insert(place);
            }
            (false, Settled::Done) => {
                self.done_by_hand.insert(place);
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
}
