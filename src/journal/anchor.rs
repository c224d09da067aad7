//! The head of the journal in a second file, so that a journal that was cut short shows (C7).
//!
//! It is written at each checkpoint and at a clean stop. What was appended after that can be cut off
//! without a trace.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::JournalError;
use super::disk::Disk;
use crate::model::{Digest, Seq};

/// A record, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its number.
    pub seq: Seq,
    /// Its hash.
    pub hash: Digest,
}

/// The file beside a journal.
pub fn anchor_path(journal: &Path) -> PathBuf {
    journal.with_extension("head")
}

impl Anchor {
    /// What is written beside a journal; `None` if nothing is.
    ///
    /// # Errors
    /// The file cannot be read, or says something else.
    pub(super) fn read(disk: &dyn Disk, journal: &Path) -> Result<Option<Anchor>, JournalError> {
        let path = anchor_path(journal);
        let text = match disk.read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(JournalError::Disk { doing: "read the anchor of", why: error.to_string() });
            }
        };
        let anchor = serde_json::from_slice(&text);
        anchor.map(Some).map_err(|error| JournalError::NotAnAnchor { path, why: error.to_string() })
    }

    /// Writes it beside a journal: the old text or the new one is there, also after a crash.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, disk: &dyn Disk, journal: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        disk.replace(&anchor_path(journal), &text)
    }

    /// Whether a journal still has this record: `last` is its last one, `hash` what it has as the hash
    /// of the record that the anchor names.
    ///
    /// # Errors
    /// Names the record that is not there, or is another one.
    pub fn check(&self, last: Seq, hash: Option<Digest>) -> Result<(), JournalError> {
        if self.seq > last {
            let why = format!("it is missing: there were {} records", self.seq);
            return Err(JournalError::Damaged { seq: last + 1, why });
        }
        if hash != Some(self.hash) {
            let why = "it is not the record that was written last at the last checkpoint".to_owned();
            return Err(JournalError::Damaged { seq: self.seq, why });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::System;

    #[test]
    fn it_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.db");
        assert_eq!(Anchor::read(&System, &journal), Ok(None));
        let anchor = Anchor { seq: 7, hash: Digest([7; 32]) };
        anchor.write(&System, &journal).unwrap();
        assert_eq!(Anchor::read(&System, &journal), Ok(Some(anchor)));
        std::fs::write(anchor_path(&journal), "{}").unwrap();
        let error = Anchor::read(&System, &journal).unwrap_err().to_string();
        assert!(error.contains("journal.head is no anchor"), "{error}");
    }

    #[test]
    fn c7_what_was_cut_off_or_exchanged_is_named() {
        let anchor = Anchor { seq: 7, hash: Digest([7; 32]) };
        assert_eq!(anchor.check(9, Some(Digest([7; 32]))), Ok(()));
        for (last, hash, expected) in [
            (5, None, "record 6: it is missing: there were 7 records"),
            (7, Some(Digest([8; 32])), "record 7: it is not the record"),
            (7, None, "record 7: it is not the record"),
        ] {
            let error = anchor.check(last, hash).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
