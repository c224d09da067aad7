//! What will happen, in order of time; of what happens at one time, what was planned first.

use std::collections::BTreeMap;

use crate::engine::Input;
use crate::model::Timestamp;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// Something reaches the engine.
    Input(Input),
    /// A disk that was slow has written.
    Written,
    /// The disk may be back.
    TryDisk,
    /// Somebody has the files of the setup read anew.
    Reload,
    /// It is stopped in good order, and started again.
    Restart,
}

/// What will happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    planned: BTreeMap<(Timestamp, u64), Happening>,
    number: u64,
}

impl Agenda {
    /// Plans one thing, and returns its number.
    pub fn plan(&mut self, at: Timestamp, what: Happening) -> u64 {
        self.number += 1;
        self.planned.insert((at, self.number), what);
        self.number
    }

    /// How much was planned so far.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When the next thing happens.
    pub fn next(&self) -> Option<Timestamp> {
        self.planned.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes what is due.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Happening> {
        let entry = self.planned.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// The process is gone: nobody waits for the disk any more, and few answers find their way.
    pub fn forget_answers(&mut self, mut survives: impl FnMut() -> bool) {
        self.planned.retain(|_, what| match what {
            Happening::Input(Input::StepFinished { .. } | Input::Probed { .. }) => survives(),
            Happening::Input(_) | Happening::Reload | Happening::Restart => true,
            Happening::Written | Happening::TryDisk => false,
        });
    }
}
