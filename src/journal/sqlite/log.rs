//! The log beside the database file, as far as SQLite does not look at it: damage in its middle, and
//! whether what is read from it is on the disk (<https://sqlite.org/fileformat2.html#walformat>).
//!
//! SQLite takes the first frame that does not match its checksum for the end of the log. After a power
//! cut it is: the last transaction was not written whole. But if a transaction follows that was written
//! later, then what is before it was durable once, and was damaged since.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Disk, JournalError};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The magic number without its last bit, which says that checksums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// The log of a journal.
pub(super) fn log_path(journal: &Path) -> PathBuf {
    let mut path = OsString::from(journal);
    path.push("-wal");
    PathBuf::from(path)
}

/// Reads the log of a journal; `None` if there is none.
fn read(disk: &dyn Disk, journal: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    match disk.read(&log_path(journal)) {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::Disk { doing: "read the log of", why: error.to_string() }),
    }
}

/// Makes durable what is in the log, before anything is taken from there. A process that was killed, or
/// whose sync failed, may have left frames that are in the cache of the system only; after a failed sync
/// no later one would write them. So they are written once more.
///
/// # Errors
/// The disk refuses.
pub(super) fn make_durable(disk: &dyn Disk, journal: &Path) -> Result<(), JournalError> {
    let Some(log) = read(disk, journal)? else { return Ok(()) };
    let written = disk.overwrite(&log_path(journal), &log);
    written.map_err(|error| JournalError::Disk { doing: "write the log of", why: error.to_string() })
}

/// The first frame of the log that is damaged although later ones are not; `None` if all is well.
///
/// # Errors
/// The disk refuses.
pub(super) fn damage(disk: &dyn Disk, journal: &Path) -> Result<Option<usize>, JournalError> {
    let look = || Ok::<_, JournalError>(read(disk, journal)?.as_deref().and_then(damaged_frame));
    match look()? {
        None => Ok(None),
        // The log may have begun anew while it was read: then it looks otherwise the second time.
        first => Ok(look()?.filter(|second| Some(*second) == first)),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A log with a header.
struct Log<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    page: usize,
}

impl Log<'_> {
    /// The checksum that goes on from `seed` over these bytes.
    fn sum(&self, seed: (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |bytes: &[u8]| {
            let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
            if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        bytes.chunks_exact(8).fold(seed, |(one, two), pair| {
            let one = one.wrapping_add(word(pair)).wrapping_add(two);
            (one, two.wrapping_add(word(&pair[4..])).wrapping_add(one))
        })
    }

    fn frames(&self) -> usize {
        (self.bytes.len() - HEADER) / (FRAME_HEADER + self.page)
    }

    /// A frame, from 1.
    fn frame(&self, number: usize) -> &[u8] {
        let size = FRAME_HEADER + self.page;
        &self.bytes[HEADER + (number - 1) * size..][..size]
    }

    /// The checksum that is stored with a frame, or with the header.
    fn stored(&self, number: usize) -> (u32, u32) {
        let (bytes, at) = if number == 0 { (self.bytes, 24) } else { (self.frame(number), 16) };
        (word(bytes, at), word(bytes, at + 4))
    }

    /// Whether a frame is of this log and what it was when it was written after the one before it, as far
    /// as that one's checksum tells.
    fn follows(&self, number: usize) -> bool {
        let frame = self.frame(number);
        let sum = self.sum(self.sum(self.stored(number - 1), &frame[..8]), &frame[FRAME_HEADER..]);
        frame[8..16] == self.bytes[16..24] && word(frame, 0) != 0 && sum == self.stored(number)
    }

    /// Whether a frame is the last one of a transaction.
    fn commits(&self, number: usize) -> bool {
        word(self.frame(number), 4) != 0
    }
}

fn damaged_frame(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEADER || word(bytes, 0) & !1 != MAGIC {
        return None;
    }
    let page = word(bytes, 8) as usize;
    if !(512..=65_536).contains(&page) || !page.is_power_of_two() {
        return None;
    }
    let log = Log { bytes, big_endian: word(bytes, 0) & 1 == 1, page };
    if log.sum((0, 0), &bytes[..24]) != log.stored(0) {
        return None;
    }
    let first = (1..=log.frames()).find(|number| !log.follows(*number))?;
    let later = first + 1..log.frames();
    later
        .into_iter()
        .any(|number| log.commits(number) && log.follows(number) && log.follows(number + 1))
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::records;
    use crate::journal::{Journal as _, SqliteJournal};

    const FRAME: usize = FRAME_HEADER + 4096;

    fn log() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = SqliteJournal::open(&path).unwrap();
        for (first, last) in [(1, 1), (2, 200), (201, 201), (202, 203), (204, 400), (401, 401)] {
            journal.append(&[records(first, last)]).unwrap();
        }
        std::fs::read(log_path(&path)).unwrap()
    }

    #[test]
    fn a_whole_log_and_one_that_was_cut_are_not_damaged() {
        let log = log();
        assert_eq!(damaged_frame(&log), None);
        for length in (0..log.len()).step_by(97) {
            assert_eq!(damaged_frame(&log[..length]), None, "{length}");
        }
    }

    #[test]
    fn c7_damage_before_the_last_two_transactions_is_found() {
        let log = log();
        let count = (log.len() - HEADER) / FRAME;
        let start = |number: usize| HEADER + (number - 1) * FRAME;
        let commits: Vec<_> = (1..=count).filter(|number| word(&log, start(*number) + 4) != 0).collect();
        assert!(commits.len() >= 7 && count > commits.len(), "{commits:?} of {count}");
        let sure = commits[commits.len() - 3];
        for number in 1..=count {
            for byte in [0, 5, 9, 17, 23, 24, 2_000, FRAME - 1] {
                let mut other = log.clone();
                other[start(number) + byte] ^= 0x40;
                let found = damaged_frame(&other);
                let expected = if number <= sure || found.is_some() { Some(number) } else { None };
                assert_eq!(found, expected, "byte {byte} of frame {number}");
            }
        }
    }

    /// Frames from before the log began anew are no later transactions.
    #[test]
    fn what_is_left_of_an_older_log_is_no_damage() {
        let mut log = log();
        log[16] ^= 1;
        let sum = Log { bytes: &log, big_endian: log[3] & 1 == 1, page: 4096 }.sum((0, 0), &log[..24]);
        log[24..28].copy_from_slice(&sum.0.to_be_bytes());
        log[28..32].copy_from_slice(&sum.1.to_be_bytes());
        assert_eq!(damaged_frame(&log), None);
    }
}
