//! Workflows: YAML text → a checked graph. Conditions are CEL, templates are typed paths.

mod condition;
mod graph;
mod scope;
mod template;

pub use condition::Condition;
pub use graph::{
    InputSpec, OnFailure, Plan, PlanStep, Requirement, Retry, Step, Trigger, TriggerRule, Undo, Workflow,
};
pub use scope::{Scope, StepView};
pub use template::Template;
