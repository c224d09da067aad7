//! Placeholders become typed values, and the undo is worked out before the action is performed (C10).

use std::sync::Arc;

use super::bound::{BoundStep, Library};
use super::{ActionSpec, Context, Engine, Lifts, Means};
use crate::model::{Action, AgentId, Args, Map, RunId, Span, StepIx, Value, ValueType};
use crate::workflow::{Scope, Step, StepView, Template, Undo};

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
            lifts: run
                .lifted_by_step(ix)
                .map(|obligation| Lifts { obligation, by_hand: run.is_lift_by_hand() }),
        }
    }

    /// What a step of a run does by an agent, and what will reverse it.
    pub(super) fn resolve(&self, run: RunId, ix: StepIx, agent: AgentId) -> Result<Resolved, String> {
        let bound = self.state.run(run).and_then(|run| self.library.get(run.hash()));
        let parts = bound.and_then(|b| Some((b.workflow.steps.get(ix.index())?, b.steps.get(ix.index())?)));
        let (step, bound) = parts.ok_or("its workflow is not known any more")?;
        if let Some((_, fixed)) = bound.fixed.iter().find(|(id, _)| *id == agent) {
            return Ok(fixed.clone());
        }
        self.in_scope(run, |scope| self.library.resolve(step, bound, agent, scope))
    }
}

impl Library {
    fn resolve(
        &self,
        step: &Step,
        bound: &BoundStep,
        agent: AgentId,
        scope: &Scope<'_>,
    ) -> Result<Resolved, String> {
        let spec = self.spec(agent).ok_or("its agent is not in the setup")?;
        let action = spec.actions.get(&step.action).ok_or("its agent does not offer the action")?;
        let given = unknown(&step.with, scope);
        let mut args = render(&step.with, scope)?;
        let expires = expiry(action, &mut args, &given)?;
        let forward = Action { expires, ..check(&step.action, action, args, &given)? };

        let Some(name) = &bound.undo_action else { return Ok((Arc::new(forward), None)) };
        let undoer = bound.undo.first().and_then(|id| self.spec(*id));
        let undo = undoer.and_then(|spec| spec.actions.get(name));
        let undo = undo.ok_or_else(|| format!("no agent offers its undo `{name}`"))?;
        let own = undo_arguments(step);
        let mut args = render(own, scope)?;
        let takes = |name: &str| undo.takes.iter().any(|(taken, _)| **taken == *name);
        if let Some((unknown, _)) = args.iter().find(|(name, _)| !takes(name)) {
            return Err(format!("undo `{name}` takes no `{unknown}`"));
        }
        for (name, _) in &undo.takes {
            if let (false, Some(value)) = (args.iter().any(|(own, _)| own == name), forward.args.get(name)) {
                args.push((Arc::clone(name), value.clone()));
            }
        }
        // What the undo takes over from the step is as unknown as it is there.
        let taken_over = given.iter().copied().filter(|name| own.iter().all(|(own, _)| **own != **name));
        let unknown: Vec<&str> = taken_over.chain(unknown(own, scope)).collect();
        let undo = check(name, undo, args, &unknown)?;
        Ok((Arc::new(forward), Some(Arc::new(undo))))
    }

    /// The action that verifies a step, and who performs it: as with an undo, who could do the step, else
    /// anybody.
    pub(super) fn resolve_check(
        &self,
        step: &Step,
        name: &Arc<str>,
        with: &[(Arc<str>, Template)],
        scope: &Scope<'_>,
    ) -> Result<(AgentId, Arc<Action>), String> {
        let same = self.offering(name, Some(&step.requires));
        let all = if same.is_empty() { self.offering(name, None) } else { same };
        let found = all.first().and_then(|id| Some((*id, self.spec(*id)?.actions.get(name)?)));
        let (agent, spec) = found.ok_or_else(|| format!("no agent offers `{name}`, which verifies it"))?;
        Ok((agent, Arc::new(check(name, spec, render(with, scope)?, &[])?)))
    }

