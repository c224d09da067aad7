//! What quell causes does not feed quell (C36): a detection of what its own effects bring about is
//! recorded and counted, and starts nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bound::Bound;
use super::launch::Launch;
use super::{ActionSpec, Engine, Event, Holder, Means, Obligation, ObligationStatus};
use crate::model::{CommandLine, Detection, IncidentId, ObligationId, Timestamp, Value};
use crate::workflow::Scope;

/// Programs that run other programs for people, and say so in the log.
const RUNS_OTHERS: [&str; 4] = ["sudo", "su", "doas", "pkexec"];

/// Words of the latest raw record that are looked at for the target of an effect.
const WORDS: usize = 64;

/// How a detection comes from quell itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// What the workflow would do is in force for the same target already, because of the same rule: a
    /// blocked address goes on trying, a locked account goes on failing.
    Answered {
        /// The effect.
        obligation: ObligationId,
        /// What it acts on.
        target: Arc<str>,
        /// Whether it was lifted or ended a moment ago.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
    /// It was said by the program that did, or reversed, something to that target just then.
    Caused {
        /// The effect.
        obligation: ObligationId,
        /// What it acts on.
        target: Arc<str>,
        /// The program.
        program: Arc<str>,
    },
    /// It comes from an address of quell's own.
    Own {
        /// The address.
        address: Arc<str>,
    },
}

impl Echo {
    /// In a few words.
    pub fn told(&self) -> String {
        match self {
            Echo::Answered { obligation, target, over: false } => {
                format!("{obligation} is in force for {target} because of the same rule")
            }
            Echo::Answered { obligation, target, over: true } => {
                format!("{obligation} for {target} ended a moment ago; the same rule had ordered it")
            }
            Echo::Caused { obligation, target, program } => {
                format!("{program} said it, which quell had just run for {obligation} on {target}")
            }
            Echo::Own { address } => format!("it comes from {address}, an address of quell's own"),
        }
    }
}

impl Engine {
    /// Whether a workflow must not be started by a detection, since it comes from quell itself. `launch`
    /// is the run that it would be.
    pub(super) fn echo_of(&self, bound: &Bound, detection: &Detection, launch: &Launch) -> Option<Echo> {
        let own = self.own_address(detection).or_else(|| self.caused(detection));
        own.or_else(|| self.answered(bound, detection, launch))
    }

    /// Records that a detection sets nothing off.
    pub(super) fn hear_echo(&mut self, incident: IncidentId, bound: &Bound, echo: Echo) {
        let workflow = Arc::clone(&bound.workflow.name);
        self.emit(Event::EchoHeard { incident, workflow, echo: Box::new(echo) });
    }

    fn own_address(&self, detection: &Detection) -> Option<Echo> {
        let address = detection.fields.get("source_ip").and_then(Value::as_str)?;
        let parsed: IpAddr = address.parse().ok()?;
        let own = self.setup.own.contains(&parsed.to_canonical());
        own.then(|| Echo::Own { address: Arc::from(address) })
    }

    /// Whether everything that the workflow would act on is under an effect that the same workflow
    /// ordered because of the same rule.
    fn answered(&self, bound: &Bound, detection: &Detection, launch: &Launch) -> Option<Echo> {
        let mut first = None;
        for target in self.targets(bound, launch) {
            let found = self.answer_to(&target, bound, detection)?;
            first.get_or_insert(found);
        }
        first
    }

    /// What the undoable steps of a run would act on, as far as that is known before it runs.
    fn targets(&self, bound: &Bound, launch: &Launch) -> BTreeSet<Arc<str>> {
        let detection = launch.detection.as_deref();
        let scope = Scope { inputs: &launch.inputs, detection, run: None, steps: &|_| None };
        let mut targets = BTreeSet::new();
        for (step, by) in bound.workflow.steps.iter().zip(&bound.steps) {
            let spec = by.forward.first().and_then(|agent| self.library.spec(*agent));
            let spec = spec.and_then(|spec| spec.actions.get(&step.action));
            let Some((spec, name)) = spec.and_then(|spec| Some((spec, spec.target.as_ref()?))) else {
                continue;
            };
            if by.undo_action.is_none() {
                continue;
            }
            let given = step.with.iter().find(|(given, _)| given == name);
            let kind = spec.takes.iter().find(|(taken, _)| taken == name).map(|(_, kind)| *kind);
            // What depends on the output of another step follows from what is known.
            let value = given
                .zip(kind)
                .and_then(|((_, template), kind)| kind.fit(template.render(&scope).ok()?).ok());
            let Some(value) = value else { continue };
            targets.insert(value.as_str().map_or_else(|| Arc::from(value.to_string()), Arc::from));
        }
        targets
    }

    fn answer_to(&self, target: &str, bound: &Bound, detection: &Detection) -> Option<Echo> {
        let ledger = self.state.ledger();
        let ours = |o: &&Obligation| self.ordered_by(o, bound, detection);
        let actions = || bound.workflow.steps.iter().map(|step| &*step.action);
        let standing = actions().filter_map(|action| ledger.of_effect(action, target));
        let stands = |o: &&Obligation| {
            o.status() != ObligationStatus::Drifted && o.until().is_none_or(|end| end > self.now)
        };
        if let Some(found) = standing.filter(stands).find(ours) {
            return Some(answered(found, false));
        }
        // What quell has just let go of may still say so.
        let over = self.lately().find(|o| {
            let acted = matches!(o.status(), ObligationStatus::Lifted | ObligationStatus::Expired);
            let same = o.target().is_some_and(|own| **own == *target);
            acted && same && actions().any(|action| *action == *o.action().name) && ours(o)
        });
        over.map(|found| answered(found, true))
    }

