//! Why an agent was chosen: the figures of all that could have been, as they were then (S5.2).

use crate::cli::output::words::span;
use crate::engine::{AgentState, Fitness, State};
use crate::model::AgentId;
use crate::workflow::Requirement;

/// Agents that are named beside the chosen one.
const OTHERS: usize = 4;

/// An agent that a step could have gone to, as it stood when it was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What `best_match` goes by.
    pub fitness: Fitness,
    /// Steps in flight, and how many it may take at once.
    pub load: (u32, u32),
    /// Whether it had answered at all before.
    pub tried: bool,
    /// Whether it could take one more.
    pub free: bool,
    /// Whether it got the step.
    pub chosen: bool,
}

fn candidate(agent: &AgentState, chosen: AgentId) -> Candidate {
    Candidate {
        name: agent.name().to_owned(),
        fitness: Fitness::of(agent),
        load: (agent.in_flight(), agent.concurrency()),
        tried: agent.totals() != (0, 0),
        free: agent.selectable(),
        chosen: agent.id() == chosen,
    }
}

/// Everyone of the role, or of the name, that a step asks for; the chosen one first, then the fittest.
/// Capabilities and catalogues are in no record: one of the role may lack something.
pub fn candidates(requires: Option<&Requirement>, chosen: AgentId, state: &State) -> Vec<Candidate> {
    let fits = |agent: &&AgentState| {
        let Some(requires) = requires else { return agent.id() == chosen };
        let named = requires.agent.as_ref().is_none_or(|name| **name == *agent.name());
        let role = requires.role.as_ref().is_none_or(|role| **role == *agent.role());
        agent.id() == chosen || (named && role)
    };
    let mut all: Vec<Candidate> =
        state.agents_present().filter(fits).map(|agent| candidate(agent, chosen)).collect();
    all.sort_by(|a, b| {
        let fittest = b.fitness.score().total_cmp(&a.fitness.score());
        b.chosen.cmp(&a.chosen).then(fittest).then_with(|| a.name.cmp(&b.name))
    });
    all
}

/// In one sentence.
pub fn why(candidates: &[Candidate], requires: Option<&Requirement>) -> Option<String> {
    let (chosen, others) = candidates.split_first()?;
    let name = &chosen.name;
    if let Some(agent) = requires.and_then(|requires| requires.agent.as_ref()).filter(|_| others.is_empty()) {
        return Some(format!("{agent}: the step names it"));
    }
    if others.is_empty() {
        let role = requires.and_then(|requires| requires.role.as_ref());
        return Some(match role {
            Some(role) => format!("{name}: the only agent of the role {role}"),
            None => format!("{name}: the only agent that fits"),
        });
    }
    let listed: Vec<String> = others.iter().take(OTHERS).map(|other| beside(other, chosen)).collect();
    let rest = match others.len().saturating_sub(OTHERS) {
        0 => String::new(),
        rest => format!("; and {rest} more"),
    };
    Some(format!("{name}: the best match, {}; {}{rest}", figures(chosen), listed.join("; ")))
}

/// `0.98 (100 % of its last succeeded, 0.8 s on average, idle)`.
fn figures(of: &Candidate) -> String {
    let Fitness { success_rate, mean_response, idle } = of.fitness;
    let busy = if idle { "idle".to_owned() } else { format!("{} of {} busy", of.load.0, of.load.1) };
    if !of.tried {
        return format!("{:.3} (nothing done yet, {busy})", of.fitness.score());
    }
    let (score, ok, mean) = (of.fitness.score(), success_rate * 100.0, span(mean_response));
    format!("{score:.3} ({ok:.0} % succeeded, {mean} on average, {busy})")
}

fn beside(other: &Candidate, chosen: &Candidate) -> String {
    let Candidate { name, load: (busy, most), .. } = other;
    if !other.free {
        let why = if busy < most { "not ready".to_owned() } else { format!("all {most} busy") };
        return format!("{name} was {why}");
    }
    // Ties are settled by name.
    let by_score = other.fitness.score().total_cmp(&chosen.fitness.score());
    let better = by_score.then_with(|| chosen.name.cmp(&other.name)).is_gt();
    let but = if better { ", but does not fit" } else { "" };
    format!("{name} {}{but}", figures(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn of(name: &str, rate: f64, secs: u64, load: u32) -> Candidate {
        let fitness = Fitness { success_rate: rate, mean_response: Span::from_secs(secs), idle: load == 0 };
        Candidate {
            name: name.to_owned(),
            fitness,
            load: (load, 2),
            tried: true,
            free: load < 2,
            chosen: false,
        }
    }

    #[test]
    fn s5_2_the_figures_of_a_choice_are_told() {
        let role = Requirement { role: Some("WALL".into()), ..Requirement::default() };
        let named = Requirement { agent: Some("w1".into()), ..Requirement::default() };
        let first = of("w1", 1.0, 2, 0);
        for (others, requires, told) in [
            (vec![], Some(&role), "w1: the only agent of the role WALL"),
            (vec![], Some(&named), "w1: the step names it"),
            (
                vec![of("w2", 0.5, 2, 1), of("w3", 1.0, 0, 2), of("w0", 1.0, 2, 0)],
                Some(&role),
                "w1: the best match, 0.960 (100 % succeeded, 2.0 s on average, idle); w2 0.710 (50 % succeeded, \
                 2.0 s on average, 1 of 2 busy); w3 was all 2 busy; w0 0.960 (100 % succeeded, 2.0 s on \
                 average, idle), but does not fit",
            ),
        ] {
            let all: Vec<Candidate> = std::iter::once(first.clone()).chain(others).collect();
            assert_eq!(why(&all, requires).unwrap(), told);
        }
    }
}
