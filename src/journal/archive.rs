//! Old records leave the journal for a file of their own, which is a journal that can be read and
//! verified by itself. The journal then begins with the state after the last of them, and its first
//! record still follows that one's hash.
//!
//! Nothing is taken out before it is durable elsewhere: the archive is written under another name, read
//! through and folded, and renamed; then one transaction puts the state in and takes the records out.
//! Wherever that is cut short, doing it again goes on.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::snapshot::{self, fold};
use super::{Anchor, Archive, Journal as _, JournalError, PAGE, SqliteJournal};
use crate::engine::{Event, Record, State};
use crate::model::{IncidentId, RunId, Seq, Timestamp};

/// What is to be archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The records before this one.
    Before(Seq),
    /// The records up to the last one before this time.
    OlderThan(Timestamp),
}

/// What is done already; a test stops here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The records are copied, under another name.
    Copied,
    /// The archive has its name.
    Named,
    /// The journal begins after it.
    Cut,
    /// The journal has given its room back.
    Shrunk,
}

/// What was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The records, and where they are.
    pub archive: Archive,
    /// Why it is not more, if more was wanted.
    pub held: Option<String>,
    /// Records that are left.
    pub left: Seq,
}

/// Why nothing was archived, or put back.
#[derive(Debug)]
pub enum ArchiveError {
    /// The journal, or the archive.
    Journal(JournalError),
    /// There is nothing to archive, and why.
    Nothing(String),
    /// The file is there, and is not the archive that would be made.
    Exists {
        /// Which file.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// It does not belong there.
    Other(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Journal(error) => error.fmt(f),
            ArchiveError::Nothing(why) => write!(f, "there is nothing to archive: {why}"),
            ArchiveError::Exists { path, why } => write!(f, "{} is there already: {why}", path.display()),
            ArchiveError::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<JournalError> for ArchiveError {
    fn from(error: JournalError) -> Self {
        ArchiveError::Journal(error)
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> ArchiveError {
    move |error| ArchiveError::Journal(JournalError::Disk { doing, why: error.to_string() })
}

/// Where each run and incident began, and what the cut is by time, found while everything is folded.
struct Survey {
    state: State,
    runs: BTreeMap<RunId, Seq>,
    incidents: BTreeMap<IncidentId, Seq>,
    /// The last record that is to be archived.
    wanted: Seq,
    /// A record came that is not.
    young: bool,
}

impl Survey {
    fn of(journal: &mut SqliteJournal, cut: Cut) -> Result<Survey, JournalError> {
        let state = journal.origin()?;
        let (runs, incidents) = (BTreeMap::new(), BTreeMap::new());
        let mut survey = Survey { state, runs, incidents, wanted: 0, young: false };
        while survey.state.seq() < journal.last() {
            for record in journal.read(survey.state.seq() + 1, PAGE)? {
                survey.take(&record, cut)?;
            }
        }
        Ok(survey)
    }

    fn take(&mut self, record: &Record, cut: Cut) -> Result<(), JournalError> {
        match &record.event {
            Event::RunCreated(new) => {
                self.runs.insert(new.run, record.seq);
            }
            Event::IncidentOpened { incident, .. } => {
                self.incidents.insert(*incident, record.seq);
            }
            _ => {}
        }
        let wanted = match cut {
            Cut::Before(seq) => record.seq < seq,
            // Times never go back for long: the first record that is young enough ends it.
            Cut::OlderThan(time) => record.at < time && !self.young,
        };
        match wanted {
            true => self.wanted = record.seq,
            false => self.young = true,
        }
        Ok(self.state.apply(record)?)
    }

    /// The first record that is still needed, and by what.
    fn needed(&self) -> Option<(Seq, String)> {
        let mut found: Vec<(Seq, String)> = Vec::new();
        let mut need = |began: Option<&Seq>, why: &str| found.extend(began.map(|seq| (*seq, why.to_owned())));
        for run in self.state.runs().filter(|run| !run.status().is_terminal()) {
            need(self.runs.get(&run.id()), &format!("{} is under way", run.id()));
        }
        for incident in self.state.incidents().filter(|incident| incident.status().is_open()) {
            let why = format!("{} is open", incident.id());
            need(self.incidents.get(&incident.id()), &why);
            incident.runs().iter().for_each(|run| need(self.runs.get(run), &why));
        }
        for obligation in self.state.ledger().standing() {
            let why = format!("{} is not over", obligation.id());
            need(self.runs.get(&obligation.origin().0), &why);
            obligation.holders().iter().for_each(|holder| need(self.runs.get(&holder.run()), &why));
        }
        found.into_iter().min()
    }
}

/// Moves old records of a journal that nobody writes to a new file. `done` is told of each phase.
///
/// # Errors
/// There is nothing to archive, the file is something else, or a disk refused: then nothing is lost, and
/// it may be done again.
pub fn archive(
    path: &Path,
    cut: Cut,
    to: &Path,
    done: &mut dyn FnMut(Phase),
) -> Result<Archived, ArchiveError> {
    let mut journal = SqliteJournal::open(path)?;
    let (first, last) = (journal.first(), journal.last());
    let survey = Survey::of(&mut journal, cut)?;
    let (mut up_to, mut held) = (survey.wanted.min(last.saturating_sub(1)), None);
    if let Some((needed, why)) = survey.needed().filter(|(needed, _)| *needed <= up_to) {
        (up_to, held) = (needed - 1, Some(format!("from record {needed} on they are needed: {why}")));
    }
    drop(survey);
    let to = absolute(to)?;
    let (base, state) = match to.exists() {
        true => earlier(&mut journal, up_to, &to)?,
        false if up_to < first => {
            let nothing = format!("the first record is {first}, and none before it is to go");
            return Err(ArchiveError::Nothing(held.unwrap_or(nothing)));
        }
        false => {
            journal.link_at(up_to)?;
            let part = with_suffix(&to, ".part");
            match std::fs::remove_file(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("archive")(error));
                }
                _ => {}
            }
            journal.copy_to(&part, up_to)?;
            done(Phase::Copied);
            let copied = whole(&part)?;
            std::fs::rename(&part, &to).map_err(failed("name the archive of"))?;
            let folder =
                File::open(to.parent().unwrap_or(Path::new("/"))).and_then(|folder| folder.sync_all());
            folder.map_err(failed("name the archive of"))?;
            copied
        }
    };
    done(Phase::Named);
    if journal.link_at(base.seq)? != base.hash {
        let why = format!("its record {} is not that of the journal", base.seq);
        return Err(ArchiveError::Exists { path: to, why });
    }
    let archive = Archive { first, last: base.seq, file: to.to_string_lossy().into_owned() };
    // The one that is there may name a record that goes.
    journal.anchor()?;
    journal.cut(base, state, &archive)?;
    done(Phase::Cut);
    journal.shrink()?;
    for (seq, path) in snapshot::list(path).map_err(failed("list the snapshots of"))? {
        if seq < base.seq {
            std::fs::remove_file(path).map_err(failed("delete a snapshot of"))?;
        }
    }
    done(Phase::Shrunk);
    Ok(Archived { archive, held, left: last - base.seq })
}

/// An archive that was finished when its journal was not cut yet.
fn earlier(journal: &mut SqliteJournal, up_to: Seq, to: &Path) -> Result<(Anchor, State), ArchiveError> {
    let exists = |why: String| ArchiveError::Exists { path: to.to_owned(), why };
    let first = SqliteJournal::open_read_only(to).map_err(|error| exists(error.to_string()))?.first();
    let (base, state) = whole(to).map_err(|error| exists(error.to_string()))?;
    if first != journal.first() || base.seq > up_to || base.seq < first {
        return Err(exists(format!("it has the records {first} to {}", base.seq)));
    }
    Ok((base, state))
}

/// Reads an archive through: its last record, and the state there.
fn whole(archive: &Path) -> Result<(Anchor, State), JournalError> {
    let mut journal = SqliteJournal::open_read_only(archive)?;
    let (mut state, seq) = (journal.origin()?, journal.last());
    fold(&mut journal, &mut state, seq)?;
    Ok((Anchor { seq, hash: journal.link_at(seq)? }, state))
}

/// Puts the records of an archive back into the journal that they were taken from: of several archives the
/// latest first. What is left of it can be read all the while.
///
/// # Errors
/// It is damaged, or the archive of other records.
pub fn restore(path: &Path, from: &Path) -> Result<Archive, ArchiveError> {
    let mut journal = SqliteJournal::open(path)?;
    let Some(base) = journal.base() else {
        return Err(ArchiveError::Other("every record is in the journal".to_owned()));
    };
    let (from, first) = (absolute(from)?, SqliteJournal::open_read_only(from)?.first());
    let (last, _) = whole(&from)?;
    if last != base {
        let why = format!(
            "{} ends with record {}, and what is missing ends with record {} of the hash {}",
            from.display(),
            last.seq,
            base.seq,
            base.hash
        );
        return Err(ArchiveError::Other(why));
    }
    journal.put_back(&from)?;
    Ok(Archive { first, last: last.seq, file: from.to_string_lossy().into_owned() })
}

fn absolute(path: &Path) -> Result<PathBuf, ArchiveError> {
    std::path::absolute(path).map_err(failed("find the archive of"))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
