//! The state at some record, kept beside the journal so that a start need not fold every record:
//! `journal.snapshot-SEQ`, the last two.
//!
//! A cache, never the truth: it counts only if this release wrote it, if its checksum is right, and if
//! the journal has its record with the same hash; else it is ignored, and more is folded. Files of their
//! own, and not rows of the journal: the journal has one writer, and a snapshot of many megabytes must
//! not stand between it and its commits; and who doubts a snapshot may delete it.
//!
//! The first line says what follows, the second one is the state as [`State::into_text`] gives it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::folder::replace_file;
use super::{Journal as _, JournalError, PAGE, SqliteJournal};
use crate::engine::State;
use crate::model::{Digest, Seq};

mod taker;

pub(super) use taker::Taker;

/// How the state is stored, and what records do to it: another number is not read. It grows when a part
/// of the state is added or changed, and when folding the same records comes to another state.
pub const VERSION: u32 = 1;
/// How many are kept: the newest, and the one before in case that one is damaged.
pub const KEPT: usize = 2;

/// Their extension begins with this.
const NAME: &str = "snapshot-";

/// The first line of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    quell_snapshot: u32,
    release: String,
    /// The record up to which the state is folded, and its hash.
    seq: Seq,
    hash: Digest,
    /// SHA-256 of the second line.
    sha256: Digest,
}

/// Why a snapshot does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not count: {}", self.path.display(), self.why)
    }
}

/// SHA-256 of a text.
pub(super) fn checksum(text: &[u8]) -> Digest {
    Digest(Sha256::digest(text).into())
}

/// The snapshots beside a journal, the newest first.
///
/// # Errors
/// The folder cannot be read.
pub fn list(journal: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    let folder = journal.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = journal.file_stem().unwrap_or_default();
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let extension = path.extension().filter(|_| path.file_stem() == Some(stem));
        let seq = extension.and_then(|extension| extension.to_str()?.strip_prefix(NAME)?.parse().ok());
        found.extend(seq.map(|seq| (seq, path)));
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Writes the state after a record with this hash, and drops all but the newest ones. The old file or
/// the new one is there, also after a crash.
///
/// # Errors
/// What the system says.
pub fn write(journal: &Path, state: State, hash: Digest) -> io::Result<()> {
    let seq = state.seq();
    let body = state.into_text()?;
    let release = env!("CARGO_PKG_VERSION").to_owned();
    let header = Header { quell_snapshot: VERSION, release, seq, hash, sha256: checksum(&body) };
    let mut text = serde_json::to_vec(&header)?;
    text.push(b'\n');
    text.extend_from_slice(&body);
    text.push(b'\n');
    drop(body);
    replace_file(&journal.with_extension(format!("{NAME}{seq}")), &text)?;
    for (_, path) in list(journal)?.into_iter().skip(KEPT) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Removes all of them.
///
/// # Errors
/// What the system says.
pub fn remove_all(journal: &Path) -> io::Result<()> {
    list(journal)?.into_iter().try_for_each(|(_, path)| std::fs::remove_file(path))
}

/// The state of a snapshot, if it fits the journal, whose record has this hash.
///
/// # Errors
/// Why it does not count.
pub(super) fn read(
    path: &Path,
    hash_of: impl FnOnce(Seq) -> Result<Option<Digest>, JournalError>,
) -> Result<State, Misfit> {
    let misfit = |why: String| Misfit { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| misfit(error.to_string()))?;
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let (head, body) = (&text[..end], text.get(end + 1..).unwrap_or_default());
    let body = body.strip_suffix(b"\n").ok_or_else(|| misfit("it is cut short".to_owned()))?;
    let header: Header = serde_json::from_slice(head).map_err(|error| misfit(error.to_string()))?;
    let ours = env!("CARGO_PKG_VERSION");
    if header.quell_snapshot != VERSION || header.release != ours {
        let (version, release) = (header.quell_snapshot, header.release);
        return Err(misfit(format!(
            "it is of layout {version} and release {release}; this is layout {VERSION} and release {ours}"
        )));
    }
    if checksum(body) != header.sha256 {
        return Err(misfit("its checksum is wrong".to_owned()));
    }
    match hash_of(header.seq).map_err(|error| misfit(error.to_string()))? {
        Some(hash) if hash == header.hash => {}
        _ => return Err(misfit(format!("it is of another journal: record {} is another one", header.seq))),
    }
    let state = State::from_text(body).map_err(|error| misfit(error.to_string()))?;
    if state.seq() != header.seq {
        return Err(misfit(format!("it says record {}, and has the state at {}", header.seq, state.seq())));
    }
    Ok(state)
}

/// Folds what came after the newest snapshot, from the journal alone, up to a record or the last one, and
/// writes the next one. `None` if there is nothing new.
///
/// # Errors
/// The journal cannot be read, or the snapshot not be written.
pub fn take(path: &Path, up_to: Seq) -> Result<Option<Seq>, JournalError> {
    let mut journal = SqliteJournal::open_read_only(path)?;
    let (mut state, up_to) = (journal.resume()?, up_to.min(journal.last()));
    if state.seq() >= up_to {
        return Ok(None);
    }
    fold(&mut journal, &mut state, up_to)?;
    // Only a journal from before the chain has no hash there, and is not worth a snapshot.
    let Some(hash) = journal.hash_of(up_to)? else { return Ok(None) };
    let failed =
        |error: io::Error| JournalError::Disk { doing: "write a snapshot of", why: error.to_string() };
    write(path, state, hash).map_err(failed)?;
    Ok(Some(up_to))
}

/// Folds what comes after a state, up to a record.
pub(super) fn fold(journal: &mut SqliteJournal, state: &mut State, up_to: Seq) -> Result<(), JournalError> {
    while state.seq() < up_to {
        let limit = usize::try_from(up_to - state.seq()).map_or(PAGE, |left| left.min(PAGE));
        let page = journal.read(state.seq() + 1, limit)?;
        if page.is_empty() {
            return Err(JournalError::Damaged { seq: state.seq() + 1, why: "it is missing".to_owned() });
        }
        page.iter().try_for_each(|record| state.apply(record))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
