//! Whether a journal is what was written: every record, its hash, its place, and the anchor (C7, C24);
//! and whether the snapshots beside it are what its records lead to.

use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, System};
use super::snapshot;
use super::{Anchor, Archive, Journal as _, JournalError, PAGE, SqliteJournal};
use crate::engine::{Record, State};
use crate::model::{Digest, Seq};

/// A journal that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The number of its last record.
    pub records: Seq,
    /// The records before its first one, and where they are.
    pub archives: Vec<Archive>,
    /// Records from before the chain, which have no hash: the first ones.
    pub unhashed: Seq,
    /// Hash of the last record.
    pub head: Digest,
    /// What the file beside it names.
    pub anchor: Option<Anchor>,
    /// The snapshots beside it, oldest first.
    pub snapshots: Vec<Checked>,
}

impl Verified {
    /// The number of the first record that is here.
    pub fn first(&self) -> Seq {
        self.archives.last().map_or(1, |archive| archive.last + 1)
    }
}

/// A snapshot beside a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The record up to which it is folded.
    pub seq: Seq,
    /// Why it does not count; `None` if it is what the records lead to.
    pub ignored: Option<String>,
}

/// Reads a journal through and folds it.
///
/// # Errors
/// The first record that is damaged, missing or another one, or that cannot follow the ones before it; a
/// snapshot that a start would take, and that is not what the records lead to.
pub fn verify(path: &Path) -> Result<Verified, JournalError> {
    verify_on(Arc::new(System), path, |_| Ok(()))
}

/// The same on this disk.
pub(super) fn verify_on<E: From<JournalError>>(
    disk: Arc<dyn Disk>,
    path: &Path,
    mut each: impl FnMut(Record) -> Result<(), E>,
) -> Result<Verified, E> {
    // First: the journal may be growing.
    let anchor = Anchor::read(disk.as_ref(), path)?;
    let found = snapshot::list(path);
    let failed =
        |error: std::io::Error| JournalError::Disk { doing: "list the snapshots of", why: error.to_string() };
    SqliteJournal::check_log(&disk, path)?;
    let (mut journal, mut state) = (SqliteJournal::open_read_only_on(disk, path)?, State::new());
    let last = journal.last();
    if journal.first() > 1 {
        state = journal.origin()?;
    }
    let (mut snapshots, mut found) = (Vec::new(), found.map_err(failed)?);
    let mut check = |state: &State, journal: &SqliteJournal| {
        while let Some((seq, path)) = found.pop_if(|(seq, _)| *seq <= state.seq() || state.seq() == last) {
            let ignored = match snapshot::read(&path, |seq| journal.hash_of(seq)) {
                Ok(found) if found == *state => None,
                Ok(_) => return Err(JournalError::OtherSnapshot { path, seq }),
                Err(misfit) => Some(misfit.why),
            };
            snapshots.push(Checked { seq, ignored });
        }
        Ok(())
    };
    check(&state, &journal)?;
    while state.seq() < last {
        let page = journal.read(state.seq() + 1, PAGE)?;
        for record in page {
            if record.seq > last {
                break;
            }
            state.apply(&record).map_err(JournalError::from)?;
            check(&state, &journal)?;
            each(record)?;
        }
    }
    if let Some(anchor) = anchor {
        anchor.check(last, journal.hash_of(anchor.seq)?)?;
    }
    journal.check_file()?;
    let unhashed = journal.unhashed()?;
    let archives = journal.archives()?;
    Ok(Verified { records: last, archives, unhashed, head: journal.head(), anchor, snapshots })
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

    #[test]
    fn a_whole_journal_ends_where_its_anchor_is() {
        let (_folder, path) = journal(9);
        let found = verify(&path).unwrap();
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
            let error = verify(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{tamper}: {error}");
        }
    }

    /// A checksum that is right does not make it true.
    #[test]
    fn a_snapshot_of_another_state_is_named() {
        let (_folder, path) = journal(9);
        let check = || verify(&path).map(|found| found.snapshots);
        snapshot::take(&path, 4).unwrap();
        snapshot::take(&path, 9).unwrap();
        let good = |seq| Checked { seq, ignored: None };
        assert_eq!(check(), Ok(vec![good(4), good(9)]));
        let newest = path.with_extension("snapshot-9");
        let text = std::fs::read_to_string(&newest).unwrap();
        let (head, body) = text.split_once('\n').unwrap();
        let other = body.replacen("exercise", "real", 1);
        let of = |body: &str| snapshot::checksum(body.trim_end().as_bytes()).to_string();
        let head = head.replacen(&of(body), &of(&other), 1);
        std::fs::write(&newest, format!("{head}\n{other}")).unwrap();
        let error = check().unwrap_err().to_string();
        assert!(error.contains("snapshot-9 is not what the records up to 9 lead to"), "{error}");
        std::fs::write(&newest, &text[..text.len() - 9]).unwrap();
        let found = check().unwrap();
        assert_eq!((found[0].clone(), found[1].ignored.as_deref()), (good(4), Some("it is cut short")));
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
        let before = verify(&path).unwrap();
        assert_eq!((before.records, before.unhashed, before.anchor), (28, 28, None));

        let mut state = State::new();
        let mut journal = SqliteJournal::open(&path).unwrap();
        super::super::for_each(&mut journal, |record| state.apply(&record).map_err(JournalError::from))
            .unwrap();
        assert_eq!(state.counts().completed, 1);
        journal.append(&[records(29, 31)]).unwrap();
        drop(journal);
        let after = verify(&path).unwrap();
        assert_eq!((after.records, after.unhashed), (31, 28));
        assert_eq!(after.anchor, Some(Anchor { seq: 31, hash: after.head }));
    }
}
