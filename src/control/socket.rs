//! Where the socket is, who may open it, and that it is ours.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::people;

/// The socket in a state folder.
pub const NAME: &str = "control.sock";
/// The name that it is bound under, before it has its permissions.
const NEW: &str = ".control.new";
/// Bytes that the address of a socket may have on every system (`sun_path`: 108 on Linux, 104 on BSD).
const LONGEST: usize = 100;

/// The socket of a state folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// A path by which a socket can be reached. A path that is too long for an address goes by way of the
/// open folder, which Linux shows as a short path as long as it is held.
fn reach(folder: &Path, name: &str) -> io::Result<(PathBuf, Option<OwnedFd>)> {
    let path = folder.join(name);
    if path.as_os_str().len() <= LONGEST {
        return Ok((path, None));
    }
    if !cfg!(target_os = "linux") {
        let what = format!("{} is too long for a socket; at most {LONGEST} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let held = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{name}", held.as_raw_fd())), Some(held)))
}

/// Connects to the engine that owns a folder; `None` if nobody listens there.
///
/// # Errors
/// The socket is there and may not be opened.
pub fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    let tried = reach(folder, NAME).and_then(|(path, _held)| UnixStream::connect(path));
    match tried {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                Ok(None)
            }
            _ => Err(error),
        },
    }
}

/// A socket that is listened on, and removed when this is dropped.
#[derive(Debug)]
pub struct Bound {
    /// Where clients arrive.
    pub listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Takes the place of the socket in a folder that this process owns by its lock: one that is there
/// belongs to a process that is dead.
///
/// # Errors
/// The system refuses.
pub fn bind(folder: &Path) -> io::Result<Bound> {
    let new = folder.join(NEW);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = {
        let (short, _held) = reach(folder, NEW)?;
        UnixListener::bind(short)?
    };
    let mode = if open_to_group(folder, &new) { 0o660 } else { 0o600 };
    fs::set_permissions(&new, Permissions::from_mode(mode))?;
    let inode = fs::symlink_metadata(&new)?.ino();
    let path = path(folder);
    fs::rename(&new, &path)?;
    Ok(Bound { listener, path, inode })
}

/// Gives socket and folder to the group, if there is one and this user may. Its members may pass
/// through the folder, and read nothing in it.
fn open_to_group(folder: &Path, socket: &Path) -> bool {
    let Some(group) = people::group() else { return false };
    let give = |path: &Path| std::os::unix::fs::chown(path, None, Some(group));
    let given = give(socket).and_then(|()| give(folder)).and_then(|()| {
        let mode = fs::metadata(folder)?.permissions().mode() & 0o7777;
        fs::set_permissions(folder, Permissions::from_mode(mode | 0o010))
    });
    given.is_ok()
}

impl Drop for Bound {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_owners_socket_is_replaced_and_ours_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(connect(folder.path()).unwrap().is_none());
        let first = bind(folder.path()).unwrap();
        let second = bind(folder.path()).unwrap();
        drop(first);
        assert!(path(folder.path()).exists(), "the first one leaves the second one's alone");
        assert!(connect(folder.path()).unwrap().is_some());
        drop(second);
        assert!(!path(folder.path()).exists());
        assert!(connect(folder.path()).unwrap().is_none());
    }

    #[test]
    fn nobody_listens_behind_a_socket_that_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(path(folder.path())).unwrap());
        assert!(path(folder.path()).exists());
        assert!(connect(folder.path()).unwrap().is_none());
    }

    #[test]
    fn others_may_not_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let bound = bind(folder.path()).unwrap();
        let mode = fs::metadata(path(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{mode:o}");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
        drop(bound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_long_path_is_reached() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("x".repeat(90)).join("y".repeat(90));
        fs::create_dir_all(&folder).unwrap();
        let bound = bind(&folder).unwrap();
        assert!(path(&folder).exists());
        assert!(connect(&folder).unwrap().is_some());
        drop(bound);
        assert!(!path(&folder).exists());
    }
}
