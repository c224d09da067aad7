//! What happened to a run, record by record, and why.

use std::sync::Arc;

use super::agent::{self, Candidate};
use super::began::Began;
use super::words;
use crate::cli::next;
use crate::cli::output::json::run_of;
use crate::cli::output::words::span;
use crate::engine::{AgentKind, Event, Record, RollbackCause, State, StepWait};
use crate::model::{Action, AgentId, Failure, FailureKind, RunId, Seq, StepIx, Timestamp};
use crate::workflow::{OnFailure, Undo};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// By which record.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// To which step, if to one.
    pub step: Option<Arc<str>>,
    /// What, in one sentence.
    pub what: String,
    /// Why, in sentences.
    pub because: Vec<String>,
    /// Who could have done it, if that was decided here.
    pub candidates: Vec<Candidate>,
}

/// A sentence with its reasons.
struct Told {
    what: String,
    because: Vec<String>,
    candidates: Vec<Candidate>,
}

impl Told {
    fn new(what: impl Into<String>) -> Self {
        Told { what: what.into(), because: Vec::new(), candidates: Vec::new() }
    }

    fn why(mut self, why: impl Into<Option<String>>) -> Self {
        self.because.extend(why.into());
        self
    }
}

/// What a record says of a run; `None` if it is about something else. `state` is the state before.
pub fn moment(record: &Record, id: RunId, state: &State, began: &Began) -> Option<Moment> {
    let about = About { id, state, began, at: record.at };
    let told = if run_of(&record.event) == Some(id) {
        about
            .run(&record.event)
            .or_else(|| about.step(&record.event))
            .or_else(|| about.undo(&record.event))
            .or_else(|| (record.seq != began.seq).then(|| other(&record.event)))?
    } else {
        about.around(&record.event)?
    };
    let step = step_of(&record.event).filter(|_| run_of(&record.event) == Some(id));
    let step = step.and_then(|ix| Some(Arc::clone(&began.new.plan.steps.get(ix.index())?.id)));
    let Told { what, because, candidates } = told;
    Some(Moment { seq: record.seq, at: record.at, step, what, because, candidates })
}

/// A record that has no sentence of its own, as it is stored.
fn other(event: &Event) -> Told {
    let stored = serde_json::to_value(event).unwrap_or_default();
    let told = stored.as_object().and_then(|tagged| tagged.iter().next());
    Told::new(
        told.map_or_else(
            || stored.to_string(),
            |(kind, fields)| format!("{}: {fields}", kind.replace('_', " ")),
        ),
    )
}

fn step_of(event: &Event) -> Option<StepIx> {
    let stored = serde_json::to_value(event).ok()?;
    let fields = stored.as_object()?.values().next()?;
    let ix = fields.get("step")?.as_u64()?;
    u16::try_from(ix).ok().map(StepIx)
}

struct About<'a> {
    id: RunId,
    state: &'a State,
    began: &'a Began,
    at: Timestamp,
}

