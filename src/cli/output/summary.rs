//! The summary for people: incidents, runs with their steps, what is in force, books, latencies.
//! Whatever came from outside is shown as safe text (C32).

use std::fmt::{self, Write as _};

use super::settled;
use super::totals::{Totals, cut_short, percentiles};
use super::words::{counted, seconds, words};
use crate::engine::{AgentKind, Incident, JournalKind, ObligationStatus, Run, State, StepState, StepStatus};
use crate::flow::machine::Status;
use crate::model::{SafeText, StepIx};
use crate::runtime::gauges::{BookTotals, Stage};
use crate::source::quarantine::{BadLines, Sample};

/// Incidents and runs that are listed, each; the rest is counted.
const LISTED: usize = 50;

/// The whole text.
pub fn text(totals: &Totals<'_>) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(&mut out, totals);
    out
}

fn write(out: &mut String, totals: &Totals<'_>) -> fmt::Result {
    let state = totals.state;
    if state.kind() == Some(JournalKind::Exercise) {
        let drills = state.agents().iter().filter(|agent| agent.kind() == AgentKind::Drill).count();
        match (drills, state.counts().observed) {
            (0, 1..) => writeln!(out, "REPLAY of a real setup: nothing was done, only observed\n")?,
            _ => {
                let agents = counted(drills as u64, "simulated agent");
                writeln!(out, "DRILL: an exercise with {agents}; nothing real was done\n")?
            }
        }
    }
    incidents(out, state)?;
    runs(out, state)?;
    in_force(out, state)?;
    writeln!(out)?;
    figures(out, totals)
}

fn incidents(out: &mut String, state: &State) -> fmt::Result {
    let counts = state.counts();
    writeln!(out, "incidents {} ({} active)", counts.incidents, counts.open_incidents)?;
    let kept = state.kept().1;
    earlier(out, counts.incidents, kept.min(LISTED))?;
    state.incidents().skip(kept.saturating_sub(LISTED)).try_for_each(|incident| incident_line(out, incident))
}

fn incident_line(out: &mut String, incident: &Incident) -> fmt::Result {
    writeln!(
        out,
        "  {} {:<7} {:<13} {:<22} {:<28} {:>6} seen  {}",
        incident.opened_at().clock(),
        incident.id(),
        incident.severity(),
        SafeText(&incident.first().rule.name).cut(22),
        SafeText(incident.key()).cut(28),
        incident.count(),
        words(incident.status().name()),
    )
}

fn runs(out: &mut String, state: &State) -> fmt::Result {
    let counts = state.counts();
    let parts = [
        (counts.completed, "completed"),
        (counts.rolled_back, "rolled back"),
        (counts.cancelled, "cancelled"),
        (counts.failed, "failed"),
        (counts.abandoned, "abandoned"),
        (counts.observed, "only observed"),
        (counts.paused as u64, "paused"),
        (counts.parked as u64, "parked"),
        (counts.stuck as u64, "stuck"),
        (cut_short(&counts) as u64, "cut short"),
    ];
    let all = counts.ended() + counts.live_runs as u64;
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    writeln!(out, "\nruns {all}{colon}{}", parts.join(", "))?;
    let kept = state.kept().0;
    earlier(out, all, kept.min(LISTED))?;
    state.runs().skip(kept.saturating_sub(LISTED)).try_for_each(|run| run_lines(out, run, state))
}

/// The latest are listed: what a person has just started is among them.
fn earlier(out: &mut String, all: u64, shown: usize) -> fmt::Result {
    match all.saturating_sub(shown as u64) {
        0 => Ok(()),
        rest => writeln!(out, "  … {rest} earlier; --json has every one"),
    }
}

/// One run with its steps.
pub fn run(run: &Run, state: &State) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = run_lines(&mut out, run, state);
    out
}

