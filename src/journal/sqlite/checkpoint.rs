//! Moves what was written from the log into the database file, on a connection and thread of its own,
//! so that the writer never waits for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};

use super::{Anchor, Disk, JournalError, PATIENCE, opening};

/// Bytes of records after which a checkpoint is due.
const DUE_BYTES: usize = 4 * 1024 * 1024;
/// Pages of the log (4 KiB each) beyond which the writer is made to wait until it can begin anew.
const LONG_LOG_PAGES: i64 = 16 * 1024;

/// The checkpointing thread, as the writer sees it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
    /// The last record that is durable.
    head: Arc<Mutex<Option<Anchor>>>,
    pending: usize,
}

impl Checkpointer {
    pub(super) fn spawn(disk: Arc<dyn Disk>, path: PathBuf) -> Result<Self, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = disk.connect(&path, flags).map_err(opening(&path))?;
        connection.busy_timeout(PATIENCE).map_err(opening(&path))?;
        let (wake, woken) = sync_channel(1);
        let failure = Arc::new(Mutex::new(None));
        let head = Arc::new(Mutex::new(None));
        let (shared, last) = (Arc::clone(&failure), Arc::clone(&head));
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || {
                if let Err(why) = run(&connection, &woken, (disk.as_ref(), &path), &last) {
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                }
            })
            .map_err(|error| JournalError::Disk { doing: "start a thread for", why: error.to_string() })?;
        Ok(Checkpointer { wake: Some(wake), thread: Some(thread), failure, head, pending: 0 })
    }

    /// Counts what was written, up to this record, and wakes the thread when that is enough.
    pub(super) fn wrote(&mut self, bytes: usize, head: Anchor) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        self.pending += bytes;
        if self.pending >= DUE_BYTES {
            self.pending = 0;
            // A full channel means that it is due already.
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
    }

    /// Why the last checkpoint failed. Its fsync is not tried again either.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    connection: &Connection,
    woken: &Receiver<()>,
    (disk, path): (&dyn Disk, &Path),
    head: &Mutex<Option<Anchor>>,
) -> Result<(), String> {
    while woken.recv().is_ok() {
        let head = *head.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = checkpoint(connection, "PASSIVE")?;
        if pages > LONG_LOG_PAGES {
            checkpoint(connection, "RESTART")?;
        }
        if let Some(head) = head {
            head.write(disk, path).map_err(|error| format!("anchor: {error}"))?;
        }
    }
    Ok(())
}

/// Runs one checkpoint and returns the pages in the log.
fn checkpoint(connection: &Connection, mode: &str) -> Result<i64, String> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    // A busy checkpoint is no failure: it says so in its row, and the next one goes on.
    connection.query_row(&sql, [], |row| row.get::<_, i64>(1)).map_err(|error| format!("checkpoint: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::System;
    use crate::journal::tests::records;
    use crate::journal::{Journal, SqliteJournal};

    #[test]
    fn what_was_written_reaches_the_database_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = SqliteJournal::open(&path).unwrap();
        let before = std::fs::metadata(&path).unwrap().len();
        journal.append(&[records(1, 1_000)]).unwrap();
        let anchor = Anchor { seq: 1_000, hash: journal.head() };
        journal.checkpointer.as_mut().unwrap().wrote(DUE_BYTES, anchor);
        let grown = || {
            std::fs::metadata(&path).unwrap().len() > before
                && Anchor::read(&System, &path) == Ok(Some(anchor))
        };
        for _ in 0..500 {
            if grown() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(grown());
        assert_eq!(journal.checkpointer.as_ref().unwrap().failure(), None);
        assert_eq!(journal.append(&[records(1_001, 1_001)]), Ok(1_001));
    }
}

#[cfg(test)]
impl super::SqliteJournal {
    /// As much as [`DUE_BYTES`] would.
    pub(in crate::journal) fn make_checkpoint_due(&mut self) {
        let head = Anchor { seq: self.last, hash: self.head };
        self.checkpointer.as_mut().expect("a journal that is written").wrote(DUE_BYTES, head);
    }

    pub(in crate::journal) fn checkpoint_failed(&self) -> bool {
        self.checkpointer.as_ref().is_some_and(|checkpointer| checkpointer.failure().is_some())
    }
}
