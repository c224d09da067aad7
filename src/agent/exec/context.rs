//! What a program reads on its standard input: one JSON object that says what the attempt is part of.

use serde::Serialize;

use crate::engine::Task;
use crate::model::{Args, IncidentId, Map, RunId};

#[derive(Serialize)]
struct Input<'a> {
    key: &'a str,
    run: RunId,
    workflow: &'a str,
    step: &'a str,
    attempt: u32,
    undo: bool,
    action: &'a str,
    agent: &'a str,
    args: &'a Args,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    /// RFC 3339, UTC.
    deadline: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detection: Option<&'a Map>,
}

/// The text, with a line break at its end.
pub(super) fn json(task: &Task) -> Vec<u8> {
    let context = &task.context;
    let input = Input {
        key: &task.key,
        run: task.run,
        workflow: &context.workflow,
        step: &context.step,
        attempt: task.attempt,
        undo: task.takes_back(),
        action: &task.action.name,
        agent: &context.agent,
        args: &task.action.args,
        target: task.action.target.as_deref(),
        deadline: task.deadline.to_string(),
        incident: context.incident,
        detection: context.detection.as_deref(),
    };
    // Maps with text as keys cannot fail.
    let mut text = serde_json::to_vec(&input).unwrap_or_default();
    text.push(b'\n');
    text
}