fn run_lines(out: &mut String, run: &Run, state: &State) -> fmt::Result {
    let (done, total) = run.progress();
    let incident = run.incident().map_or(String::new(), |incident| format!("  for {incident}"));
    writeln!(
        out,
        "  {} {:<7} {:<24} {:<12} {done}/{total} in {}{incident}",
        run.created_at().clock(),
        run.id(),
        SafeText(run.workflow()).cut(24),
        if run.mode().is_live() { words(run.status().name()) } else { "observed".to_owned() },
        seconds(run.duration(state.now())),
    )?;
    if !run.mode().is_live() {
        let end = words(run.status().name());
        writeln!(out, "           nothing was done: its workflow is not armed; it would have {end} so:")?;
    }
    if let Some(why) = run.why() {
        writeln!(out, "           {}", SafeText(why).cut(90))?;
    }
    if let Some(rollback) = run.rollback() {
        let skipped = match run.skipped_undos().count() {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        writeln!(out, "           rollback: {} of {} undone{skipped}", rollback.done, rollback.total)?;
    }
    for (i, step) in run.steps().iter().enumerate() {
        step_line(out, run, StepIx(i as u16), step, state)?;
    }
    Ok(())
}

fn step_line(out: &mut String, run: &Run, ix: StepIx, step: &StepState, state: &State) -> fmt::Result {
    let mark = match step.status() {
        StepStatus::Succeeded if step.is_assumed() => "◇",
        StepStatus::Succeeded => "✓",
        StepStatus::Undone => "↶",
        StepStatus::Failed | StepStatus::UndoFailed => "✗",
        StepStatus::Skipped | StepStatus::Cancelled | StepStatus::Pending => "·",
        _ => "?",
    };
    let agent = step.agent().and_then(|id| state.agent(id)).map_or("-", |agent| agent.name());
    let action = step.action().map_or_else(String::new, |action| {
        let target = action.target.as_deref().map_or(String::new(), |target| format!(" {target}"));
        format!("{}{target}", action.name)
    });
    let attempts = if step.attempt() > 1 { format!(", {} attempts", step.attempt()) } else { String::new() };
    write!(
        out,
        "    {mark} {:<16} {:<14} {:<42} {}{attempts}",
        SafeText(run.step_id(ix)).cut(16),
        SafeText(agent).cut(14),
        SafeText(&action).cut(42),
        if step.is_assumed() { "would be done".to_owned() } else { words(step.status().name()) },
    )?;
    let note = step.note();
    match (step.failure(), step.undecided()) {
        _ if step.protected().is_some() => {
            writeln!(out, ", but protected: {}", SafeText(step.protected().unwrap_or("")).cut(80))?;
        }
        _ if note.is_some() => writeln!(out, ": {}", SafeText(note.as_deref().unwrap_or("")).cut(100))?,
        (Some(failure), _) => writeln!(out, ": {}", SafeText(&failure.message).cut(80))?,
        (None, Some(when)) => writeln!(out, " if {}", SafeText(when).cut(80))?,
        (None, None) => writeln!(out)?,
    }
    if let Some(permission) = step.permission().filter(|_| step.awaits_approval()) {
        let (asked, id) = (permission.asked(), SafeText(run.step_id(ix)).cut(64));
        let target = asked.action.target.as_deref().unwrap_or("");
        let what = format!("{} {target} ({})", asked.action.name, permission.short_hash());
        let (given, count) = (permission.given().len(), asked.count);
        writeln!(out, "      wants {given} of {count} to approve: {}", SafeText(&what).cut(100))?;
        writeln!(out, "      because: {}", SafeText(&asked.why).cut(160))?;
        writeln!(out, "      quell approve {} {id}", run.id())?;
    }
    for line in settled::lines(run, ix, step) {
        writeln!(out, "      {line}")?;
    }
    let Some(question) = step.question() else { return Ok(()) };
    let (id, undo) = (run.step_id(ix), if step.status() == StepStatus::Undoing { " --undo" } else { "" });
    writeln!(out, "      asks: {}", SafeText(question).cut(100))?;
    writeln!(out, "      quell answer {} {} done{undo}", run.id(), SafeText(id).cut(64))
}

/// What stands on the ledger: what quell did and did not take back.
fn in_force(out: &mut String, state: &State) -> fmt::Result {
    let standing = state.ledger().standing_count();
    let skipped = standing.saturating_sub(LISTED);
    writeln!(out, "\nin force {standing}")?;
    earlier(out, standing as u64, standing - skipped)?;
    for entry in state.ledger().standing().skip(skipped) {
        let target = entry.target().map_or("", |target| target);
        let ends = match (entry.undo(), entry.until()) {
            (Some(undo), _) => format!("undo: {}", undo.name),
            (None, Some(until)) => format!("until {until}"),
            (None, None) => "nothing takes it back".to_owned(),
        };
        let status = match entry.status() {
            ObligationStatus::InForce => String::new(),
            other => format!(", {}", words(other.name())),
        };
        let (run, step) = entry.origin();
        writeln!(
            out,
            "  {:<7} {:<24} {:<42} {}{status}",
            entry.id(),
            SafeText(&format!("{run}/{step}")).cut(24),
            SafeText(&format!("{} {target}", entry.action().name)).cut(42),
            SafeText(&ends).cut(40),
        )?;
    }
    Ok(())
}

fn figures(out: &mut String, totals: &Totals<'_>) -> fmt::Result {
    if let Some(bad) = totals.bad {
        signals(out, &totals.gauges.books, bad)?;
    }
    for stage in Stage::ALL {
        if let Some([p50, p95, p99, max]) = percentiles(totals.gauges, stage) {
            writeln!(
                out,
                "latency  {:<17} p50 {p50:.2} ms  p95 {p95:.2} ms  p99 {p99:.2} ms  max {max:.2} ms",
                stage.title()
            )?;
        }
    }
    if totals.gauges.stale_answers > 0 {
        let n = totals.gauges.stale_answers;
        writeln!(out, "answers  {n} came too late and were ignored")?;
    }
    if totals.ending.interrupted {
        writeln!(out, "stopped  before the end of the stream")?;
    }
    if let Some(hash) = totals.ending.records_hash {
        writeln!(out, "records  {} with hash {hash}", totals.state.seq())?;
    }
    writeln!(out, "took     {:.2} s", totals.took.as_secs_f64())
}

/// The books of what was read, and the lines that were no signals.
fn signals(out: &mut String, books: &BookTotals, bad: &BadLines) -> fmt::Result {
    writeln!(
        out,
        "signals  {} received = {} processed + {} deduplicated + {} dropped + {} queued; {} late",
        books.received,
        books.processed,
        books.deduplicated,
        books.dropped(),
        books.queued,
        books.late
    )?;
    if books.ahead > 0 {
        writeln!(out, "         {} ahead of the clock, counted as of their arrival", books.ahead)?;
    }
    if books.received == 0 {
        return writeln!(out, "         there was no line to read");
    }
    if books.dropped() == 0 {
        return Ok(());
    }
    let mut reasons: Vec<String> = bad.reasons.iter().map(|(why, n)| format!("{n} {}", words(why))).collect();
    if books.overflow > 0 {
        reasons.push(format!("{} by a full queue", books.overflow));
    }
    writeln!(out, "dropped  {}", reasons.join(", "))?;
    for sample in samples(bad) {
        writeln!(out, "{sample}")?;
    }
    let shown = bad.samples.len() as u64;
    match books.dropped().saturating_sub(shown) {
        0 => {}
        rest => writeln!(out, "  … and {}; --quarantine FILE keeps every one", counted(rest, "more line"))?,
    }
    if books.dropped() == books.received {
        writeln!(
            out,
            "         no line was a signal: expected plain text, one record per line, in a format of --format"
        )?;
    }
    Ok(())
}

/// The first lines that were no signals. What they say is safe text already.
pub fn samples(bad: &BadLines) -> impl Iterator<Item = String> {
    let show =
        |sample: &Sample| format!("  {}:{}: {}: {}", sample.file, sample.line, sample.reason, sample.text);
    bad.samples.iter().map(show)
}
