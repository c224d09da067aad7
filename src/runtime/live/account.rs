//! What a reading thread and the driver both know of one source: its books, and which files it read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blindness::Seen;
use crate::journal::{Cursor, Identity, Spot};
use crate::model::{Span, Timestamp};
use crate::runtime::gauges::{BookTotals, SourceGauge};
use crate::source::follow::Place;

/// Places that are kept to know where to read again from; beyond it neighbours are joined.
const MARKS: usize = 4096;

/// One source.
#[derive(Debug)]
pub struct Account {
    /// What it is called.
    pub name: String,
    /// Its absolute path, if it can be read again.
    pub path: Option<String>,
    inner: Mutex<Inner>,
}

/// What changes.
#[derive(Debug, Default)]
pub struct Inner {
    /// Received and dropped lines, and known ones that were none.
    pub books: BookTotals,
    /// Signals that were handed on.
    pub offered: u64,
    /// Everything before this was read, and handed on if it was a signal: file, and bytes.
    pub read_to: Option<(u32, u64)>,
    /// The files by number.
    pub files: BTreeMap<u32, Identity>,
    /// When the file that is read was changed last.
    pub changed: (i64, i64),
    /// What was known before the restart is read again.
    pub past_known: bool,
    /// When the last line came.
    pub last: Option<Timestamp>,
    /// Why nothing comes.
    pub trouble: Option<String>,
    /// What was lost.
    pub lost: Option<String>,
    /// Datagrams that wait to be decoded, and when the oldest of them came.
    pub waiting: usize,
    #[allow(missing_docs)]
    pub oldest: Option<Timestamp>,
    /// Connections that are open.
    pub connections: usize,
    /// It has ended in good order.
    pub ended: bool,
}

impl Account {
    /// Of a source that was not read yet.
    pub fn new(name: String, path: Option<String>) -> Self {
        Account { name, path, inner: Mutex::default() }
    }

    /// What changes, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the lookout. `waits` is how long a signal of it has waited for the driver.
    pub fn seen(&self, waits: Span, now: Timestamp) -> Seen {
        let inner = self.lock();
        let oldest = inner.oldest.map_or(Span::ZERO, |came| now.since(came));
        Seen {
            received: inner.books.received,
            undecodable: inner.books.undecodable + inner.books.too_long,
            age: oldest.max(waits),
            ended: inner.ended,
        }
    }

    /// For screens.
    pub fn gauge(&self) -> SourceGauge {
        let inner = self.lock();
        SourceGauge {
            name: self.name.clone(),
            received: inner.books.received,
            dropped: inner.books.dropped(),
            overflow: inner.books.overflow,
            undecodable: inner.books.undecodable + inner.books.too_long,
            waiting: inner.waiting,
            connections: inner.connections,
            blind: None,
            last: inner.last,
            trouble: inner.trouble.clone(),
            lost: inner.lost.clone(),
        }
    }
}

/// Some neighbouring lines: where they begin, and the latest time that one of them has.
#[derive(Debug, Clone, Copy)]
struct Mark {
    file: u32,
    start: u64,
    latest: Timestamp,
    lines: u32,
}

/// Lines of one mark.
const MARK_LINES: u32 = 64;

/// How far the driver is with one source.
#[derive(Debug, Default)]
pub struct Track {
    /// Signals that went through detection, and those that were known.
    pub processed: u64,
    #[allow(missing_docs)]
    pub known: u64,
    /// The end of the last one.
    furthest: Option<(u32, u64)>,
    marks: VecDeque<Mark>,
    /// The cursor of an earlier start; it holds until what it speaks of is read again.
    before: Option<Cursor>,
}

impl Track {
    /// With the cursor of an earlier start.
    pub fn new(before: Option<Cursor>) -> Self {
        Track { before, ..Track::default() }
    }

    /// Takes a signal that was looked at.
    pub fn took(&mut self, place: &Place, at: Timestamp) {
        match place.known {
            true => self.known += 1,
            false => self.processed += 1,
        }
        self.furthest = Some((place.file, place.end));
        match self.marks.back_mut() {
            Some(mark) if mark.file == place.file && mark.lines < MARK_LINES => {
                mark.latest = mark.latest.max(at);
                mark.lines += 1;
            }
            _ => {
                self.marks.push_back(Mark { file: place.file, start: place.start, latest: at, lines: 1 });
                if self.marks.len() > MARKS {
                    self.join();
                }
            }
        }
    }

