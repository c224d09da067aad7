//! How much of everything an engine holds: for the proof that nothing grows without a limit.

use super::state::DETECTIONS_REMEMBERED;
use super::{Engine, Setup, State};

/// One collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// What it holds.
    pub of: &'static str,
    /// How much.
    pub count: usize,
    /// The named limit, where there is one. What has none must follow from what is going on.
    pub limit: Option<usize>,
}

fn free(of: &'static str, count: usize) -> Size {
    Size { of, count, limit: None }
}

fn limited(of: &'static str, count: usize, limit: usize) -> Size {
    Size { of, count, limit: Some(limit) }
}

impl State {
    /// Every collection of the state. `setup` has the limits.
    pub fn sizes(&self, setup: &Setup) -> Vec<Size> {
        let limits = &setup.limits;
        // Those over the limit leave together, a few at a time.
        let finished = limits.finished + (limits.finished / 10).clamp(1, 100);
        let most = |counts: &mut dyn Iterator<Item = usize>| counts.max().unwrap_or(0);
        vec![
            free("agents", self.agents.len()),
            free("runs", self.runs.len()),
            limited("live runs", self.counts.live_runs, limits.live_runs),
            limited("ended runs", self.finished.len(), finished),
            free("places for runs", self.runs.places()),
            free("incidents", self.incidents.len()),
            free("open incidents", self.counts.open_incidents),
            limited("closed incidents", self.closed.len(), finished),
            free("places for incidents", self.incidents.places()),
            free("most runs of an incident", most(&mut self.incidents.iter().map(|i| i.runs.len()))),
            free("keys of incidents", self.by_key.len()),
            free("keys of runs", self.by_dedup.len()),
            free("leases", self.leases.len()),
            limited("standing obligations", self.ledger.standing_count(), limits.in_force),
            limited("ended obligations", self.ledger.ended.len(), finished),
            free("places for obligations", self.ledger.obligations.places()),
            free("effects", self.ledger.by_effect.len()),
            free("most holders of an obligation", most(&mut self.ledger.iter().map(|o| o.holders.len()))),
            free("texts of workflows", self.workflows.len()),
            free("armed workflows", self.arming.len()),
            limited("detections", self.detections.len(), DETECTIONS_REMEMBERED),
            limited("detections in order", self.detections_order.len(), DETECTIONS_REMEMBERED),
            free("approvals", self.approvals.len()),
            free("unconfirmed effects", self.unconfirmed.len()),
            free("accounts", self.accounts.len() + self.workflow_accounts.len()),
        ]
    }
}

impl Engine {
    /// Every collection of the engine beside its state.
    pub fn sizes(&self) -> Vec<Size> {
        let (lanes, waiting) = self.waiting.sizes();
        let (lines, turns, freed) = self.turns.sizes();
        let (asked, to_ask) = self.expiries.sizes();
        vec![
            free("timers", self.timers.len()),
            free("lanes of those who wait for an agent", lanes),
            free("those who wait for an agent", waiting),
            free("lines at targets", lines),
            free("those who wait for a turn", turns),
            free("targets that became free", freed),
            free("obligations that are asked for", asked),
            free("obligations to ask for", to_ask),
            free("obligations to spare", self.to_spare.len()),
            free("repeats held back", self.mailbox.len()),
            free("bound workflows", self.library.len()),
        ]
    }
}
