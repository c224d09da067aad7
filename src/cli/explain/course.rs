//! What happened to a run, record by record, and why.

use std::sync::Arc;

use super::agent::Candidate;
use super::began::Began;
use super::words;
use crate::cli::next;
use crate::cli::output::json::{run_of, step_of};
use crate::engine::{Event, Record, RollbackCause, State};
use crate::model::{RunId, Seq, Timestamp};

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
pub struct Told {
    pub what: String,
    pub because: Vec<String>,
    pub candidates: Vec<Candidate>,
}

impl Told {
    pub fn new(what: impl Into<String>) -> Self {
        Told { what: what.into(), because: Vec::new(), candidates: Vec::new() }
    }

    pub fn why(mut self, why: impl Into<Option<String>>) -> Self {
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
    let step = step_of(&record.event).filter(|(run, _)| *run == id);
    let step = step.and_then(|(_, ix)| Some(Arc::clone(&began.new.plan.steps.get(ix.index())?.id)));
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

pub struct About<'a> {
    pub id: RunId,
    pub state: &'a State,
    pub began: &'a Began,
    pub at: Timestamp,
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
            Event::ClockJumped { by, ahead } if live => {
                let told = Told::new(format!("the clock of the machine jumped {}", words::jump(*by)));
                Some(told.why(Some(format!("since then it is {} the times here", words::ahead(*ahead)))))
            }
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
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{step}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