    /// Whether a run of the same workflow, begun by the same rule, ordered an effect.
    fn ordered_by(&self, obligation: &Obligation, bound: &Bound, detection: &Detection) -> bool {
        let (workflow, rule) = (&*bound.workflow.name, &*detection.rule.id);
        let first = self.state.run(obligation.origin().0).filter(|run| run.workflow() == workflow);
        let by_first = first.is_some_and(|run| {
            let began = run.detection().and_then(|fields| fields.get("rule_id")).and_then(Value::as_str);
            began == Some(rule)
        });
        let holds = |holder: &Holder| *holder.workflow == *workflow && holder.rule.as_deref() == Some(rule);
        by_first || obligation.holders().iter().any(holds)
    }

    /// What the programs of quell's own actions say about their targets in a log.
    fn caused(&self, detection: &Detection) -> Option<Echo> {
        let process = detection.fields.get("process").and_then(Value::as_str)?;
        let standing = self.programs(process).flat_map(|(name, _)| {
            targets(detection).filter_map(move |target| self.state.ledger().of_effect(name, target))
        });
        let standing = standing.filter(|o| self.now.since(just(o)) <= self.setup.limits.echo);
        let said = |o: &&Obligation| {
            let mut ran = self.programs(process).filter(|(name, _)| *name == &*o.action().name);
            ran.any(|(_, commands)| {
                commands.iter().flatten().any(|command| says(detection, o, command, process))
            })
        };
        let found = standing.chain(self.lately()).find(said)?;
        let target = found.target().cloned().unwrap_or_default();
        Some(Echo::Caused { obligation: found.id(), target, program: Arc::from(process) })
    }

    /// The actions that run a program of this name, forward or as their undo.
    fn programs<'a>(
        &'a self,
        process: &'a str,
    ) -> impl Iterator<Item = (&'a str, [Option<&'a CommandLine>; 2])> {
        let command = move |spec: &'a ActionSpec| match &spec.means {
            Means::Exec(exec) => Some(&exec.command).filter(|command| base(&command.program) == process),
            _ => None,
        };
        self.setup.agents.iter().flat_map(move |agent| {
            agent.actions.iter().filter_map(move |(name, spec)| {
                let undo = spec.undo.as_ref().and_then(|undo| agent.actions.get(undo));
                let commands = [command(spec), undo.and_then(command)];
                commands.iter().any(Option::is_some).then_some((&**name, commands))
            })
        })
    }

    /// Effects that ended so lately that they may still be heard, the last one first.
    fn lately(&self) -> impl Iterator<Item = &Obligation> {
        let (ledger, echo) = (self.state.ledger(), self.setup.limits.echo);
        let ended = ledger.ended.iter().rev().take_while(move |(at, _)| self.now.since(*at) <= echo);
        ended.filter_map(|(_, id)| ledger.get(*id))
    }

    /// Starts what was held back, once the reason is gone: it goes on, and nothing is in force any more.
    pub(super) fn launch_held_back(&mut self, incident: IncidentId, detection: &Detection) {
        let Some(held) = self.state.incident(incident).map(|incident| incident.held_back()) else { return };
        let bounds: Vec<Arc<Bound>> =
            held.iter().filter_map(|name| self.library.named(name)).cloned().collect();
        for bound in bounds {
            self.launch_one(incident, detection, &bound, false);
        }
    }
}

/// Since when an effect stands as it does.
fn just(obligation: &Obligation) -> Timestamp {
    obligation.in_force_since().map_or(obligation.since(), |at| at.max(obligation.since()))
}

fn answered(obligation: &Obligation, over: bool) -> Echo {
    let target = obligation.target().cloned().unwrap_or_default();
    Echo::Answered { obligation: obligation.id(), target, over }
}

/// The last part of a path, as a program is called in a log.
fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a record of a program is about what it did for an effect. A program that runs others says
/// what anybody had it run: there the whole command has to be in the record.
fn says(detection: &Detection, obligation: &Obligation, command: &CommandLine, process: &str) -> bool {
    if !RUNS_OTHERS.contains(&process) {
        return obligation.target().is_some_and(|own| targets(detection).any(|target| *target == **own));
    }
    let args = obligation.undo().map(|undo| &undo.args);
    let mut ran = [Some(&obligation.action().args), args].into_iter().flatten();
    ran.any(|args| {
        let words = command.render(args).unwrap_or_default();
        !words.is_empty() && detection.evidence.last().is_some_and(|raw| raw.contains(&words.join(" ")))
    })
}

/// What a detection may be about: its key, the texts of its fields, the words of its latest record.
fn targets(detection: &Detection) -> impl Iterator<Item = &str> {
    let fields = detection.fields.values().filter_map(Value::as_str);
    let words = detection.evidence.last().into_iter().flat_map(|raw| {
        let apart =
            |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ',' | ';' | '(' | ')' | '=' | '{' | '}');
        raw.split(apart).filter(|word| !word.is_empty()).take(WORDS)
    });
    std::iter::once(&*detection.key).chain(fields).chain(words)
}
