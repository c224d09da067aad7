//! A file that grows, line by line, through rotation, truncation, replacement and restarts.
//!
//! A line counts once its line feed is there; what stands behind the last one waits. When another file is
//! under the path, the one that is open is read to its end first, then what rotation put between, then the
//! new one from its start. The last line of a file that was left is a line also without a line feed.
//!
//! Nothing here waits: [`Follower::step`] is called again when the file has changed, or after a while.

pub mod judge;
pub mod rotated;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::Line;
use super::lines::Assembler;
use crate::journal::{Cursor, Identity, Spot};
use judge::{Change, Known, is_copy, judge};
use rotated::{HEAD_BYTES, between, changed, copy, find, identify, look};

/// How long a file that was rotated away must be quiet before it is left: its writer may still have it.
pub const QUIET: Duration = Duration::from_secs(1);
/// What is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// Files that are remembered as read.
const REMEMBERED: usize = 64;

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With the first line.
    Beginning,
    /// With the first line that is written from now on, if the file is there.
    End,
    /// Where an earlier follower was.
    Cursor(Cursor),
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A line: see [`Follower::line`] and [`Follower::place`].
    Line,
    /// Everything that is there was read.
    AtEnd,
    /// There is no file under the path.
    Missing,
    /// It cannot be read, and why.
    Unreadable(String),
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The number of its file, in the order of reading.
    pub file: u32,
    /// Bytes before it, and up to its end.
    pub start: u64,
    #[allow(missing_docs)]
    pub end: u64,
    /// Its number among the lines that were read of this file.
    pub number: u64,
    /// It was handled before the restart.
    pub known: bool,
}

/// What people should know of a followed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The file was rotated away; the next one is read.
    Rotated,
    /// The file begins anew, and a copy of what it had was found and is read to its end first.
    TruncatedCopied(PathBuf),
    /// The file begins anew. What was written and not read by then is lost.
    Truncated(u64),
    /// What the cursor speaks of is gone: what was written to it after this many bytes is lost.
    Lost(u64),
    /// What filled the windows is gone: a detection that was under way may be incomplete.
    WindowsLost,
    /// Rotation packed files before they were read.
    Packed(Vec<PathBuf>),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Rotated => write!(f, "rotated: its predecessor was read to the end"),
            Note::TruncatedCopied(copy) => {
                write!(f, "truncated; what was left is read from its copy {}", copy.display())
            }
            Note::Truncated(offset) => {
                write!(f, "truncated at byte {offset}: what was written after that is lost, if there was any")
            }
            Note::Lost(offset) => write!(
                f,
                "the file that was read up to byte {offset} is gone: what was written to it after that is lost"
            ),
            Note::WindowsLost => {
                write!(f, "older lines are gone: detections that were under way may be incomplete")
            }
            Note::Packed(paths) => {
                let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "packed by rotation before it was read, and lost: {}", names.join(", "))
            }
        }
    }
}

impl Note {
    /// Whether lines may be lost.
    pub fn is_loss(&self) -> bool {
        matches!(self, Note::Truncated(_) | Note::Lost(_) | Note::Packed(_))
    }
}

/// A file that is open.
#[derive(Debug)]
struct Open {
    file: File,
    number: u32,
    identity: Identity,
    /// Bytes read so far.
    offset: u64,
    /// Where the line that is being put together begins.
    line: u64,
    /// Lines so far.
    lines: u64,
    /// It was rotated away before it was opened: nobody writes to it.
    settled: bool,
    /// Its last line is out.
    over: bool,
}

/// Lines before this are known.
#[derive(Debug)]
struct KnownUntil {
    spot: Spot,
    /// Its file is still there, somewhere ahead.
    is_there: bool,
}

/// Reads a file that grows.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// Files opened so far.
    files: u32,
    assembler: Assembler,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    /// Since when another file is under the path, and this one has been quiet.
    leaving: Option<Duration>,
    /// To be read before what is under the path.
    ahead: VecDeque<PathBuf>,
    /// When the file that was closed last was changed last.
    after: Option<(i64, i64)>,
    /// Files that were read to their end.
    done: VecDeque<Identity>,
    known: Option<KnownUntil>,
    place: Place,
    notes: Vec<Note>,
}

