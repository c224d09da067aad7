//! The journal on a disk that fails: a simulated one under SQLite, with a page cache that a power cut
//! empties (C6, C7).

mod dice;
mod file;
mod flips;
mod locks;
mod nth;
mod power;
mod vfs;
mod volume;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::disk::Disk;
use super::verify::verify_on;
use super::{Journal as _, JournalError, SqliteJournal};
use crate::engine::{Event, JournalKind, Record};
use crate::journal::tests::opened;
use crate::model::{Seq, Timestamp};
use volume::{Trouble, Volume};

/// A simulated disk with one journal on it.
#[derive(Debug)]
struct Simulated {
    volume: Arc<Volume>,
    number: u64,
}

impl Simulated {
    fn new(volume: Volume) -> Arc<Self> {
        let volume = Arc::new(volume);
        let number = vfs::attach(Arc::clone(&volume));
        Arc::new(Simulated { volume, number })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/{}/journal.db", self.number))
    }

    fn open(self: &Arc<Self>) -> Result<SqliteJournal, JournalError> {
        SqliteJournal::open_on(Arc::clone(self) as _, &self.path())
    }

    fn open_read_only(self: &Arc<Self>) -> Result<SqliteJournal, JournalError> {
        SqliteJournal::open_read_only_on(Arc::clone(self) as _, &self.path())
    }

    /// Reads the journal through as `quell journal verify` does.
    fn verify(self: &Arc<Self>) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        let each = |record| {
            records.push(record);
            Ok::<_, JournalError>(())
        };
        let verified = verify_on(Arc::clone(self) as _, &self.path(), each)?;
        assert_eq!(verified.records, records.len() as Seq);
        Ok(records)
    }

    /// Lets the checkpointing thread do its work, and waits until it has, well or not.
    fn checkpoint(&self, journal: &mut SqliteJournal) {
        let before = self.volume.replaced();
        journal.make_checkpoint_due();
        while self.volume.replaced() == before && !journal.checkpoint_failed() {
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        vfs::detach(self.number);
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("the paths of these tests have names")
}

fn refused(trouble: Trouble) -> io::Error {
    match trouble {
        Trouble::Missing => io::ErrorKind::NotFound.into(),
        Trouble::Full => io::ErrorKind::StorageFull.into(),
        Trouble::Io | Trouble::Busy => io::Error::other("Input/output error"),
    }
}

impl Disk for Simulated {
    fn connect(&self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        Connection::open_with_flags_and_vfs(path, flags, vfs::NAME)
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        self.volume.open(name(path), true).map(drop).map_err(refused)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.volume.open(name(path), false).map_err(refused)?.file;
        let mut bytes = vec![0; self.volume.size(file).map_err(refused)?];
        let count = self.volume.read(file, 0, &mut bytes).map_err(refused)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// The steps of [`super::folder::replace_file`].
    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let beside = ".quell-new";
        let replaced = self.volume.open(beside, true).and_then(|new| {
            let written = self.volume.write(new.file, 0, text);
            let synced = written.and_then(|()| self.volume.sync(new.file));
            synced.and_then(|()| self.volume.rename(beside, name(path))).inspect_err(|_| {
                let _ = self.volume.delete(beside);
            })
        });
        let durable = replaced.and_then(|()| self.volume.sync_folder());
        self.volume.count_replaced();
        durable.map_err(refused)
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.volume.open(name(path), false).map_err(refused)?.file;
        self.volume.write(file, 0, bytes).map_err(refused)?;
        self.volume.sync(file).map_err(refused)
    }
}

/// A number from the environment that says how much is tried.
#[expect(clippy::disallowed_methods, reason = "how much a test tries is said in the environment")]
fn wanted(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// A record of about so many bytes. `epoch` tells the records of one attempt to append from those of
/// another one.
fn record(seq: Seq, epoch: i64, bytes: usize) -> Record {
    match seq {
        1 => Record { at: Timestamp(epoch), ..opened(JournalKind::Exercise) },
        _ => {
            let version: String = "0123456789abcdef".chars().cycle().take(bytes).collect();
            Record { seq, at: Timestamp(epoch), event: Event::Recovered { version: version.into() } }
        }
    }
}

/// What a journal has to hold: what it said is durable, and what it was given last and did not say.
#[derive(Debug, Clone, Default)]
struct Ledger {
    durable: Vec<Record>,
    in_doubt: Vec<Record>,
    epoch: i64,
}

impl Ledger {
    /// Appends records of these sizes. After an error the handle must not take any more.
    fn append(&mut self, journal: &mut SqliteJournal, sizes: &[usize]) -> Result<(), JournalError> {
        self.epoch += 1;
        let first = self.durable.len() as Seq + 1;
        let records = (first..).zip(sizes).map(|(seq, size)| record(seq, self.epoch, *size));
        let batch: Arc<Vec<Record>> = Arc::new(records.collect());
        match journal.append(&[Arc::clone(&batch)]) {
            Ok(seq) => {
                assert_eq!(seq, first + sizes.len() as Seq - 1);
                self.durable.extend(batch.iter().cloned());
                Ok(())
            }
            Err(error) => {
                // What was refused at once was not tried.
                if !matches!(error, JournalError::Poisoned { .. }) {
                    self.in_doubt = batch.to_vec();
                }
                let again = journal.append(&[batch]);
                assert!(matches!(again, Err(JournalError::Poisoned { .. })), "after {error}: {again:?}");
                Err(error)
            }
        }
    }

    /// Checks what a journal has, and takes it for durable from now on.
    fn settle(&mut self, found: Vec<Record>) -> Result<(), String> {
        let (sure, rest) = found.split_at_checked(self.durable.len()).ok_or_else(|| {
            format!("{} records were durable, and {} are there", self.durable.len(), found.len())
        })?;
        if let Some(at) = (0..sure.len()).find(|at| sure[*at] != self.durable[*at]) {
            return Err(format!("record {} is another one than was durable", at + 1));
        }
        if !rest.is_empty() && rest != self.in_doubt {
            return Err(format!("{} records too many", rest.len()));
        }
        self.durable = found;
        self.in_doubt.clear();
        Ok(())
    }

    /// Opens the journal of a disk that works again. It must be whole, and what it has must stay, whatever
    /// happens next.
    fn recover(&mut self, disk: &Arc<Simulated>) -> Result<SqliteJournal, String> {
        let said = |what: &'static str| move |error: JournalError| format!("{what}: {error}");
        // A journal that never came to be is none: that is not damage.
        if !self.durable.is_empty() {
            let found = disk.verify().map_err(said("verify"))?;
            self.clone().settle(found).map_err(|why| format!("verify: {why}"))?;
        }
        let mut journal = disk.open().map_err(said("open"))?;
        let found = journal.read(1, usize::MAX).map_err(said("read"))?;
        self.settle(found)?;
        Ok(journal)
    }
}
