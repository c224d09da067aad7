//! Workflows against agents: is there somebody for each step, and does each get what it takes?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::WorkflowFile;
use super::actions::difference;
use super::agents::AgentDraft;
use super::shared::{Arguments, offered};
use crate::engine::{ActionSpec, AgentSpec, Means};
use crate::flow::fault::{Fault, did_you_mean, list, suggest};
use crate::flow::yaml::{Node, Place};
use crate::model::{Mistake, ValueType};
use crate::workflow::{Requirement, Step, Undo, VerifiedBy, Workflow};

/// Checks every workflow against the agents and against the other workflows.
pub(super) fn workflows(files: &[WorkflowFile], agents: &[AgentDraft], exercise: bool) -> Vec<Mistake> {
    let agents: Vec<&AgentSpec> = agents.iter().map(|draft| &draft.spec).collect();
    let known = Known::of(&agents);
    let mut wrong = names(files);
    wrong.extend(followers(files));
    for file in files {
        let workflow = &file.draft.workflow;
        for (i, step) in workflow.steps.iter().enumerate() {
            let mut check = StepCheck {
                agents: &agents,
                known: &known,
                workflow,
                step,
                node: file.draft.step(i),
                found: Vec::new(),
            };
            check.run(exercise);
            let found = check.found.into_iter();
            wrong.extend(found.map(|(at, fault)| at.mistake(&file.path, fault.message, fault.hint)));
        }
    }
    wrong
}

/// Workflows of one name.
fn names(files: &[WorkflowFile]) -> Vec<Mistake> {
    let mut seen: BTreeMap<&str, &WorkflowFile> = BTreeMap::new();
    let twice = files.iter().filter_map(|file| {
        let name = &*file.draft.workflow.name;
        let first = seen.insert(name, file)?;
        let at = file.draft.tree.get("workflow").map_or(Place::START, |node| node.at);
        let hint = format!("the other one is {}", first.path);
        (name != "?")
            .then(|| at.mistake(&file.path, format!("two workflows have the name `{name}`"), Some(hint)))
    });
    twice.collect()
}

/// `on_failure` of workflows: it names one that is there, and does not come round.
fn followers(files: &[WorkflowFile]) -> Vec<Mistake> {
    let next: BTreeMap<&str, Option<&str>> = files
        .iter()
        .map(|file| (&*file.draft.workflow.name, file.draft.workflow.on_failure.as_deref()))
        .collect();
    let mut wrong = Vec::new();
    for file in files {
        let (name, Some(follower)) = (&*file.draft.workflow.name, file.draft.workflow.on_failure.as_deref())
        else {
            continue;
        };
        let at = file.draft.tree.get("on_failure").map_or(Place::START, |node| node.at);
        if !next.contains_key(follower) {
            let message = format!("there is no workflow `{follower}`");
            wrong.push(at.mistake(&file.path, message, suggest(follower, next.keys().copied())));
            continue;
        }
        let mut walk = vec![name];
        let mut current = Some(follower);
        while let Some(here) = current.filter(|here| !walk.contains(here)) {
            walk.push(here);
            current = next.get(here).copied().flatten();
        }
        // Each circle is reported once: by its first member in order of name.
        if current == Some(name) && walk.iter().min() == Some(&name) {
            walk.push(name);
            let message = format!("workflows follow each other in a circle: {}", walk.join(" → "));
            wrong.push(at.mistake(&file.path, message, Some("remove one `on_failure`".to_owned())));
        }
    }
    wrong
}

/// Every name that steps can ask for.
struct Known<'a> {
    agents: BTreeSet<&'a str>,
    roles: BTreeSet<&'a str>,
    capabilities: BTreeSet<&'a str>,
    actions: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(agents: &[&'a AgentSpec]) -> Self {
        Known {
            agents: agents.iter().map(|agent| &*agent.name).collect(),
            roles: agents.iter().map(|agent| &*agent.role).collect(),
            capabilities: agents.iter().flat_map(|agent| &agent.capabilities).map(|name| &**name).collect(),
            actions: agents.iter().flat_map(|agent| agent.actions.keys()).map(|name| &**name).collect(),
        }
    }
}

struct StepCheck<'a> {
    agents: &'a [&'a AgentSpec],
    known: &'a Known<'a>,
    workflow: &'a Workflow,
    step: &'a Step,
    node: &'a Node,
    found: Vec<(Place, Fault)>,
}

