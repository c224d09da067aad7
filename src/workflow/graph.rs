//! A workflow, checked: every `needs` names a step, there is no cycle, every template is parsed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Approval, Condition, Template};
use crate::flow::backoff::Backoff;
use crate::model::{Digest, Priority, Severity, Span, StepIx, ValueType};

/// What to do, as read from a file.
#[derive(Debug)]
pub struct Workflow {
    /// Its name: what `trigger` takes.
    pub name: Arc<str>,
    /// SHA-256 of its text.
    pub hash: Digest,
    /// Its text, as it was read: a run keeps the text that it began with (C17).
    pub text: Arc<str>,
    /// One line for people.
    pub description: Arc<str>,
    /// How bad the things are that it answers.
    pub severity: Option<Severity>,
    /// How soon its steps get an agent.
    pub priority: Priority,
    /// When it starts by itself.
    pub trigger: Option<Trigger>,
    /// One live run for each value of this (C15).
    pub dedup: Option<Template>,
    /// What `trigger` must be given.
    pub inputs: Vec<InputSpec>,
    /// How long a run may take; time in pause does not count.
    pub timeout: Option<Span>,
    /// The workflow that runs when a run of this one ends other than `completed`.
    pub on_failure: Option<Arc<str>>,
    /// Whether its file asks for live runs (`mode: live`). It only asks: a person arms (C31).
    pub asks_live: bool,
    /// How many targets its runs may act on in an hour before people are asked (C28).
    pub targets: Option<u64>,
    /// Its steps; `StepIx` is the index here.
    pub steps: Vec<Step>,
    /// The part that `RunCreated` carries.
    pub plan: Arc<Plan>,
}

/// The shape of a run, without what its steps do: enough to fold records and to draw progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan {
    /// Its steps, in file order.
    pub steps: Vec<PlanStep>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Its id in the file.
    pub id: Arc<str>,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The steps that must be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<StepIx>,
    /// Whether its failure fails the run.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub critical: bool,
    /// Whether a person has to approve it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How long a person has to confirm its effect, else it is undone (C29).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Span>,
}

fn yes() -> bool {
    true
}

/// When a workflow starts by itself: all parts that are given must fit.
#[derive(Debug)]
pub struct Trigger {
    /// The rule that must have matched.
    pub rule: Option<TriggerRule>,
    /// Tags of which the rule must carry one.
    pub tags: Vec<Arc<str>>,
    /// The least severity.
    pub severity: Option<Severity>,
    /// A condition over the detection.
    pub when: Option<Condition>,
}

/// A rule by name, else by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRule(pub Arc<str>);

/// A typed input.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: ValueType,
    /// Whether a run without it is refused.
    pub required: bool,
    /// What it is when not given.
    pub default: Option<crate::model::Value>,
    /// A path into the detection that fills it when a detection triggers the run.
    pub from: Option<Template>,
    /// One line for people.
    pub description: Option<Arc<str>>,
}

/// One step: what is done, by whom, and what undoes it.
#[derive(Debug)]
pub struct Step {
    /// Its id in the file.
    pub id: Arc<str>,
    /// Who may do it.
    pub requires: Requirement,
    /// The action, from the catalogue of an agent.
    pub action: Arc<str>,
    /// Its arguments.
    pub with: Vec<(Arc<str>, Template)>,
    /// The steps that must be done first: succeeded, skipped, or failed without being critical.
    pub needs: Vec<StepIx>,
    /// Skipped unless this holds.
    pub when: Option<Condition>,
    /// How long one attempt may take.
    pub timeout: Span,
    /// When to try again.
    pub retry: Retry,
    /// Whether its failure fails the run.
    pub critical: bool,
    /// What its failure does to the run.
    pub on_failure: OnFailure,
    /// What reverses it.
    pub undo: Undo,
    /// Whether a person has to approve it first.
    pub approval: Option<Approval>,
    /// When what was performed counts as done, if the answer of its agent is not enough.
    pub verify: Option<super::Verify>,
    /// How long a person has to confirm its effect, else it is undone (C29).
    pub confirm: Option<Span>,
}

/// Who may do a step: all parts that are given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    /// An agent by name.
    pub agent: Option<Arc<str>>,
    /// A role.
    pub role: Option<Arc<str>>,
    /// Capabilities, all of them.
    pub capabilities: Vec<Arc<str>>,
}

/// How often, and with what delay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first one included; at least 1.
    pub attempts: u32,
    /// The delays between them.
    pub backoff: Backoff,
}

/// What the failure of a step does to its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The run is rolled back.
    Rollback,
    /// The run fails; nothing is undone.
    Stop,
    /// It is noted, and the run goes on.
    Continue,
    /// One more attempt, then as `Rollback`.
    RetryOnce,
}

/// What reverses a step.
#[derive(Debug)]
pub enum Undo {
    /// The undo that the action's catalogue entry names, with the forward arguments; none if it names none.
    Default,
    /// This action with these arguments.
    Action {
        /// The action, from the catalogue of an agent.
        action: Arc<str>,
        /// Its arguments; those not given are the forward ones that it takes.
        with: Vec<(Arc<str>, Template)>,
    },
    /// Nothing, and why.
    None(Arc<str>),
}
