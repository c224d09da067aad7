//! How far each source was read, beside the journal: `cursors.json` in the state folder (C5).
//!
//! A file of its own, replaced as a whole, and not a table of the journal: the journal is append-only and
//! belongs to its writer, a cursor is overwritten about once a second; a cursor that is a moment too old,
//! or lost, costs work but no incident; and a person can read it. It is written only when everything that
//! the engine said about the lines before it is in the journal.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::replace_file;
use crate::detect::Checkpoint;
use crate::model::Digest;

/// The layout of the file.
const VERSION: u32 = 1;
/// Its name within the state folder.
pub const CURSORS: &str = "cursors.json";

/// The first bytes of a file: with the inode, which is used again for other files, they tell which file
/// it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many bytes were looked at.
    pub bytes: u64,
    /// SHA-256 over them.
    pub hash: Digest,
}

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How it begins.
    pub head: Head,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Which file.
    pub file: Identity,
    /// Bytes before it.
    pub offset: u64,
}

/// How far one source was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The absolute path of the source.
    pub source: String,
    /// Where to read again from: the oldest line that a window still needs.
    pub again: Spot,
    /// Lines before this were handled, and what came of them is in the journal.
    pub furthest: Spot,
    /// When that file was changed last, by the clock of its system: seconds since the epoch, and
    /// nanoseconds. If the file is gone, those that were rotated later are not.
    pub changed: (i64, i64),
}

/// How far every source was read, and what detection had under way there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursors {
    version: u32,
    /// One for each source that was ever followed with this state folder.
    pub sources: Vec<Cursor>,
    /// What was found and may go on.
    pub detection: Checkpoint,
}

/// Why the cursors cannot be read.
#[derive(Debug)]
pub struct CursorError {
    path: PathBuf,
    why: String,
}

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read how far the sources were read, {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for CursorError {}

impl Cursors {
    /// These sources, with what detection had under way.
    pub fn new(sources: Vec<Cursor>, detection: Checkpoint) -> Self {
        Cursors { version: VERSION, sources, detection }
    }

    /// Those of a state folder; `None` if no source was followed with it.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is of another release.
    pub fn read(folder: &Path) -> Result<Option<Self>, CursorError> {
        let path = folder.join(CURSORS);
        let failed = |why: String| CursorError { path: path.clone(), why };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let cursors: Cursors = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        if cursors.version != VERSION {
            return Err(failed(format!("it has layout {}, this release knows {VERSION}", cursors.version)));
        }
        Ok(Some(cursors))
    }

    /// Replaces those of a state folder; durable when this returns.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        replace_file(&folder.join(CURSORS), &serde_json::to_vec(self).map_err(io::Error::from)?)
    }

    /// The cursor of a source.
    pub fn of(&self, source: &str) -> Option<&Cursor> {
        self.sources.iter().find(|cursor| cursor.source == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursors(version: u32) -> Cursors {
        let head = Head { bytes: 3, hash: Digest([7; 32]) };
        let spot = |offset| Spot { file: Identity { device: 1, inode: 2, head }, offset };
        let cursor = Cursor {
            source: "/var/log/a.log".to_owned(),
            again: spot(5),
            furthest: spot(9),
            changed: (7, 8),
        };
        Cursors { version, ..Cursors::new(vec![cursor], Checkpoint::default()) }
    }

    #[test]
    fn cursors_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Cursors::read(folder.path()).unwrap(), None);
        cursors(VERSION).write(folder.path()).unwrap();
        let read = Cursors::read(folder.path()).unwrap().unwrap();
        assert_eq!(read, cursors(VERSION));
        assert_eq!(read.of("/var/log/a.log").map(|cursor| cursor.furthest.offset), Some(9));
        assert_eq!(read.of("/var/log/b.log"), None);
    }

    #[test]
    fn nothing_is_guessed_from_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        cursors(VERSION + 1).write(folder.path()).unwrap();
        let other = Cursors::read(folder.path()).unwrap_err().to_string();
        assert!(other.contains("it has layout 2, this release knows 1"), "{other}");
        std::fs::write(folder.path().join(CURSORS), "{\"version\":1,").unwrap();
        let cut = Cursors::read(folder.path()).unwrap_err().to_string();
        assert!(cut.contains("cursors.json: EOF while parsing"), "{cut}");
    }
}
