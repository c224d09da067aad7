//! `quell ledger`: what is in force because of quell, and what is owed; from the engine at work, else
//! from the journal.

use std::path::Path;

use super::args::Ledger;
use super::error::Error;
use super::output::print;
use super::output::table::{aligned, moment, object};
use super::output::words::words;
use super::{ask, journal};
use crate::console::text::about;
use crate::control::obligations::{HolderRow, Listed, ObligationRow, Totals, Wanted};
use crate::engine::EndsBy;
use crate::model::{SafeText, Timestamp};
use crate::runtime::clock;

/// Runs the verb.
///
/// # Errors
/// There is neither an engine nor a journal, or nobody reads.
pub fn run(args: &Ledger) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let wanted = Wanted {
        ended: args.all,
        target: args.target.clone(),
        run: args.run,
        limit: args.limit,
        ..Wanted::default()
    };
    let listed = look(&folder, &wanted)?;
    if args.json {
        return print(&lines(&listed));
    }
    let mut shown = text(&listed, clock::wall());
    if listed.rows.iter().any(needs_quell) && ask::engine(&folder, None)?.is_none() {
        shown.push_str("no engine is at work here: what ends by quell ends once one is\n");
    }
    print(&shown)
}

/// Whether it ends only if an engine lives then.
fn needs_quell(row: &ObligationRow) -> bool {
    row.until.is_some() && row.ends == EndsBy::Quell.name()
}

/// What is in the ledger of a folder.
///
/// # Errors
/// There is neither an engine nor a journal.
pub fn look(folder: &Path, wanted: &Wanted) -> Result<Listed, Error> {
    match ask::engine(folder, None)? {
        Some(mut client) => client.ledger(wanted).map_err(|error| ask::failed(folder, error)),
        None => {
            ask::has_journal(folder)?;
            Ok(wanted.of(&journal::folded(folder)?))
        }
    }
}

/// One object per row, last the figures of all that was asked for.
fn lines(listed: &Listed) -> String {
    let rows = listed.rows.iter().map(|row| object("obligation", row));
    rows.chain([object("ledger", &listed.totals)]).collect()
}

/// The table, and what it comes to.
pub fn text(listed: &Listed, now: Timestamp) -> String {
    if listed.of == 0 {
        return "nothing is in force\n".to_owned();
    }
    let heads = ["ID", "STATE", "ACTION", "TARGET", "SINCE", "UNTIL", "IN", "ENDS", "HOLDERS", "BY", "AGENT"];
    let rows = listed.rows.iter().map(|row| cells(row, now));
    let cells: Vec<[String; 11]> = std::iter::once(heads.map(str::to_owned)).chain(rows).collect();
    let mut out = aligned(&cells);
    let rest = listed.of - listed.rows.len();
    if rest > 0 {
        out.push_str(&format!("… {rest} more; --limit {} has every one\n", listed.of));
    }
    out.push_str(&summary(&listed.totals, now));
    out
}

fn cells(row: &ObligationRow, now: Timestamp) -> [String; 11] {
    let until = row.until.as_deref();
    let cut = |text: &str, chars| SafeText(text).cut(chars);
    [
        row.id.clone(),
        words(&row.status),
        cut(&row.action, 32),
        cut(row.target.as_deref().unwrap_or("-"), 40),
        moment(row.in_force_since.as_deref().unwrap_or(&row.since)),
        until.map_or_else(|| "-".to_owned(), moment),
        until.map_or_else(|| "-".to_owned(), |until| left(until, now)),
        if row.ended { "-".to_owned() } else { row.ends.clone() },
        held_by(&row.holders),
        cut(&row.by, 40),
        cut(row.agent.as_deref().unwrap_or("-"), 32),
    ]
}

/// Whole minutes until a time, `over` behind it.
fn left(until: &str, now: Timestamp) -> String {
    let until = until.parse::<jiff::Timestamp>().map(|until| Timestamp(until.as_microsecond()));
    match until {
        Ok(until) if until > now => about(until.since(now)),
        Ok(_) => "over".to_owned(),
        Err(_) => "-".to_owned(),
    }
}

