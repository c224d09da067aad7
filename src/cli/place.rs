//! The state folder of a verb, and what a replay leaves in it beside the journal.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::config::Keeping;
use crate::engine::JournalKind;
use crate::journal::cursors::CURSORS;
use crate::journal::folder::replace_file;
use crate::journal::{
    FolderError, MemoryJournal, SqliteJournal, StateFolder, journal_path, platform_state_folder, snapshot,
};
use crate::model::Seq;
use crate::runtime::hold::OpenJournal;

/// What an exercise writes into a state folder, and `--fresh` deletes.
const LEFT: [&str; 8] = [
    "journal.db",
    "journal.db-wal",
    "journal.db-shm",
    "journal.head",
    "replay.json",
    CURSORS,
    "incidents.log",
    "blocklist",
];

/// A state folder, kept or temporary.
pub struct Place {
    folder: StateFolder,
    kept: bool,
}

/// Which recording a folder is about: `replay.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Name and size of each file, in order.
    pub files: Vec<(String, u64)>,
    /// It was played to its end.
    pub finished: bool,
}

impl Place {
    /// The folder of `--state`, or a temporary one. With `fresh`, what an exercise left there goes.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(state: Option<&Path>, fresh: bool) -> Result<Self, Error> {
        let Some(path) = state else {
            return Ok(Place { folder: StateFolder::temporary()?, kept: false });
        };
        let place = Place { folder: StateFolder::open(path)?, kept: true };
        if fresh {
            place.clear()?;
        }
        Ok(place)
    }

    /// The folder that a verb which may act works in: that of `--state`; without it a temporary one in
    /// an exercise, and the platform's state folder for real work.
    ///
    /// # Errors
    /// The folder cannot be used, or the platform names none.
    pub fn of(kind: JournalKind, state: Option<&Path>) -> Result<Self, Error> {
        match Place::located(kind, state)? {
            Some(path) => Place::open(Some(&path), false),
            None => Place::open(None, false),
        }
    }

    /// The same for a verb that asks something of what is there: no engine may be at work in it.
    ///
    /// # Errors
    /// As [`Place::of`]; also if an engine works there, or if nothing is kept.
    pub fn unattended(kind: JournalKind, state: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = Place::located(kind, state)? else {
            return Err(Error::usage("an exercise keeps nothing unless it is given a folder")
                .hint("give the folder that it was given with --state"));
        };
        match StateFolder::open(&path) {
            Ok(folder) => Ok(Place { folder, kept: true }),
            Err(FolderError::InUse { path, pid }) => {
                let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                let what = format!("an engine is running on {}{process}", path.display());
                Err(Error::failed(what)
                    .hint("its control socket is not there: wait until it ends, or use its console"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where real work, or `--state`, is kept; `None` if nothing is.
    ///
    /// # Errors
    /// The platform names no folder.
    pub fn located(kind: JournalKind, state: Option<&Path>) -> Result<Option<PathBuf>, Error> {
        let platform = match (kind, state) {
            (JournalKind::Real, None) => Some(platform_state_folder().ok_or_else(|| {
                Error::failed("there is no home directory to keep a state folder in")
                    .hint("give a folder with --state")
            })?),
            _ => None,
        };
        Ok(state.map(Path::to_owned).or(platform))
    }

    fn clear(&self) -> Result<(), Error> {
        let journal = journal_path(self.path());
        let cleared = snapshot::remove_all(&journal);
        cleared.map_err(|error| {
            Error::failed(format!("cannot delete the snapshots in {}", self.path().display())).because(error)
        })?;
        for name in LEFT {
            let path = self.path().join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::failed(format!("cannot delete {}", path.display())).because(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it stays when this process ends.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How its journal is opened: on disk if the folder is kept, else in memory.
    pub fn journal(&self, keeping: Keeping) -> OpenJournal {
        if !self.kept {
            return Box::new(|| Ok(Box::new(MemoryJournal::default())));
        }
        let path = journal_path(self.path());
        let every = keeping.snapshot_every as Seq;
        Box::new(move || Ok(Box::new(SqliteJournal::open(&path)?.with_snapshots(every)?)))
    }

    /// Takes the folder for a recording: refuses another one's, or a finished one.
    ///
    /// # Errors
    /// It belongs to another recording, or the recording was played to its end.
    pub fn claim(&self, marker: &Marker) -> Result<(), Error> {
        if !self.kept {
            return Ok(());
        }
        let path = self.path().join("replay.json");
        let folder = self.path().display();
        match std::fs::read(&path) {
            Ok(text) => {
                let found: Marker = serde_json::from_slice(&text).map_err(|error| {
                    Error::failed(format!("cannot read {}", path.display()))
                        .because(error)
                        .hint("use --fresh")
                })?;
                if found.files != marker.files {
                    let names: Vec<&str> = found.files.iter().map(|(name, _)| name.as_str()).collect();
                    let what = format!("{folder} holds the replay of other files: {}", names.join(", "));
                    return Err(Error::usage(what).hint("give another folder, or start anew with --fresh"));
                }
                if found.finished {
                    let what = format!("the replay in {folder} is finished");
                    return Err(Error::usage(what)
                        .hint("`quell journal show --state DIR` shows it; --fresh starts anew"));
                }
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.mark(marker),
            Err(error) => Err(Error::failed(format!("cannot read {}", path.display())).because(error)),
        }
    }

    /// Writes what the folder is about.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn mark(&self, marker: &Marker) -> Result<(), Error> {
        if !self.kept {
            return Ok(());
        }
        let path = self.path().join("replay.json");
        let written = serde_json::to_vec(marker)
            .map_err(std::io::Error::from)
            .and_then(|text| replace_file(&path, &text));
        written.map_err(|error| Error::failed(format!("cannot write {}", path.display())).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(name: &str, finished: bool) -> Marker {
        Marker { files: vec![(name.to_owned(), 7)], finished }
    }

    #[test]
    fn a_folder_is_for_one_recording_until_it_is_finished() {
        let outer = tempfile::tempdir().unwrap();
        let open = |fresh| Place::open(Some(outer.path()), fresh).unwrap();
        let place = open(false);
        place.claim(&marker("a.log", false)).unwrap();
        place.claim(&marker("a.log", false)).unwrap();
        let other = place.claim(&marker("b.log", false)).unwrap_err().to_string();
        assert!(other.contains("other files: a.log"), "{other}");
        place.mark(&marker("a.log", true)).unwrap();
        let finished = place.claim(&marker("a.log", false)).unwrap_err().to_string();
        assert!(finished.contains("is finished") && finished.contains("--fresh"), "{finished}");
        drop(place);
        open(true).claim(&marker("b.log", false)).unwrap();
    }
}
