//! Who asks about what has changed since they looked is refused (C23).

use std::collections::BTreeMap;

use crate::engine::{Actor, Answer, Effect, Event, Input, Output, Record, Request};
use crate::model::{RequestId, RunId, Seq};

/// When each run changed last, and what was asked about one.
#[derive(Debug, Default)]
pub struct Seen {
    changed: BTreeMap<RunId, Seq>,
    /// The request that the engine looks at now: of somebody who did not see the last change.
    stale: Option<(RequestId, RunId)>,
    /// The yes that it looks at: whose, and to what.
    yes: Option<(Actor, String)>,
}

impl Seen {
    pub fn input(&mut self, input: &Input) {
        (self.stale, self.yes) = (None, None);
        if let Input::Request { by, request: Request::Approve { hash, .. }, .. } = input {
            self.yes = Some((by.clone(), hash.clone()));
        }
        let Input::Request { id, seen: Some(seen), request, .. } = input else { return };
        let Some(run) = about(request) else { return };
        if self.changed.get(&run).is_some_and(|changed| changed > seen) {
            self.stale = Some((*id, run));
        }
    }

    pub fn said(&mut self, output: &Output) -> Result<(), String> {
        if let Some((stale, run)) = self.stale.take() {
            let accepted = output.effects.iter().any(
                |effect| matches!(effect, Effect::Answer { id, answer: Answer::Accepted(_) } if *id == stale),
            );
            if accepted {
                return Err(format!("C23: {run} had changed since {stale} looked, and it was accepted"));
            }
        }
        let yes = self.yes.take();
        for record in &output.records {
            self.note(record);
            if let Event::ApprovalGiven { run, step, hash, by } = &record.event
                && **by != Actor::engine()
                && !yes.as_ref().is_some_and(|(who, to)| who == &**by && hash.to_string().starts_with(to))
            {
                return Err(format!(
                    "C23: {by} did not say yes to {hash}, but it counts for step {} of {run}",
                    step.0
                ));
            }
        }
        Ok(())
    }

    fn note(&mut self, record: &Record) {
        use Event::*;
        let run = match &record.event {
            RunCreated(new) => new.run,
            ApprovalAsked(asked) => asked.run,
            RunPaused { run, .. }
            | RunResumed { run, .. }
            | RunParked { run, .. }
            | RunUnparked { run, .. }
            | RollbackStarted { run, .. }
            | RunCompleted { run }
            | RunFailed { run, .. }
            | RollbackCompleted { run }
            | RunStuck { run, .. }
            | RunAbandoned { run, .. }
            | ApprovalGiven { run, .. }
            | ApprovalDenied { run, .. }
            | StepSettled { run, .. } => *run,
            _ => return,
        };
        self.changed.insert(run, record.seq);
    }

    /// What was not durable never happened; its numbers are given to other records.
    pub fn crashed(&mut self) {
        self.stale = None;
        self.changed.clear();
    }
}

fn about(request: &Request) -> Option<RunId> {
    use Request::*;
    match request {
        Pause { run } | Resume { run } | Cancel { run } | Retry { run } | Abandon { run } => Some(*run),
        Approve { run, .. } | Deny { run, .. } | Settle { run, .. } | Answer { run, .. } => Some(*run),
        _ => None,
    }
}