impl<'a> StepCheck<'a> {
    fn at(&self, key: &str) -> Place {
        self.node.get(key).map_or(self.node.at, |node| node.at)
    }

    fn run(&mut self, exercise: bool) {
        let step = self.step;
        if &*step.action == "?" || !self.names_are_known() {
            return;
        }
        let offers = offered(self.agents, &step.action, Some(&step.requires));
        let Some((_, action)) = offers.first().copied() else { return self.nobody() };
        if let Some((agent, differs)) = offers.iter().find_map(|(a, s)| Some((a, difference(action, s)?))) {
            let fault = Fault::new(format!("the agents that fit differ in {differs} of `{}`", step.action));
            let hint = format!("name a `role`; `{}` is one that differs", agent.name);
            self.found.push((self.at("action"), fault.hint(hint)));
            return;
        }
        self.arguments(action);
        self.undo(action);
        self.deadline(action);
        self.verify(action);
        if !exercise {
            self.ends(action);
        }
    }

    /// What acts on addresses ends by itself, or people were asked (C28): a block that is forgotten is a
    /// block for ever.
    fn ends(&mut self, forward: &ActionSpec) {
        let Step { action, approval, confirm, undo, with, .. } = self.step;
        let kind = forward
            .target
            .as_ref()
            .and_then(|target| forward.takes.iter().find(|(name, _)| name == target).map(|(_, kind)| *kind));
        let on_addresses =
            matches!(kind, Some(ValueType::Ipv4 | ValueType::Ipv6 | ValueType::Address | ValueType::Prefix));
        let undone = match undo {
            Undo::None(_) => false,
            Undo::Default => forward.undo.is_some(),
            Undo::Action { .. } => true,
        };
        let by_hand = matches!(forward.means, Means::Manual(_));
        let ends =
            with.iter().any(|(name, _)| &**name == "expires") || approval.is_some() || confirm.is_some();
        if on_addresses && undone && !ends && !by_hand && forward.lifts != Some(true) {
            let fault = Fault::new(format!("`{action}` acts on an address and does not end by itself"));
            let hint = "say when it does, for example `expires: 1h`, or have people asked: `approval: true`";
            self.found.push((self.node.at, fault.hint(hint)));
        }
    }

    /// What says that the step was done has to be there, and must change nothing.
    fn verify(&mut self, forward: &ActionSpec) {
        let Some(verify) = &self.step.verify else { return };
        let written = self.node.get("verify");
        let at = self.at("verify");
        let VerifiedBy::Action { action, with } = &verify.by else {
            if forward.probe.is_none() {
                let fault = Fault::new(format!("`{}` has no `probe` that could verify it", self.step.action));
                let hint = "give it one in the catalogue of its agent, or name an `action` that verifies";
                self.found.push((at, fault.hint(hint)));
            }
            return;
        };
        let at = written.and_then(|node| node.get("action")).map_or(at, |node| node.at);
        let same = offered(self.agents, action, Some(&self.step.requires));
        let all = if same.is_empty() { offered(self.agents, action, None) } else { same };
        let Some((_, spec)) = all.first().copied() else {
            let fault = Fault::new(format!("no agent offers `{action}`, which should verify the step"));
            let hint = suggest(action, self.known.actions.iter().copied());
            return self.found.push((at, fault.maybe_hint(hint)));
        };
        if spec.undo.is_some() {
            let fault =
                Fault::new(format!("`{action}` has an undo, so it changes something: it cannot verify"));
            self.found.push((at, fault.hint("name an action that only looks")));
        } else if matches!(spec.means, Means::Manual(_)) {
            let fault = Fault::new(format!("a person does `{action}`: it cannot verify"));
            self.found.push((at, fault.hint("ask the person in a step of its own")));
        }
        let arguments = Arguments { workflow: self.workflow, name: action, spec };
        let written = written.and_then(|node| node.get("with"));
        for (name, template) in with {
            let place = written
                .and_then(|with| with.entry(name))
                .map_or(at, |entry| if arguments.kind(name).is_none() { entry.at } else { entry.value.at });
            self.found.extend(arguments.check(name, template).err().map(|fault| (place, fault)));
        }
        let given: BTreeSet<&str> = with.iter().map(|(name, _)| &**name).collect();
        if let Some(fault) = arguments.missing(&given) {
            self.found.push((written.map_or(at, |node| node.at), fault));
        }
    }

