//! `quell rules --live` and `--lists`: what rules and indicator lists came to, and what is on the lists.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::ask;
use super::error::Error;
use super::output::print;
use super::setup;
use crate::detect::{ListFigures, RuleFigures};
use crate::model::{SafeText, Timestamp};

/// Prints the figures of an engine at work.
///
/// # Errors
/// No engine is at work in the folder, or nobody reads.
pub fn live(state: Option<&Path>, as_json: bool) -> Result<(), Error> {
    let folder = ask::folder(state)?;
    let mut client = ask::engine(&folder, None)?.ok_or_else(|| ask::nobody(&folder))?;
    let figures = client.figures().map_err(|error| ask::failed(&folder, error))?;
    let rules = &figures.rules;
    let stale = figures.stale_lists.iter();
    if as_json {
        let tag = |kind: &str, row: Result<Value, serde_json::Error>| {
            let mut row = row.unwrap_or_default();
            if let Value::Object(fields) = &mut row {
                fields.insert("type".to_owned(), kind.into());
            }
            format!("{row}\n")
        };
        let each = rules.rules.iter().map(|rule| tag("rule", serde_json::to_value(rule)));
        let lists = rules.lists.iter().map(|list| tag("indicators", serde_json::to_value(list)));
        let stale = stale.map(|(list, why)| tag("stale", Ok(json!({ "list": list, "why": why }))));
        return print(&each.chain(lists).chain(stale).collect::<String>());
    }
    let mut text = table(&rules.rules, rules.count);
    if !rules.lists.is_empty() {
        text.push_str(&of_lists(&rules.lists));
    }
    for (list, why) in stale {
        let _ = writeln!(text, "{}: the list before stays: {}", SafeText(list), SafeText(why));
    }
    print(&text)
}

fn when(at: Option<Timestamp>) -> String {
    at.map_or("-".to_owned(), |at| at.to_string())
}

fn table(rules: &[RuleFigures], count: usize) -> String {
    let mut text =
        format!("{:<13} {:<40} {:>10} {:>10}  {:<27} AUTHOR\n", "LEVEL", "NAME", "HITS", "NS", "LAST");
    for rule in rules {
        let (name, level) = (SafeText(&rule.name).cut(40), rule.level.name());
        let cost = rule.nanos.map_or("-".to_owned(), |nanos| nanos.to_string());
        let author = rule.author.as_deref().map_or("-".to_owned(), |author| SafeText(author).cut(40));
        let (hits, last) = (rule.hits, when(rule.last));
        let _ = writeln!(text, "{level:<13} {name:<40} {hits:>10} {cost:>10}  {last:<27} {author}");
    }
    let _ = match count - rules.len().min(count) {
        0 => writeln!(text, "{count} rules; NS: what asking one about a signal takes, of one signal in 64"),
        more => writeln!(text, "{count} rules, of which {more} have fewer hits and are not shown"),
    };
    text
}

fn of_lists(lists: &[ListFigures]) -> String {
    let mut text =
        format!("{:<32} {:<8} {:>10} {:>8} {:>10}  LAST\n", "LIST", "KIND", "ENTRIES", "MB", "HITS");
    for list in lists {
        let ListFigures { name, kind, entries, hits, .. } = list;
        let (name, megabytes, last) = (SafeText(name).cut(32), list.memory as f64 / 1e6, when(list.last));
        let _ = writeln!(text, "{name:<32} {kind:<8} {entries:>10} {megabytes:>8.1} {hits:>10}  {last}");
        if list.not_understood > 0 {
            let _ = writeln!(text, "  {} patterns are not understood", list.not_understood);
        }
    }
    text
}

/// Prints the indicator lists of a setup.
///
/// # Errors
/// The setup has mistakes, or nobody reads.
pub fn lists(config: Option<&Path>, as_json: bool) -> Result<(), Error> {
    let loaded = setup::load(config)?;
    let mut text = String::new();
    if !as_json {
        let _ = writeln!(text, "{:<32} {:<8} {:>10} {:>8}  FILE", "LIST", "KIND", "ENTRIES", "MB");
    }
    for list in loaded.rules.lists().iter() {
        let (not_understood, ids) = list.not_understood();
        if as_json {
            let row = json!({
                "type": "indicators", "name": list.name(), "kind": list.kind().name(), "entries": list.len(),
                "memory": list.memory(), "file": list.file(), "digest": list.digest(),
                "not_understood": not_understood, "ids": ids,
            });
            let _ = writeln!(text, "{row}");
            continue;
        }
        let (name, megabytes, file) =
            (SafeText(list.name()).cut(32), list.memory() as f64 / 1e6, SafeText(list.file()));
        let (kind, entries) = (list.kind().name(), list.len());
        let _ = writeln!(text, "{name:<32} {kind:<8} {entries:>10} {megabytes:>8.1}  {file}");
        for id in ids {
            let _ = writeln!(text, "  not understood: {}", SafeText(id));
        }
    }
    print(&text)
}
