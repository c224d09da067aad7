//! `quell journal`: every record, for people or as JSON lines, and whether the journal is whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::Show;
use super::error::Error;
use super::output::{Sink, json, tell};
use crate::engine::{IllegalEvent, JournalKind, Record, State};
use crate::journal::verify::Checked;
use crate::journal::{
    Archive, Journal as _, SqliteJournal, Verified, for_each, for_each_after, journal_path,
};
use crate::model::{SafeText, Seq};

/// Runs the verb.
///
/// # Errors
/// There is no journal, it is damaged, or nobody reads.
pub fn show(args: &Show) -> Result<(), Error> {
    let mut journal = SqliteJournal::open_read_only(&named(args)?)?;
    let mut out = Sink::open(None)?;
    let mut state = journal.origin()?;
    if let Some(archive) = journal.archives()?.last() {
        tell(&format!("quell: {}", elsewhere(archive)));
    }
    for_each(&mut journal, |record| {
        state.apply(&record).map_err(|illegal| unreadable(&illegal))?;
        let written = match args.json {
            true => json::line(&record, &state, &mut out),
            false => plain(&record, &state, &mut out),
        };
        written.map_err(Error::from)
    })?;
    Ok(out.flush()?)
}

/// Runs `quell journal verify`.
///
/// # Errors
/// There is no journal, or it is damaged: the first bad record is named.
pub fn verify(args: &Show) -> Result<(), Error> {
    let path = named(args)?;
    let verified = crate::journal::verify(&path)?;
    let mut out = Sink::open(None)?;
    match args.json {
        true => {
            let anchor =
                verified.anchor.map(|anchor| serde_json::json!({ "seq": anchor.seq, "hash": anchor.hash }));
            let snapshot =
                |found: &Checked| serde_json::json!({ "seq": found.seq, "ignored": found.ignored });
            let snapshots: Vec<_> = verified.snapshots.iter().map(snapshot).collect();
            let line = serde_json::json!({
                "type": "journal", "records": verified.records, "first": verified.first(), "unhashed": verified.unhashed,
                "head": verified.head, "anchor": anchor,
                "snapshots": snapshots,
            });
            writeln!(out, "{line}")?;
        }
        false => told(&path, &verified, &mut out)?,
    }
    Ok(out.flush()?)
}

fn told(path: &Path, verified: &Verified, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "journal  {}", SafeText(&path.display().to_string()))?;
    let (first, last) = (verified.first(), verified.records);
    match first {
        1 => writeln!(out, "records  {last}, each as it was written and where it was written")?,
        _ => writeln!(out, "records  {first} to {last}, each as it was written and where it was written")?,
    }
    for archive in &verified.archives {
        writeln!(out, "archived {}", SafeText(&elsewhere(archive)))?;
    }
    if verified.unhashed > 0 {
        writeln!(out, "         the first {} are from before records had hashes", verified.unhashed)?;
    }
    writeln!(out, "head     {}", verified.head)?;
    match verified.anchor {
        Some(anchor) => writeln!(out, "anchor   record {}: it is there", anchor.seq)?,
        None => writeln!(out, "anchor   none: that records were cut off at the end would not show")?,
    }
    verified.snapshots.iter().try_for_each(|Checked { seq, ignored }| match ignored {
        None => writeln!(out, "snapshot record {seq}: it is what the records lead to"),
        Some(why) => writeln!(out, "snapshot record {seq}: it does not count: {}", SafeText(why)),
    })
}

/// The state that a journal leads to.
///
/// # Errors
/// It is damaged.
pub fn folded(folder: &Path) -> Result<State, Error> {
    let mut journal = open(folder)?;
    let mut state = journal.resume()?;
    for_each_after(&mut journal, state.seq(), |record| {
        state.apply(&record).map_err(|illegal| unreadable(&illegal))
    })?;
    Ok(state)
}

/// That a record does not follow the ones before it.
pub fn unreadable(illegal: &IllegalEvent) -> Error {
    let what = format!("the journal cannot be folded: {illegal}");
    Error::failed(what).hint("it was written by another program, or is damaged")
}

/// Opens the journal of a folder for reading.
///
/// # Errors
/// There is none.
pub fn open(folder: &Path) -> Result<SqliteJournal, Error> {
    Ok(SqliteJournal::open_read_only(&found(folder)?)?)
}

/// Where records are that are not in a journal.
pub fn elsewhere(archive: &Archive) -> String {
    let Archive { first, last, file } = archive;
    format!("records {first} to {last} are in the archive {}", SafeText(file))
}

/// The journal of a folder, or the archive that was named.
fn named(args: &Show) -> Result<PathBuf, Error> {
    match (&args.file, &args.state) {
        (Some(file), _) if file.is_file() => Ok(file.clone()),
        (Some(file), _) => {
            let what = format!("{} is not a file", file.display());
            Err(Error::failed(what).hint("name an archive, or the folder of a journal with --state"))
        }
        (None, state) => found(state.as_deref().unwrap_or(Path::new("."))),
    }
}

/// The journal of a folder.
///
/// # Errors
/// There is none.
pub fn found(folder: &Path) -> Result<PathBuf, Error> {
    let path = journal_path(folder);
    if !path.exists() {
        let what = format!("there is no journal in {}", folder.display());
        return Err(Error::failed(what).hint("give the folder that a verb was given with --state"));
    }
    Ok(path)
}

/// Writes one record for people.
///
/// # Errors
/// What the writer says.
pub fn plain(record: &Record, state: &State, out: &mut impl Write) -> std::io::Result<()> {
    let (seq, at): (Seq, _) = (record.seq, record.at);
    let event = serde_json::to_string(&record.event)?;
    let mark = if state.kind() == Some(JournalKind::Exercise) { "DRILL " } else { "" };
    writeln!(out, "{seq:>6} {at} {mark}{}", SafeText(&event))
}
