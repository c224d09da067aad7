//! The tables of the file, and how older ones become as those of this release.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::opening;
use crate::journal::JournalError;

/// Marks the file as ours: "quel".
const APPLICATION_ID: i32 = 0x7175_656c;
/// The layout of the tables: 2 has hashes.
const LAYOUT: i32 = 2;
/// That of a journal whose first records are in an archive. The others keep theirs: earlier releases
/// read them.
const ARCHIVED: i32 = 3;
/// The oldest layout that is still read.
const OLDEST: i32 = 1;

/// The table of records.
pub(super) const RECORDS: &str = "CREATE TABLE IF NOT EXISTS records
   (seq INTEGER PRIMARY KEY, codec INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB) STRICT;";
/// The state before the first record that is there, and where those before it are.
pub(super) const BASE: &str = "CREATE TABLE IF NOT EXISTS base
   (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, version INTEGER NOT NULL, release TEXT NOT NULL,
    sha256 BLOB NOT NULL, state BLOB NOT NULL) STRICT;
 CREATE TABLE IF NOT EXISTS archives
   (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, file TEXT NOT NULL) STRICT;";

/// Marks a file as ours, and with its layout.
pub(super) fn mark(archived: bool) -> String {
    let layout = if archived { ARCHIVED } else { LAYOUT };
    format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {layout};")
}

/// Makes the tables of a new file, adds to those of an older one what it has not, and sets how this
/// connection writes.
///
/// # Errors
/// The file is no journal, or its disk refuses.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let tables = tables(connection, path)?;
    let hashed = if tables == 0 { fresh(connection, path)? } else { recognise(connection, path)? };
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
        let layout = format!("BEGIN IMMEDIATE; {} {RECORDS} COMMIT;", mark(false));
        connection.execute_batch(&layout).map_err(opening(path))?;
    }
    if !hashed {
        let upgrade = format!(
            "BEGIN IMMEDIATE;
             ALTER TABLE records ADD COLUMN hash BLOB;
             PRAGMA user_version = {LAYOUT};
             COMMIT;"
        );
        connection.execute_batch(&upgrade).map_err(opening(path))?;
    }
    Ok(())
}

fn tables(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(opening(path))
}

/// A file without tables is made a journal only if nothing says that it was something before.
///
/// # Errors
/// It was.
fn fresh(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    for name in ["application_id", "user_version"] {
        if pragma(connection, path, name)? != 0 {
            let why = "it has no tables, and is not new".to_owned();
            return Err(JournalError::NotAJournal { path: PathBuf::from(path), why });
        }
    }
    Ok(true)
}

fn pragma(connection: &Connection, path: &Path, name: &str) -> Result<i32, JournalError> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).map_err(opening(path))
}

/// Whether the file is a journal that this release understands, and if so, whether its records have hashes.
///
/// # Errors
/// It is none.
pub(super) fn recognise(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    let pragma = |name| pragma(connection, path, name);
    let not_ours = |why: String| JournalError::NotAJournal { path: PathBuf::from(path), why };
    if tables(connection, path)? == 0 {
        return Err(not_ours("it is empty".to_owned()));
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err(not_ours("it is a database of another program".to_owned()));
    }
    match pragma("user_version")? {
        layout @ OLDEST..=ARCHIVED => Ok(layout >= 2),
        other => Err(not_ours(format!("its layout is {other}, this release knows {OLDEST} to {ARCHIVED}"))),
    }
}
