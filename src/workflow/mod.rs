//! Workflows: YAML text → a checked graph. Conditions are CEL, templates are typed paths.

mod condition;
mod fault;
mod graph;
mod path;
mod scope;
mod template;
pub mod yaml;

pub use condition::{Condition, Reads};
pub use fault::{Fault, did_you_mean, list, suggest};
pub use graph::{
    InputSpec, OnFailure, Plan, PlanStep, Requirement, Retry, Step, Trigger, TriggerRule, Undo, Workflow,
};
pub use path::{Found, Path};
pub use scope::{Scope, StepView};
pub use template::Template;
