//! Which agent takes a step: `select: best_match` (S5.2).

use super::{AgentState, State};
use crate::model::{AgentId, Span};

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

/// What `best_match` goes by, of one agent at one time. It follows from the records before the choice,
/// so that it needs no place in a record of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitness {
    /// Share of its last 100 outcomes that were successes.
    pub success_rate: f64,
    /// Its mean time from intent to outcome over them.
    pub mean_response: Span,
    /// Whether it has nothing in flight.
    pub idle: bool,
}

impl Fitness {
    /// Of an agent as it stands.
    pub fn of(agent: &AgentState) -> Self {
        Fitness {
            success_rate: agent.success_rate(),
            mean_response: agent.mean_response(),
            idle: agent.in_flight() == 0,
        }
    }

    /// 0.4 × matched share of capabilities (1 here: only agents with all of them fit) + 0.3 × success
    /// rate + 0.2 × (1 − mean response in s / 10, at least 0) + 0.1 if idle.
    pub fn score(&self) -> f64 {
        let speed = (1.0 - self.mean_response.as_secs_f64() / 10.0).max(0.0);
        let idle = if self.idle { 0.1 } else { 0.0 };
        0.4 + 0.3 * self.success_rate + 0.2 * speed + idle
    }
}

/// The fittest of the agents that fit. `fitting` is in order of name, so that ties are settled by name.
pub(super) fn best_match(state: &State, fitting: &[AgentId]) -> Choice {
    if let [only] = fitting {
        let free = state.agent(*only).is_some_and(|agent| agent.selectable());
        return if free { Choice::Agent(*only) } else { Choice::Later };
    }
    let mut best: Option<(f64, AgentId)> = None;
    for id in fitting {
        let Some(agent) = state.agent(*id).filter(|agent| agent.selectable()) else { continue };
        let score = Fitness::of(agent).score();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitness_is_success_speed_and_leisure() {
        for (success_rate, secs, idle, score) in [
            (1.0, 0, true, 1.0),
            (1.0, 0, false, 0.9),
            (0.5, 0, false, 0.75),
            (1.0, 5, false, 0.8),
            (1.0, 10, false, 0.7),
            (1.0, 25, false, 0.7),
            (0.0, 25, true, 0.5),
            (0.0, 2, false, 0.56),
        ] {
            let fitness = Fitness { success_rate, mean_response: Span::from_secs(secs), idle };
            assert!((fitness.score() - score).abs() < 1e-9, "{fitness:?}: {}", fitness.score());
        }
    }
}