impl Follower {
    /// Follows what is under `path`, with a limit for lines, in bytes.
    pub fn new(path: &Path, limit: usize, start: Start) -> Self {
        let mut follower = Follower {
            path: path.to_owned(),
            open: None,
            files: 0,
            assembler: Assembler::new(limit),
            buffer: vec![0; CHUNK],
            taken: 0,
            filled: 0,
            leaving: None,
            ahead: VecDeque::new(),
            after: None,
            done: VecDeque::new(),
            known: None,
            place: Place::default(),
            notes: Vec::new(),
        };
        match start {
            Start::Beginning => {}
            Start::End => follower.begin_at_end(),
            Start::Cursor(cursor) => follower.begin_at(cursor),
        }
        follower
    }

    /// The line of the last [`Step::Line`].
    pub fn line(&self) -> Line<'_> {
        self.assembler.line()
    }

    /// Where that line stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Where the next line begins: number of the file, and bytes before it. `None` while no file is open.
    pub fn position(&self) -> Option<(u32, u64)> {
        self.open.as_ref().map(|open| (open.number, open.line))
    }

    /// The file that is read, by number.
    pub fn identity(&self) -> Option<(u32, &Identity)> {
        self.open.as_ref().map(|open| (open.number, &open.identity))
    }

    /// When the file that is read was changed last: seconds since the epoch, and nanoseconds.
    pub fn changed(&self) -> Option<(i64, i64)> {
        Some(changed(&self.open.as_ref()?.file.metadata().ok()?))
    }

    /// Whether everything that was known before the restart is read again.
    pub fn is_past_known(&self) -> bool {
        self.known.is_none()
    }

    /// What people should know since the last call.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn begin_at_end(&mut self) {
        let path = self.path.clone();
        if let Ok(mut open) = self.opened(&path, 0) {
            let end = last_line_end(&open.file).unwrap_or(0);
            (open.offset, open.line) = (end, end);
            self.open = Some(open);
        }
    }

    fn begin_at(&mut self, cursor: Cursor) {
        let Cursor { again, furthest, changed, .. } = cursor;
        let far = find(&self.path, &furthest);
        let near = if again.file == furthest.file { far.clone() } else { find(&self.path, &again) };
        // A copy has a number of its own.
        let file = far.as_deref().and_then(|path| identify(&File::open(path).ok()?).ok());
        let known = Spot { file: file.unwrap_or_else(|| furthest.file.clone()), ..furthest };
        if furthest.offset == 0 && again.file == furthest.file {
            // Nothing of it was read: what it had may lie in a copy, and is all new.
            self.after = Some(changed);
            return;
        }
        let begin = match (near, &far) {
            (Some(near), _) => Some((near, again.offset)),
            (None, Some(far)) => {
                self.notes.push(Note::WindowsLost);
                Some((far.clone(), 0))
            }
            (None, None) => None,
        };
        if far.is_none() {
            self.notes.push(Note::Lost(furthest.offset));
        }
        let Some((path, offset)) = begin else {
            self.after = Some(changed);
            return;
        };
        match self.opened(&path, offset) {
            Ok(open) => {
                let settled = path != self.path;
                self.open = Some(Open { settled, ..open });
                let is_there = far.is_some() && furthest.offset > 0;
                self.known = Some(KnownUntil { spot: known, is_there });
                self.check_known();
            }
            // It vanished just now.
            Err(_) => self.notes.push(Note::Lost(furthest.offset)),
        }
    }

    fn opened(&mut self, path: &Path, offset: u64) -> io::Result<Open> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let file = File::open(path)?;
        let identity = identify(&file)?;
        self.files += 1;
        (self.taken, self.filled) = (0, 0);
        self.assembler.clear();
        let number = self.files;
        Ok(Open { file, number, identity, offset, line: offset, lines: 0, settled: false, over: false })
    }

    /// Goes on by a line, if there is one. `now` is real time since any fixed point; `long` is given every
    /// byte of a line that is too long.
    pub fn step(&mut self, now: Duration, long: &mut dyn FnMut(&[u8])) -> Step {
        loop {
            let Some(open) = &self.open else {
                match self.open_next() {
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Step::Missing,
                    Err(error) => return Step::Unreadable(error.to_string()),
                }
            };
            if open.over {
                self.close();
                continue;
            }
            if self.taken < self.filled {
                if self.assemble(long) {
                    return Step::Line;
                }
                continue;
            }
            match self.fill() {
                Ok(Filled::Some) => self.leaving = None,
                Ok(Filled::Nothing) => match self.at_end(now, long) {
                    Some(step) => return step,
                    None => continue,
                },
                Ok(Filled::Truncated) => {
                    if self.truncated(long) {
                        return Step::Line;
                    }
                }
                Err(error) => return Step::Unreadable(error.to_string()),
            }
        }
    }

    /// Takes what is in the buffer up to the end of a line. True if that is a line which is not blank.
    fn assemble(&mut self, long: &mut dyn FnMut(&[u8])) -> bool {
        let bytes = self.buffer.get(self.taken..self.filled).unwrap_or_default();
        let (taken, whole) = self.assembler.push(bytes, long);
        self.taken += taken;
        if !whole {
            return false;
        }
        let behind = (self.filled - self.taken) as u64;
        let end = self.open.as_ref().map_or(0, |open| open.offset - behind);
        self.found(end)
    }

    /// A line ends here. True if it is not blank.
    fn found(&mut self, end: u64) -> bool {
        let Some(open) = &mut self.open else { return false };
        let start = std::mem::replace(&mut open.line, end);
        open.lines += 1;
        let (file, number) = (open.number, open.lines);
        let known = self.is_known(start);
        self.place = Place { file, start, end, number, known };
        self.check_known();
        !self.assembler.is_blank()
    }

    /// Whether a line of the open file was handled before the restart.
    fn is_known(&self, start: u64) -> bool {
        let (Some(known), Some(open)) = (&self.known, &self.open) else { return false };
        !is_file(&open.identity, &known.spot.file) || start < known.spot.offset
    }

    /// Forgets what was known once it is behind.
    fn check_known(&mut self) {
        let (Some(known), Some(open)) = (&self.known, &self.open) else { return };
        if is_file(&open.identity, &known.spot.file) && open.line >= known.spot.offset {
            self.known = None;
        }
    }

    fn fill(&mut self) -> io::Result<Filled> {
        let Some(open) = &mut self.open else { return Ok(Filled::Nothing) };
        let seen = look(&open.file, &open.identity)?;
        let known = Known { identity: &open.identity, offset: open.offset };
        match judge(known, Some(&seen)) {
            Change::Truncated => return Ok(Filled::Truncated),
            Change::Grown(_) => {}
            _ => return Ok(Filled::Nothing),
        }
        if open.identity.head.bytes < HEAD_BYTES {
            open.identity = identify(&open.file)?;
        }
        let count = loop {
            match open.file.read_at(&mut self.buffer, open.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        open.offset += count as u64;
        (self.taken, self.filled) = (0, count);
        Ok(if count == 0 { Filled::Nothing } else { Filled::Some })
    }

    /// The open file has no more for now. `None`: go on; another one may be open.
    fn at_end(&mut self, now: Duration, long: &mut dyn FnMut(&[u8])) -> Option<Step> {
        let open = self.open.as_ref()?;
        if !open.settled {
            let there = std::fs::metadata(&self.path);
            let other = match &there {
                Ok(there) => (there.dev(), there.ino()) != (open.identity.device, open.identity.inode),
                Err(_) => false,
            };
            if !other {
                self.leaving = None;
                return Some(if there.is_ok() { Step::AtEnd } else { Step::Missing });
            }
            let since = *self.leaving.get_or_insert(now);
            if now.saturating_sub(since) < QUIET {
                return Some(Step::AtEnd);
            }
        }
        self.leaving = None;
        let end = open.offset;
        if let Some(open) = &mut self.open {
            open.over = true;
        }
        (self.assembler.finish(long) && self.found(end)).then_some(Step::Line)
    }

    /// The open file was read to its end, and is left.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Ok(metadata) = open.file.metadata() {
            self.after = Some(changed(&metadata));
        }
        self.done.drain(..self.done.len().saturating_sub(REMEMBERED - 1));
        let known = self.known.as_ref();
        if known.is_some_and(|known| !known.is_there || is_file(&open.identity, &known.spot.file)) {
            self.known = None;
        }
        self.done.push_back(open.identity);
        self.notes.push(Note::Rotated);
    }

    /// Whether this file was read to its end before.
    fn is_done(&self, open: &Open) -> bool {
        self.done.iter().any(|done| {
            is_file(done, &open.identity)
                && done.head.bytes > 0
                && look(&open.file, done).is_ok_and(|seen| seen.head == Some(done.head))
        })
    }

    /// Another file is under the path: looks for what rotation put between it and the last one.
    fn look_between(&mut self) {
        if !self.ahead.is_empty() || !self.path.exists() {
            return;
        }
        let Some(after) = self.after.take() else { return };
        let found = between(&self.path, after);
        if !found.packed.is_empty() {
            self.notes.push(Note::Packed(found.packed));
        }
        self.ahead = found.files.into();
    }

    fn open_next(&mut self) -> io::Result<()> {
        self.look_between();
        while let Some(path) = self.ahead.pop_front() {
            let Ok(open) = self.opened(&path, 0) else { continue };
            if !self.is_done(&open) {
                self.adopt(&open);
                self.open = Some(Open { settled: true, ..open });
                return Ok(());
            }
        }
        let path = self.path.clone();
        let open = self.opened(&path, 0)?;
        if let Some(known) = self.known.take_if(|known| !holds(&open.file, &known.spot)) {
            // It should have come before this one, or it was truncated.
            self.notes.push(Note::Lost(known.spot.offset));
        }
        self.open = Some(open);
        self.check_known();
        Ok(())
    }

    /// If this is a copy of the file up to which lines are known, they are known in it.
    fn adopt(&mut self, open: &Open) {
        let Some(KnownUntil { spot, .. }) = &mut self.known else { return };
        let known = Known { identity: &spot.file, offset: spot.offset };
        if !is_file(&open.identity, &spot.file)
            && look(&open.file, &spot.file).is_ok_and(|seen| is_copy(known, &seen))
        {
            spot.file = open.identity.clone();
        }
    }

    /// The open file begins anew. True if what was a half line is now the last line of the old text.
    fn truncated(&mut self, long: &mut dyn FnMut(&[u8])) -> bool {
        let Some(open) = self.open.take() else { return false };
        let spot = Spot { file: open.identity.clone(), offset: open.line };
        if let Some(copied) = copy(&self.path, &spot)
            && let Ok(copy) = self.opened(&copied, spot.offset)
        {
            if let Some(known) = self.known.as_mut().filter(|known| is_file(&known.spot.file, &open.identity))
            {
                known.spot.file = copy.identity.clone();
            }
            self.notes.push(Note::TruncatedCopied(copied));
            self.open = Some(Open { settled: true, lines: open.lines, ..copy });
            return false;
        }
        self.notes.push(Note::Truncated(open.offset));
        let end = open.offset;
        self.known = None;
        self.open = Some(open);
        let last = self.assembler.finish(long) && self.found(end);
        self.open = None;
        last
    }
}

/// What reading on came to.
enum Filled {
    Some,
    Nothing,
    Truncated,
}

/// Whether both are one file, whose head may have grown in between.
fn is_file(one: &Identity, other: &Identity) -> bool {
    (one.device, one.inode) == (other.device, other.inode)
}

/// Whether this is the file of a place, and still has what is before it.
fn holds(file: &File, spot: &Spot) -> bool {
    let known = Known { identity: &spot.file, offset: spot.offset };
    let seen = look(file, &spot.file);
    seen.is_ok_and(|seen| matches!(judge(known, Some(&seen)), Change::Unchanged | Change::Grown(_)))
}

/// The end of the last whole line of a file.
fn last_line_end(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut buffer = vec![0; CHUNK];
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        let piece = buffer.get_mut(..usize::try_from(end - start).unwrap_or(0)).unwrap_or_default();
        file.read_exact_at(piece, start)?;
        if let Some(feed) = memchr::memrchr(b'\n', piece) {
            return Ok(start + feed as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
