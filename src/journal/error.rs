//! What can go wrong with a journal.

use std::fmt;
use std::path::PathBuf;

use crate::engine::{IllegalEvent, JournalKind};
use crate::model::Seq;

/// Why a journal did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalError {
    /// The disk, or SQLite above it, refused.
    Disk {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        why: String,
    },
    /// A record is missing or cannot be read (C7): nothing is guessed.
    Damaged {
        /// Which record.
        seq: Seq,
        /// What is wrong with it.
        why: String,
    },
    /// The file is something else.
    NotAJournal {
        /// Which file.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// The file beside the journal that names its last record says something else.
    NotAnAnchor {
        /// Which file.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// A snapshot that a start would take is not what the records lead to.
    OtherSnapshot {
        /// Which file.
        path: PathBuf,
        /// Up to which record.
        seq: Seq,
    },
    /// The first records are in an archive.
    Archived {
        /// The last one that is.
        last: Seq,
        /// In which file.
        file: String,
    },
    /// The state from which a journal is to be folded whose first records are in an archive.
    Base {
        /// At which record.
        seq: Seq,
        /// The file that has the records up to it.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The journal was begun for the other purpose.
    Kind {
        /// What it is.
        found: JournalKind,
        /// What it was to be used as.
        wanted: JournalKind,
    },
    /// Records that do not follow the last one: a mistake in the code that appends.
    OutOfOrder {
        /// The number that should come.
        expected: Seq,
        /// The number that came.
        found: Seq,
    },
    /// An earlier append failed; the journal has to be opened anew (C6).
    Poisoned {
        /// Why the earlier append failed.
        why: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Disk { doing, why } => write!(f, "cannot {doing} the journal: {why}"),
            JournalError::Damaged { seq, why } => write!(f, "the journal is damaged at record {seq}: {why}"),
            JournalError::NotAJournal { path, why } => {
                write!(f, "{} is not a journal of quell: {why}", path.display())
            }
            JournalError::NotAnAnchor { path, why } => {
                write!(f, "{} is no anchor of a journal: {why}", path.display())
            }
            JournalError::OtherSnapshot { path, seq } => {
                let path = path.display();
                write!(
                    f,
                    "{path} is not what the records up to {seq} lead to: delete it, the journal is whole so far"
                )
            }
            JournalError::Archived { last, file } => {
                write!(
                    f,
                    "records 1 to {last} are not in the journal any more: they are in the archive {file}"
                )
            }
            JournalError::Base { seq, file, why } => write!(
                f,
                "the state at record {seq}, with which the journal begins, cannot be read: {why}; the archive \
                 {file} has the records that lead to it"
            ),
            JournalError::Kind { found, wanted } => {
                let name = |kind: &JournalKind| match kind {
                    JournalKind::Exercise => "an exercise",
                    JournalKind::Real => "real work",
                };
                write!(f, "this is the journal of {}, for ever; it cannot take {}", name(found), name(wanted))
            }
            JournalError::OutOfOrder { expected, found } => {
                write!(f, "record {found} was to be appended where record {expected} belongs")
            }
            JournalError::Poisoned { why } => {
                write!(f, "the journal has to be opened anew after a failed append: {why}")
            }
        }
    }
}

impl std::error::Error for JournalError {}

/// A record that cannot follow the ones before it.
impl From<IllegalEvent> for JournalError {
    fn from(IllegalEvent { seq, why }: IllegalEvent) -> Self {
        JournalError::Damaged { seq, why }
    }
}
