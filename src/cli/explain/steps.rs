//! What became of the steps of a run, and why.

use super::course::{About, Told};
use super::{agent, words};
use crate::cli::output::words::span;
use crate::engine::{AgentKind, Event, StepWait};
use crate::model::{Action, AgentId, Failure, FailureKind, Presence, StepIx, Timestamp};
use crate::workflow::{OnFailure, Undo};

impl About<'_> {
    pub fn step(&self, event: &Event) -> Option<Told> {
        Some(match event {
            Event::StepStarted { step, attempt, agent, action, undo, .. } => {
                let told = self.starts(*step, *attempt, *agent, action);
                told.why((*attempt == 1).then(|| self.reverses(*step, undo.as_deref())))
            }
            Event::StepSucceeded { found: true, .. } => Told::new("done: its effect was there already")
                .why("nothing was performed, and nothing is owed for it".to_owned()),
            Event::StepSucceeded { output, .. } if output.is_empty() => {
                Told::new(format!("done{}", self.took(event)))
            }
            Event::StepSucceeded { output, .. } => {
                Told::new(format!("done{}: {}", self.took(event), words::map(output)))
            }
            Event::StepFailed { step, failure, retry_at, .. } => {
                let told = Told::new(failed(failure, &self.took(event))).why(failure.message.clone());
                told.why(self.then(*step, failure, *retry_at))
            }
            Event::StepWaiting { until, wait, .. } => Told::new(match wait {
                StepWait::Retry => format!("waits for its next attempt, until {}", until.clock()),
                StepWait::Lease => {
                    format!("waits until {}: another run acts on its target", until.clock())
                }
                StepWait::Agent => {
                    format!(
                        "waits for an agent until {}: every one that fits is busy or not ready",
                        until.clock()
                    )
                }
            }),
            Event::ApprovalAsked(asked) => {
                let people = if asked.count == 1 { "a person has" } else { "several people have" };
                let what = words::action(&asked.action);
                Told::new(format!("{people} to approve it until {}: {what}", asked.until.clock()))
                    .why(asked.why.to_string())
            }
            Event::ApprovalGiven { by, .. } => Told::new(format!("approved by {}", words::by(by))),
            Event::ApprovalDenied { by, reason, .. } => Told::new(format!("denied by {}", words::by(by)))
                .why((!reason.is_empty()).then(|| reason.to_string())),
            Event::StepJoined { obligation, .. } => {
                Told::new(format!("in force already as {obligation}: nothing was performed"))
            }
            Event::LetGo { obligation, why, .. } => {
                Told::new(format!("lets go of {obligation}: nothing was performed")).why(why.to_string())
            }
            Event::StepSkipped { why, .. } => Told::new("skipped").why(why.to_string()),
            Event::StepCancelled { in_doubt, .. } => Told::new(match in_doubt {
                true => "stopped half way: it may have acted, so its undo is owed",
                false => "called off before it began",
            }),
            Event::StepAssumed { step, agent, action, undo, undecided, protected, .. } => {
                let when =
                    undecided.as_ref().map(|when| format!("whether `{when}` would hold, nobody can say"));
                Told::new(format!(
                    "would be done by {}: {}",
                    words::agent(*agent, self.state),
                    words::action(action)
                ))
                .why(protected.as_ref().map(|entry| format!("protected: {entry}; it would be refused")))
                .why(when)
                .why(self.reverses(*step, undo.as_deref()))
            }
            Event::StepAnswered { undo, done, text, by, .. } => {
                let (what, done) =
                    (if *undo { "the undo is" } else { "it is" }, if *done { "done" } else { "not done" });
                Told::new(format!("{by} says that {what} {done}"))
                    .why((!text.is_empty()).then(|| text.to_string()))
            }
            Event::StepSettled { undo, settled, reason, by, .. } => {
                let of = if *undo { "its undo is settled" } else { "settled" };
                Told::new(format!("{of} as {} by {}", settled.name(), words::by(by)))
                    .why((!reason.is_empty()).then(|| reason.to_string()))
            }
            Event::StepInDoubt { step, failure, .. } => {
                Told::new(self.in_doubt("in doubt", failure.as_deref())).why(self.settled(*step, false))
            }
            Event::StepPerformed { until, .. } => {
                Told::new(format!("its agent says that it is done; verified until {}", until.clock()))
            }
            Event::StepProbing { agent, undo, .. } => {
                let (agent, what) = (words::agent(*agent, self.state), if *undo { "gone" } else { "there" });
                Told::new(format!("{agent} is asked whether its effect is {what}"))
            }
            Event::StepProbed { found, again_at, .. } => {
                let told = Told::new(match &**found {
                    Presence::Present => "found: its effect is there".to_owned(),
                    Presence::Absent => "found: its effect is not there".to_owned(),
                    Presence::Unknown(why) => format!("whether its effect is there is not known: {why}"),
                });
                told.why(again_at.map(|at| format!("it is asked again in {}", span(at.since(self.at)))))
            }
            _ => return None,
        })
    }

    pub fn undo(&self, event: &Event) -> Option<Told> {
        Some(match event {
            Event::UndoStarted { attempt, agent, action, .. } => {
                let (agent, action) = (words::agent(*agent, self.state), words::action(action));
                Told::new(format!("undo, attempt {attempt}, by {agent}: {action}"))
            }
            Event::UndoSucceeded { .. } => Told::new(format!("undone{}", self.took(event))),
            Event::UndoFailed { failure, retry_at, .. } => {
                let then = match retry_at {
                    Some(at) => format!("another attempt in {}", span(at.since(self.at))),
                    None => "the undo is given up: the others still run, then a person is asked".to_owned(),
                };
                Told::new(format!("undo: {}", failed(failure, &self.took(event))))
                    .why(failure.message.clone())
                    .why(then)
            }
            Event::UndoInDoubt { step, failure, .. } => {
                let told = Told::new(self.in_doubt("its undo is in doubt", failure.as_deref()));
                told.why(self.settled(*step, true))
            }
            Event::UndoPerformed { until, .. } => {
                Told::new(format!("undo: its agent says that it is done; verified until {}", until.clock()))
            }
            _ => return None,
        })
    }

    fn starts(&self, ix: StepIx, attempt: u32, agent: AgentId, action: &Action) -> Told {
        let kind = self.state.agent(agent).map(|agent| agent.kind());
        let by = words::agent(agent, self.state);
        let mut told = Told::new(match &action.question {
            Some(question) if kind == Some(AgentKind::Manual) => format!("{by}, is asked: {question}"),
            _ => format!("attempt {attempt} by {by}: {}", words::action(action)),
        });
        let step = self.began.step(ix);
        if attempt == 1 {
            let needs = self.began.new.plan.steps.get(ix.index()).map_or(&[][..], |step| &step.needs);
            let ids: Vec<&str> = needs
                .iter()
                .filter_map(|need| Some(&*self.began.new.plan.steps.get(need.index())?.id))
                .collect();
            told = told.why((!ids.is_empty()).then(|| format!("it needs {}, done by now", ids.join(", "))));
            let when = step.and_then(|step| step.when.as_ref());
            told = told.why(when.map(|when| format!("`{}` holds", when.source())));
        }
        let waited = self.state.run(self.id).and_then(|run| run.steps().get(ix.index()));
        let waited = waited.filter(|step| step.waits_for_agent()).map(|step| self.at.since(step.since()));
        told = told.why(waited.map(|long| format!("it waited {} for an agent", span(long))));
        let requires = step.map(|step| &step.requires);
        told.candidates = agent::candidates(requires, agent, self.state);
        let chosen = attempt == 1 || told.candidates.len() > 1;
        let why = agent::why(&told.candidates, requires).filter(|_| chosen);
        told.why(why)
    }

    /// What takes it back, or why nothing does.
    fn reverses(&self, ix: StepIx, undo: Option<&Action>) -> String {
        match (undo, self.began.step(ix).map(|step| &step.undo)) {
            (Some(undo), _) => format!("to take it back: {}", words::action(undo)),
            (None, Some(Undo::None(why))) => format!("it has no undo: {why}"),
            (None, _) => "it has no undo".to_owned(),
        }
    }

    /// How long an attempt took.
    fn took(&self, event: &Event) -> String {
        let (ix, undo) = match event {
            Event::UndoSucceeded { step, .. } | Event::UndoFailed { step, .. } => (*step, true),
            Event::StepSucceeded { step, .. } | Event::StepFailed { step, .. } => (*step, false),
            _ => return String::new(),
        };
        let step = self.state.run(self.id).and_then(|run| run.steps().get(ix.index()));
        let since = step.and_then(|step| match undo {
            true => step.undo_in_flight().then_some(step.undo_started_at()).flatten(),
            false => step.started_at().filter(|_| step.status() == crate::engine::StepStatus::Running),
        });
        since.map_or(String::new(), |since| format!(" after {}", span(self.at.since(since))))
    }

    /// What comes after a failure, by the policy of the step.
    fn then(&self, ix: StepIx, failure: &Failure, retry_at: Option<Timestamp>) -> Option<String> {
        if let Some(at) = retry_at {
            return Some(format!("another attempt in {}", span(at.since(self.at))));
        }
        let step = self.began.step(ix)?;
        let attempts = step.retry.attempts + u32::from(step.on_failure == OnFailure::RetryOnce);
        let tried = self.state.run(self.id)?.steps().get(ix.index())?.attempt();
        let given_up = match failure.kind {
            FailureKind::NotSent => "what was refused is not tried again".to_owned(),
            FailureKind::NoAnswer | FailureKind::TimedOut if tried < attempts => {
                "its action is not idempotent: it is not done a second time on a guess".to_owned()
            }
            _ => format!("that was attempt {tried} of {attempts}"),
        };
        let policy = match step.on_failure {
            OnFailure::Continue => "the run goes on without it",
            OnFailure::Rollback | OnFailure::RetryOnce => "what the run did is undone",
            OnFailure::Stop => "the run fails, and what it did stays",
        };
        Some(format!("{given_up}; {policy} (`on_failure: {}`)", policy_name(step.on_failure)))
    }

    fn in_doubt(&self, what: &str, failure: Option<&Failure>) -> String {
        match (failure, self.state.halt()) {
            (Some(failure), _) => format!("{what}: {}", failure.message),
            (None, Some(_)) => format!("{what}: it was stopped by the halt"),
            (None, None) => format!("{what}: quell was stopped before the answer came"),
        }
    }

    /// How what is in doubt goes on (C3).
    fn settled(&self, ix: StepIx, undo: bool) -> String {
        let step = self.state.run(self.id).and_then(|run| run.steps().get(ix.index()));
        let action = step.and_then(|step| if undo { step.undo() } else { step.action() });
        match action {
            Some(action) if action.probe => {
                format!("`{}` can be looked for: it is, and then decided", action.name)
            }
            Some(action) if action.idempotent => {
                format!("`{}` is idempotent: it is done again, under the same key", action.name)
            }
            Some(action) => format!("`{}` is not idempotent: nobody knows whether it acted", action.name),
            None => "nobody knows whether it acted".to_owned(),
        }
    }
}

fn policy_name(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Rollback => "rollback",
        OnFailure::Stop => "stop",
        OnFailure::Continue => "continue",
        OnFailure::RetryOnce => "retry_once",
    }
}

fn failed(failure: &Failure, took: &str) -> String {
    match failure.kind {
        FailureKind::Answered => format!("failed{took}; its agent says that nothing was changed"),
        FailureKind::NoAnswer => format!("no answer{took}: whether it acted is in doubt"),
        FailureKind::TimedOut => format!("no answer in time{took}: whether it acted is in doubt"),
        FailureKind::Unverified => format!("done{took}, its agent says, but not found to be so"),
        FailureKind::NotSent => "refused, before anything was done".to_owned(),
        FailureKind::Unreachable => format!("its agent cannot be reached{took}: nothing was done"),
    }
}
