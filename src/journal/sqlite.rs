//! The durable journal: one SQLite file in WAL mode, written by one connection.
//!
//! `synchronous=FULL`: a commit returns after its fsync. A failed commit poisons the handle, so that
//! no fsync is tried twice on it (after a failed one the kernel may have dropped the pages, and the
//! second would succeed without them). Checkpoints run on a connection of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use super::chain::{Chain, START, link};
use super::disk::{Disk, System};
use super::snapshot::{self, Taker};
use super::{Anchor, Journal, JournalError, codec, follows};
use crate::engine::{Record, State};
use crate::model::{Digest, Seq};

mod base;
mod checkpoint;
mod layout;
mod log;

pub use base::Archive;
use checkpoint::Checkpointer;
use layout::{prepare, recognise};

/// How long to wait for another process that reads or checkpoints.
const PATIENCE: Duration = Duration::from_secs(5);

/// A journal on disk.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    checkpointer: Option<Checkpointer>,
    disk: Arc<dyn Disk>,
    taker: Option<Taker>,
    path: PathBuf,
    /// Whether its table has a column for hashes.
    hashed: bool,
    /// The last record that is in an archive.
    base: Option<Anchor>,
    last: Seq,
    /// Hash of the last record.
    head: Digest,
    commits: u64,
    poisoned: Option<String>,
    body: Vec<u8>,
}

fn disk(doing: &'static str) -> impl Fn(rusqlite::Error) -> JournalError {
    move |error| JournalError::Disk { doing, why: error.to_string() }
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> JournalError + '_ {
    |error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            JournalError::NotAJournal { path: path.to_owned(), why: error.to_string() }
        }
        _ => JournalError::Disk { doing: "open", why: format!("{error} ({})", path.display()) },
    }
}

