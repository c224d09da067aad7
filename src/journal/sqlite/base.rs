//! What a journal begins with whose first records are in an archive: the state before the first record
//! that is there, and where the others are.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::layout::{BASE, RECORDS, mark};
use super::{SqliteJournal, damaged, digest, disk, opening};
use crate::engine::State;
use crate::journal::snapshot::{VERSION, checksum};
use crate::journal::{Anchor, Journal as _, JournalError};
use crate::model::{Digest, Seq};

/// Records that are in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The first one.
    pub first: Seq,
    /// The last one.
    pub last: Seq,
    /// The file that they were moved to; it may have been moved since.
    pub file: String,
}

fn has_base(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'base'";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}

/// The last record that is in an archive, if there is one.
pub(super) fn load(connection: &Connection, path: &Path) -> Result<Option<Anchor>, JournalError> {
    if !has_base(connection).map_err(opening(path))? {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, digest(row, 1)));
    let found = connection.query_row("SELECT seq, hash FROM base", [], read).optional();
    let Some((seq, hash)) = found.map_err(opening(path))? else { return Ok(None) };
    let seq = seq as Seq;
    let hash = hash.and_then(|hash| hash.ok_or_else(|| "it has no hash".to_owned()));
    hash.map(|hash| Some(Anchor { seq, hash })).map_err(|why| damaged(seq, why))
}

impl SqliteJournal {
    /// The last record that is in an archive; `None` if the journal begins with its first one.
    pub fn base(&self) -> Option<Anchor> {
        self.base
    }

