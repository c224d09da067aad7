//! A simulated disk: files in memory, one folder, and faults as they were ordered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dice::Dice;
use super::file::{File, Unsynced};
use super::locks::Locks;

/// What is asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Open,
    Delete,
    Look,
    Size,
    Read,
    Write,
    Truncate,
    Sync,
    SyncFolder,
    Rename,
    Map,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The system says EIO, and nothing was done.
    Io(Op),
    /// A sync says EIO, and what it was to write will never be written: the next one says that all is well.
    SyncDrops,
    /// A write finds no room: its first half is there.
    Full,
    /// A read ends in the middle.
    Short,
}

impl Fault {
    fn hits(self, op: Op) -> bool {
        match self {
            Fault::Io(one) => one == op,
            Fault::SyncDrops => op == Op::Sync,
            Fault::Full => op == Op::Write,
            Fault::Short => op == Op::Read,
        }
    }
}

/// Which operation fails.
#[derive(Debug, Clone, Copy)]
pub enum Plan {
    /// The one with this number, from 1, of those that the fault fits; with `lasting`, all after it too.
    Fail { fault: Fault, nth: u64, lasting: bool },
    /// The power goes at the operation with this number, of all.
    Cut { at: u64 },
}

/// Why an operation did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Io,
    Full,
    Missing,
    Busy,
}

/// What is to become of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Failed(Fault),
    /// It reaches the cache, and then the power goes.
    Last,
}

#[derive(Debug, Clone)]
enum Entry {
    Add(String, usize),
    Remove(String),
    Rename(String, String),
}

#[derive(Debug, Default)]
pub struct Inner {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of the folder that no sync has made durable.
    pending: Vec<Entry>,
    plan: Option<Plan>,
    /// Operations that the plan was asked about.
    matched: u64,
    hits: u64,
    off: bool,
    done: u64,
    /// How often a file was replaced, or failed to be.
    replaced: u64,
    handles: u64,
    pub locks: BTreeMap<usize, Locks>,
}

/// A disk.
#[derive(Debug, Default)]
pub struct Volume {
    inner: Mutex<Inner>,
}

impl Volume {
    /// With these files, durable.
    pub fn with(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Volume {
        let mut inner = Inner::default();
        for (name, bytes) in files {
            inner.names.insert(name, inner.files.len());
            inner.files.push(File::durable(bytes));
        }
        inner.durable_names = inner.names.clone();
        Volume { inner: Mutex::new(inner) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders a fault, or none; counting begins anew.
    pub fn order(&self, plan: Option<Plan>) {
        let mut inner = self.lock();
        (inner.plan, inner.matched, inner.hits, inner.done) = (plan, 0, 0, 0);
    }

    /// How often the plan came true.
    pub fn hits(&self) -> u64 {
        self.lock().hits
    }

    pub fn replaced(&self) -> u64 {
        self.lock().replaced
    }

    pub fn is_off(&self) -> bool {
        self.lock().off
    }

    /// What a program reads now.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.lock();
        inner.names.get(name).map(|file| inner.files[*file].bytes().to_vec())
    }

    /// The disk as programs find it that start after all others were killed.
    pub fn after_kill(&self) -> Volume {
        let inner = self.lock();
        let (files, names, durable_names) =
            (inner.files.clone(), inner.names.clone(), inner.durable_names.clone());
        let pending = inner.pending.clone();
        Volume { inner: Mutex::new(Inner { files, names, durable_names, pending, ..Inner::default() }) }
    }

    /// The disk after a power cut.
    pub fn after_power_cut(&self, unsynced: Unsynced, dice: &mut Dice) -> Volume {
        let inner = self.lock();
        let mut names = inner.durable_names.clone();
        for entry in &inner.pending {
            let kept = match unsynced {
                Unsynced::Kept => true,
                Unsynced::Lost => false,
                Unsynced::Torn => dice.below(2) == 0,
            };
            match entry {
                Entry::Add(name, file) if kept => drop(names.insert(name.clone(), *file)),
                Entry::Remove(name) if kept => drop(names.remove(name)),
                Entry::Rename(from, to) if kept => {
                    // Only what was kept can be renamed.
                    if let Some(file) = names.remove(from) {
                        names.insert(to.clone(), file);
                    }
                }
                _ => {}
            }
        }
        let files = names.iter().map(|(name, file)| {
            let left = inner.files[*file].clone().after_power_cut(unsynced, dice);
            (name.clone(), left.bytes().to_vec())
        });
        Volume::with(files.collect::<Vec<_>>())
    }

    pub fn open(&self, name: &str, create: bool) -> Result<Opened, Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Open)?;
        let failed = matches!(fate, Fate::Failed(_));
        if failed {
            return Err(Trouble::Io);
        }
        let found = inner.names.get(name).copied();
        let file = match found {
            Some(file) => file,
            None if !create => return Err(Trouble::Missing),
            None => {
                let file = inner.files.len();
                inner.files.push(File::default());
                inner.names.insert(name.to_owned(), file);
                inner.pending.push(Entry::Add(name.to_owned(), file));
                file
            }
        };
        inner.handles += 1;
        let opened = Opened { file, handle: inner.handles, created: found.is_none() };
        inner.end(fate)?;
        Ok(opened)
    }

