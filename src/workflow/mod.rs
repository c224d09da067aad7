//! Workflows: YAML text → a checked graph. Conditions are CEL, templates are typed paths.

mod check;
mod condition;
mod graph;
mod inputs;
mod parse;
mod path;
mod scope;
mod steps;
mod template;
mod trigger;
mod verify;

pub use condition::{Condition, Reads};
pub use graph::{
    Approval, InputSpec, OnFailure, Plan, PlanStep, Requirement, Retry, Step, Trigger, TriggerRule, Undo,
    Workflow,
};
pub use parse::{Draft, MAX_STEPS, draft, parse};
pub use path::{Found, Path};
pub use scope::{Scope, StepView};
pub use template::Template;
pub use verify::{VerifiedBy, Verify};
