//! Placeholders become typed values, and the undo is worked out before the action is performed (C10).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ActionSpec, Context, Engine, Means};
use crate::model::{Action, AgentId, Map, RunId, StepIx, Value};
use crate::workflow::{Scope, StepView, Template, Undo};

/// A forward action and what will reverse it.
pub(super) type Resolved = (Arc<Action>, Option<Arc<Action>>);

impl Engine {
    /// Looks at the values within reach of a run.
    pub(super) fn in_scope<T>(&self, run: RunId, look: impl FnOnce(&Scope<'_>) -> T) -> T {
        let nothing = Map::new();
        let run = self.state.run(run);
        let steps = |id: &str| {
            let run = run?;
            let ix = run.plan().steps.iter().position(|step| &*step.id == id)?;
            let step = run.steps().get(ix)?;
            Some(StepView {
                status: crate::flow::machine::Status::name(step.status()),
                output: step.output(),
                assumed: step.is_assumed(),
            })
        };
        look(&Scope {
            inputs: run.map_or(&nothing, |run| run.inputs()),
            detection: run.and_then(|run| run.detection()),
            run: run.map(|run| run.id()),
            steps: &steps,
        })
    }

    /// What an attempt of a step is part of.
    pub(super) fn context(&self, run: RunId, ix: StepIx, agent: AgentId) -> Context {
        let Some(run) = self.state.run(run) else { return Context::default() };
        Context {
            workflow: Arc::clone(&run.workflow),
            step: run.plan.steps.get(ix.index()).map_or_else(Default::default, |step| Arc::clone(&step.id)),
            agent: self.state.agent(agent).map_or_else(Default::default, |agent| Arc::clone(&agent.name)),
            incident: run.incident,
            detection: run.detection.clone(),
        }
    }

    pub(super) fn resolve(&self, run: RunId, ix: StepIx, agent: AgentId) -> Result<Resolved, String> {
        let step = self.definition(run, ix).ok_or("its workflow is not known any more")?;
        let spec = self.library.spec(agent).ok_or("its agent is not in the setup")?;
        let action = spec.actions.get(&step.action).ok_or("its agent does not offer the action")?;
        let given = self.in_scope(run, |scope| render(&step.with, scope))?;
        let mut unknown = self.in_scope(run, |scope| unknown(&step.with, scope));
        let forward = check(&step.action, action, given, &unknown)?;

        let bound = self.state.run(run).and_then(|run| self.library.get(run.hash()));
        let bound = bound.and_then(|bound| bound.steps.get(ix.index()));
        let Some(name) = bound.and_then(|step| step.undo_action.clone()) else {
            return Ok((Arc::new(forward), None));
        };
        let undoer = bound.and_then(|step| step.undo.first()).and_then(|id| self.library.spec(*id));
        let undo = undoer.and_then(|spec| spec.actions.get(&name));
        let undo = undo.ok_or_else(|| format!("no agent offers its undo `{name}`"))?;
        let own = match &step.undo {
            Undo::Action { with, .. } => {
                unknown.retain(|name| with.iter().all(|(own, _)| own != name));
                unknown.extend(self.in_scope(run, |scope| self::unknown(with, scope)));
                self.in_scope(run, |scope| render(with, scope))?
            }
            Undo::Default | Undo::None(_) => Map::new(),
        };
        let mut args = Map::new();
        for (name, _) in &undo.takes {
            if let Some(value) = own.get(&**name).or_else(|| forward.args.get(&**name)) {
                args.insert(name.to_string(), value.clone());
            }
        }
        if let Some((unknown, _)) = own.iter().find(|(name, _)| !args.contains_key(*name)) {
            return Err(format!("undo `{name}` takes no `{unknown}`"));
        }
        let undo = check(&name, undo, args, &unknown)?;
        Ok((Arc::new(forward), Some(Arc::new(undo))))
    }
}

fn render(with: &[(Arc<str>, Template)], scope: &Scope<'_>) -> Result<Map, String> {
    let value = |(name, template): &(Arc<str>, Template)| {
        let value = template.render(scope).map_err(|why| format!("`{name}`: {why}"))?;
        Ok((name.to_string(), value))
    };
    with.iter().map(value).collect()
}

/// The arguments that nobody can know in a run that observes.
fn unknown(with: &[(Arc<str>, Template)], scope: &Scope<'_>) -> BTreeSet<Arc<str>> {
    let unknown = with.iter().filter(|(_, template)| template.is_unknown(scope));
    unknown.map(|(name, _)| Arc::clone(name)).collect()
}

/// Checks arguments against the catalogue; the last look before they are recorded. Those that
/// are `unknown` are left as they are.
fn check(
    name: &Arc<str>,
    spec: &ActionSpec,
    args: Map,
    unknown: &BTreeSet<Arc<str>>,
) -> Result<Action, String> {
    let fit = |(arg, value): (String, Value)| {
        let Some((_, kind)) = spec.takes.iter().find(|(taken, _)| **taken == *arg) else {
            return Err(format!("`{name}` takes no `{arg}`"));
        };
        if unknown.contains(&*arg) {
            return Ok((arg, value));
        }
        let value = kind.fit(value).map_err(|why| format!("`{arg}` of `{name}`: {why}"))?;
        Ok((arg, value))
    };
    let args: Map = args.into_iter().map(fit).collect::<Result<_, _>>()?;
    let missing =
        spec.takes.iter().find(|(arg, _)| !spec.optional.contains(arg) && !args.contains_key(&**arg));
    if let Some((arg, kind)) = missing {
        return Err(format!("`{name}` needs `{arg}` ({kind})"));
    }
    let target = spec.target.as_ref().and_then(|target| args.get(&**target));
    let target = target.map(|value| match value.as_str() {
        Some(text) => Arc::from(text),
        None => Arc::from(value.to_string()),
    });
    let question = match &spec.means {
        Means::Manual(question) => Some(question.render(&args)),
        _ => None,
    };
    Ok(Action { name: Arc::clone(name), args, target, idempotent: spec.idempotent, question })
}
