//! The agents of one engine, by the number under which they joined its journal.

use std::sync::Arc;

use super::builtin::{BuiltinAgent, Desk};
use super::contain::contain;
use super::drill::DrillAgent;
use super::manual::ManualAgent;
use super::{Agent, Reply};
use crate::engine::{AgentKind, Setup, Task};
use crate::model::{AgentId, FailureKind, Timestamp};

/// Whom to ask.
#[derive(Clone, Default)]
pub struct Crew {
    members: Vec<Option<Arc<dyn Agent>>>,
}

impl Crew {
    /// Builds the agents that joined: `joined` is their numbers and names. One that the setup no
    /// longer has stays unmanned.
    pub fn assemble<'a>(
        setup: &Setup,
        joined: impl IntoIterator<Item = (AgentId, &'a str)>,
        seed: u64,
        desk: &Arc<Desk>,
    ) -> Self {
        let mut crew = Crew::default();
        for (id, name) in joined {
            if let Some(spec) = setup.agents.iter().find(|spec| *spec.name == *name) {
                let agent: Arc<dyn Agent> = match spec.kind {
                    AgentKind::Drill => Arc::new(DrillAgent::new(spec, seed)),
                    AgentKind::Builtin => Arc::new(BuiltinAgent::new(spec, Arc::clone(desk))),
                    AgentKind::Manual => Arc::new(ManualAgent),
                };
                crew.man(id, agent);
            }
        }
        crew
    }

    /// Gives a number its agent.
    pub fn man(&mut self, id: AgentId, agent: Arc<dyn Agent>) {
        if self.members.len() <= id.index() {
            self.members.resize(id.index() + 1, None);
        }
        self.members[id.index()] = Some(agent);
    }

    fn member(&self, id: AgentId) -> Option<&Arc<dyn Agent>> {
        self.members.get(id.index())?.as_ref()
    }

    /// Whether the agent of a task answers at once; see [`Agent::is_instant`].
    pub fn is_instant(&self, task: &Task) -> bool {
        self.member(task.agent).is_none_or(|agent| agent.is_instant())
    }

    /// Performs a task. A panic of the agent is a failure of the task, and leaves its effect in doubt.
    pub fn perform(&self, task: &Task, now: Timestamp) -> Reply {
        let Some(agent) = self.member(task.agent) else {
            return Reply::failed(FailureKind::NotSent, "the agent is not part of the setup any more");
        };
        contain(|| agent.perform(task, now)).unwrap_or_else(|message| {
            tracing::error!(target: "agent", "panic while performing {}: {message}", task.key);
            Reply::failed(FailureKind::NoAnswer, format!("the agent panicked: {message}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::task;
    use crate::model::Outcome;

    struct Clumsy;

    impl Agent for Clumsy {
        fn perform(&self, _: &Task, _: Timestamp) -> Reply {
            panic!("dropped it")
        }
        fn is_instant(&self) -> bool {
            true
        }
    }

    #[test]
    fn c34_a_panic_costs_its_step_only() {
        let mut crew = Crew::default();
        crew.man(AgentId(0), Arc::new(Clumsy));
        let reply = crew.perform(&task(AgentKind::Drill, "x", &[]), Timestamp(0));
        let Reply::Due { outcome: Outcome::Failed(failure), .. } = reply else { panic!("{reply:?}") };
        assert_eq!(
            (failure.kind, &*failure.message),
            (FailureKind::NoAnswer, "the agent panicked: dropped it")
        );
    }

    #[test]
    fn an_agent_that_left_answers_not_sent() {
        let reply = Crew::default().perform(&task(AgentKind::Drill, "x", &[]), Timestamp(0));
        let Reply::Due { outcome: Outcome::Failed(failure), .. } = reply else { panic!("{reply:?}") };
        assert_eq!(failure.kind, FailureKind::NotSent);
    }
}
