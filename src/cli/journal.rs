//! `quell journal show`: every record, for people or as JSON lines.

use std::io::Write;
use std::path::Path;

use super::args::Show;
use super::error::Error;
use super::output::{Sink, json};
use crate::engine::{IllegalEvent, JournalKind, Record, State};
use crate::journal::{SqliteJournal, for_each, journal_path};
use crate::model::{SafeText, Seq};

/// Runs the verb.
///
/// # Errors
/// There is no journal, it is damaged, or nobody reads.
pub fn show(args: &Show) -> Result<(), Error> {
    let mut journal = open(&args.state)?;
    let mut out = Sink::open(None)?;
    let mut state = State::new();
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

/// The state that a journal leads to.
///
/// # Errors
/// It is damaged.
pub fn folded(folder: &Path) -> Result<State, Error> {
    let mut state = State::new();
    for_each(&mut open(folder)?, |record| state.apply(&record).map_err(|illegal| unreadable(&illegal)))?;
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
    let path = journal_path(folder);
    if !path.exists() {
        let what = format!("there is no journal in {}", folder.display());
        return Err(Error::failed(what).hint("give the folder that a verb was given with --state"));
    }
    Ok(SqliteJournal::open_read_only(&path)?)
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
