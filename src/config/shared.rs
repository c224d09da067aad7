//! Who offers an action, and whether values fit what it takes.

use std::collections::BTreeSet;

use crate::engine::{ActionSpec, AgentSpec};
use crate::flow::fault::{Fault, suggest};
use crate::model::{Value, ValueType};
use crate::workflow::{Path, Requirement, Template, Workflow};

/// Whether an agent is what a step asks for.
pub(super) fn fits(requires: &Requirement, agent: &AgentSpec) -> bool {
    requires.agent.as_ref().is_none_or(|name| *name == agent.name)
        && requires.role.as_ref().is_none_or(|role| *role == agent.role)
        && requires.capabilities.iter().all(|needed| agent.capabilities.contains(needed))
}

/// The agents that fit and offer an action.
pub(super) fn offered<'a>(
    agents: &[&'a AgentSpec],
    action: &str,
    requires: Option<&Requirement>,
) -> Vec<(&'a AgentSpec, &'a ActionSpec)> {
    let fitting = agents.iter().filter(|agent| requires.is_none_or(|requires| fits(requires, agent)));
    fitting.filter_map(|agent| Some((*agent, agent.actions.get(action)?))).collect()
}

/// Whether every value of one type is one of the other, once it has its form.
pub(super) fn flows(from: ValueType, to: ValueType) -> bool {
    use ValueType::*;
    from == to
        || match to {
            Text => true,
            Address => matches!(from, Ipv4 | Ipv6),
            Prefix | Host => matches!(from, Ipv4 | Ipv6 | Address),
            Number => from == Port,
            _ => false,
        }
}

/// What an action takes, seen from a step of a workflow.
pub(super) struct Arguments<'a> {
    pub workflow: &'a Workflow,
    /// The action.
    pub name: &'a str,
    pub spec: &'a ActionSpec,
}

impl Arguments<'_> {
    /// The type of an argument.
    pub fn kind(&self, argument: &str) -> Option<ValueType> {
        self.spec.takes.iter().find(|(name, _)| &**name == argument).map(|(_, kind)| *kind)
    }

    /// Checks one argument as far as it is known before a run.
    pub fn check(&self, argument: &str, template: &Template) -> Result<(), Fault> {
        let Some(wants) = self.kind(argument) else {
            let known = self.spec.takes.iter().map(|(name, _)| &**name);
            let fault = Fault::new(format!("`{}` takes no `{argument}`", self.name));
            return Err(fault.maybe_hint(suggest(argument, known)));
        };
        if let Some(value) = template.as_constant() {
            return wants.check(value).map_err(|why| self.unfit(argument, &why, value, wants));
        }
        let found = match template.as_path() {
            Some(Path::Input(name)) => {
                self.workflow.inputs.iter().find(|input| *input.name == **name).map(|input| input.kind)
            }
            Some(Path::RunId | Path::Status(_)) if !matches!(wants, ValueType::User | ValueType::Host) => {
                Some(ValueType::Text)
            }
            _ => None,
        };
        match (found, template.as_path()) {
            (Some(found), Some(path)) if !flows(found, wants) => {
                let message =
                    format!("`{argument}` of `{}` is {wants}, but `${{{path}}}` is {found}", self.name);
                let hint = matches!(path, Path::Input(_)).then(|| format!("declare the input as {wants}"));
                Err(Fault::new(message).maybe_hint(hint))
            }
            _ => Ok(()),
        }
    }

    fn unfit(&self, argument: &str, why: &str, value: &Value, wants: ValueType) -> Fault {
        let fault = Fault::new(format!("`{argument}` of `{}`: {why}", self.name));
        let quoted = !value.is_string() && wants.check(&Value::String(value.to_string())).is_ok();
        fault.maybe_hint(quoted.then(|| "put it in quotes".to_owned()))
    }

    /// The arguments that have to be given and are not.
    pub fn missing(&self, given: &BTreeSet<&str>) -> Option<Fault> {
        let needed = self.spec.takes.iter().filter(|(name, _)| !self.spec.optional.contains(name));
        let missing: Vec<String> = needed
            .filter(|(name, _)| !given.contains(&**name))
            .map(|(name, kind)| format!("`{name}` ({kind})"))
            .collect();
        (!missing.is_empty()).then(|| Fault::new(format!("`{}` needs {}", self.name, missing.join(" and "))))
    }
}
