//! Workflows: YAML text → a checked graph. Conditions are CEL, templates are typed paths.

mod approval;
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

pub use approval::{APPROVAL_TIMEOUT, Approval, Approver, OnTimeout};
pub use condition::{Condition, Reads};
pub use graph::{
    InputSpec, OnFailure, Plan, PlanStep, Requirement, Retry, Step, Trigger, TriggerRule, Undo, Workflow,
};
pub use parse::{Draft, MAX_STEPS, draft, parse};
pub use path::{Found, Path};
pub use scope::{Scope, StepView};
pub use template::Template;
pub use verify::{VerifiedBy, Verify};