    /// Where the records are that are not here, oldest first.
    ///
    /// # Errors
    /// The disk refused.
    pub fn archives(&self) -> Result<Vec<Archive>, JournalError> {
        if self.base.is_none() {
            return Ok(Vec::new());
        }
        let sql = "SELECT first, last, file FROM archives ORDER BY first";
        let mut select = self.connection.prepare(sql).map_err(disk("read"))?;
        let archive = |row: &rusqlite::Row<'_>| {
            let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(Archive { first: first as Seq, last: last as Seq, file: row.get(2)? })
        };
        let rows = select.query_map([], archive).map_err(disk("read"))?;
        rows.collect::<Result<_, _>>().map_err(disk("read"))
    }

    fn last_archive(&self) -> String {
        let archives = self.archives().unwrap_or_default();
        archives.last().map_or_else(|| "?".to_owned(), |archive| archive.file.clone())
    }

    /// That a record is in an archive.
    pub(super) fn archived(&self, base: Anchor) -> JournalError {
        JournalError::Archived { last: base.seq, file: self.last_archive() }
    }

    /// The state before the first record that is here.
    pub(super) fn base_state(&self) -> Result<State, JournalError> {
        let Some(base) = self.base else { return Ok(State::new()) };
        let lost = |why: String| JournalError::Base { seq: base.seq, file: self.last_archive(), why };
        let sql = "SELECT version, release, sha256, state FROM base";
        let found = self.connection.query_row(sql, [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, digest(row, 2), row.get::<_, Vec<u8>>(3)?))
        });
        let (version, release, sha256, text) = found.map_err(|error| lost(error.to_string()))?;
        if version != VERSION {
            return Err(lost(format!(
                "release {release} stored it in layout {version}, this release reads {VERSION}"
            )));
        }
        if sha256 != Ok(Some(checksum(&text))) {
            return Err(lost("its checksum is wrong".to_owned()));
        }
        let state = State::from_text(&text).map_err(|error| lost(error.to_string()))?;
        match state.seq() == base.seq {
            true => Ok(state),
            false => Err(lost(format!("it is the state at record {}", state.seq()))),
        }
    }

    /// Copies the records up to one, as they are stored, to a new file, which is a journal of its own;
    /// durable when this returns.
    pub(in crate::journal) fn copy_to(&self, file: &Path, up_to: Seq) -> Result<(), JournalError> {
        let doing = "copy from";
        // What goes wrong here, SQLite says better.
        let _ = self.disk.create(file);
        let copy = Connection::open(file).map_err(opening(file))?;
        copy.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;")
            .map_err(disk(doing))?;
        copy.execute("ATTACH ?1 AS journal", [self.path.to_string_lossy()]).map_err(disk(doing))?;
        let based = match self.base {
            None => format!("{}{RECORDS}", mark(false)),
            Some(_) => format!(
                "{}{RECORDS}{BASE}INSERT INTO base SELECT * FROM journal.base;
                 INSERT INTO archives SELECT * FROM journal.archives;",
                mark(true)
            ),
        };
        copy.execute_batch(&format!("BEGIN IMMEDIATE; {based}")).map_err(disk(doing))?;
        let sql = "INSERT INTO records SELECT seq, codec, body, hash FROM journal.records WHERE seq <= ?1";
        copy.execute(sql, [up_to as i64]).map_err(disk(doing))?;
        copy.execute_batch("COMMIT; DETACH journal;").map_err(disk(doing))
    }

    /// Lets the journal begin after a record, with the state there, in one transaction: the records up to it
    /// are in this file.
    pub(in crate::journal) fn cut(
        &mut self,
        base: Anchor,
        state: State,
        archive: &Archive,
    ) -> Result<(), JournalError> {
        let doing = "cut";
        let text = state.into_text().map_err(|error| damaged(base.seq, error))?;
        let sum = checksum(&text);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(disk(doing))?;
        let tables = format!("{BASE}DELETE FROM base; {}", mark(true));
        transaction.execute_batch(&tables).map_err(disk(doing))?;
        let row = params![base.seq as i64, base.hash.0, VERSION, env!("CARGO_PKG_VERSION"), sum.0, text];
        let sql =
            "INSERT INTO base (seq, hash, version, release, sha256, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        transaction.execute(sql, row).map_err(disk(doing))?;
        let row = params![archive.first as i64, archive.last as i64, archive.file];
        let sql = "INSERT INTO archives (first, last, file) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, row).map_err(disk(doing))?;
        let sql = "DELETE FROM records WHERE seq <= ?1";
        transaction.execute(sql, [base.seq as i64]).map_err(disk(doing))?;
        transaction.commit().map_err(disk(doing))?;
        self.base = Some(base);
        Ok(())
    }

    /// Takes the records of an archive back, whose last one is the one before the first that is here.
    pub(in crate::journal) fn put_back(&mut self, file: &Path) -> Result<(), JournalError> {
        let doing = "restore";
        let Some(base) = self.base else { return Ok(()) };
        self.connection.execute("ATTACH ?1 AS archive", [file.to_string_lossy()]).map_err(disk(doing))?;
        let sql = "SELECT count(*) FROM archive.sqlite_schema WHERE name = 'base'";
        let based: i64 = self.connection.query_row(sql, [], |row| row.get(0)).map_err(disk(doing))?;
        let before = match based {
            0 => format!("DROP TABLE base; DROP TABLE archives; {}", mark(false)),
            _ => format!(
                "DELETE FROM base; INSERT INTO base SELECT * FROM archive.base;
                 DELETE FROM archives WHERE last = {};",
                base.seq
            ),
        };
        let all = format!(
            "BEGIN IMMEDIATE;
             INSERT INTO records SELECT seq, codec, body, hash FROM archive.records;
             {before}
             COMMIT; DETACH archive;"
        );
        self.connection.execute_batch(&all).map_err(disk(doing))?;
        self.base = load(&self.connection, &self.path)?;
        Ok(())
    }

    /// Gives the room back that records had which are not here any more.
    pub(in crate::journal) fn shrink(&mut self) -> Result<(), JournalError> {
        self.connection.execute_batch("VACUUM").map_err(disk("shrink"))?;
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection.query_row(truncate, [], |_| Ok(())).map_err(disk("shrink"))
    }

    /// Notes the last record beside the journal, as a clean stop does.
    pub(in crate::journal) fn anchor(&self) -> Result<(), JournalError> {
        let written = Anchor { seq: self.last(), hash: self.head }.write(self.disk.as_ref(), &self.path);
        written.map_err(|error| JournalError::Disk { doing: "write the anchor of", why: error.to_string() })
    }

    /// The hash of a record, which is to have one.
    pub(in crate::journal) fn link_at(&self, seq: Seq) -> Result<Digest, JournalError> {
        self.hash_of(seq)?
            .ok_or_else(|| damaged(seq, "it is not there, or is from before records had hashes"))
    }
}