    /// What a step without placeholders does, by agent: the same in every run, worked out once. What
    /// cannot be resolved is left to the run, which says why.
    pub(super) fn fixed(&self, step: &Step, bound: &BoundStep) -> Vec<(AgentId, Resolved)> {
        let mut templates = step.with.iter().chain(undo_arguments(step));
        if !templates.all(|(_, template)| template.as_constant().is_some()) {
            return Vec::new();
        }
        let scope = Scope { inputs: &Map::new(), detection: None, run: None, steps: &|_| None };
        let resolved = |agent: &AgentId| Some((*agent, self.resolve(step, bound, *agent, &scope).ok()?));
        bound.forward.iter().filter_map(resolved).collect()
    }
}

/// How long the effect is to last. Where the action takes no argument of that name, quell ends the effect.
fn expiry(
    spec: &ActionSpec,
    args: &mut Vec<(Arc<str>, Value)>,
    unknown: &[&str],
) -> Result<Option<Span>, String> {
    let Some(place) = args.iter().position(|(name, _)| &**name == "expires") else { return Ok(None) };
    let takes = spec.takes.iter().any(|(name, kind)| &**name == "expires" && *kind == ValueType::Duration);
    let other = spec.takes.iter().any(|(name, _)| &**name == "expires") && !takes;
    let value = if takes || other { args[place].1.clone() } else { args.remove(place).1 };
    if other || unknown.contains(&"expires") {
        return Ok(None);
    }
    let span = value.as_str().and_then(|text| text.parse().ok());
    span.map(Some).ok_or_else(|| format!("`expires`: expected a duration such as 1h, found {value}"))
}

/// The arguments that the file gives to the undo of a step.
fn undo_arguments(step: &Step) -> &[(Arc<str>, Template)] {
    match &step.undo {
        Undo::Action { with, .. } => with,
        Undo::Default | Undo::None(_) => &[],
    }
}

fn render(with: &[(Arc<str>, Template)], scope: &Scope<'_>) -> Result<Vec<(Arc<str>, Value)>, String> {
    let value = |(name, template): &(Arc<str>, Template)| {
        let value = template.render(scope).map_err(|why| format!("`{name}`: {why}"))?;
        Ok((Arc::clone(name), value))
    };
    with.iter().map(value).collect()
}

/// The arguments that nobody can know in a run that observes.
fn unknown<'a>(with: &'a [(Arc<str>, Template)], scope: &Scope<'_>) -> Vec<&'a str> {
    let unknown = with.iter().filter(|(_, template)| template.is_unknown(scope));
    unknown.map(|(name, _)| &**name).collect()
}

/// Checks arguments against the catalogue; the last look before they are recorded. Those that
/// are `unknown` are left as they are.
fn check(
    name: &Arc<str>,
    spec: &ActionSpec,
    args: Vec<(Arc<str>, Value)>,
    unknown: &[&str],
) -> Result<Action, String> {
    let fit = |(arg, value): (Arc<str>, Value)| {
        let Some((arg, kind)) = spec.takes.iter().find(|(taken, _)| **taken == *arg) else {
            return Err(format!("`{name}` takes no `{arg}`"));
        };
        if unknown.contains(&&**arg) {
            return Ok((Arc::clone(arg), value));
        }
        let value = kind.fit(value).map_err(|why| format!("`{arg}` of `{name}`: {why}"))?;
        Ok((Arc::clone(arg), value))
    };
    let args: Args = args.into_iter().map(fit).collect::<Result<_, _>>()?;
    let missing = spec.takes.iter().find(|(arg, _)| !spec.optional.contains(arg) && !args.contains_key(arg));
    if let Some((arg, kind)) = missing {
        return Err(format!("`{name}` needs `{arg}` ({kind})"));
    }
    let target = spec.target.as_ref().and_then(|target| args.get(target));
    let target = target.map(|value| match value.as_str() {
        Some(text) => Arc::from(text),
        None => Arc::from(value.to_string()),
    });
    let question = match &spec.means {
        Means::Manual(question) => Some(question.render(&args)),
        _ => None,
    };
    let (idempotent, probe) = (spec.idempotent, spec.probe.is_some());
    Ok(Action { name: Arc::clone(name), args, target, idempotent, probe, question, expires: None })
}
