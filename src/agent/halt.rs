//! The kill switch at the performer (C30): looked at immediately before each effect, without journal,
//! queue or screen.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::engine::Actor;

/// The name of the file in the state folder: while it is there, everything is halted.
pub const HALT_FILE: &str = "HALT";
/// Who removed it, if that is a quell.
const RELEASE_FILE: &str = "RELEASE";
/// Bytes of either that are read.
const MAX_NOTE: u64 = 4096;

/// Who threw the switch and why: what the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Who.
    pub by: Actor,
    /// Why; may be empty.
    #[serde(default)]
    pub why: Arc<str>,
}

/// The switch. While it is thrown, nothing is begun.
#[derive(Debug, Default)]
pub struct KillSwitch {
    thrown: AtomicBool,
    /// The file was there: that it is gone means something.
    seen: AtomicBool,
    folder: Option<PathBuf>,
    note: Mutex<Option<Note>>,
}

impl KillSwitch {
    /// One that also looks at the file in this state folder.
    pub fn at(folder: &Path) -> Self {
        KillSwitch { folder: Some(folder.to_owned()), ..KillSwitch::default() }
    }

    /// Whether it has a file, so that somebody may throw it without telling.
    pub fn has_file(&self) -> bool {
        self.folder.is_some()
    }

    /// Whether nothing may be begun. A file that cannot be looked for counts as there.
    pub fn is_thrown(&self) -> bool {
        self.thrown.load(Ordering::SeqCst) || self.file_is_there()
    }

    fn file_is_there(&self) -> bool {
        let Some(folder) = &self.folder else { return false };
        let there = folder.join(HALT_FILE).try_exists().unwrap_or(true);
        if there {
            self.seen.store(true, Ordering::SeqCst);
        }
        there
    }

    fn note(&self) -> MutexGuard<'_, Option<Note>> {
        self.note.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws it, at once and for this process only.
    pub fn throw(&self, by: &Actor, why: &str) {
        self.note().get_or_insert_with(|| Note { by: by.clone(), why: Arc::from(why) });
        self.thrown.store(true, Ordering::SeqCst);
    }

    /// Throws it and leaves the file, so that it stays thrown when this process is gone.
    ///
    /// # Errors
    /// The file cannot be written; it is thrown all the same.
    pub fn keep_thrown(&self, by: &Actor, why: &str) -> std::io::Result<()> {
        self.throw(by, why);
        let Some(folder) = &self.folder else { return Ok(()) };
        leave_note(folder, &Note { by: by.clone(), why: Arc::from(why) })?;
        self.seen.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Who threw it.
    pub fn thrown_by(&self) -> Note {
        let written = || read_note(&self.folder.as_ref()?.join(HALT_FILE));
        let unknown = || Note { by: Actor(Arc::from("the file HALT")), why: Arc::from("") };
        self.note().clone().or_else(written).unwrap_or_else(unknown)
    }

    /// Who took the file away, if it was there and is not any more.
    pub fn taken_away_by(&self) -> Option<Actor> {
        let folder = self.folder.as_ref()?;
        let gone =
            self.seen.load(Ordering::SeqCst) && matches!(folder.join(HALT_FILE).try_exists(), Ok(false));
        let note = || read_note(&folder.join(RELEASE_FILE)).map(|note| note.by);
        gone.then(|| note().unwrap_or_else(|| Actor(Arc::from("whoever removed the file HALT"))))
    }

    /// Releases it, and removes the file.
    ///
    /// # Errors
    /// The file cannot be removed: then it stays thrown.
    pub fn release(&self) -> std::io::Result<()> {
        if let Some(folder) = &self.folder {
            remove(&folder.join(HALT_FILE))?;
            remove(&folder.join(RELEASE_FILE))?;
        }
        self.seen.store(false, Ordering::SeqCst);
        *self.note() = None;
        self.thrown.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// Halts whoever works in a state folder: leaves the file. One that is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn leave_note(folder: &Path, note: &Note) -> std::io::Result<()> {
    let path = folder.join(HALT_FILE);
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            // The file counts from the moment it is there; what it says is for people.
            serde_json::to_writer(&mut file, note)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::File::open(folder)?.sync_all()
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Releases whoever works in a state folder: says who, and removes the file. False if there was none.
///
/// # Errors
/// What the system says.
pub fn take_note_away(folder: &Path, by: &Actor) -> std::io::Result<bool> {
    let path = folder.join(HALT_FILE);
    if !path.try_exists()? {
        return Ok(false);
    }
    let note = Note { by: by.clone(), why: Arc::from("") };
    std::fs::write(folder.join(RELEASE_FILE), serde_json::to_vec(&note)?)?;
    remove(&path)?;
    Ok(true)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_note(path: &Path) -> Option<Note> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(MAX_NOTE).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Actor {
        Actor(Arc::from("ann"))
    }

    #[test]
    fn c30_a_file_made_by_hand_throws_it() {
        let folder = tempfile::tempdir().unwrap();
        let switch = KillSwitch::at(folder.path());
        assert!(!switch.is_thrown());
        std::fs::write(folder.path().join(HALT_FILE), "").unwrap();
        assert!(switch.is_thrown());
        assert_eq!(&*switch.thrown_by().by.0, "the file HALT");
        assert_eq!(switch.taken_away_by(), None);
        std::fs::remove_file(folder.path().join(HALT_FILE)).unwrap();
        assert!(switch.taken_away_by().is_some_and(|by| by.0.starts_with("whoever")));
        switch.release().unwrap();
        assert!(!switch.is_thrown() && switch.taken_away_by().is_none());
    }

    #[test]
    fn c30_it_stays_thrown_over_a_restart_and_says_by_whom() {
        let folder = tempfile::tempdir().unwrap();
        let switch = KillSwitch::at(folder.path());
        switch.keep_thrown(&ann(), "drunk").unwrap();
        let next = KillSwitch::at(folder.path());
        assert!(next.is_thrown());
        assert_eq!(next.thrown_by(), Note { by: ann(), why: "drunk".into() });
        assert!(take_note_away(folder.path(), &ann()).unwrap());
        assert_eq!(next.taken_away_by(), Some(ann()));
        assert!(switch.is_thrown(), "what was thrown by a person is released by a person");
        switch.release().unwrap();
        assert!(!switch.is_thrown());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(!take_note_away(folder.path(), &ann()).unwrap());
    }

    #[test]
    fn c30_a_folder_that_is_gone_halts_nothing_and_a_broken_one_everything() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(!KillSwitch::at(&folder.path().join("none")).is_thrown());
        // Something that is no folder cannot be looked into.
        assert!(KillSwitch::at(&file).is_thrown());
    }
}
