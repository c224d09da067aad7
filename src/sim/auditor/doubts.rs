//! An undo in doubt that may not be done twice is not repeated unless somebody says so (C3).

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Event;
use crate::model::{Presence, RunId, StepIx};

type Place = (RunId, StepIx);

/// Undos without an outcome.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Whether the last attempt to undo a step may be done twice.
    harmless: BTreeMap<Place, bool>,
    /// Those that may have happened, and may not be done twice.
    open: BTreeSet<Place>,
    /// Those of which the effect was found to be there still.
    present: BTreeSet<Place>,
}

impl Doubts {
    pub fn record(&mut self, event: &Event) -> Result<(), String> {
        use Event::*;
        match event {
            UndoStarted { run, step, action, attempt, .. } => {
                let place = (*run, *step);
                if self.open.contains(&place) {
                    let name = format!("step {} of {run}", step.0);
                    return Err(format!(
                        "C3: the undo of {name} may have happened and may not be repeated, and attempt {attempt} begins"
                    ));
                }
                self.harmless.insert(place, action.idempotent);
                self.present.remove(&place);
            }
            UndoInDoubt { run, step, .. } => self.doubt((*run, *step)),
            UndoFailed { run, step, failure, .. } if failure.kind.in_doubt() => self.doubt((*run, *step)),
            StepProbed { run, step, undo: true, found, .. } if **found == Presence::Present => {
                self.open.remove(&(*run, *step));
                self.present.insert((*run, *step));
            }
            StepSettled { run, step, undo: true, .. } => {
                self.open.remove(&(*run, *step));
            }
            // A person has a rollback that is stuck tried again.
            RollbackStarted { run, by, .. } if &*by.0 != "quell" => {
                self.open.retain(|(other, _)| other != run);
            }
            _ => {}
        }
        Ok(())
    }

    fn doubt(&mut self, place: Place) {
        if self.harmless.get(&place) == Some(&false) && !self.present.contains(&place) {
            self.open.insert(place);
        }
    }
}
