//! Files that were rotated away: found by what they are, or by how rotation calls them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::judge::{Change, Known, Seen, is_copy, judge};
use crate::journal::{Head, Identity, Spot};
use crate::model::Digest;

/// Bytes of a head, at most.
pub const HEAD_BYTES: u64 = 1024;
/// Names of a folder that are looked at, at most.
const NAMES: usize = 10_000;

/// The first bytes of a file; `None` if it has fewer.
///
/// # Errors
/// What the system says.
pub fn head(file: &File, bytes: u64) -> io::Result<Option<Head>> {
    let mut buffer = vec![0; usize::try_from(bytes.min(HEAD_BYTES)).unwrap_or(0)];
    match file.read_exact_at(&mut buffer, 0) {
        Ok(()) => Ok(Some(Head { bytes, hash: Digest(Sha256::digest(&buffer).into()) })),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which file it is.
///
/// # Errors
/// What the system says.
pub fn identify(file: &File) -> io::Result<Identity> {
    let metadata = file.metadata()?;
    let mut bytes = metadata.len().min(HEAD_BYTES);
    let head = loop {
        match head(file, bytes)? {
            Some(head) => break head,
            // It was cut off in between.
            None => bytes /= 2,
        }
    };
    Ok(Identity { device: metadata.dev(), inode: metadata.ino(), head })
}

/// Looks at an open file as it compares with a known one.
///
/// # Errors
/// What the system says.
pub fn look(file: &File, known: &Identity) -> io::Result<Seen> {
    let metadata = file.metadata()?;
    let head = head(file, known.head.bytes)?;
    Ok(Seen { device: metadata.dev(), inode: metadata.ino(), size: metadata.len(), head })
}

/// The folders in which a followed file and its predecessors lie: that of the path, and that of the file
/// which it leads to.
fn folders(path: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![parent(path)];
    if let Ok(target) = fs::canonicalize(path) {
        folders.extend(Some(parent(&target)).filter(|folder| *folder != parent(path)));
    }
    folders
}

/// Regular files beside a followed one, by path.
fn beside(path: &Path) -> Vec<PathBuf> {
    let entries = folders(path).into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let files =
        entries.take(NAMES).flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}

/// Where a place in a file is now: under the path, under another name in its folder, or in a copy.
pub fn find(path: &Path, spot: &Spot) -> Option<PathBuf> {
    let known = Known { identity: &spot.file, offset: spot.offset };
    let seen = |path: &Path| look(&File::open(path).ok()?, &spot.file).ok();
    let is = |path: &Path| {
        seen(path)
            .is_some_and(|seen| matches!(judge(known, Some(&seen)), Change::Unchanged | Change::Grown(_)))
    };
    if path.is_file() && is(path) {
        return Some(path.to_owned());
    }
    let files = beside(path);
    let number = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.ino() == spot.file.inode);
    let moved = files.iter().find(|path| number(path) && is(path));
    moved.cloned().or_else(|| copy(path, spot))
}

/// A copy of what was read, under another number.
pub fn copy(path: &Path, spot: &Spot) -> Option<PathBuf> {
    let known = Known { identity: &spot.file, offset: spot.offset };
    beside(path).into_iter().find(|other| {
        let looked = File::open(other).and_then(|file| look(&file, &spot.file));
        is_sibling(path, other)
            && looked.is_ok_and(|seen| seen.inode != spot.file.inode && is_copy(known, &seen))
    })
}

/// Whether one name begins as the other does: all that a copy made by log rotation has in common.
fn is_sibling(path: &Path, other: &Path) -> bool {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = other.file_name().map(|name| name.to_string_lossy().into_owned());
    stem(path).zip(name).is_some_and(|(stem, name)| name.starts_with(&stem))
}

/// What rotation put between a file and the one that is under the path now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// To be read, oldest first.
    pub files: Vec<PathBuf>,
    /// Packed, so that they cannot be read.
    pub packed: Vec<PathBuf>,
}

/// When a file was changed last: seconds since the epoch, and nanoseconds.
pub fn changed(metadata: &fs::Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The rotated files that were changed after the file which was read last, in that order. They, and not
/// it, are what is left before the file that is under the path now.
pub fn between(path: &Path, after: (i64, i64)) -> Between {
    let mut found = Between::default();
    let now_there = fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let mut files = Vec::new();
    for other in beside(path) {
        let Some(kind) = rotated_name(path, &other) else { continue };
        let Ok(metadata) = fs::metadata(&other) else { continue };
        let number = (metadata.dev(), metadata.ino());
        if changed(&metadata) <= after || Some(number) == now_there {
            continue;
        }
        match kind {
            Rotated::Plain => files.push((changed(&metadata), other)),
            Rotated::Packed => found.packed.push(other),
        }
    }
    files.sort();
    found.files = files.into_iter().map(|(_, path)| path).collect();
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Rotated {
    Plain,
    Packed,
}

/// Whether `other` is called as rotation calls what was `path`: `auth.log.1`, `auth.log-20260314`,
/// `eve-20260314.json`; with `.gz` and the like if it is packed.
fn rotated_name(path: &Path, other: &Path) -> Option<Rotated> {
    let base = path.file_name()?.to_str()?;
    let name = other.file_name()?.to_str()?;
    let (name, kind) = match name.rsplit_once('.') {
        Some((name, "gz" | "xz" | "bz2" | "zst" | "lz4")) => (name, Rotated::Packed),
        _ => (name, Rotated::Plain),
    };
    let number = |text: &str| {
        text.starts_with(['.', '-', '_'])
            && text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b".-_:T".contains(&byte))
    };
    let appended = name.strip_prefix(base).is_some_and(number);
    let inserted = || {
        let (stem, extension) = base.rsplit_once('.')?;
        let rest = name.strip_prefix(stem)?.strip_suffix(extension)?.strip_suffix('.')?;
        Some(number(rest))
    };
    (appended || inserted() == Some(true)).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rotation_gives_are_known() {
        use Rotated::*;
        for (base, name, expected) in [
            ("auth.log", "auth.log.1", Some(Plain)),
            ("auth.log", "auth.log-20260314", Some(Plain)),
            ("auth.log", "auth.log.2.gz", Some(Packed)),
            ("auth.log", "auth-20260314.log", Some(Plain)),
            ("eve.json", "eve-2026-03-14T10:00:00.json.zst", Some(Packed)),
            ("messages", "messages-1", Some(Plain)),
            ("auth.log", "auth.log", None),
            ("auth.log", "auth.log.bak", None),
            ("auth.log", "auth.log~", None),
            ("auth.log", "auth.log.1.old", None),
            ("auth.log", "authpriv.log", None),
            ("auth.log", "auth.log.-", None),
        ] {
            assert_eq!(rotated_name(Path::new(base), Path::new(name)), expected, "{base} {name}");
        }
    }
}
