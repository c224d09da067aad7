//! An agent that reaches the world, behind the last look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Guard;
use crate::agent::crew::found;
use crate::agent::slow::{Attempt, Cut, Look, Performance, SlowAgent};
use crate::engine::{ActionSpec, AgentSpec, Probe};
use crate::model::{Failure, FailureKind, Outcome, Presence};

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
            let mut attempt = attempt;
            if attempt.task.probe_first {
                let look =
                    Arc::clone(&self.agent).probe(Arc::new(Probe::before(&attempt.task)), attempt.left());
                tokio::select! {
                    biased;
                    cut = attempt.cut() => return not_begun(cut),
                    // Where nobody can say, it is performed: what is there already is the rarer case.
                    presence = look => if presence == Presence::Present { return found() },
                }
            }
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
            if !attempt.task.passes_halt() && self.guard.switch.is_thrown() {
                return Outcome::NotBegun;
            }
            Arc::clone(&self.agent).perform(attempt).await
        })
    }

    /// To look is no effect: neither what is protected nor a halt is in its way.
    fn probe(self: Arc<Self>, probe: Arc<Probe>, left: Duration) -> Look {
        Arc::clone(&self.agent).probe(probe, left)
    }
}

/// What comes of an attempt that had to end while its effect was asked for.
fn not_begun(cut: Cut) -> Outcome {
    match cut {
        Cut::Stop | Cut::Quit => Outcome::NotBegun,
        Cut::Deadline => {
            let message = "its deadline passed while its effect was asked for: nothing was done".to_owned();
            Outcome::Failed(Failure { kind: FailureKind::Unreachable, message })
        }
    }
}
