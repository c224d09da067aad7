//! Tables of runs, incidents and agents, as every view outside of the console shows them.

use serde::{Deserialize, Serialize};

use super::approvals::{ApprovalRow, SpentRow, UnconfirmedRow, accounts, approvals};
use super::message::Table;
use crate::engine::{Actor, AgentState, Incident, Run, State};
use crate::flow::machine::Status;
use crate::model::{Seq, Timestamp};

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A run.
    Run(RunRow),
    /// An incident.
    Incident(IncidentRow),
    /// An agent.
    Agent(AgentRow),
    /// A step that waits for people to approve it.
    Approval(Box<ApprovalRow>),
    /// An effect that waits for a person to confirm it.
    Unconfirmed(UnconfirmedRow),
    /// What was acted on.
    Spent(SpentRow),
}

/// A run. Times are RFC 3339, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct RunRow {
    pub id: String,
    pub workflow: String,
    pub status: String,
    /// Its steps were not performed: it only says what would be done.
    pub observed: bool,
    pub since: String,
    pub done: u32,
    pub total: u32,
    pub incident: Option<String>,
    pub created: String,
    pub by: String,
    pub why: Option<String>,
    /// The record that changed its status last: what `--seen` takes.
    pub changed: Seq,
    /// Who changed it.
    pub changed_by: String,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct IncidentRow {
    pub id: String,
    pub severity: String,
    pub rule: String,
    pub key: String,
    pub status: String,
    pub since: String,
    pub count: u64,
    pub opened: String,
    pub owner: Option<String>,
    pub runs: Vec<String>,
    /// How often it went on while it was answered, and set nothing off.
    #[serde(default)]
    pub echoes: u64,
    pub changed: Seq,
    pub changed_by: String,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AgentRow {
    pub name: String,
    pub role: String,
    pub kind: String,
    pub status: String,
    pub since: String,
    pub in_flight: u32,
    pub concurrency: u32,
    pub succeeded: u64,
    pub failed: u64,
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn by(actor: Option<&Actor>) -> String {
    actor.map_or_else(|| "quell".to_owned(), |actor| actor.0.to_string())
}

/// The row of a run.
pub(super) fn run_row(run: &Run) -> RunRow {
    let (done, total) = run.progress();
    RunRow {
        id: run.id().to_string(),
        workflow: run.workflow().to_owned(),
        status: run.status().name().to_owned(),
        observed: !run.mode().is_live(),
        since: time(run.since()),
        done,
        total,
        incident: run.incident().map(|id| id.to_string()),
        created: time(run.created_at()),
        by: by(Some(run.by())),
        why: run.why().map(str::to_owned).or_else(|| run.asks_for()),
        changed: run.changed(),
        changed_by: by(run.changed_by()),
    }
}

fn incident(incident: &Incident) -> Row {
    Row::Incident(IncidentRow {
        id: incident.id().to_string(),
        severity: incident.severity().to_string(),
        rule: incident.first().rule.name.to_string(),
        key: incident.key().to_owned(),
        status: incident.status().name().to_owned(),
        since: time(incident.since()),
        count: incident.count(),
        opened: time(incident.opened_at()),
        owner: incident.owner().map(|owner| owner.0.to_string()),
        runs: incident.runs().iter().map(ToString::to_string).collect(),
        echoes: incident.echoes(),
        changed: incident.changed(),
        changed_by: by(incident.changed_by()),
    })
}

fn agent(agent: &AgentState) -> Row {
    let (succeeded, failed) = agent.totals();
    Row::Agent(AgentRow {
        name: agent.name().to_owned(),
        role: agent.role().to_owned(),
        kind: agent.kind().name().to_owned(),
        status: agent.status().name().to_owned(),
        since: time(agent.since()),
        in_flight: agent.in_flight(),
        concurrency: agent.concurrency(),
        succeeded,
        failed,
    })
}

/// The latest `limit` rows of a table, the oldest first, and how many there are in all. Agents that
/// have left are not listed.
pub fn rows(state: &State, table: Table, limit: usize) -> (Vec<Row>, usize) {
    let (runs, incidents) = state.kept();
    let (mut rows, of): (Vec<Row>, usize) = match table {
        Table::Runs => (state.runs().rev().take(limit).map(|run| Row::Run(run_row(run))).collect(), runs),
        Table::Incidents => (state.incidents().rev().take(limit).map(incident).collect(), incidents),
        Table::Agents => {
            let all: Vec<Row> = state.agents_present().map(agent).collect();
            let of = all.len();
            return (all.into_iter().take(limit).collect(), of);
        }
        Table::Approvals => {
            return (
                approvals(state).take(limit).collect(),
                state.approvals().len() + state.unconfirmed().len(),
            );
        }
        Table::Spent => {
            let all: Vec<Row> = accounts(state).collect();
            let of = all.len();
            return (all.into_iter().take(limit).collect(), of);
        }
    };
    rows.reverse();
    (rows, of)
}