    /// People take longer than the default timeout: a step of theirs says how long.
    fn deadline(&mut self, forward: &ActionSpec) {
        let by_hand = |spec: &ActionSpec| matches!(spec.means, Means::Manual(_));
        let undone_by = match (&self.step.undo, &forward.undo) {
            (Undo::Action { action, .. }, _) | (Undo::Default, Some(action)) => {
                let same = offered(self.agents, action, Some(&self.step.requires));
                if same.is_empty() { offered(self.agents, action, None) } else { same }
            }
            _ => Vec::new(),
        };
        let what = match (by_hand(forward), undone_by.iter().any(|(_, spec)| by_hand(spec))) {
            (true, _) => "a person does this step",
            (false, true) => "a person undoes this step",
            (false, false) => return,
        };
        if self.node.get("timeout").is_none() {
            let fault = Fault::new(format!("{what}: it must say its `timeout`"));
            let hint = "say how long the person has, for example `timeout: 30m`";
            self.found.push((self.node.at, fault.hint(hint)));
        }
    }

    /// Whether every name that the step asks for is known.
    fn names_are_known(&mut self) -> bool {
        let Requirement { agent, role, capabilities } = &self.step.requires;
        let (known, before) = (self.known, self.found.len());
        let mut unknown = |what: &str, name: &str, among: &BTreeSet<&str>, at: Place| {
            if !among.contains(name) {
                let fault = Fault::new(format!("there is no {what} `{name}`"));
                self.found.push((at, fault.maybe_hint(suggest(name, among.iter().copied()))));
            }
        };
        let at = |key: &str| self.node.get(key).map_or(self.node.at, |node| node.at);
        if let Some(agent) = agent {
            unknown("agent", agent, &known.agents, at("agent"));
        }
        if let Some(role) = role {
            unknown("role", role, &known.roles, at("role"));
        }
        for (i, capability) in capabilities.iter().enumerate() {
            let item = self.node.get("capabilities").and_then(|list| list.items().get(i));
            unknown(
                "agent with capability",
                capability,
                &known.capabilities,
                item.map_or(self.node.at, |node| node.at),
            );
        }
        unknown("action", &self.step.action, &known.actions, at("action"));
        self.found.len() == before
    }

    /// Every name is known, and still nobody fits.
    fn nobody(&mut self) {
        let Step { requires, action, .. } = self.step;
        let mut wanted = Vec::new();
        wanted.extend(requires.agent.as_ref().map(|name| format!("named {name}")));
        wanted.extend(requires.role.as_ref().map(|role| format!("of role {role}")));
        if !requires.capabilities.is_empty() {
            let names = list(requires.capabilities.iter().map(|name| &**name));
            wanted.push(format!("with capability {names}"));
        }
        let fault = Fault::new(format!("no agent {} offers `{action}`", wanted.join(", ")));
        let fitting = self.agents.iter().filter(|agent| super::shared::fits(requires, agent));
        let own: BTreeSet<&str> =
            fitting.flat_map(|agent| agent.actions.keys()).map(|name| &**name).collect();
        let others: BTreeSet<String> = offered(self.agents, action, None)
            .iter()
            .map(|(agent, _)| format!("{} ({})", agent.name, agent.role))
            .collect();
        let hint = did_you_mean(action, own.iter().copied())
            .unwrap_or_else(|| format!("it is offered by {}", list(others.iter().map(String::as_str))));
        self.found.push((self.at("action"), fault.hint(hint)));
    }

