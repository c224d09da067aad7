//! Workflows are armed and disarmed: only the runs of an armed one act (C31).

use std::sync::Arc;

use super::{Actor, Acts, Engine, Event, RunMode};
use crate::model::planted::{Bug, planted};
use crate::model::{Digest, Timestamp};
use crate::workflow::Workflow;

/// Whether a workflow is armed, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    pub(super) armed: bool,
    pub(super) hash: Digest,
    pub(super) by: Actor,
    pub(super) at: Timestamp,
    pub(super) why: Option<Arc<str>>,
}

impl Arming {
    /// Whether it is armed now.
    pub fn is_armed(&self) -> bool {
        self.armed
    }
    /// The hash of the text that was armed.
    pub fn hash(&self) -> Digest {
        self.hash
    }
    /// Who armed it, or disarmed it last.
    pub fn by(&self) -> &Actor {
        &self.by
    }
    /// When that was.
    pub fn at(&self) -> Timestamp {
        self.at
    }
    /// Why it was disarmed.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

impl Engine {
    /// Whether a new run of a workflow acts.
    pub(super) fn mode_of(&self, workflow: &Workflow) -> RunMode {
        let acts = match self.setup.acts {
            Acts::Always => true,
            Acts::Armed => self.state.is_armed(&workflow.name, workflow.hash),
            Acts::Never => false,
        };
        let acts = acts || planted(Bug::ArmingIgnored);
        if acts { RunMode::Live } else { RunMode::Observe }
    }

    pub(super) fn on_arm(&mut self, name: &str, by: &Actor) -> Result<String, String> {
        let bound = self.present(name)?;
        self.arming_matters()?;
        let workflow = &bound.workflow;
        if self.state.is_armed(name, workflow.hash) {
            let arming = self.state.arming(name);
            let (by, at) = arming.map_or((by, self.now), |arming| (&arming.by, arming.at));
            return Ok(format!("`{name}` is armed already, by {by} at {at}"));
        }
        self.record_text(workflow);
        let (workflow, hash) = (Arc::clone(&workflow.name), workflow.hash);
        self.emit(Event::WorkflowArmed { workflow, hash: Box::new(hash), by: by.clone() });
        Ok(format!("`{name}` is armed: its runs act from now on; an edit of its file disarms it"))
    }

    pub(super) fn on_disarm(&mut self, name: &str, by: &Actor) -> Result<String, String> {
        let armed = self.state.arming(name).is_some_and(Arming::is_armed);
        if !armed {
            self.present(name)?;
            self.arming_matters()?;
            return Ok(format!("`{name}` is not armed: its runs only observe"));
        }
        let why = Arc::from("a person asked for it");
        self.emit(Event::WorkflowDisarmed { workflow: Arc::from(name), by: Box::new(by.clone()), why });
        Ok(format!("`{name}` is disarmed: new runs only observe; runs under way go on as they are"))
    }

    fn arming_matters(&self) -> Result<(), String> {
        match self.setup.acts {
            Acts::Always => Err("drills always act: in an exercise there is nothing to arm".to_owned()),
            Acts::Never => Err("a replay touches nothing: there is nothing to arm".to_owned()),
            Acts::Armed => Ok(()),
        }
    }

    /// Disarms what was edited or removed since it was armed.
    pub(super) fn disarm_edited(&mut self) {
        if self.setup.acts != Acts::Armed {
            return;
        }
        let changed =
            self.state.arming.iter().filter(|(_, arming)| arming.armed).filter_map(|(name, arming)| {
                let why = match self.setup.workflows.get(name) {
                    None => "it is not in the setup any more",
                    Some(workflow) if workflow.hash != arming.hash => {
                        "its file was edited after it was armed"
                    }
                    Some(_) => return None,
                };
                Some((Arc::clone(name), why))
            });
        for (workflow, why) in changed.collect::<Vec<_>>() {
            self.emit(Event::WorkflowDisarmed {
                workflow,
                by: Box::new(Self::itself()),
                why: Arc::from(why),
            });
        }
    }
}
