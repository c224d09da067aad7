//! The state folder: one journal, what builtins write, and a lock so that two never share it.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// How often the lock of a quell that is dead is tried, and the pause in between. What it was about to
/// start has the lock as well, for the moment until it is started.
const TRIES: (u32, Duration) = (100, Duration::from_millis(20));
/// How the names of files begin that are to replace others.
const UNFINISHED: &str = ".quell-";

/// A folder that belongs to this process until it is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: Option<File>,
    _temporary: Option<TempDir>,
}

/// Why a state folder cannot be used.
#[derive(Debug)]
pub enum FolderError {
    /// It is a file.
    NotAFolder(PathBuf),
    /// Another quell works in it.
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, as its lock file says.
        pid: Option<u32>,
    },
    /// The system refused.
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderError::NotAFolder(path) => {
                write!(f, "the state folder {} is a file, not a folder", path.display())
            }
            FolderError::InUse { path, pid: Some(pid) } => {
                write!(f, "the state folder {} is in use by quell, process {pid}", path.display())
            }
            FolderError::InUse { path, pid: None } => {
                write!(f, "the state folder {} is in use by another quell", path.display())
            }
            FolderError::Io { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for FolderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FolderError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Where this platform keeps what a program has to remember: the state folder of real work.
/// `None` if the user has no home.
pub fn platform_state_folder() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "quell")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned())
}

/// The journal within a state folder.
pub fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal.db")
}

impl StateFolder {
    /// Takes a folder; makes it, readable by its owner only, if there is none.
    ///
    /// # Errors
    /// It is a file, another process holds it, or it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let io = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { doing, path, source }
        };
        if path.exists() && !path.is_dir() {
            return Err(FolderError::NotAFolder(path.to_owned()));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| match source.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                FolderError::NotAFolder(path.to_owned())
            }
            _ => io("make the state folder", path)(source),
        })?;
        std::fs::read_dir(path).map_err(io("read the state folder", path))?;
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io("write to the state folder: open", &lock_path))?;
        match take(&mut lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse { path: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path)(source)),
        }
        write_pid(&mut lock).map_err(io("write", &lock_path))?;
        tidy_up(path);
        Ok(StateFolder { path: path.to_owned(), _lock: Some(lock), _temporary: None })
    }

    /// A folder of its own that goes away with it.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written.
    pub fn temporary() -> Result<Self, FolderError> {
        let made = tempfile::Builder::new().prefix("quell-").tempdir();
        let folder = made.map_err(|source| FolderError::Io {
            doing: "make a temporary folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        Ok(StateFolder { path: folder.path().to_owned(), _lock: None, _temporary: Some(folder) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Locks the file, unless a process that lives holds it.
fn take(lock: &mut File) -> Result<(), TryLockError> {
    let mut left = TRIES.0;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if left > 0 && read_pid(lock).is_some_and(is_dead) => left -= 1,
            other => return other,
        }
        std::thread::sleep(TRIES.1);
    }
}

/// Whether nobody has this number.
fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Removes what was to replace a file when an earlier quell was killed. That it stays does no harm.
fn tidy_up(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())?;
    lock.sync_data()
}

/// Replaces a file so that readers see the old text or the new one, also after a crash: written
/// beside it, synced, renamed, and the folder synced.
///
/// # Errors
/// What the system says.
pub fn replace_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        let outer = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&outer.path().join("a/b")).unwrap();
        let mode = std::fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_second_one_is_refused_with_the_pid_of_the_first() {
        let outer = tempfile::tempdir().unwrap();
        let first = StateFolder::open(outer.path()).unwrap();
        let second = StateFolder::open(outer.path()).unwrap_err().to_string();
        assert!(second.ends_with(&format!("process {}", std::process::id())), "{second}");
        drop(first);
        StateFolder::open(outer.path()).unwrap();
    }

    #[test]
    fn c18_the_lock_of_one_that_is_dead_is_waited_for() {
        let outer = tempfile::tempdir().unwrap();
        let mut dead = std::process::Command::new("/bin/true").spawn().unwrap();
        dead.wait().unwrap();
        // As the child of a killed quell has it, before it is another program.
        let path = outer.path().join("lock");
        std::fs::write(&path, format!("{}\n", dead.id())).unwrap();
        let held = File::open(&path).unwrap();
        held.try_lock().unwrap();
        let started = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        StateFolder::open(outer.path()).unwrap();
        started.join().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn what_a_killed_one_did_not_finish_is_tidied_up() {
        let outer = tempfile::tempdir().unwrap();
        for name in [".quell-a1b2c3", "cursors.json"] {
            std::fs::write(outer.path().join(name), "{").unwrap();
        }
        let _folder = StateFolder::open(outer.path()).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["cursors.json", "lock"]);
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = StateFolder::open(&path).unwrap_err();
            assert!(matches!(error, FolderError::NotAFolder(_)), "{error}");
        }
    }

    #[test]
    fn a_temporary_folder_goes_away() {
        let folder = StateFolder::temporary().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn files_are_replaced_whole() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("list");
        for text in ["one\n", "two\n"] {
            replace_file(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1);
    }
}
