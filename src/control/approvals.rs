//! What people have to decide, and what was acted on, as every view outside of the console shows it.

use serde::{Deserialize, Serialize};

use super::rows::Row;
use crate::engine::{Account, State};
use crate::model::{Action, Map, RunId, StepIx, Timestamp, Value};

/// A step that waits for people to approve it. Times are RFC 3339, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ApprovalRow {
    /// `run-7/isolate`.
    pub id: String,
    pub run: String,
    pub step: String,
    pub workflow: String,
    pub incident: Option<String>,
    /// Of what it would do: what `quell approve --hash` takes, or the first digits of it.
    pub hash: String,
    pub action: String,
    #[serde(default)]
    pub with: Map,
    pub target: Option<String>,
    pub undo: Option<String>,
    /// How many people have to approve.
    pub count: u32,
    /// Who did.
    pub given: Vec<String>,
    /// Who may; nobody named is everybody with the role `approve`.
    pub from: Vec<String>,
    pub asked: String,
    /// How long is waited. It moves while the run is paused or everything is halted.
    pub until: Option<String>,
    pub on_timeout: String,
    pub why: String,
}

/// An effect that ends soon unless a person confirms it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct UnconfirmedRow {
    /// `run-7/isolate`.
    pub id: String,
    pub run: String,
    pub step: String,
    /// On the ledger.
    pub obligation: String,
    pub action: String,
    pub target: Option<String>,
    /// When it is taken back.
    pub until: String,
}

/// What was acted on by an action, or by the runs of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SpentRow {
    /// `action` or `workflow`.
    pub of: String,
    pub name: String,
    /// Targets in the last hour.
    pub last_hour: u64,
    /// Targets in force; of an action only.
    pub in_force: u64,
}

fn approval(state: &State, id: RunId, ix: StepIx) -> Option<Row> {
    let run = state.run(id)?;
    let step = run.steps().get(ix.index())?;
    let permission = step.permission()?;
    let asked = permission.asked();
    let Action { name, args, target, .. } = &*asked.action;
    Some(Row::Approval(Box::new(ApprovalRow {
        id: format!("{id}/{}", run.step_id(ix)),
        run: id.to_string(),
        step: run.step_id(ix).to_owned(),
        workflow: run.workflow().to_owned(),
        incident: run.incident().map(|incident| incident.to_string()),
        hash: asked.hash.to_string(),
        action: name.to_string(),
        with: args.iter().map(|(name, value)| (name.to_owned(), Value::clone(value))).collect(),
        target: target.as_ref().map(ToString::to_string),
        undo: asked.undo.as_ref().map(|undo| undo.name.to_string()),
        count: asked.count,
        given: permission.given().iter().map(|(by, _)| by.to_string()).collect(),
        from: asked.from.iter().map(ToString::to_string).collect(),
        asked: permission.asked_at().to_string(),
        until: step.until().map(|until| until.to_string()),
        on_timeout: asked.on_timeout.name().to_owned(),
        why: asked.why.to_string(),
    })))
}

fn spent(of: &str, name: &str, account: &Account, in_force: u64, now: Timestamp) -> Option<Row> {
    let last_hour = account.last_hour(now);
    let row = SpentRow { of: of.to_owned(), name: name.to_owned(), last_hour, in_force };
    (last_hour > 0 || in_force > 0).then_some(Row::Spent(row))
}

fn unconfirmed(state: &State, id: RunId, ix: StepIx) -> Option<Row> {
    let (obligation, holder) = state.unconfirmed_of(id, ix)?;
    Some(Row::Unconfirmed(UnconfirmedRow {
        id: format!("{id}/{}", holder.step_id()),
        run: id.to_string(),
        step: holder.step_id().to_owned(),
        obligation: obligation.id().to_string(),
        action: obligation.action().name.to_string(),
        target: obligation.target().map(ToString::to_string),
        until: holder.unconfirmed_until()?.to_string(),
    }))
}

/// What people have to approve, then what they have to confirm, by run.
pub fn approvals(state: &State) -> impl Iterator<Item = Row> + '_ {
    let asked = state.approvals().filter_map(|(run, step)| approval(state, run, step));
    asked.chain(state.unconfirmed().filter_map(|(run, step)| unconfirmed(state, run, step)))
}

/// What was acted on: by action, then by workflow.
pub fn accounts(state: &State) -> impl Iterator<Item = Row> + '_ {
    let now = state.now();
    let actions = state.accounts().filter_map(move |(name, account)| {
        spent("action", name, account, state.targets_in_force(name, now), now)
    });
    let workflows = state.workflow_accounts();
    actions.chain(workflows.filter_map(move |(name, account)| spent("workflow", name, account, 0, now)))
}
