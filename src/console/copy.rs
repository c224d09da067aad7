//! What is handed to the clipboard: ids as they are, rows as JSON. Text from outside is sanitised as it
//! is on the screen (C32): what is pasted into a shell must not be more than what was seen.

use serde_json::json;

use super::model::{Model, Subject};
use crate::engine::{AgentState, Incident, Obligation, Run};
use crate::model::{SafeText, Value};

/// Characters of one text at most: terminals take some 70 kB, and a key may be a megabyte.
const LONGEST: usize = 1024;

/// Its id; of an agent the name.
pub fn id(model: &Model, subject: Subject) -> String {
    match subject {
        Subject::Run(id) => id.to_string(),
        Subject::Incident(id) => id.to_string(),
        Subject::Obligation(id) => id.to_string(),
        Subject::Agent(id) => safe(model.agent_name(id)),
        Subject::Rules => "rules".to_owned(),
        Subject::Requests => "requests".to_owned(),
    }
}

/// What its row shows, as one line of JSON.
pub fn row(model: &Model, subject: Subject) -> String {
    let state = model.state();
    let row = match subject {
        Subject::Run(id) => state.run(id).map(run),
        Subject::Incident(id) => state.incident(id).map(incident),
        Subject::Obligation(id) => state.ledger().get(id).map(obligation),
        Subject::Agent(id) => state.agent(id).map(agent),
        Subject::Rules => serde_json::to_value(&*model.gauges().rules).ok(),
        Subject::Requests => Some(super::detail::requests::json(model)),
    };
    row.unwrap_or_else(|| json!({ "id": id(model, subject) })).to_string()
}

fn safe(text: &str) -> String {
    SafeText(text).cut(LONGEST)
}

fn run(run: &Run) -> Value {
    let (done, total) = run.progress();
    json!({
        "run": run.id().to_string(),
        "workflow": safe(run.workflow()),
        "state": run.status().to_string(),
        "since": run.since().to_string(),
        "done": done,
        "steps": total,
        "created": run.created_at().to_string(),
        "ended": run.ended_at().map(|at| at.to_string()),
        "by": safe(&run.by().0),
        "incident": run.incident().map(|id| id.to_string()),
        "why": run.why().map(safe),
    })
}

fn incident(incident: &Incident) -> Value {
    let runs: Vec<String> = incident.runs().iter().map(ToString::to_string).collect();
    json!({
        "incident": incident.id().to_string(),
        "severity": incident.severity().to_string(),
        "state": incident.status().to_string(),
        "since": incident.since().to_string(),
        "opened": incident.opened_at().to_string(),
        "rule": safe(&incident.first().rule.name),
        "about": safe(incident.key()),
        "count": incident.count(),
        "owner": incident.owner().map(|by| safe(&by.0)),
        "runs": runs,
    })
}

fn obligation(obligation: &Obligation) -> Value {
    let holders: Vec<String> = obligation.holders().iter().map(|holder| holder.run().to_string()).collect();
    let (run, step) = obligation.origin();
    json!({
        "obligation": obligation.id().to_string(),
        "action": safe(&obligation.action().name),
        "target": obligation.target().map(|target| safe(target)),
        "state": obligation.status().to_string(),
        "since": obligation.since().to_string(),
        "until": obligation.until().map(|at| at.to_string()),
        "ends": obligation.ends_by().name(),
        "undo": obligation.undo().map(|undo| safe(&undo.name)),
        "holders": holders,
        "run": run.to_string(),
        "step": safe(step),
        "incident": obligation.incident().map(|id| id.to_string()),
    })
}

fn agent(agent: &AgentState) -> Value {
    let (succeeded, failed) = agent.totals();
    json!({
        "agent": safe(agent.name()),
        "role": safe(agent.role()),
        "kind": agent.kind().name(),
        "state": agent.status().to_string(),
        "since": agent.since().to_string(),
        "in_flight": agent.in_flight(),
        "concurrency": agent.concurrency(),
        "succeeded": succeeded,
        "failed": failed,
    })
}
