//! The disk under a journal: how SQLite reaches it, and the files beside the database.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::folder::replace_file;

/// A disk that keeps journals. What is written through it is durable only where it says so.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Connects SQLite with a database.
    fn connect(&self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection>;

    /// Makes an empty file that only its owner may read, unless there is a file.
    fn create(&self, path: &Path) -> io::Result<()>;

    /// The whole of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces a file: the old text or the new one is there, also after a crash; durable when it returns.
    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()>;

    /// Writes a file in place; durable when it returns.
    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The files of this system.
#[derive(Debug)]
pub(super) struct System;

impl Disk for System {
    fn connect(&self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        Connection::open_with_flags(path, flags)
    }

    /// A file that is there is not even opened: to close it again would take the locks from every
    /// connection that this process has with it (<https://sqlite.org/howtocorrupt.html>, 2.2).
    fn create(&self, path: &Path) -> io::Result<()> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        replace_file(path, text)
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }
}
