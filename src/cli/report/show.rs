//! A report as text in 80 columns, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::gather::{Act, InForce, Line, Listed, Report};
use crate::cli::output::paragraph::add;
use crate::cli::output::words::{counted, words};
use crate::control::figures::Figures;
use crate::model::SafeJson;

/// Entries of a list that are shown.
const SHOWN: usize = 20;

/// As one JSON object.
pub fn json(report: &Report) -> String {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("type".to_owned(), json!("report"));
    }
    format!("{}\n", SafeJson(&value.to_string()))
}

/// For people.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let drill = if report.drill { "DRILL " } else { "" };
    add(&mut out, drill, &format!("report from {} to {}", moment(&report.since), moment(&report.until)));
    if let Some(halted) = &report.halted {
        let why = halted.why.as_deref().map_or(String::new(), |why| format!(": {why}"));
        add(&mut out, "HALTED ", &format!("since {}, by {}{why}", moment(&halted.at), halted.by));
    }

    if let Some(archived) = &report.archived {
        add(&mut out, "left out: ", archived);
    }

    head(&mut out, "to do first", if report.first.is_empty() { "nothing" } else { "" });
    for todo in report.first.iter().take(SHOWN) {
        add(&mut out, "  · ", &todo.what);
        add(&mut out, "      ", &todo.command);
    }
    more(&mut out, report.first.len().saturating_sub(SHOWN) as u64);

    let opened = by_word(&report.incidents_opened_by_severity);
    let open = by_word(&report.incidents_open_by_severity);
    let figures =
        format!("{} opened{opened}; {} open now{open}", report.incidents_opened, report.incidents_open.count);
    head(&mut out, "incidents", &figures);
    list(&mut out, &report.incidents_open, line);

    let ended: u64 = report.runs_ended.values().sum();
    let (ways, live) = (by_word(&report.runs_ended), report.runs_live.count);
    head(&mut out, "runs", &format!("{} begun; {ended} ended{ways}; {live} under way", report.runs_begun));
    list(&mut out, &report.runs_badly, line);
    list(&mut out, &report.runs_live, line);

    let figures = format!("{}; {} of them end within 12 h", report.in_force.count, report.ending_soon);
    head(&mut out, "in force", &figures);
    list(&mut out, &report.in_force, effect);

    head(&mut out, "people", &counted(report.people.count, "act"));
    list(&mut out, &report.people, act);
    head(&mut out, "refused", &counted(report.refused.count, "request"));
    list(&mut out, &report.refused, act);

    let started = match report.restarts {
        0 => "quell was not started again".to_owned(),
        n => format!("quell was started again {}", counted(n, "time")),
    };
    head(&mut out, "engine", &started);
    sources(&mut out, report.sources.as_ref());
    out
}

fn head(out: &mut String, name: &str, figures: &str) {
    out.push('\n');
    add(out, &format!("{name:<13}"), figures);
    // A heading without figures has no blanks at its end.
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push('\n');
}

fn by_word(counts: &BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {}", words(word))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn list<T>(out: &mut String, of: &Listed<T>, show: fn(&mut String, &T)) {
    let shown = of.latest.len().min(SHOWN);
    of.latest.iter().skip(of.latest.len() - shown).for_each(|entry| show(out, entry));
    more(out, of.count - shown as u64);
}

fn more(out: &mut String, rest: u64) {
    if rest > 0 {
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "  … and {rest} more; --json has the latest 100");
    }
}

fn moment(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}

fn line(out: &mut String, line: &Line) {
    let why = line.why.as_deref().map_or(String::new(), |why| format!(": {why}"));
    let text = format!("{} {}, {}{why}", line.id, words(&line.status), line.what);
    add(out, &format!("  {}  ", moment(&line.since)), &text);
}

fn act(out: &mut String, act: &Act) {
    let why = act.why.as_deref().map_or(String::new(), |why| format!(": {why}"));
    add(out, &format!("  {}  ", moment(&act.at)), &format!("{}: {}{why}", act.by, act.what));
}

fn effect(out: &mut String, of: &InForce) {
    let target = of.target.as_deref().map_or(String::new(), |target| format!(" {target}"));
    let since = of.since.as_deref().map_or(String::new(), |at| format!(" since {}", moment(at)));
    let until = of.until.as_deref().map_or(String::new(), |at| format!(" until {}", moment(at)));
    let why = of.why.as_deref().map_or(String::new(), |why| format!(" ({why})"));
    let undo = of.undo.as_deref().map_or(String::new(), |undo| format!("; undo: {undo}"));
    let (status, ends) = (words(&of.status), of.ends);
    let text = format!("{}{target} {status}{why}{since}{until}, ends {ends}, by {}{undo}", of.what, of.by);
    add(out, &format!("  {:<6} ", of.id), &text);
}

fn sources(out: &mut String, figures: Option<&Figures>) {
    let Some(of) = figures else {
        return head(out, "sources", "no engine is at work: how they did is in no record");
    };
    let dropped = of.undecodable + of.too_long + of.overflow;
    head(
        out,
        "sources",
        &format!("{} lines received since {}", of.received, moment(&of.started.to_string())),
    );
    add(
        out,
        "  · ",
        &format!(
            "{dropped} dropped: {} undecodable, {} too long, {} by a full queue",
            of.undecodable, of.too_long, of.overflow
        ),
    );
    add(out, "  · ", &format!("{} late, {} ahead of the clock, {} queued", of.late, of.ahead, of.queued));
    if let Some(why) = &of.on_hold {
        add(out, "  · ", &format!("ON HOLD: {why}"));
    }
}
