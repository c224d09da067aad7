//! `quell runs RUN`: one run with its steps, what is undone, and what a person may settle.

use std::fmt::{self, Write as _};
use std::path::Path;

use serde_json::Value;

use super::args::View;
use super::error::Error;
use super::output::print;
use super::output::table::moment;
use super::output::words::words;
use super::views::cut;
use super::{ask, journal};
use crate::control::detail::{self, RunDetail, SettledDetail, StepDetail};
use crate::model::{RunId, SafeText};

/// Columns of what stands beside a label.
const TEXT: usize = 200;

/// Prints one run.
///
/// # Errors
/// It is not known, there is neither an engine nor a journal, or nobody reads.
pub fn show(run: RunId, args: &View) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let found = match ask::engine(&folder, None)? {
        Some(mut client) => client.run(run).map_err(|error| ask::failed(&folder, error))?,
        None => read(&folder, run)?,
    };
    let unknown = || {
        let what = format!("{run} is not known in {}", folder.display());
        Error::failed(what).hint("`quell runs --all` lists what is kept; the journal has what has left")
    };
    let found = found.ok_or_else(unknown)?;
    print(&if args.json { line(&found) } else { text(&found) })
}

fn read(folder: &Path, run: RunId) -> Result<Option<RunDetail>, Error> {
    ask::has_journal(folder)?;
    let state = journal::folded(folder)?;
    Ok(state.run(run).map(|run| detail::of(run, &state)))
}

fn line(run: &RunDetail) -> String {
    let mut out = String::from("{\"type\":\"run\"");
    if let Ok(Value::Object(fields)) = serde_json::to_value(run) {
        for (name, value) in fields {
            // Writing to a `String` cannot fail.
            let _ = write!(out, ",{}:{value}", Value::from(name));
        }
    }
    out.push_str("}\n");
    out
}

fn text(run: &RunDetail) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(&mut out, run);
    out
}

fn write(out: &mut String, run: &RunDetail) -> fmt::Result {
    let row = &run.row;
    let observed = if row.observed { " (observed)" } else { "" };
    let (status, since) = (words(&row.status), moment(&row.since));
    let workflow = cut(&row.workflow, 40);
    writeln!(
        out,
        "{}  {workflow}  {status}{observed}  {}/{} steps  since {since}",
        row.id, row.done, row.total
    )?;
    if let Some(why) = &row.why {
        writeln!(out, "  why       {}", cut(why, TEXT))?;
    }
    let incident = row.incident.as_ref().map_or(String::new(), |incident| format!(", for {incident}"));
    let again = run.retry_of.as_ref().map_or(String::new(), |earlier| format!(", tries {earlier} again"));
    writeln!(out, "  ordered   {} by {}{incident}{again}", moment(&row.created), cut(&row.by, 60))?;
    if let Some(rollback) = &run.rollback {
        let skipped = match rollback.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        let (done, total, since) = (rollback.done, rollback.total, moment(&rollback.since));
        writeln!(
            out,
            "  rollback  {done} of {total} undone{skipped}, since {since}: {}",
            cut(&rollback.why, TEXT)
        )?;
    }
    writeln!(out)?;
    run.steps.iter().try_for_each(|step| step_lines(out, &row.id, step))
}

fn step_lines(out: &mut String, run: &str, step: &StepDetail) -> fmt::Result {
    let status = if step.assumed { "would be done".to_owned() } else { words(&step.status) };
    let attempts = if step.attempt > 1 { format!("  {} attempts", step.attempt) } else { String::new() };
    let agent = step.agent.as_deref().map_or("-".to_owned(), |agent| cut(agent, 16));
    let action = step.action.as_deref().map_or_else(String::new, |action| cut(action, 60));
    let row = format!("  {:<16} {status:<17} {agent:<16} {action}{attempts}", cut(&step.id, 16));
    writeln!(out, "{}", row.trim_end())?;
    let mut more = |label: &str, text: &str| writeln!(out, "    {label:<9} {}", SafeText(text).cut(TEXT));
    if let Some(failure) = &step.failure {
        more("failure", failure)?;
    }
    if let Some(protected) = &step.protected {
        more("protected", &format!("{protected}: it would be refused"))?;
    }
    if step.in_doubt || step.status == "in_doubt" {
        more("in doubt", "an attempt ended without an answer: it may have acted")?;
    }
    if let Some(settled) = &step.settled {
        more("settled", &said(settled))?;
    }
    if let Some(question) = &step.question {
        more("asks", question)?;
    }
    if let Some(undo) = &step.undo {
        let stands = step.undo_stands.as_ref().map_or(String::new(), |stands| format!(": {stands}"));
        more("undo", &format!("{undo}{stands}"))?;
    }
    if let Some(settled) = step.undo_settled.as_ref().filter(|settled| settled.settled == "again") {
        more("settled", &said(settled))?;
    }
    match step.may_settle.is_empty() {
        true => Ok(()),
        false => more(
            "settle",
            &format!("quell settle {run} {} {} --reason TEXT", step.id, step.may_settle.join("|")),
        ),
    }
}

fn said(settled: &SettledDetail) -> String {
    let reason = if settled.reason.is_empty() { String::new() } else { format!(": {}", settled.reason) };
    format!("{} by {} at {}{reason}", settled.settled, settled.by, moment(&settled.at))
}
