//! Whether an address that is to be acted on is known to be who it says (C28). A sender can write any
//! address into a packet; only a handshake proves that somebody there answers. To block a forged
//! address would be to block somebody who did nothing.

use std::net::IpAddr;

use super::protect::{Prefix, Target, targets};
use super::resolve::Resolved;
use super::{Acts, Engine, Run};
use crate::model::{AgentId, Map, RunId, StepIx};

/// The source address of a finding, and whether a handshake proved it.
fn source(fields: &Map) -> Option<(IpAddr, bool)> {
    let address = fields.get("source_ip")?.as_str()?.parse().ok()?;
    Some((address, fields.get("proven").and_then(|proven| proven.as_bool()) == Some(true)))
}

impl Run {
    /// The source address that it was started for, if no handshake proved that it is not forged.
    pub fn unproven_source(&self) -> Option<IpAddr> {
        let (address, proven) = source(self.detection()?)?;
        (!proven).then_some(address)
    }
}

impl Engine {
    /// Why a step has to be approved, if it would act on the unproven source of what was found. Of a
    /// drill nobody is hurt. What cannot be taken back and does not end is no block: it only looks.
    pub(super) fn unproven(
        &self,
        id: RunId,
        _: StepIx,
        agent: AgentId,
        (action, undo): &Resolved,
    ) -> Option<String> {
        if self.setup.acts == Acts::Always {
            return None;
        }
        let run = self.state.run(id)?;
        let address = run.unproven_source()?;
        // It may have been proven since.
        let latest = run.incident().and_then(|id| self.state.incident(id));
        if latest.and_then(|incident| source(&incident.latest().fields)) == Some((address, true)) {
            return None;
        }
        let spec = self.library.spec(agent)?.actions.get(&action.name)?;
        let blocks = undo.is_some() || action.expires.is_some();
        let own = Prefix::from(address);
        let hits = |target: &Target<'_>| match target {
            Target::Net(prefix) => prefix.forms().any(|form| form.contains(own)),
            _ => false,
        };
        let found = targets(action, &spec.takes, spec.target.as_deref()).ok()?;
        (blocks && found.iter().any(hits))
            .then(|| format!("no handshake proves that {address} is not forged"))
    }
}