/// `run-1, run-4`, and how many more there are.
pub fn held_by(holders: &[HolderRow]) -> String {
    const NAMED: usize = 3;
    let mut text: Vec<&str> = holders.iter().take(NAMED).map(|holder| holder.run.as_str()).collect();
    let more = holders.len().saturating_sub(NAMED);
    let more = format!("+{more}");
    if holders.len() > NAMED {
        text.push(&more);
    }
    if text.is_empty() { "-".to_owned() } else { text.join(", ") }
}

/// `3 in force, 1 owed; the next ends at …`.
fn summary(totals: &Totals, now: Timestamp) -> String {
    let all = [
        (totals.in_force, "in force"),
        (totals.owed, "owed"),
        (totals.lifting, "being lifted"),
        (totals.in_doubt, "in doubt"),
        (totals.drifted, "drifted"),
        (totals.stuck, "stuck: their undo was given up"),
        (totals.ended, "ended"),
    ];
    let parts = all.iter().enumerate().filter(|(i, (n, _))| *i == 0 || *n > 0);
    let mut text = parts.map(|(_, (n, word))| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    if let (Some(id), Some(until)) = (&totals.next, &totals.next_until) {
        let (at, left) = (moment(until), left(until, now));
        text.push_str(&format!("; {id} ends next, at {at} ({left})"));
    }
    if totals.held > 0 {
        text.push_str(&format!("\neverything is halted: the ends of {} are held", totals.held));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, target: &str, until: Option<&str>) -> ObligationRow {
        ObligationRow {
            id: id.to_owned(),
            action: "block".to_owned(),
            args: Default::default(),
            target: Some(target.to_owned()),
            status: "in_force".to_owned(),
            ended: false,
            since: "1970-01-01T00:00:05.000000Z".to_owned(),
            in_force_since: None,
            until: until.map(str::to_owned),
            ends: if until.is_some() { "by quell" } else { "when lifted" }.to_owned(),
            undo: None,
            holders: (1..=5)
                .map(|n| HolderRow {
                    run: format!("run-{n}"),
                    step: "block".to_owned(),
                    by: "quell".to_owned(),
                    incident: None,
                    until: None,
                })
                .collect(),
            run: "run-1".to_owned(),
            step: "block".to_owned(),
            by: "ann\u{1b}[2J".to_owned(),
            incident: None,
            agent: None,
            why: None,
            lifted_by: None,
            changed: 7,
            changed_by: "quell".to_owned(),
        }
    }

    #[test]
    fn c32_hostile_targets_are_shown_safely_and_what_is_held_is_said() {
        let until = "1970-01-01T01:00:10.000000Z";
        let totals = Totals {
            in_force: 3,
            stuck: 1,
            next: Some("ob-1".to_owned()),
            next_until: Some(until.to_owned()),
            held: 1,
            ..Totals::default()
        };
        let rows = vec![row("ob-1", "\u{1b}[2J\u{202e}", Some(until)), row("ob-2", "b", None)];
        let shown = text(&Listed { rows, of: 4, totals }, Timestamp::from_secs(10));
        let expected = "\
ID    STATE     ACTION  TARGET           SINCE                UNTIL                IN     ENDS         HOLDERS                  BY          AGENT
ob-1  in force  block   \\x1b[2J\\u{202e}  1970-01-01 00:00:05  1970-01-01 01:00:10  1h00m  by quell     run-1, run-2, run-3, +2  ann\\x1b[2J  -
ob-2  in force  block   b                1970-01-01 00:00:05  -                    -      when lifted  run-1, run-2, run-3, +2  ann\\x1b[2J  -
… 2 more; --limit 4 has every one
3 in force, 1 stuck: their undo was given up; ob-1 ends next, at 1970-01-01 01:00:10 (1h00m)
everything is halted: the ends of 1 are held
";
        assert_eq!(shown, expected);
        let mut by_quell = row("ob-3", "c", Some(until));
        by_quell.ends = "by quell".to_owned();
        assert!(needs_quell(&by_quell));
        by_quell.ends = "by itself".to_owned();
        assert!(!needs_quell(&by_quell) && !needs_quell(&row("ob-2", "b", None)));
        let late = text(
            &Listed { rows: vec![row("ob-1", "a", Some(until))], of: 1, totals: Totals::default() },
            Timestamp::from_secs(4_000),
        );
        assert!(late.contains("  over  "), "{late}");
    }
}