impl SqliteJournal {
    /// Opens a journal for writing; makes one if there is none.
    ///
    /// # Errors
    /// The file cannot be opened, is no journal, was written by a newer release, or has lost what it had
    /// at the last checkpoint.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(System), path)
    }

    /// The same on this disk.
    pub(super) fn open_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, JournalError> {
        // SQLite gives its mode to the files that it makes beside it. What goes wrong here, it says better.
        let _ = disk.create(path);
        Self::check_log(&disk, path)?;
        log::make_durable(disk.as_ref(), path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection =
            disk.connect(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(opening(path))?;
        connection.busy_timeout(PATIENCE).map_err(opening(path))?;
        prepare(&connection, path)?;
        let checkpointer = Checkpointer::spawn(Arc::clone(&disk), path.to_owned())?;
        let anchor = Anchor::read(disk.as_ref(), path)?;
        let journal = Self::with(connection, Some(checkpointer), (disk, path), true)?;
        if let Some(anchor) = anchor {
            anchor.check(journal.last, journal.hash_of(anchor.seq)?)?;
        }
        Ok(journal)
    }

    /// Has a snapshot taken after every so many records, and at a clean stop; 0 is never.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn with_snapshots(mut self, every: Seq) -> Result<Self, JournalError> {
        if every > 0 {
            let newest = snapshot::list(&self.path).ok().and_then(|found| found.first().map(|(seq, _)| *seq));
            let since = self.last.saturating_sub(newest.unwrap_or(0));
            self.taker = Some(Taker::spawn(self.path.clone(), every, since)?);
        }
        Ok(self)
    }

    /// Opens a journal that another process may be writing.
    ///
    /// # Errors
    /// As [`SqliteJournal::open`]; there must be one already.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        Self::open_read_only_on(Arc::new(System), path)
    }

    /// The same on this disk.
    pub(super) fn open_read_only_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = disk.connect(path, flags).map_err(opening(path))?;
        connection.busy_timeout(PATIENCE).map_err(opening(path))?;
        let hashed = recognise(&connection, path)?;
        Self::with(connection, None, (disk, path), hashed)
    }

    /// Refuses a log that was damaged after it was written, before SQLite takes less for the whole.
    ///
    /// # Errors
    /// It was; the first record that is missing is named. Or the disk refuses.
    pub(super) fn check_log(disk: &Arc<dyn Disk>, path: &Path) -> Result<(), JournalError> {
        let Some(frame) = log::damage(disk.as_ref(), path)? else { return Ok(()) };
        let last = Self::open_read_only_on(Arc::clone(disk), path)?.last;
        Err(damaged(last + 1, format!("frame {frame} of the log, which has it, does not match its checksum")))
    }

    fn with(
        connection: Connection,
        checkpointer: Option<Checkpointer>,
        (disk, path): (Arc<dyn Disk>, &Path),
        hashed: bool,
    ) -> Result<Self, JournalError> {
        let last: i64 = connection
            .query_row("SELECT ifnull(max(seq), 0) FROM records", [], |row| row.get(0))
            .map_err(opening(path))?;
        let base = base::load(&connection, path)?;
        let mut journal = SqliteJournal {
            connection,
            checkpointer,
            disk,
            taker: None,
            path: path.to_owned(),
            hashed,
            base,
            last: (last as Seq).max(base.map_or(0, |base| base.seq)),
            head: START,
            commits: 0,
            poisoned: None,
            body: Vec::new(),
        };
        journal.head = journal.hash_of(journal.last)?.unwrap_or(START);
        Ok(journal)
    }

    /// The hash that a record was stored with; `None` if it has none, or is not there.
    pub(super) fn hash_of(&self, seq: Seq) -> Result<Option<Digest>, JournalError> {
        if let Some(base) = self.base.filter(|base| base.seq == seq) {
            return Ok(Some(base.hash));
        }
        if !self.hashed {
            return Ok(None);
        }
        let mut select =
            self.connection.prepare("SELECT hash FROM records WHERE seq = ?1").map_err(disk("read"))?;
        let found = select.query_row(params![seq as i64], |row| Ok(digest(row, 0))).optional();
        found.map_err(reading(seq))?.transpose().map(Option::flatten).map_err(|why| damaged(seq, why))
    }

    /// How many records have no hash: those from before the chain.
    ///
    /// # Errors
    /// The disk refused.
    pub(super) fn unhashed(&self) -> Result<Seq, JournalError> {
        if !self.hashed {
            return Ok(self.last);
        }
        let sql = "SELECT count(*) FROM records WHERE hash IS NULL";
        let count: i64 = self.connection.query_row(sql, [], |row| row.get(0)).map_err(disk("read"))?;
        Ok(count as Seq)
    }

    /// Whether the file is whole beyond its records, so that it can be written on.
    ///
    /// # Errors
    /// It is not, or the disk refused.
    pub(super) fn check_file(&self) -> Result<(), JournalError> {
        let sql = "PRAGMA quick_check(1)";
        let found: String = self.connection.query_row(sql, [], |row| row.get(0)).map_err(disk("verify"))?;
        if found == "ok" {
            return Ok(());
        }
        let why = format!("its records are whole, but its file is not: {}", found.replace('\n', " "));
        Err(JournalError::Disk { doing: "write on", why })
    }

    /// Hash of the last record; 32 zero bytes if there is none, or it is older than the chain.
    pub fn head(&self) -> Digest {
        self.head
    }

    /// Returns the bytes that were written, and the hash of the last record.
    fn store(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<(usize, Digest), JournalError> {
        let doing = "write to";
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(disk(doing))?;
        let (mut bytes, mut head) = (0, self.head);
        {
            let mut insert = transaction
                .prepare("INSERT INTO records (seq, codec, body, hash) VALUES (?1, ?2, ?3, ?4)")
                .map_err(disk(doing))?;
            for record in batches.iter().flat_map(|batch| batch.iter()) {
                self.body.clear();
                codec::encode(record, &mut self.body)?;
                bytes += self.body.len();
                head = link(&head, record.seq, codec::JSON, &self.body);
                let row = params![record.seq as i64, codec::JSON, self.body, head.0];
                insert.execute(row).map_err(disk(doing))?;
            }
        }
        transaction.commit().map_err(disk("commit to"))?;
        Ok((bytes, head))
    }
}

