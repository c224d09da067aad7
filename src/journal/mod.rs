//! Where records become durable: the journal, its writer, the folder that it lives in, and beside it how
//! far the sources were read.

pub mod anchor;
pub mod archive;
pub mod chain;
pub mod codec;
pub mod cursors;
mod disk;
pub mod error;
pub mod folder;
pub mod memory;
pub mod snapshot;
pub mod sqlite;
pub mod verify;
pub mod writer;

use std::sync::Arc;

pub use anchor::Anchor;
pub use cursors::{Cursor, CursorError, Cursors, Head, Identity, Spot};
pub use error::JournalError;
pub use folder::{FolderError, StateFolder, journal_path, platform_state_folder};
pub use memory::MemoryJournal;
pub use sqlite::{Archive, SqliteJournal};
pub use verify::{Verified, verify};
pub use writer::{Writer, Written};

use crate::engine::{Event, JournalKind, Record, State};
use crate::model::Seq;

#[cfg(test)]
mod faults;

/// An append-only list of records, numbered from 1 without a gap.
pub trait Journal: Send {
    /// Appends all of these or none of them, and returns the number up to which everything is durable.
    ///
    /// # Errors
    /// The disk refused, or the records do not follow the last one. After an error the handle is
    /// poisoned: every further append fails, and the journal has to be opened anew.
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError>;

    /// At most `limit` records from number `from` on, in order. Fewer mean that the end was reached.
    ///
    /// # Errors
    /// The disk refused, or a record is damaged or missing; the error names it.
    fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError>;

    /// The number of the last durable record; 0 if there is none.
    fn last(&self) -> Seq;

    /// The state from which the rest is to be folded: of the newest snapshot that fits, else before the
    /// first record that is here.
    ///
    /// # Errors
    /// The disk refused.
    fn resume(&mut self) -> Result<State, JournalError> {
        self.origin()
    }

    /// The first record that is here; earlier ones are in an archive.
    fn first(&self) -> Seq {
        1
    }

    /// The state before the first record that is here.
    ///
    /// # Errors
    /// The disk refused, or what was kept of that state is damaged.
    fn origin(&mut self) -> Result<State, JournalError> {
        Ok(State::new())
    }

    /// Commits so far through this handle. Each one cost one fsync, if the journal has a disk.
    fn commits(&self) -> u64;
}

/// Records read at once when a journal is read through.
const PAGE: usize = 4096;

/// Calls `each` with every record that is in a journal, in order.
///
/// # Errors
/// What [`Journal::read`] says.
pub fn for_each<E: From<JournalError>>(
    journal: &mut dyn Journal,
    each: impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let after = journal.first() - 1;
    for_each_after(journal, after, each)
}

/// Calls `each` with every record after one, in order.
///
/// # Errors
/// What [`Journal::read`] says.
pub fn for_each_after<E: From<JournalError>>(
    journal: &mut dyn Journal,
    after: Seq,
    mut each: impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = after + 1;
    loop {
        let page = journal.read(from, PAGE)?;
        let Some(last) = page.last().map(|record| record.seq) else { return Ok(()) };
        page.into_iter().try_for_each(&mut each)?;
        from = last + 1;
    }
}

/// Refuses a journal that began as another kind: exercise and real never mix. An empty one fits both.
///
/// # Errors
/// It is of the other kind, or its first record is not `JournalOpened`.
pub fn check_kind(journal: &mut dyn Journal, wanted: JournalKind) -> Result<(), JournalError> {
    if journal.first() > 1 {
        let found = journal.origin()?.kind();
        let other = found.filter(|found| *found != wanted);
        return other.map_or(Ok(()), |found| Err(JournalError::Kind { found, wanted }));
    }
    match journal.read(1, 1)?.first().map(|record| &record.event) {
        None => Ok(()),
        Some(Event::JournalOpened { kind, .. }) if *kind == wanted => Ok(()),
        Some(Event::JournalOpened { kind, .. }) => Err(JournalError::Kind { found: *kind, wanted }),
        Some(_) => {
            Err(JournalError::Damaged { seq: 1, why: "the first record does not open a journal".to_owned() })
        }
    }
}

/// The checks that every journal makes before it stores anything.
fn follows(last: Seq, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
    batches.iter().flat_map(|batch| batch.iter()).try_fold(last, |last, record| {
        if record.seq == last + 1 {
            Ok(record.seq)
        } else {
            Err(JournalError::OutOfOrder { expected: last + 1, found: record.seq })
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::Timestamp;

    pub(crate) fn opened(kind: JournalKind) -> Record {
        let event = Event::JournalOpened { kind, version: "0.0.0".into(), seed: 1 };
        Record { seq: 1, at: Timestamp(7), event }
    }

    /// Records `from..=to`, small and plain.
    pub(crate) fn records(from: Seq, to: Seq) -> Arc<Vec<Record>> {
        let record = |seq| match seq {
            1 => opened(JournalKind::Exercise),
            _ => {
                Record { seq, at: Timestamp(seq as i64), event: Event::Recovered { version: "0.0.0".into() } }
            }
        };
        Arc::new((from..=to).map(record).collect())
    }

    /// Holds for every journal.
    pub(crate) fn keeps_what_it_is_given(journal: &mut dyn Journal) {
        assert_eq!((journal.last(), journal.read(1, 9).unwrap()), (0, vec![]));
        assert_eq!(journal.append(&[records(1, 2), records(3, 3)]), Ok(3));
        assert_eq!(journal.append(&[records(4, 4)]), Ok(4));
        assert_eq!(journal.last(), 4);
        assert_eq!(journal.commits(), 2);
        assert_eq!(journal.read(2, 2).unwrap(), *records(2, 3));
        assert_eq!(journal.read(4, 9).unwrap(), *records(4, 4));
        assert_eq!(journal.read(5, 9).unwrap(), vec![]);
        let mut seen = vec![];
        for_each(journal, |record| {
            seen.push(record.seq);
            Ok::<_, JournalError>(())
        })
        .unwrap();
        assert_eq!(seen, [1, 2, 3, 4]);
    }

    #[test]
    fn kinds_never_mix() {
        let mut journal = MemoryJournal::new(10);
        assert_eq!(check_kind(&mut journal, JournalKind::Real), Ok(()));
        journal.append(&[records(1, 1)]).unwrap();
        assert_eq!(check_kind(&mut journal, JournalKind::Exercise), Ok(()));
        let refused = check_kind(&mut journal, JournalKind::Real).unwrap_err();
        assert!(refused.to_string().contains("journal of an exercise"), "{refused}");
    }

    #[test]
    fn a_first_record_that_opens_nothing_is_damage() {
        let mut journal = MemoryJournal::new(10);
        let wrong = Record { seq: 1, ..records(2, 2)[0].clone() };
        journal.append(&[Arc::new(vec![wrong])]).unwrap();
        let refused = check_kind(&mut journal, JournalKind::Exercise).unwrap_err();
        assert!(matches!(refused, JournalError::Damaged { seq: 1, .. }), "{refused}");
    }
}
