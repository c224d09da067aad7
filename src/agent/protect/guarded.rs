//! An agent that reaches the world, behind the last look.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Guard;
use crate::agent::slow::{Attempt, Performance, SlowAgent};
use crate::engine::{ActionSpec, AgentSpec};
use crate::model::{Failure, FailureKind, Outcome};

/// Looks before it lets its agent begin.
pub struct Guarded {
    agent: Arc<dyn SlowAgent>,
    actions: Arc<BTreeMap<Arc<str>, ActionSpec>>,
    guard: Arc<Guard>,
}

impl Guarded {
    /// An agent, its catalogue, and what is looked at.
    pub fn new(agent: Arc<dyn SlowAgent>, spec: &AgentSpec, guard: Arc<Guard>) -> Self {
        Guarded { agent, actions: Arc::new(spec.actions.clone()), guard }
    }
}

impl SlowAgent for Guarded {
    fn perform(self: Arc<Self>, attempt: Attempt) -> Performance {
        Box::pin(async move {
            let (guard, actions, task) =
                (Arc::clone(&self.guard), Arc::clone(&self.actions), Arc::clone(&attempt.task));
            // The kernel's tables may be long: they are read on another thread.
            let look = tokio::task::spawn_blocking(move || match actions.get(&task.action.name) {
                Some(spec) => guard.permits(&task, spec),
                None => Err(format!("`{}` is not in the catalogue of its agent", task.action.name)),
            });
            let verdict =
                look.await.unwrap_or_else(|_| Err("the look at what is protected failed".to_owned()));
            if let Err(message) = verdict {
                return Outcome::Failed(Failure { kind: FailureKind::NotSent, message });
            }
            if self.guard.switch.is_thrown() {
                return Outcome::NotBegun;
            }
            Arc::clone(&self.agent).perform(attempt).await
        })
    }
}
