//! Which agent takes a step: `select: best_match` (S5.2).

use super::State;
use crate::model::AgentId;

/// What came of looking for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    Agent(AgentId),
    /// Some fit, none is selectable now.
    Later,
    /// None fits.
    Never,
}

/// The best of the agents that fit: 0.4 × matched share of capabilities (1 here: only agents with all
/// of them fit) + 0.3 × success rate + 0.2 × (1 − mean response in s / 10, at least 0) + 0.1 if idle.
/// `fitting` is in order of name, so that ties are settled by name.
pub(super) fn best_match(state: &State, fitting: &[AgentId]) -> Choice {
    if let [only] = fitting {
        let free = state.agent(*only).is_some_and(|agent| agent.selectable());
        return if free { Choice::Agent(*only) } else { Choice::Later };
    }
    let mut best: Option<(f64, AgentId)> = None;
    for id in fitting {
        let Some(agent) = state.agent(*id).filter(|agent| agent.selectable()) else { continue };
        let speed = (1.0 - agent.mean_response().as_secs_f64() / 10.0).max(0.0);
        let idle = if agent.in_flight() == 0 { 0.1 } else { 0.0 };
        let score = 0.4 + 0.3 * agent.success_rate() + 0.2 * speed + idle;
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, *id));
        }
    }
    match best {
        Some((_, id)) => Choice::Agent(id),
        None if fitting.is_empty() => Choice::Never,
        None => Choice::Later,
    }
}
