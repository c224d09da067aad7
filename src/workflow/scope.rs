//! What a template or a condition may look at: `inputs.…`, `detection.…`, `run.…`, `steps.ID.…`.

use crate::model::{Map, RunId};

/// The values within reach of one run.
pub struct Scope<'a> {
    /// Inputs of the run by name.
    pub inputs: &'a Map,
    /// The fields of the detection that triggered it; absent for a run that a person triggered.
    /// Beside the detection's own fields it has `rule, level, key, count, at`.
    pub detection: Option<&'a Map>,
    /// The run; absent where there is none yet (a trigger, a dedup key).
    pub run: Option<RunId>,
    /// The steps by id.
    pub steps: &'a dyn Fn(&str) -> Option<StepView<'a>>,
}

/// What is known of a step: `steps.ID.status` and `steps.ID.output.…`.
#[derive(Clone, Copy)]
pub struct StepView<'a> {
    /// Its status as in `StepStatus::name`.
    pub status: &'static str,
    /// Its output, once it succeeded.
    pub output: Option<&'a Map>,
    /// It was not performed but assumed to succeed: what it would have answered is not known (C31).
    pub assumed: bool,
}
