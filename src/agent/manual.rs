//! Agents that are people: they are asked, and answer by a request, in their own time.

use super::{Agent, Reply};
use crate::engine::Task;
use crate::model::Timestamp;

/// One that a person stands for. The question is in the journal with the intent: screens show it from there.
#[derive(Debug)]
pub struct ManualAgent;

impl Agent for ManualAgent {
    fn perform(&self, _: &Task, _: Timestamp) -> Reply {
        Reply::Never
    }

    fn is_instant(&self) -> bool {
        true
    }
}