/// The hash in a column.
fn digest(row: &Row<'_>, column: usize) -> Result<Option<Digest>, String> {
    let value = row.get_ref(column).map_err(|error| error.to_string())?;
    let bytes = value.as_blob_or_null().map_err(|error| error.to_string())?;
    let Some(bytes) = bytes else { return Ok(None) };
    let hash = bytes.try_into().map_err(|_| format!("its hash has {} bytes", bytes.len()))?;
    Ok(Some(Digest(hash)))
}

/// A file that is not what it was is damage; a disk that does not answer is none.
fn reading(seq: Seq) -> impl Fn(rusqlite::Error) -> JournalError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(seq, error),
        _ => disk("read")(error),
    }
}

fn damaged(seq: Seq, why: impl ToString) -> JournalError {
    JournalError::Damaged { seq, why: why.to_string() }
}

/// The record in a row, which is to be this one, and to follow the one before.
fn record(row: &Row<'_>, expected: Seq, chain: &mut Chain) -> Result<Record, JournalError> {
    let seq: i64 = row.get(0).map_err(disk("read"))?;
    if seq as Seq != expected {
        return Err(damaged(expected, format!("it is missing; the next one there is {seq}")));
    }
    let tag: i64 = row.get(1).map_err(|error| damaged(expected, error))?;
    let body = row.get_ref(2).map_err(|error| damaged(expected, error))?;
    let body = body.as_bytes().map_err(|error| damaged(expected, error))?;
    let hash = digest(row, 3).map_err(|why| damaged(expected, why))?;
    chain.take(expected, tag, body, hash).map_err(|why| damaged(expected, why))?;
    codec::decode(expected, tag, body)
}

/// A clean stop leaves the anchor at the last record.
impl Drop for SqliteJournal {
    fn drop(&mut self) {
        let sick = self.checkpointer.as_ref().is_none_or(|checkpointer| checkpointer.failure().is_some());
        if self.commits > 0 && self.poisoned.is_none() && !sick {
            // Nobody can be told any more; the next checkpoint writes it too.
            let _ = Anchor { seq: self.last, hash: self.head }.write(self.disk.as_ref(), &self.path);
            // Waits for it, while the log is still there for its reader.
            if let Some(mut taker) = self.taker.take() {
                taker.stop();
            }
        }
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
        let sick = self.checkpointer.as_ref().and_then(Checkpointer::failure);
        if let Some(why) = self.poisoned.clone().or(sick) {
            return Err(JournalError::Poisoned { why });
        }
        let (first, last) = (self.last + 1, follows(self.last, batches)?);
        match self.store(batches) {
            Ok((bytes, head)) => {
                (self.last, self.head) = (last, head);
                self.commits += 1;
                if let Some(taker) = &mut self.taker {
                    taker.wrote(last + 1 - first);
                }
                if let Some(checkpointer) = &mut self.checkpointer {
                    checkpointer.wrote(bytes, Anchor { seq: last, hash: head });
                }
                Ok(last)
            }
            Err(error) => {
                self.poisoned = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn read(&mut self, from: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        let doing = "read";
        let from = from.max(1);
        if let Some(base) = self.base.filter(|base| from <= base.seq) {
            return Err(self.archived(base));
        }
        let mut chain = Chain::after(self.hash_of(from - 1)?.unwrap_or(START));
        let hash = if self.hashed { "hash" } else { "NULL" };
        let sql =
            format!("SELECT seq, codec, body, {hash} FROM records WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
        let mut select = self.connection.prepare(&sql).map_err(disk(doing))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = select.query(params![from as i64, limit]).map_err(disk(doing))?;
        let mut records = Vec::new();
        let mut expected = from;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(records),
                Err(error) => return Err(reading(expected)(error)),
            };
            records.push(record(row, expected, &mut chain)?);
            expected += 1;
        }
    }

    fn last(&self) -> Seq {
        self.last
    }

    fn resume(&mut self) -> Result<State, JournalError> {
        for (_, path) in snapshot::list(&self.path).unwrap_or_default() {
            match snapshot::read(&path, |seq| self.hash_of(seq)) {
                Ok(state) => return Ok(state),
                Err(misfit) => tracing::warn!(target: "journal", "{misfit}"),
            }
        }
        self.origin()
    }

    fn first(&self) -> Seq {
        self.base.map_or(1, |base| base.seq + 1)
    }

    fn origin(&mut self) -> Result<State, JournalError> {
        self.base_state()
    }

    fn commits(&self) -> u64 {
        self.commits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{keeps_what_it_is_given, records};
    use tempfile::TempDir;

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        (folder, path)
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, path) = folder();
        let mut journal = SqliteJournal::open(&path).unwrap();
        journal.append(&[records(1, 1)]).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        }
    }

