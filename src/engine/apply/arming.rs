//! Workflows are armed and disarmed.

use std::sync::Arc;

use super::{Misfit, Stamp, unknown};
use crate::engine::{Actor, Arming, State};
use crate::model::Digest;

impl State {
    pub(super) fn workflow_armed(&mut self, workflow: &Arc<str>, hash: Digest, by: &Actor, stamp: Stamp) {
        let arming = Arming { armed: true, hash, by: by.clone(), at: stamp.at, why: None };
        self.arming.insert(Arc::clone(workflow), arming);
    }

    pub(super) fn workflow_disarmed(
        &mut self,
        workflow: &Arc<str>,
        by: &Actor,
        why: &Arc<str>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let arming = self.arming.get_mut(workflow);
        let arming = arming.ok_or_else(|| unknown(format_args!("the armed workflow {workflow}")))?;
        (arming.armed, arming.at) = (false, stamp.at);
        (arming.by, arming.why) = (by.clone(), Some(Arc::clone(why)));
        Ok(())
    }
}