    fn arguments(&mut self, action: &ActionSpec) {
        let with = self.node.get("with");
        let takes_expiry = action.takes.iter().any(|(name, _)| &**name == "expires");
        let written = self.node.get("expires");
        // What does not end by itself is undone when its time is over.
        let undone = match &self.step.undo {
            Undo::None(_) => false,
            Undo::Default => action.undo.is_some(),
            Undo::Action { .. } => true,
        };
        if let Some(node) = written.filter(|_| !takes_expiry && !undone) {
            let fault =
                Fault::new(format!("`{}` takes no `expires`: it does not end by itself", self.step.action));
            self.found.push((node.at, fault.hint("remove it")));
        }
        let skipped = (written.is_some() && !takes_expiry).then_some("expires");
        let arguments = Arguments { workflow: self.workflow, name: &self.step.action, spec: action };
        let node = self.node;
        let place = |name: &str| match (name, written) {
            ("expires", Some(written)) => written.at,
            (name, _) => with.and_then(|with| with.get(name)).map_or(node.at, |node| node.at),
        };
        for (name, template) in self.step.with.iter().filter(|(name, _)| Some(&**name) != skipped) {
            let at = match with.and_then(|with| with.entry(name)) {
                Some(entry) if arguments.kind(name).is_none() => entry.at,
                _ => place(name),
            };
            self.found.extend(arguments.check(name, template).err().map(|fault| (at, fault)));
        }
        let given: BTreeSet<&str> = self.step.with.iter().map(|(name, _)| &**name).collect();
        let missing =
            arguments.missing(&given).map(|fault| (with.map_or(self.at("action"), |node| node.at), fault));
        self.found.extend(missing);
    }

    fn undo(&mut self, forward: &ActionSpec) {
        let nothing = Vec::new();
        let (name, with, at) = match (&self.step.undo, &forward.undo) {
            (Undo::None(_), _) => return,
            (Undo::Default, None) => {
                let fault = Fault::new(format!("nothing undoes `{}`", self.step.action));
                let hint = "say `undo: { action: … }`, or why there is no need: `undo: \"none: why\"`";
                self.found.push((self.node.at, fault.hint(hint)));
                return;
            }
            (Undo::Default, Some(name)) => (name, &nothing, self.node.at),
            (Undo::Action { action, with }, _) => (action, with, self.at("undo")),
        };
        let node = self.node.get("undo");
        // As the engine chooses: who could do the step, else anybody.
        let same = offered(self.agents, name, Some(&self.step.requires));
        let all = if same.is_empty() { offered(self.agents, name, None) } else { same };
        let Some((_, undo)) = all.first().copied() else {
            // What a catalogue says wrongly is reported there.
            if matches!(self.step.undo, Undo::Default) {
                return;
            }
            let at = node.and_then(|node| node.get("action")).map_or(at, |node| node.at);
            let fault = Fault::new(format!("no agent offers `{name}`, which should undo the step"));
            self.found.push((at, fault.maybe_hint(suggest(name, self.known.actions.iter().copied()))));
            return;
        };
        self.undo_arguments(name, undo, with, at, forward);
    }

    fn undo_arguments(
        &mut self,
        name: &Arc<str>,
        undo: &ActionSpec,
        with: &[(Arc<str>, crate::workflow::Template)],
        at: Place,
        forward: &ActionSpec,
    ) {
        let arguments = Arguments { workflow: self.workflow, name, spec: undo };
        let written = self.node.get("undo").and_then(|node| node.get("with"));
        for (name, template) in with {
            let at = written
                .and_then(|with| with.entry(name))
                .map_or(at, |entry| if arguments.kind(name).is_none() { entry.at } else { entry.value.at });
            self.found.extend(arguments.check(name, template).err().map(|fault| (at, fault)));
        }
        let own: BTreeSet<&str> = with.iter().map(|(name, _)| &**name).collect();
        let mut given = own.clone();
        // What the step itself lacks is reported there.
        let needed = forward.takes.iter().filter(|(name, _)| !forward.optional.contains(name));
        given.extend(needed.map(|(name, _)| &**name));
        for (arg, _) in &self.step.with {
            let Some(kind) = forward.takes.iter().find(|(name, _)| name == arg).map(|(_, kind)| *kind) else {
                continue;
            };
            given.insert(arg);
            if let Some(wants) = arguments.kind(arg).filter(|_| !own.contains(&**arg))
                && !super::shared::flows(kind, wants)
            {
                let fault = Fault::new(format!(
                    "undo `{name}` takes `{arg}` as {wants}, but `{}` takes it as {kind}",
                    self.step.action
                ));
                self.found.push((at, fault.hint("give it under `with` of the undo")));
            }
        }
        if let Some(fault) = arguments.missing(&given) {
            let fault =
                Fault::new(format!("undo {}", fault.message)).hint("give it under `with` of the undo");
            self.found.push((at, fault));
        }
    }
}