    #[test]
    fn it_is_a_journal() {
        let (_folder, path) = folder();
        keeps_what_it_is_given(&mut SqliteJournal::open(&path).unwrap());
        let mut again = SqliteJournal::open(&path).unwrap();
        assert_eq!((again.last(), again.commits()), (4, 0));
        assert_eq!(again.read(1, 99).unwrap(), *records(1, 4));
    }

    /// Older releases of SQLite can lose a commit when the log is reset.
    #[test]
    fn the_bundled_sqlite_is_new_enough() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn commits_are_synchronous() {
        let (_folder, path) = folder();
        let journal = SqliteJournal::open(&path).unwrap();
        for (pragma, expected) in [("synchronous", 2), ("wal_autocheckpoint", 0)] {
            let sql = format!("PRAGMA {pragma}");
            let found: i64 = journal.connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(found, expected, "{pragma}");
        }
    }

    #[test]
    fn c6_a_failed_append_poisons_the_handle_and_stores_nothing() {
        let (_folder, path) = folder();
        let mut journal = SqliteJournal::open(&path).unwrap();
        journal.append(&[records(1, 1)]).unwrap();
        journal.connection.execute_batch("PRAGMA max_page_count = 3").unwrap();
        let full = journal.append(&[records(2, 2_000)]).unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        journal.connection.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
        let poisoned = journal.append(&[records(2, 2)]).unwrap_err();
        assert!(matches!(poisoned, JournalError::Poisoned { .. }), "{poisoned}");
        drop(journal);
        let mut anew = SqliteJournal::open(&path).unwrap();
        assert_eq!(anew.last(), 1);
        assert_eq!(anew.append(&[records(2, 3)]), Ok(3));
    }

    #[test]
    fn c7_damage_names_the_record() {
        let (_folder, path) = folder();
        let mut journal = SqliteJournal::open(&path).unwrap();
        journal.append(&[records(1, 9)]).unwrap();
        let damage = |journal: &SqliteJournal, sql: &str| journal.connection.execute_batch(sql).unwrap();
        damage(&journal, "UPDATE records SET body = x'7b00' WHERE seq = 5");
        let error = journal.read(1, 99).unwrap_err().to_string();
        assert!(error.contains("damaged at record 5"), "{error}");
        damage(&journal, "DELETE FROM records WHERE seq = 3");
        let error = journal.read(1, 99).unwrap_err().to_string();
        assert!(error.contains("damaged at record 3: it is missing; the next one there is 4"), "{error}");
    }

    #[test]
    fn other_files_are_recognised() {
        let (_folder, path) = folder();
        std::fs::write(
            &path,
            "this is no database, and longer than a header of one hundred bytes ".repeat(9),
        )
        .unwrap();
        let error = SqliteJournal::open(&path).unwrap_err();
        assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
        let error = SqliteJournal::open(&path).unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
        let missing = SqliteJournal::open_read_only(&path.with_extension("none")).unwrap_err();
        assert!(matches!(missing, JournalError::Disk { doing: "open", .. }), "{missing}");
    }

    #[test]
    fn a_reader_sees_what_a_writer_committed() {
        let (_folder, path) = folder();
        let mut writer = SqliteJournal::open(&path).unwrap();
        writer.append(&[records(1, 5)]).unwrap();
        let mut reader = SqliteJournal::open_read_only(&path).unwrap();
        assert_eq!(reader.read(1, 99).unwrap().len(), 5);
        writer.append(&[records(6, 7)]).unwrap();
        assert_eq!(reader.read(6, 99).unwrap().len(), 2);
        assert!(reader.append(&[records(6, 6)]).is_err());
    }
}