    /// Halves the marks: a pair becomes one, from where its first begins.
    fn join(&mut self) {
        let mut joined = VecDeque::with_capacity(MARKS);
        let mut marks = std::mem::take(&mut self.marks).into_iter().peekable();
        while let Some(mut mark) = marks.next() {
            if let Some(next) = marks.next_if(|next| next.file == mark.file) {
                mark.latest = mark.latest.max(next.latest);
                mark.lines = mark.lines.saturating_add(next.lines);
            }
            joined.push_back(mark);
        }
        self.marks = joined;
    }

    /// Where to read again from after a restart; `None` if the source cannot be read again, or was not
    /// read yet. Lines older than `horizon` are not needed any more.
    pub fn cursor(&mut self, account: &Account, horizon: Timestamp) -> Option<Cursor> {
        let source = account.path.clone()?;
        let mut inner = account.lock();
        if !inner.past_known {
            return self.before.clone();
        }
        while self.marks.front().is_some_and(|mark| mark.latest < horizon) {
            self.marks.pop_front();
        }
        // Lines that were no signals count as read once everything before them is done.
        let all = inner.offered == self.processed + self.known;
        let furthest = if all { inner.read_to } else { self.furthest };
        let Some(furthest) = furthest else { return self.before.clone() };
        let again = self.marks.front().map_or(furthest, |mark| (mark.file, mark.start));
        let again = again.min(furthest);
        let spot = |(file, offset): (u32, u64)| Some(Spot { file: inner.files.get(&file)?.clone(), offset });
        let cursor =
            Cursor { source, again: spot(again)?, furthest: spot(furthest)?, changed: inner.changed };
        inner.files.retain(|number, _| *number >= again.0);
        Some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Head;
    use crate::model::Digest;

    fn account(files: u32) -> Account {
        let account = Account::new("log".to_owned(), Some("/log".to_owned()));
        let head = Head { bytes: 0, hash: Digest([0; 32]) };
        let mut inner = account.lock();
        inner.files = (1..=files).map(|n| (n, Identity { device: 1, inode: n.into(), head })).collect();
        inner.past_known = true;
        drop(inner);
        account
    }

    fn place(file: u32, line: u64) -> Place {
        Place { file, start: line * 10, end: line * 10 + 10, number: line + 1, known: false }
    }

    fn offsets(cursor: Option<Cursor>) -> Option<((u64, u64), (u64, u64))> {
        let spot = |spot: &Spot| (spot.file.inode, spot.offset);
        cursor.map(|cursor| (spot(&cursor.again), spot(&cursor.furthest)))
    }

    #[test]
    fn c5_the_place_to_read_again_from_trails_by_the_windows() {
        let (account, mut track) = (account(2), Track::default());
        assert_eq!(track.cursor(&account, Timestamp(0)), None);
        account.lock().offered = 400;
        for line in 0..300 {
            track.took(&place(1, line), Timestamp::from_secs(line as i64));
        }
        let cursor =
            |track: &mut Track, second| offsets(track.cursor(&account, Timestamp::from_secs(second)));
        assert_eq!(cursor(&mut track, 0), Some(((1, 0), (1, 3000))));
        let Some(((1, again), (1, 3000))) = cursor(&mut track, 200) else { panic!() };
        assert!((200 - 64) * 10 <= again as i64 && again <= 2000, "{again}");
        track.took(&place(2, 0), Timestamp::from_secs(300));
        assert_eq!(cursor(&mut track, 299), Some(((1, 2560), (2, 10))));
        assert_eq!(cursor(&mut track, 300), Some(((2, 0), (2, 10))));
        assert_eq!(cursor(&mut track, 9999), Some(((2, 10), (2, 10))), "no window needs anything");
    }

    #[test]
    fn c5_lines_that_are_no_signals_are_read_once_all_before_them_is_done() {
        let (account, mut track) = (account(1), Track::default());
        account.lock().offered = 2;
        account.lock().read_to = Some((1, 500));
        track.took(&place(1, 3), Timestamp(0));
        assert_eq!(offsets(track.cursor(&account, Timestamp(1))), Some(((1, 40), (1, 40))));
        track.took(&place(1, 9), Timestamp(0));
        assert_eq!(offsets(track.cursor(&account, Timestamp(1))), Some(((1, 500), (1, 500))));
    }

    #[test]
    fn marks_are_bounded_and_never_too_late() {
        let (account, mut track) = (account(1), Track::default());
        let lines = MARKS as u64 * u64::from(MARK_LINES) * 2 + 100;
        for line in 0..lines {
            track.took(&place(1, line), Timestamp(line as i64));
        }
        assert!(track.marks.len() <= MARKS);
        let (again, _) = offsets(track.cursor(&account, Timestamp(lines as i64 / 2))).unwrap();
        assert!(again.1 <= lines / 2 * 10);
    }
}
