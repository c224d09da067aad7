//! The durable journal: one SQLite file in WAL mode, written by one connection.
//!
//! `synchronous=FULL`: a commit returns after its fsync. A failed commit poisons the handle, so that
//! no fsync is tried twice on it (after a failed one the kernel may have dropped the pages, and the
//! second would succeed without them). Checkpoints run on a connection of their own.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use super::{Journal, JournalError, codec, follows};
use crate::engine::Record;
use crate::model::Seq;

mod checkpoint;

use checkpoint::Checkpointer;

/// Marks the file as ours: "quel".
const APPLICATION_ID: i32 = 0x7175_656c;
/// The layout of the tables.
const LAYOUT: i32 = 1;
/// How long to wait for another process that reads or checkpoints.
const PATIENCE: Duration = Duration::from_secs(5);

/// A journal on disk.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    checkpointer: Option<Checkpointer>,
    last: Seq,
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

/// Makes the file, if there is none, so that only its owner may read it; SQLite gives the same mode to
/// the files that it makes beside it. What goes wrong here, SQLite says better.
fn private(path: &Path) {
    let mut options = OpenOptions::new();
    let _ = options.write(true).create(true).truncate(false).mode(0o600).open(path);
}

impl SqliteJournal {
    /// Opens a journal for writing; makes one if there is none.
    ///
    /// # Errors
    /// The file cannot be opened, is no journal, or was written by a newer release.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        private(path);
        let connection = Connection::open(path).map_err(opening(path))?;
        connection.busy_timeout(PATIENCE).map_err(opening(path))?;
        prepare(&connection, path)?;
        let checkpointer = Checkpointer::spawn(path.to_owned())?;
        Self::with(connection, Some(checkpointer), path)
    }

    /// Opens a journal that another process may be writing.
    ///
    /// # Errors
    /// As [`SqliteJournal::open`]; there must be one already.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
        connection.busy_timeout(PATIENCE).map_err(opening(path))?;
        recognise(&connection, path)?;
        Self::with(connection, None, path)
    }

    fn with(
        connection: Connection,
        checkpointer: Option<Checkpointer>,
        path: &Path,
    ) -> Result<Self, JournalError> {
        let last: i64 = connection
            .query_row("SELECT ifnull(max(seq), 0) FROM records", [], |row| row.get(0))
            .map_err(opening(path))?;
        let last = last as Seq;
        Ok(SqliteJournal { connection, checkpointer, last, commits: 0, poisoned: None, body: Vec::new() })
    }

    fn store(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<usize, JournalError> {
        let doing = "write to";
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(disk(doing))?;
        let mut bytes = 0;
        {
            let mut insert = transaction
                .prepare("INSERT INTO records (seq, codec, body) VALUES (?1, ?2, ?3)")
                .map_err(disk(doing))?;
            for record in batches.iter().flat_map(|batch| batch.iter()) {
                self.body.clear();
                codec::encode(record, &mut self.body)?;
                bytes += self.body.len();
                insert.execute(params![record.seq as i64, codec::JSON, self.body]).map_err(disk(doing))?;
            }
        }
        transaction.commit().map_err(disk("commit to"))?;
        Ok(bytes)
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, batches: &[Arc<Vec<Record>>]) -> Result<Seq, JournalError> {
        let sick = self.checkpointer.as_ref().and_then(Checkpointer::failure);
        if let Some(why) = self.poisoned.clone().or(sick) {
            return Err(JournalError::Poisoned { why });
        }
        let last = follows(self.last, batches)?;
        match self.store(batches) {
            Ok(bytes) => {
                self.last = last;
                self.commits += 1;
                if let Some(checkpointer) = &mut self.checkpointer {
                    checkpointer.wrote(bytes);
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
        let mut select = self
            .connection
            .prepare("SELECT seq, codec, body FROM records WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
            .map_err(disk(doing))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = select.query(params![from.max(1) as i64, limit]).map_err(disk(doing))?;
        let mut records = Vec::new();
        let mut expected = from.max(1);
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(records),
                Err(error) => {
                    return Err(JournalError::Damaged { seq: expected, why: error.to_string() });
                }
            };
            let seq: i64 = row.get(0).map_err(disk(doing))?;
            if seq as Seq != expected {
                let why = format!("it is missing; the next one there is {seq}");
                return Err(JournalError::Damaged { seq: expected, why });
            }
            let damaged =
                |error: rusqlite::Error| JournalError::Damaged { seq: expected, why: error.to_string() };
            let tag: i64 = row.get(1).map_err(damaged)?;
            let body = row.get_ref(2).map_err(damaged)?;
            let body = body.as_bytes().map_err(|error| damaged(error.into()))?;
            records.push(codec::decode(expected, tag, body)?);
            expected += 1;
        }
    }

    fn last(&self) -> Seq {
        self.last
    }

    fn commits(&self) -> u64 {
        self.commits
    }
}

/// Makes the tables of a new file, and sets how this connection writes.
fn prepare(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let tables = tables(connection, path)?;
    if tables > 0 {
        recognise(connection, path)?;
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(opening(path))?;
    if mode != "wal" {
        let why = format!("its folder does not allow a write-ahead log (journal mode is {mode})");
        return Err(JournalError::Disk { doing: "open", why });
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")
        .map_err(opening(path))?;
    if tables == 0 {
        let layout = format!(
            "BEGIN IMMEDIATE;
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {LAYOUT};
             CREATE TABLE IF NOT EXISTS records
               (seq INTEGER PRIMARY KEY, codec INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
             COMMIT;"
        );
        connection.execute_batch(&layout).map_err(opening(path))?;
    }
    Ok(())
}

fn tables(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(opening(path))
}

/// Whether the file is a journal that this release understands.
fn recognise(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let pragma = |name: &str| -> Result<i32, JournalError> {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).map_err(opening(path))
    };
    let not_ours = |why: String| JournalError::NotAJournal { path: PathBuf::from(path), why };
    if tables(connection, path)? == 0 {
        return Err(not_ours("it is empty".to_owned()));
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err(not_ours("it is a database of another program".to_owned()));
    }
    match pragma("user_version")? {
        LAYOUT => Ok(()),
        other => Err(not_ours(format!("its layout is {other}, this release knows {LAYOUT}"))),
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