    pub fn exists(&self, name: &str) -> Result<bool, Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Look)?;
        inner.end(fate)?;
        // An empty file is as none to SQLite, which asks before it looks for something to recover.
        Ok(inner.names.get(name).is_some_and(|file| !inner.files[*file].bytes().is_empty()))
    }

    pub fn delete(&self, name: &str) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Delete)?;
        if !matches!(fate, Fate::Failed(_)) {
            inner.names.remove(name).ok_or(Trouble::Missing)?;
            inner.pending.push(Entry::Remove(name.to_owned()));
        }
        inner.end(fate)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Rename)?;
        if !matches!(fate, Fate::Failed(_)) {
            let file = inner.names.remove(from).ok_or(Trouble::Missing)?;
            inner.names.insert(to.to_owned(), file);
            inner.pending.push(Entry::Rename(from.to_owned(), to.to_owned()));
        }
        inner.end(fate)
    }

    pub fn sync_folder(&self) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::SyncFolder)?;
        if fate == Fate::Done {
            inner.durable_names = inner.names.clone();
            inner.pending.clear();
        }
        inner.end(fate)
    }

    pub fn size(&self, file: usize) -> Result<usize, Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Size)?;
        inner.end(fate)?;
        Ok(inner.files[file].bytes().len())
    }

    pub fn read(&self, file: usize, at: usize, out: &mut [u8]) -> Result<usize, Trouble> {
        let mut inner = self.lock();
        let count = match inner.fate(Op::Read)? {
            Fate::Failed(Fault::Short) => inner.files[file].read(at, &mut out[..]) / 2,
            Fate::Done => inner.files[file].read(at, out),
            Fate::Failed(_) => return Err(Trouble::Io),
            Fate::Last => return Err(inner.cut()),
        };
        out[count..].fill(0);
        Ok(count)
    }

    pub fn write(&self, file: usize, at: usize, bytes: &[u8]) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Write)?;
        let part = match fate {
            Fate::Failed(Fault::Full) => &bytes[..bytes.len() / 2],
            Fate::Failed(_) => &[],
            Fate::Done | Fate::Last => bytes,
        };
        inner.files[file].write(at, part);
        inner.end(fate)
    }

    pub fn truncate(&self, file: usize, length: usize) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Truncate)?;
        if !matches!(fate, Fate::Failed(_)) {
            inner.files[file].truncate(length);
        }
        inner.end(fate)
    }

    pub fn sync(&self, file: usize) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Sync)?;
        match fate {
            Fate::Done => inner.files[file].sync(),
            Fate::Failed(Fault::SyncDrops) => inner.files[file].drop_dirty(),
            Fate::Failed(_) | Fate::Last => {}
        }
        inner.end(fate)
    }

    /// Asked before memory is shared: a disk may have no room for it.
    pub fn map(&self) -> Result<(), Trouble> {
        let mut inner = self.lock();
        let fate = inner.fate(Op::Map)?;
        inner.end(fate)
    }

    /// Somebody has replaced a file, or tried to.
    pub fn count_replaced(&self) {
        self.lock().replaced += 1;
    }
}

/// A file that was opened.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    pub file: usize,
    pub handle: u64,
    pub created: bool,
}

impl Inner {
    fn fate(&mut self, op: Op) -> Result<Fate, Trouble> {
        if self.off {
            return Err(Trouble::Io);
        }
        self.done += 1;
        match self.plan {
            Some(Plan::Fail { fault, nth, lasting }) if fault.hits(op) => {
                self.matched += 1;
                if self.matched == nth || (lasting && self.matched > nth) {
                    self.hits += 1;
                    return Ok(Fate::Failed(fault));
                }
                Ok(Fate::Done)
            }
            Some(Plan::Cut { at }) if self.done >= at => Ok(Fate::Last),
            _ => Ok(Fate::Done),
        }
    }

    fn end(&mut self, fate: Fate) -> Result<(), Trouble> {
        match fate {
            Fate::Done => Ok(()),
            Fate::Failed(Fault::Full) => Err(Trouble::Full),
            Fate::Failed(_) => Err(Trouble::Io),
            Fate::Last => Err(self.cut()),
        }
    }

    fn cut(&mut self) -> Trouble {
        self.off = true;
        self.hits += 1;
        Trouble::Io
    }
}
