//! `quell protected`: what is never acted against, as it is now on this machine (C27).

use std::fmt::Write as _;

use super::args::Protected as Args;
use super::error::Error;
use super::output::print;
use super::{guard, setup};
use crate::agent::halt::KillSwitch;
use crate::agent::protect::{Guard, wall};
use crate::engine::protect::Entry;
use crate::model::SafeText;

/// Runs the verb.
///
/// # Errors
/// The setup has mistakes, or the machine cannot be read.
pub fn run(args: &Args) -> Result<(), Error> {
    let loaded = setup::load(args.config.as_deref())?;
    let guard = Guard::new(KillSwitch::default(), guard::origins(&loaded.settings));
    let set = guard.protected().map_err(|why| {
        Error::failed(why).hint("until it can be read, no action that reaches the world is performed")
    })?;
    let mut text = String::new();
    let now = wall();
    if !args.json {
        let _ = writeln!(text, "{:<10} {:<9} {:<40} REASON", "KIND", "ORIGIN", "WHAT");
    }
    for entry in set.entries(now) {
        let line = if args.json { json(entry) } else { row(entry) };
        let _ = writeln!(text, "{line}");
    }
    print(&text)
}

fn row(entry: &Entry) -> String {
    let until = entry.until.map_or_else(String::new, |until| format!(" (until {until})"));
    let (what, reason) = (entry.what.to_string(), SafeText(&entry.reason));
    format!(
        "{:<10} {:<9} {:<40} {reason}{until}",
        entry.what.kind(),
        entry.origin.name(),
        SafeText(&what).to_string()
    )
}

fn json(entry: &Entry) -> String {
    let mut object = serde_json::json!({
        "type": "protected",
        "kind": entry.what.kind(),
        "what": entry.what.to_string(),
        "origin": entry.origin.name(),
        "reason": *entry.reason,
    });
    if let Some(until) = entry.until {
        object["until"] = until.to_string().into();
    }
    object.to_string()
}
