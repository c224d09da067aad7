//! What must hold of a state at any moment, and at the end.

use super::Witness;
use crate::engine::{RunStatus, State, StepStatus};
use crate::sim::waits::{waits_for_nothing, waits_for_others};

impl Witness {
    /// What must hold of a state at any moment.
    pub fn state(state: &State) -> Result<(), String> {
        let mut in_flight = 0;
        for run in state.runs() {
            let busy = |step: &&crate::engine::StepState| {
                step.status() == StepStatus::Running || step.undo_in_flight()
            };
            let busy = run.steps().iter().filter(busy).count();
            in_flight += busy;
            if run.status().is_terminal() && busy > 0 {
                return Err(format!("{} is {} with {busy} steps in flight", run.id(), run.status()));
            }
            if run.status() == RunStatus::Stuck && run.to_settle().next().is_none() {
                return Err(format!("C11: {} is stuck, and there is nothing to settle", run.id()));
            }
            let undoing = run.steps().iter().filter(|step| step.undo_in_flight()).count();
            if undoing > 1 {
                return Err(format!("C9: {} undoes {undoing} steps at once", run.id()));
            }
            let (done, all) = run.progress();
            if done > all || run.rollback().is_some_and(|rollback| rollback.done > rollback.total) {
                return Err(format!("{}: progress beyond its end", run.id()));
            }
        }
        let agents: u32 = state.agents().iter().map(|agent| agent.in_flight()).sum();
        if agents as usize != in_flight {
            return Err(format!("{agents} steps in flight by the agents, {in_flight} by the runs"));
        }
        Ok(())
    }

    /// What must hold when nothing goes wrong any more and nothing is left to happen.
    pub fn at_rest(state: &State) -> Result<(), String> {
        // A person may be needed for it to be released.
        if state.halt().is_some() {
            return Ok(());
        }
        let restless = state.runs().find(|run| {
            let status = run.status();
            !(status.is_terminal() || status.waits_for_person() || waits_for_others(state, run))
        });
        match restless {
            Some(run) => Err(waits_for_nothing(state, run)),
            None if state.counts().live_runs
                == state.runs().filter(|r| !r.status().is_terminal()).count() =>
            {
                Ok(())
            }
            None => Err("the count of live runs is wrong".to_owned()),
        }
    }
}