impl About<'_> {
    /// What happens around a run that is not over: to everything, or to its incident.
    fn around(&self, event: &Event) -> Option<Told> {
        let live = self.state.run(self.id).is_some_and(|run| !run.status().is_terminal());
        match event {
            Event::RequestRefused { by, request, why } if request.run() == Some(self.id) => {
                let asked = serde_json::to_value(request).unwrap_or_default();
                let asked = asked.as_object().and_then(|tagged| tagged.keys().next().cloned());
                let asked = asked.unwrap_or_default();
                Some(
                    Told::new(format!("{} asked to {asked} it: refused", words::by(by))).why(why.to_string()),
                )
            }
            Event::IncidentChanged { incident, to, by, reason }
                if Some(*incident) == self.began.new.incident =>
            {
                let why = reason.as_ref().map(|reason| reason.to_string());
                Some(Told::new(format!("{incident} is {to} now, by {}", words::by(by))).why(why))
            }
            Event::EchoHeard { incident, workflow, echo }
                if Some(*incident) == self.began.new.incident && *workflow == self.began.new.workflow =>
            {
                Some(Told::new(format!("{incident} goes on, and starts no other run")).why(echo.told()))
            }
            Event::Halted { by, why } if live => {
                let told = Told::new(format!("everything is halted by {by}"));
                Some(told.why((!why.is_empty()).then(|| why.to_string())))
            }
            Event::Released { by } if live => Some(Told::new(format!("the halt is over, released by {by}"))),
            Event::Recovered { .. } if live => Some(Told::new("quell starts again, after a stop or a crash")),
            _ => None,
        }
    }

    fn run(&self, event: &Event) -> Option<Told> {
        Some(match event {
            Event::RunJoined { incident, .. } => {
                let key = self.began.new.dedup.as_deref().unwrap_or("?");
                Told::new(format!("{incident} joins it, instead of a run of its own"))
                    .why(format!("it has the same key, {key}, and one run per key is live at a time"))
            }
            Event::RunPaused { by, .. } => Told::new(format!("paused by {by}; what runs goes on to its end")),
            Event::RunResumed { by, .. } => Told::new(format!("resumed by {by}")),
            Event::RunParked { why, .. } => Told::new("parked: a person has to decide").why(why.to_string()),
            Event::RunUnparked { by, .. } => Told::new(format!("{by} has it go on")),
            Event::RollbackStarted { cause, why, by, .. } => {
                let told = match cause {
                    RollbackCause::Failure => "it is rolled back, the last step first".to_owned(),
                    RollbackCause::Cancel => {
                        format!("cancelled by {}: it is rolled back, the last step first", words::by(by))
                    }
                };
                let said = **why == *format!("cancelled by {by}");
                Told::new(told).why((!said).then(|| why.to_string()))
            }
            Event::RunCompleted { .. } => Told::new("completed: every step is done"),
            Event::RunFailed { why, .. } => {
                Told::new(match next::standing(self.state, self.id).next().is_some() {
                    true => "failed; what it did stays in force",
                    false => "failed; there is nothing to undo",
                })
                .why(why.to_string())
            }
            Event::RollbackCompleted { .. } => {
                let skipped = self.state.run(self.id).is_some_and(|run| run.skipped_undos().next().is_some());
                Told::new(match skipped {
                    true => "the rollback is over: what is not undone was skipped by a person",
                    false => "the rollback is over: everything that was owed is undone",
                })
            }
            Event::RunStuck { why, .. } => Told::new("stuck: a person has to act").why(why.to_string()),
            Event::RunAbandoned { by, .. } => {
                Told::new(format!("given up by {by}: what is in force stays in force"))
            }
            _ => return None,
        })
    }

    fn step(&self, event: &Event) -> Option<Told> {
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
            Event::StepSettled { undo, settled, reason, by, .. } => {
                let of = if *undo { "its undo is settled" } else { "settled" };
                Told::new(format!("{of} as {} by {}", settled.name(), words::by(by)))
                    .why((!reason.is_empty()).then(|| reason.to_string()))
            }
            Event::StepWaiting { until, wait, .. } => Told::new(match wait {
                StepWait::Retry => format!("waits for its next attempt, until {}", until.clock()),
                StepWait::Agent => {
                    format!(
                        "waits for an agent until {}: every one that fits is busy or not ready",
                        until.clock()
                    )
                }
            }),
            Event::StepSkipped { why, .. } => Told::new("skipped").why(why.to_string()),
            Event::StepCancelled { in_doubt, .. } => Told::new(match in_doubt {
                true => "stopped half way: it may have acted, so its undo is owed",
                false => "called off before it began",
            }),
            Event::StepAssumed { step, agent, action, undo, undecided, .. } => {
                let when =
                    undecided.as_ref().map(|when| format!("whether `{when}` would hold, nobody can say"));
                Told::new(format!(
                    "would be done by {}: {}",
                    words::agent(*agent, self.state),
                    words::action(action)
                ))
                .why(when)
                .why(self.reverses(*step, undo.as_deref()))
            }
            Event::StepAnswered { undo, done, text, by, .. } => {
                let (what, done) =
                    (if *undo { "the undo is" } else { "it is" }, if *done { "done" } else { "not done" });
                Told::new(format!("{by} says that {what} {done}"))
                    .why((!text.is_empty()).then(|| text.to_string()))
            }
            Event::StepInDoubt { step, .. } => {
                Told::new(self.cut_short("in doubt")).why(self.settled(*step, false))
            }
            _ => return None,
        })
    }

    fn undo(&self, event: &Event) -> Option<Told> {
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
            Event::UndoInDoubt { step, .. } => {
                Told::new(self.cut_short("its undo is in doubt")).why(self.settled(*step, true))
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

    fn cut_short(&self, what: &str) -> String {
        match self.state.halt() {
            Some(_) => format!("{what}: it was stopped by the halt"),
            None => format!("{what}: quell was stopped before the answer came"),
        }
    }

    /// How what is in doubt goes on (C3).
    fn settled(&self, ix: StepIx, undo: bool) -> String {
        let step = self.state.run(self.id).and_then(|run| run.steps().get(ix.index()));
        let action = step.and_then(|step| if undo { step.undo() } else { step.action() });
        match action {
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

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{step}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
