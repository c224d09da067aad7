//! Whether a journal is what was written: every record, its hash, its place, and the anchor (C7, C24).

use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, System};
use super::{Anchor, Journal as _, JournalError, SqliteJournal};
use crate::engine::Record;
use crate::model::{Digest, Seq};

/// A journal that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many records it has.
    pub records: Seq,
    /// Records from before the chain, which have no hash: the first ones.
    pub unhashed: Seq,
    /// Hash of the last record.
    pub head: Digest,
    /// What the file beside it names.
    pub anchor: Option<Anchor>,
}

/// Reads a journal through, and hands each record over.
///
/// # Errors
/// The first record that is damaged, missing or another one; what `each` says.
pub fn verify<E: From<JournalError>>(
    path: &Path,
    each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Verified, E> {
    verify_on(Arc::new(System), path, each)
}

/// The same on this disk.
pub(super) fn verify_on<E: From<JournalError>>(
    disk: Arc<dyn Disk>,
    path: &Path,
    each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Verified, E> {
    // First: the journal may be growing.
    let anchor = Anchor::read(disk.as_ref(), path)?;
    SqliteJournal::check_log(&disk, path)?;
    let mut journal = SqliteJournal::open_read_only_on(disk, path)?;
    super::for_each(&mut journal, each)?;
    if let Some(anchor) = anchor {
        anchor.check(journal.last(), journal.hash_of(anchor.seq)?)?;
    }
    journal.check_file()?;
    let unhashed = journal.unhashed()?;
    Ok(Verified { records: journal.last(), unhashed, head: journal.head(), anchor })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::journal::Journal;
    use crate::journal::tests::records;

    fn journal(last: Seq) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = SqliteJournal::open(&path).unwrap();
        for seq in 1..=last {
            journal.append(&[records(seq, seq)]).unwrap();
        }
        (folder, path)
    }

    fn verified(path: &Path) -> Result<Verified, JournalError> {
        verify(path, |_| Ok(()))
    }

    #[test]
    fn a_whole_journal_ends_where_its_anchor_is() {
        let (_folder, path) = journal(9);
        let found = verified(&path).unwrap();
        assert_eq!((found.records, found.unhashed), (9, 0));
        assert_eq!(found.anchor, Some(Anchor { seq: 9, hash: found.head }));
    }

    #[test]
    fn c24_every_way_to_tamper_names_the_first_bad_record() {
        let other = format!("x'{}'", "ab".repeat(32));
        for (tamper, expected) in [
            (
                "UPDATE records SET body = CAST(replace(body, '0.0.0', '0.0.1') AS BLOB) WHERE seq = 5",
                "record 5: ",
            ),
            ("UPDATE records SET codec = 2 WHERE seq = 5", "record 5: "),
            ("DELETE FROM records WHERE seq = 5", "record 5: it is missing"),
            ("DELETE FROM records WHERE seq >= 7", "record 7: it is missing: there were 9 records"),
            ("UPDATE records SET hash = NULL WHERE seq = 4", "record 4: it has no hash"),
            (&format!("UPDATE records SET hash = {other} WHERE seq = 9"), "record 9: "),
            ("UPDATE records SET hash = NULL", "record 9: it is not the record"),
            (
                "UPDATE records SET body = (SELECT body FROM records WHERE seq = 2) WHERE seq = 3",
                "record 3: ",
            ),
        ] {
            let (_folder, path) = journal(9);
            Connection::open(&path).unwrap().execute_batch(tamper).unwrap();
            let error = verified(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{tamper}: {error}");
        }
    }

    #[test]
    fn c7_a_journal_that_was_cut_short_is_not_written_on() {
        let (_folder, path) = journal(9);
        Connection::open(&path).unwrap().execute_batch("DELETE FROM records WHERE seq > 6").unwrap();
        let error = SqliteJournal::open(&path).unwrap_err().to_string();
        assert!(error.contains("record 7: it is missing: there were 9 records"), "{error}");
    }

    /// Journals of every layout that there was stay readable, and are written on.
    #[test]
    fn old_journals_open_for_ever() {
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/layout-1.db");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        std::fs::copy(old, &path).unwrap();
        let before = verified(&path).unwrap();
        assert_eq!((before.records, before.unhashed, before.anchor), (28, 28, None));

        let mut state = crate::engine::State::new();
        let mut journal = SqliteJournal::open(&path).unwrap();
        super::super::for_each(&mut journal, |record| {
            state
                .apply(&record)
                .map_err(|illegal| JournalError::Damaged { seq: illegal.seq, why: illegal.why })
        })
        .unwrap();
        assert_eq!(state.counts().completed, 1);
        journal.append(&[records(29, 31)]).unwrap();
        drop(journal);
        let after = verified(&path).unwrap();
        assert_eq!((after.records, after.unhashed), (31, 28));
        assert_eq!(after.anchor, Some(Anchor { seq: 31, hash: after.head }));
    }
}
