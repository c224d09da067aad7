//! `quell runs | incidents | agents`: tables, from the engine at work, else from the journal.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::args::View;
use super::error::Error;
use super::output::table::moment;
use super::output::words::words;
use super::output::{print, table};
use super::{ask, journal};
use crate::control::approvals::{ApprovalRow, SpentRow, UnconfirmedRow};
use crate::control::message::Table;
use crate::control::rows::{self, AgentRow, IncidentRow, Row, RunRow};
use crate::model::SafeText;

/// Prints a table.
///
/// # Errors
/// There is neither an engine nor a journal, or nobody reads.
pub fn show(args: &View, table: Table) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let limit = if args.all { usize::MAX } else { args.limit };
    let (rows, of) = rows(&folder, table, limit)?;
    let text = if args.json { lines(&rows) } else { text(&rows, table, of) };
    print(&text)
}

/// A table of a folder, from the engine at work there, else from its journal; and its rows in all.
///
/// # Errors
/// There is neither an engine nor a journal.
pub fn rows(folder: &Path, table: Table, limit: usize) -> Result<(Vec<Row>, usize), Error> {
    match ask::engine(folder, None)? {
        Some(mut client) => client.rows(table, limit).map_err(|error| ask::failed(folder, error)),
        None => read(folder, table, limit),
    }
}

fn read(folder: &Path, table: Table, limit: usize) -> Result<(Vec<Row>, usize), Error> {
    ask::has_journal(folder)?;
    let state = journal::folded(folder)?;
    Ok(rows::rows(&state, table, limit))
}

/// One object per line, with its type first.
pub fn lines(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let Ok(Value::Object(tagged)) = serde_json::to_value(row) else { continue };
        tagged.iter().for_each(|(kind, row)| out.push_str(&table::object(kind, row)));
    }
    out
}

/// A table for people.
pub fn text(rows: &[Row], table: Table, of: usize) -> String {
    let heads = match table {
        Table::Runs => ["RUN", "STATE", "STEPS", "SINCE", "WORKFLOW", "BY"],
        Table::Incidents => ["INCIDENT", "SEVERITY", "STATE", "OPENED", "SEEN", "WHAT"],
        Table::Agents => ["AGENT", "STATE", "LOAD", "SINCE", "KIND", "DONE"],
        Table::Approvals => ["APPROVAL", "HASH", "GIVEN", "UNTIL", "WHAT", "WHY"],
        Table::Spent => ["ACTED ON", "OF", "LAST HOUR", "IN FORCE", "", ""],
    };
    let cells: Vec<[String; 6]> =
        std::iter::once(heads.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let mut out = table::aligned(&cells);
    match of.saturating_sub(rows.len()) {
        0 => {}
        rest => {
            let _ = writeln!(out, "… {rest} earlier; --all has every one");
        }
    }
    out
}

fn cells(row: &Row) -> [String; 6] {
    match row {
        Row::Run(run) => of_run(run),
        Row::Incident(incident) => of_incident(incident),
        Row::Agent(agent) => of_agent(agent),
        Row::Approval(approval) => of_approval(approval),
        Row::Unconfirmed(unconfirmed) => of_unconfirmed(unconfirmed),
        Row::Spent(spent) => of_spent(spent),
    }
}

/// Text from anywhere, safe for a terminal.
pub fn cut(text: &str, chars: usize) -> String {
    SafeText(text).cut(chars)
}

fn of_run(run: &RunRow) -> [String; 6] {
    let steps = format!("{}/{}", run.done, run.total);
    let by = run.incident.as_ref().map_or_else(|| cut(&run.by, 40), |incident| format!("for {incident}"));
    let status = if run.observed { format!("{} (observed)", words(&run.status)) } else { words(&run.status) };
    [run.id.clone(), status, steps, moment(&run.since), cut(&run.workflow, 32), by]
}

fn of_incident(incident: &IncidentRow) -> [String; 6] {
    let what = format!("{} {}", cut(&incident.rule, 32), cut(&incident.key, 40));
    let (id, opened) = (incident.id.clone(), moment(&incident.opened));
    [id, incident.severity.clone(), words(&incident.status), opened, incident.count.to_string(), what]
}

fn of_agent(agent: &AgentRow) -> [String; 6] {
    let load = format!("{}/{}", agent.in_flight, agent.concurrency);
    let done = format!("{} ok, {} failed", agent.succeeded, agent.failed);
    [cut(&agent.name, 32), words(&agent.status), load, moment(&agent.since), agent.kind.clone(), done]
}

fn of_approval(approval: &ApprovalRow) -> [String; 6] {
    let hash = approval.hash.get(..crate::engine::HASH_DIGITS).unwrap_or_default().to_owned();
    let given = format!("{} of {}", approval.given.len(), approval.count);
    let until = approval.until.as_deref().map_or_else(|| "-".to_owned(), moment);
    let target = approval.target.as_deref().unwrap_or_default();
    let what = cut(format!("{} {target}", approval.action).trim(), 60);
    [cut(&approval.id, 60), hash, given, until, what, cut(&approval.why, 200)]
}

fn of_unconfirmed(row: &UnconfirmedRow) -> [String; 6] {
    let what = cut(format!("{} {}", row.action, row.target.as_deref().unwrap_or_default()).trim(), 60);
    let why = "taken back then, unless confirmed: quell confirm".to_owned();
    [cut(&row.id, 60), "-".to_owned(), "confirm".to_owned(), moment(&row.until), what, why]
}

fn of_spent(spent: &SpentRow) -> [String; 6] {
    let in_force = if spent.of == "action" { spent.in_force.to_string() } else { "-".to_owned() };
    let name = cut(&spent.name, 40);
    [name, spent.of.clone(), spent.last_hour.to_string(), in_force, String::new(), String::new()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hostile_text_is_shown_safely_and_columns_line_up() {
        let row = |name: &str| {
            Row::Agent(AgentRow {
                name: name.to_owned(),
                role: "WALL".to_owned(),
                kind: "drill".to_owned(),
                status: "shutting_down".to_owned(),
                since: "2026-01-01T00:00:00Z".to_owned(),
                in_flight: 1,
                concurrency: 4,
                succeeded: 2,
                failed: 0,
            })
        };
        let shown = text(&[row("wall-1"), row("\u{1b}[2J")], Table::Agents, 5);
        let expected = "\
AGENT    STATE          LOAD  SINCE                KIND   DONE
wall-1   shutting down  1/4   2026-01-01 00:00:00  drill  2 ok, 0 failed
\\x1b[2J  shutting down  1/4   2026-01-01 00:00:00  drill  2 ok, 0 failed
… 3 earlier; --all has every one
";
        assert_eq!(shown, expected);
        let line: Value = serde_json::from_str(lines(&[row("w")]).trim_end()).unwrap();
        assert_eq!((&line["type"], &line["status"]), (&json!("agent"), &json!("shutting_down")));
    }
}
