//! `quell journal archive` and `restore`: old records in a file of their own, and back.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::args::{Archive, Restore};
use super::error::Error;
use super::journal;
use super::output::Sink;
use crate::engine::JournalKind;
use crate::journal::archive::{ArchiveError, Cut, archive as put, restore as put_back};
use crate::journal::{Journal as _, SqliteJournal, StateFolder};
use crate::model::{SafeText, Span, Timestamp};
use crate::runtime::clock;

/// Runs `quell journal archive`.
///
/// # Errors
/// An engine is at work in the folder, there is nothing to archive, or a disk refuses: then nothing is lost.
pub fn archive(args: &Archive) -> Result<(), Error> {
    let path = journal::found(&args.state)?;
    let _owned = StateFolder::open(&args.state)?;
    if args.to.file_stem() == path.file_stem() {
        let what = format!("{} would be taken for a part of a journal", args.to.display());
        return Err(Error::usage(what).hint("give another name, such as old.db"));
    }
    let days = |days: u32| Span::from_secs(u64::from(days) * 24 * 3_600);
    let cut = match (args.before, args.keep_days) {
        (Some(seq), _) => Cut::Before(seq),
        (None, kept) => Cut::OlderThan(now(&path)? - days(kept.unwrap_or_default())),
    };
    let done = put(&path, cut, &args.to, &mut |_| {})?;
    let (archive, mut out) = (done.archive, Sink::open(None)?);
    if args.json {
        let line = json!({
            "type": "archive", "first": archive.first, "last": archive.last, "file": archive.file,
            "left": done.left, "held": done.held,
        });
        writeln!(out, "{line}")?;
        return Ok(out.flush()?);
    }
    writeln!(out, "{}", journal::elsewhere(&archive))?;
    writeln!(out, "{} are left in {}", done.left, SafeText(&path.display().to_string()))?;
    if let Some(why) = done.held {
        writeln!(out, "{}", SafeText(&why))?;
    }
    Ok(out.flush()?)
}

/// Runs `quell journal restore`.
///
/// # Errors
/// An engine is at work in the folder, or it is not the archive of what is missing there.
pub fn restore(args: &Restore) -> Result<(), Error> {
    let path = journal::found(&args.state)?;
    let _owned = StateFolder::open(&args.state)?;
    let done = put_back(&path, &args.file)?;
    let (path, mut out) = (path.display().to_string(), Sink::open(None)?);
    writeln!(out, "records {} to {} are in {} again", done.first, done.last, SafeText(&path))?;
    Ok(out.flush()?)
}

/// That of the clock, or of the last record in an exercise, which may have been played in another time.
fn now(path: &Path) -> Result<Timestamp, Error> {
    let mut journal = SqliteJournal::open_read_only(path)?;
    let (mut exercise, first, last) = (false, journal.first(), journal.last());
    if let Some(kind) = journal.origin()?.kind() {
        exercise = kind == JournalKind::Exercise;
    } else if let Some(record) = journal.read(first, 1)?.first() {
        exercise =
            matches!(record.event, crate::engine::Event::JournalOpened { kind: JournalKind::Exercise, .. });
    }
    let last = journal.read(last, 1)?.first().map(|record| record.at).unwrap_or_default();
    Ok(if exercise { last } else { clock::wall().max(last) })
}

impl From<ArchiveError> for Error {
    fn from(error: ArchiveError) -> Self {
        let failed = Error::failed(error.to_string());
        match error {
            ArchiveError::Journal(error) => error.into(),
            ArchiveError::Exists { .. } => failed.hint("give another file with --to"),
            ArchiveError::Nothing(_) | ArchiveError::Other(_) => failed,
        }
    }
}
