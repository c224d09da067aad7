//! The setup changes while the engine runs (C17): all of it or nothing. Runs keep the text that they
//! began with; agents that are still there keep what they have in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::Library;
use super::{
    Actor, AgentSpec, AgentState, AgentStatus, Answer, Effect, Engine, Event, Output, Request, Setup,
};
use crate::model::{AgentId, Digest, RequestId, RunId, Timestamp};
use crate::workflow::Workflow;

impl Engine {
    /// Goes on with another setup, and answers request `id`. Says whether it was taken.
    pub fn reload(
        &mut self,
        id: RequestId,
        by: &Actor,
        setup: Arc<Setup>,
        digest: Digest,
        now: Timestamp,
    ) -> (bool, Output) {
        self.now = self.now.max(now);
        if let Err(why) = self.may_take(&setup) {
            self.refuse(id, by.clone(), Request::Reload, why);
            return (false, self.end_of_input());
        }
        self.emit(Event::SetupLoaded { digest: Box::new(digest), by: by.clone() });
        let before = std::mem::replace(&mut self.setup, Arc::clone(&setup));
        let agents = self.change_agents();
        self.library = Library::bind(&setup, &self.state);
        self.disarm_edited();
        let kept: Vec<RunId> = self.state.runs().map(|run| run.id()).collect();
        kept.into_iter().for_each(|run| self.keep_text(run));
        self.look_for_agents_again();
        let spared = match self.spare_protected() {
            0 => String::new(),
            1 => "; 1 effect is lifted: its target is protected now".to_owned(),
            n => format!("; {n} effects are lifted: their targets are protected now"),
        };
        let workflows = compared(&before.workflows, &setup.workflows);
        let answer = Answer::Accepted(format!(
            "the setup is taken: agents {agents}; workflows {workflows}; runs keep the text that they began with{spared}"
        ));
        self.wish(Effect::Answer { id, answer });
        (true, self.end_of_input())
    }

    fn may_take(&self, setup: &Setup) -> Result<(), String> {
        if self.draining {
            return Err("quell is stopping and takes no other setup".to_owned());
        }
        if setup.kind != self.setup.kind {
            let (is, was) = (setup.kind.name(), self.setup.kind.name());
            return Err(format!("the setup is for {is} now, the journal for {was}: they never mix"));
        }
        Ok(())
    }

    /// Lets new and changed agents join, and those that are gone leave.
    fn change_agents(&mut self) -> String {
        let setup = Arc::clone(&self.setup);
        let (mut new, mut changed) = (0, 0);
        for spec in &setup.agents {
            let known = self.state.agents().iter().find(|agent| agent.name() == &*spec.name);
            let present = known.filter(|agent| agent.status() != AgentStatus::ShuttingDown);
            match present {
                Some(agent) if same(agent, spec) => continue,
                Some(_) => changed += 1,
                None => new += 1,
            }
            let agent = known.map_or(AgentId(self.state.agents().len() as u32), AgentState::id);
            self.join_agent(agent, spec);
        }
        let gone = self.leave_agents();
        format!("{new} new, {changed} changed, {gone} gone")
    }
}

fn same(agent: &AgentState, spec: &AgentSpec) -> bool {
    agent.role() == &*spec.role && agent.kind() == spec.kind && agent.concurrency() == spec.concurrency
}

fn compared(before: &BTreeMap<Arc<str>, Arc<Workflow>>, now: &BTreeMap<Arc<str>, Arc<Workflow>>) -> String {
    let new = now.keys().filter(|name| !before.contains_key(*name)).count();
    let gone = before.keys().filter(|name| !now.contains_key(*name)).count();
    let changed = now.iter().filter(|(name, w)| before.get(*name).is_some_and(|old| old.hash != w.hash));
    format!("{new} new, {} changed, {gone} gone", changed.count())
}
