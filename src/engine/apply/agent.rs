//! Agents come, change and go.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{AGENT, AgentState, AgentStatus, Event, State};
use crate::flow::machine::Place;
use crate::model::AgentId;

impl State {
    pub(super) fn agent_joined(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::AgentJoined { agent: id, name, role, kind, concurrency } = event else {
            return Ok(());
        };
        if id.index() == self.agents.len() {
            let (name, role) = (Arc::clone(name), Arc::clone(role));
            self.agents.push(AgentState::new(*id, name, role, *kind, *concurrency, stamp.at));
            return Ok(());
        }
        let agent = self.agent_mut(*id)?;
        agent.place = Place::new(AgentStatus::Initializing, stamp.at);
        (agent.role, agent.kind, agent.concurrency) = (Arc::clone(role), *kind, *concurrency);
        Ok(())
    }

    pub(super) fn agent_changed(&mut self, id: AgentId, to: AgentStatus, stamp: Stamp) -> Result<(), Misfit> {
        let agent = self.agent_mut(id)?;
        AGENT.enter(&mut agent.place, to, stamp.at)?;
        if to == AgentStatus::Idle && agent.in_flight > 0 {
            AGENT.enter(&mut agent.place, AgentStatus::Executing, stamp.at)?;
        }
        Ok(())
    }
}
