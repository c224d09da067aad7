//! What the settings protect is not acted against: what is in force against it already is lifted when an
//! entry is added, at a reload and at a start (C27). Everything else of the protected set is known only
//! where effects are performed.

use std::collections::BTreeMap;

use super::lift::STEPS_AT_MOST;
use super::protect::{Entry, targets};
use super::{Actor, Engine, Obligation};
use crate::model::{Action, AgentId, ObligationId};

impl Engine {
    /// The entry of the settings that an action of an agent must not be done against. One that only takes
    /// back may be.
    pub(super) fn protects(&self, agent: AgentId, action: &Action) -> Option<&Entry> {
        let name = self.state.agent(agent)?.name();
        let agent = self.setup.agents.iter().find(|spec| *spec.name == *name);
        let spec = agent.and_then(|agent| agent.actions.get(&action.name));
        if spec.is_some_and(|spec| spec.lifts == Some(true)) {
            return None;
        }
        let (takes, target) = spec.map_or((&[][..], None), |spec| (&spec.takes[..], spec.target.as_deref()));
        // A value that cannot be compared is refused where it would be performed.
        let found = targets(action, takes, target).ok()?;
        self.setup.protected.refuses_any(&found, self.now)
    }

    /// The entry of the settings for whose sake an effect is lifted, whoever holds it.
    pub(super) fn spares(&self, obligation: &Obligation) -> Option<&Entry> {
        self.protects(obligation.agent(), obligation.action())
    }

    /// Lifts what is in force against what the settings protect, and says how much. What is under way is
    /// lifted as soon as it has an outcome.
    pub(super) fn spare_protected(&mut self) -> usize {
        let spared = self.state.ledger().standing().filter(|o| self.spares(o).is_some());
        self.to_spare = spared.map(Obligation::id).collect();
        self.spare_late()
    }

    /// Lifts what of that can be lifted by now.
    pub(super) fn spare_late(&mut self) -> usize {
        if self.to_spare.is_empty() {
            return 0;
        }
        let mut lifts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for id in std::mem::take(&mut self.to_spare) {
            let Some(obligation) = self.state.ledger().get(id).filter(|o| !o.status().is_ended()) else {
                continue;
            };
            let Some(entry) = self.spares(obligation) else { continue };
            if self.cannot_lift(obligation).is_none() {
                let what = obligation.target().map_or_else(|| entry.what.to_string(), ToString::to_string);
                let why = format!("{what} is protected now: {}", entry.reason);
                lifts.entry((obligation.origin().0, why)).or_default().push((obligation.done_seq(), id));
            } else if !obligation.status().can_be_lifted() {
                self.to_spare.insert(id);
            }
        }
        let count = lifts.values().map(Vec::len).sum();
        for ((_, why), mut entries) in lifts {
            entries.sort_unstable_by(|a, b| b.cmp(a));
            for part in entries.chunks(STEPS_AT_MOST) {
                let ids: Vec<ObligationId> = part.iter().map(|(_, id)| *id).collect();
                self.launch_lift(ids, &why, &Actor::engine());
            }
        }
        count
    }
}
