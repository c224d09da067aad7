//! Workflows bound to the agents of the setup: who can take each step is worked out once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::resolve::Resolved;
use super::{AgentSpec, Setup, State};
use crate::model::{AgentId, Digest};
use crate::workflow::{Requirement, Undo, Workflow};

/// Workflows by hash, each bound; and the present workflow of each name.
#[derive(Debug, Default)]
pub(super) struct Library {
    by_hash: BTreeMap<Digest, Arc<Bound>>,
    by_name: BTreeMap<Arc<str>, Arc<Bound>>,
    /// Place in `Setup::agents` by agent id.
    specs: Vec<Option<usize>>,
    setup: Option<Arc<Setup>>,
}

/// A workflow, and who can take its steps.
#[derive(Debug)]
pub(super) struct Bound {
    pub workflow: Arc<Workflow>,
    pub steps: Vec<BoundStep>,
}

/// Who can take a step, and who can undo it, in order of name.
#[derive(Debug, Default)]
pub(super) struct BoundStep {
    pub forward: Vec<AgentId>,
    pub undo: Vec<AgentId>,
    /// The action that undoes it, if there is one.
    pub undo_action: Option<Arc<str>>,
    /// What it does by each agent, if that is the same in every run.
    pub fixed: Vec<(AgentId, Resolved)>,
}

impl Library {
    pub fn bind(setup: &Arc<Setup>, state: &State) -> Library {
        let spec = |name: &str| setup.agents.iter().position(|spec| *spec.name == *name);
        let mut library = Library {
            specs: state.agents().iter().map(|agent| spec(agent.name())).collect(),
            setup: Some(Arc::clone(setup)),
            ..Library::default()
        };
        for workflow in setup.workflows.values() {
            let bound = library.add(workflow);
            library.by_name.insert(Arc::clone(&workflow.name), bound);
        }
        library
    }

    /// Binds a workflow, for example one that a run of an earlier setup began with.
    pub fn add(&mut self, workflow: &Arc<Workflow>) -> Arc<Bound> {
        let steps = workflow.steps.iter().map(|step| {
            let forward = self.offering(&step.action, Some(&step.requires));
            let undo_action = match &step.undo {
                Undo::None(_) => None,
                Undo::Action { action, .. } => Some(Arc::clone(action)),
                Undo::Default => forward
                    .first()
                    .and_then(|agent| self.spec(*agent)?.actions.get(&step.action)?.undo.clone()),
            };
            let undo = undo_action.as_ref().map_or_else(Vec::new, |action| {
                let same = self.offering(action, Some(&step.requires));
                if same.is_empty() { self.offering(action, None) } else { same }
            });
            let bound = BoundStep { forward, undo, undo_action, fixed: Vec::new() };
            BoundStep { fixed: self.fixed(step, &bound), ..bound }
        });
        let bound = Arc::new(Bound { workflow: Arc::clone(workflow), steps: steps.collect() });
        self.by_hash.insert(workflow.hash, Arc::clone(&bound));
        bound
    }

    /// How many there are, of earlier setups too.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub fn get(&self, hash: Digest) -> Option<&Arc<Bound>> {
        self.by_hash.get(&hash)
    }

    pub fn named(&self, name: &str) -> Option<&Arc<Bound>> {
        self.by_name.get(name)
    }

    /// The present workflows, in order of name.
    pub fn present(&self) -> impl Iterator<Item = &Arc<Bound>> {
        self.by_name.values()
    }

    pub fn spec(&self, agent: AgentId) -> Option<&AgentSpec> {
        let place = (*self.specs.get(agent.index())?)?;
        self.setup.as_ref()?.agents.get(place)
    }

    /// Agents of a role that offer an action; if there are none, any that offer it. In order of name.
    pub fn of_role(&self, action: &str, role: &str) -> Vec<AgentId> {
        let requires = Requirement { agent: None, role: Some(Arc::from(role)), capabilities: Vec::new() };
        let same = self.offering(action, Some(&requires));
        if same.is_empty() { self.offering(action, None) } else { same }
    }

    /// Agents that offer an action and fit, in order of name.
    pub fn offering(&self, action: &str, requires: Option<&Requirement>) -> Vec<AgentId> {
        let ids = (0..self.specs.len() as u32).map(AgentId);
        let fits = |id: &AgentId| {
            self.spec(*id).is_some_and(|spec| {
                spec.actions.contains_key(action) && requires.is_none_or(|requires| fits(requires, spec))
            })
        };
        let mut found: Vec<AgentId> = ids.filter(fits).collect();
        found.sort_by_key(|id| self.spec(*id).map(|spec| Arc::clone(&spec.name)));
        found
    }
}

/// Whether an agent has the name, the role and every capability that a step asks for (S2.10).
fn fits(requires: &Requirement, spec: &AgentSpec) -> bool {
    requires.agent.as_ref().is_none_or(|name| *name == spec.name)
        && requires.role.as_ref().is_none_or(|role| *role == spec.role)
        && requires.capabilities.iter().all(|needed| spec.capabilities.contains(needed))
}
