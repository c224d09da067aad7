//! `quell approve`, `quell deny`, `quell confirm` and `quell approvals`.

use super::args::{Approve, Confirm, Deny, Steer, View};
use super::error::Error;
use super::output::{print, tell};
use super::{Verdict, ask, steer, views};
use crate::control::message::Table;
use crate::control::rows::Row;
use crate::engine::Request;
use crate::model::{RunId, SafeText};

/// `quell approve`: for what is asked now, which is printed first, or for the hash that was seen before.
///
/// # Errors
/// What [`Error`] says; also if it was refused.
pub fn approve(args: &Approve) -> Result<Verdict, Error> {
    let hash = match &args.hash {
        Some(hash) => hash.clone(),
        None => shown(&args.steer, args.run, &args.step)?,
    };
    let (run, step) = (args.run, args.step.as_str().into());
    steer::steer(&args.steer, Request::Approve { run, step, hash, groups: Box::new([]) })
}

/// `quell deny`.
///
/// # Errors
/// As [`approve`].
pub fn deny(args: &Deny) -> Result<Verdict, Error> {
    let (run, step, reason) = (args.run, args.step.as_str().into(), args.reason.clone());
    steer::steer(&args.steer, Request::Deny { run, step, reason, groups: Box::new([]) })
}

/// `quell confirm`.
///
/// # Errors
/// As [`approve`].
pub fn confirm(args: &Confirm) -> Result<Verdict, Error> {
    let (run, step) = (args.run, args.step.as_str().into());
    steer::steer(&args.steer, Request::Confirm { run, step })
}

/// Says what would be approved, and gives its hash: what is approved is what was shown.
fn shown(args: &Steer, run: RunId, step: &str) -> Result<String, Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let (rows, _) = views::rows(&folder, Table::Approvals, usize::MAX)?;
    let id = format!("{run}/{step}");
    let row = rows.into_iter().find_map(|row| match row {
        Row::Approval(row) if row.id == id => Some(row),
        _ => None,
    });
    let Some(row) = row else { return Ok(String::new()) };
    let with = serde_json::Value::Object(row.with).to_string();
    let hash = row.hash.get(..crate::engine::HASH_DIGITS).unwrap_or_default();
    tell(&format!("quell: {id} would do: {} {} ({hash})", SafeText(&row.action), SafeText(&with).cut(400)));
    tell(&format!("quell: asked because: {}", SafeText(&row.why)));
    Ok(row.hash)
}

/// `quell approvals`: what people have to decide, and what was acted on without asking.
///
/// # Errors
/// There is neither an engine nor a journal, or nobody reads.
pub fn list(args: &View) -> Result<(), Error> {
    let folder = ask::folder(args.state.as_deref())?;
    let limit = if args.all { usize::MAX } else { args.limit };
    let (rows, of) = views::rows(&folder, Table::Approvals, limit)?;
    let (spent, all) = views::rows(&folder, Table::Spent, limit)?;
    if args.json {
        return print(&(views::lines(&rows) + &views::lines(&spent)));
    }
    let mut text = match rows.is_empty() {
        true => "nothing has to be approved\n".to_owned(),
        false => views::text(&rows, Table::Approvals, of),
    };
    if !spent.is_empty() {
        text.push('\n');
        text.push_str(&views::text(&spent, Table::Spent, all));
    }
    print(&text)
}
