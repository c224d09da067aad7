//! A run keeps the text that it began with (C17): what it does is what that text says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Event, Record};
use crate::model::{Action, Digest, RunId, StepIx, Value};
use crate::workflow::{self, Workflow};

/// Books of its own, kept from the durable records.
#[derive(Debug, Default)]
pub struct Texts {
    recorded: BTreeMap<Digest, Arc<Workflow>>,
    runs: BTreeMap<RunId, Digest>,
}

impl Texts {
    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        match &record.event {
            Event::WorkflowRecorded { hash, name, text } => {
                let parsed = workflow::parse(&format!("{name}.yaml"), text);
                let parsed = parsed.map_err(|mistakes| format!("C17: {name} is recorded as {mistakes:?}"))?;
                self.recorded.insert(**hash, Arc::new(parsed));
            }
            Event::RunCreated(new) if new.lifts.is_empty() => {
                if !self.recorded.contains_key(&new.hash) {
                    return Err(format!("C17: the text of {} is not in the journal", new.run));
                }
                self.runs.insert(new.run, new.hash);
            }
            Event::StepStarted { run, step, action, .. } => return self.is_said(*run, *step, action),
            _ => {}
        }
        Ok(())
    }

    fn is_said(&self, run: RunId, ix: StepIx, action: &Action) -> Result<(), String> {
        let workflow = self.runs.get(&run).and_then(|hash| self.recorded.get(hash));
        let Some(step) = workflow.and_then(|workflow| workflow.steps.get(ix.index())) else { return Ok(()) };
        if step.action != action.name {
            return Err(format!("C17: {run} does {}, its text says {}", action.name, step.action));
        }
        // The targets that are written out are single letters.
        let said = step.with.iter().find(|(name, _)| **name == *"x").and_then(|(_, x)| x.as_constant());
        match said.and_then(Value::as_str) {
            Some(said) if action.target.as_deref() != Some(said) => {
                Err(format!("C17: {run} acts on {:?}, its text says {said}", action.target))
            }
            _ => Ok(()),
        }
    }
}
