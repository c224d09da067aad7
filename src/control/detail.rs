//! One run with its steps, as views outside of the console show it.

use serde::{Deserialize, Serialize};

use super::rows::{RunRow, run_row};
use crate::engine::{RollbackCause, Run, Settlement, State};
use crate::flow::machine::Status;
use crate::model::{Action, StepIx, Timestamp};

/// A run. Times are RFC 3339, in UTC. Outputs of steps are left out: `quell events` has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunDetail {
    #[serde(flatten)]
    pub row: RunRow,
    pub deadline: Option<String>,
    pub retry_of: Option<String>,
    pub rollback: Option<RollbackDetail>,
    pub steps: Vec<StepDetail>,
}

/// How far its rollback is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RollbackDetail {
    /// `failure` or `cancel`.
    pub cause: String,
    pub why: String,
    pub since: String,
    pub done: u32,
    pub total: u32,
    /// Steps whose undo a person skipped.
    pub skipped: u32,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct StepDetail {
    pub id: String,
    pub status: String,
    pub attempt: u32,
    pub agent: Option<String>,
    /// The action with its target.
    pub action: Option<String>,
    pub started: Option<String>,
    pub ended: Option<String>,
    /// The deadline of what runs, or the end of what it waits for.
    pub until: Option<String>,
    pub failure: Option<String>,
    /// An attempt ended without an answer: it may have acted.
    pub in_doubt: bool,
    /// It was not performed: its run observes.
    pub assumed: bool,
    /// The entry of the settings that protects the target of an assumed step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<String>,
    /// What a person is asked to do now.
    pub question: Option<String>,
    /// The action that reverses it, with its target.
    pub undo: Option<String>,
    pub undo_attempt: u32,
    /// Where its undo stands, in words.
    pub undo_stands: Option<String>,
    /// How a person settled it while it was in doubt.
    pub settled: Option<SettledDetail>,
    /// How a person settled its undo.
    pub undo_settled: Option<SettledDetail>,
    /// As what it may be settled now.
    pub may_settle: Vec<String>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub struct SettledDetail {
    pub settled: String,
    pub by: String,
    pub at: String,
    pub reason: String,
}

fn settled(settlement: Option<&Settlement>) -> Option<SettledDetail> {
    settlement.map(|settlement| SettledDetail {
        settled: settlement.settled.name().to_owned(),
        by: settlement.by.to_string(),
        at: settlement.at.to_string(),
        reason: settlement.reason.to_string(),
    })
}

fn named(action: &Action) -> String {
    let target = action.target.as_deref().map_or_else(String::new, |target| format!(" {target}"));
    format!("{}{target}", action.name)
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A run as it is now.
pub fn of(run: &Run, state: &State) -> RunDetail {
    RunDetail {
        row: run_row(run),
        deadline: time(run.deadline()),
        retry_of: run.retry_of().map(|earlier| earlier.to_string()),
        rollback: run.rollback().map(|rollback| RollbackDetail {
            cause: match rollback.cause {
                RollbackCause::Failure => "failure".to_owned(),
                RollbackCause::Cancel => "cancel".to_owned(),
            },
            why: rollback.why.to_string(),
            since: rollback.since.to_string(),
            done: rollback.done,
            total: rollback.total,
            skipped: run.skipped_undos().count() as u32,
        }),
        steps: (0..run.steps().len()).filter_map(|i| step(run, StepIx(i as u16), state)).collect(),
    }
}

fn step(run: &Run, ix: StepIx, state: &State) -> Option<StepDetail> {
    let step = run.steps().get(ix.index())?;
    Some(StepDetail {
        id: run.step_id(ix).to_owned(),
        status: step.status().name().to_owned(),
        attempt: step.attempt(),
        agent: step.agent().and_then(|id| state.agent(id)).map(|agent| agent.name().to_owned()),
        action: step.action().map(named),
        started: time(step.started_at()),
        ended: time(step.ended_at()),
        until: time(step.until()),
        failure: step.failure().map(|failure| failure.message.clone()),
        in_doubt: step.in_doubt(),
        assumed: step.is_assumed(),
        protected: step.protected().map(str::to_owned),
        question: step.question().map(str::to_owned),
        undo: step.undo().map(named),
        undo_attempt: step.undo_attempt(),
        undo_stands: run.undo_told(ix),
        settled: settled(step.settled()),
        undo_settled: settled(step.undo_settled()),
        may_settle: run.may_settle(ix).iter().map(|word| word.name().to_owned()).collect(),
    })
}
