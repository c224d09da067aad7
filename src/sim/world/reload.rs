//! The files of the setup change: while it runs, and while it is down.

use std::sync::Arc;

use super::World;
use crate::model::{Digest, RequestId};
use crate::sim::fault::Fault;
use crate::sim::trace::note;

impl World {
    /// Somebody has another setup read (C17).
    pub(super) fn reload(&mut self) {
        if self.on_hold() || !self.goes_wrong(Fault::Reload, 100) {
            return;
        }
        let which = self.dice.below(self.setups.len() as u64) as usize;
        let Some(setup) = self.setups.get(which).cloned() else { return };
        note!(self, "{} > reload {which}", self.now.clock());
        let (by, digest) = (self.person(), Digest([which as u8; 32]));
        let (taken, output) = self.engine.reload(RequestId(98), &by, Arc::clone(&setup), digest, self.now);
        self.offer(output);
        if taken {
            self.setup = setup;
        }
    }

    /// The files may have been edited while nobody ran.
    pub(super) fn edit_while_down(&mut self) {
        let edited = self.dice.chance(10);
        let which = self.dice.below(self.setups.len() as u64) as usize;
        if self.happens(Fault::EditedDown, edited)
            && let Some(setup) = self.setups.get(which).cloned()
        {
            note!(self, "{} ! setup {which} from now on", self.now.clock());
            self.setup = setup;
        }
    }
}
