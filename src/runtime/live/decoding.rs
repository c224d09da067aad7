//! A line of a live source → a signal, or a bad line that is counted, sampled and put aside.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;

use super::account::Account;
use crate::agent::contain::contain;
use crate::model::{Signal, Span, Timestamp};
use crate::runtime::recording::Findings;
use crate::source::decode::{Decoder, Format, Options, Undecodable};
use crate::source::file::Line;
use crate::source::follow::Place;
use crate::source::quarantine::Quarantine;

/// Of a line that is too long, so much goes to the quarantine file, in bytes.
pub const QUARANTINED: usize = 16 * 1024 * 1024;
/// A time that is so far ahead of the clock may have the wrong year.
const WRONG_YEAR: Span = Span::from_secs(2 * 86_400);

/// Where bad lines go; one for all sources.
#[derive(Clone, Default)]
pub struct Aside {
    /// What people hear of them.
    pub findings: Arc<Mutex<Findings>>,
    /// The file that they are written to.
    pub quarantine: Arc<Mutex<Quarantine>>,
}

/// How lines of a live source are read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Their format.
    pub format: Format,
    /// The year of lines without one; `None`: by the clock.
    pub year: Option<i16>,
    /// The zone of times without one.
    pub tz: TimeZone,
    /// How much a time may be ahead of the clock.
    pub lateness: Span,
}

/// The decoder of one source.
pub struct Decoding {
    decoder: Decoder,
    reading: Reading,
    account: Arc<Account>,
    aside: Aside,
    /// The latest time that was not ahead of the clock, and when it came.
    good: Option<(Timestamp, Timestamp)>,
    /// A line that is too long, as it comes.
    long: Vec<u8>,
    /// Lines come from a socket.
    arriving: bool,
}

fn year_of(now: Timestamp, tz: &TimeZone) -> i16 {
    let time = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    time.to_zoned(tz.clone()).year()
}

impl Decoding {
    /// At the start of a source.
    pub fn new(reading: Reading, account: Arc<Account>, aside: Aside, now: Timestamp) -> Self {
        let year = reading.year.unwrap_or_else(|| year_of(now, &reading.tz));
        let decoder = Decoder::new(reading.format, Options { year, tz: reading.tz.clone() });
        Decoding { decoder, reading, account, aside, good: None, long: Vec::new(), arriving: false }
    }

    /// Of a socket: a line without a time is of now.
    pub fn arriving(self) -> Self {
        Decoding { decoder: self.decoder.arriving(), arriving: true, ..self }
    }

    /// Takes a piece of a line that is too long.
    pub fn long(&mut self, piece: &[u8]) {
        let room = QUARANTINED.saturating_sub(self.long.len());
        self.long.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// Enters a line into the books; the signal, if it is one.
    pub fn take(&mut self, line: Line<'_>, place: &Place, now: Timestamp) -> Option<Signal> {
        let (bytes, decoded) = match line {
            Line::Bytes(bytes) => (bytes, self.decode(bytes, now)),
            Line::TooLong(head) => (head, Err(Undecodable::TooLong)),
        };
        self.enter(bytes, decoded, place, now)
    }

    /// Enters something that is no line into the books: a message that cannot be told apart from others.
    pub fn give_up(&mut self, bytes: &[u8], why: Undecodable, place: &Place, now: Timestamp) {
        self.enter(bytes, Err(why), place, now);
    }

    fn enter(
        &mut self,
        bytes: &[u8],
        decoded: Result<Signal, Undecodable>,
        place: &Place,
        now: Timestamp,
    ) -> Option<Signal> {
        let long = std::mem::take(&mut self.long);
        let mut inner = self.account.lock();
        inner.books.received += 1;
        inner.last = Some(now);
        inner.read_to = Some((place.file, place.end));
        let why = match decoded {
            Ok(mut signal) => {
                if signal.at > now + self.reading.lateness {
                    // One clock that is wrong must not make everybody else late, also in a backlog.
                    let since = |(at, seen): (Timestamp, Timestamp)| (at + now.since(seen)).min(now);
                    signal.at = self.good.map_or(now, since);
                    inner.books.ahead += 1;
                } else if self.good.is_none_or(|(at, _)| at <= signal.at) {
                    self.good = Some((signal.at, now));
                }
                inner.offered += 1;
                return Some(signal);
            }
            Err(why) => why,
        };
        match &why {
            _ if place.known => {
                inner.books.deduplicated += 1;
                return None;
            }
            Undecodable::TooLong => inner.books.too_long += 1,
            _ => inner.books.undecodable += 1,
        }
        drop(inner);
        self.put_aside(bytes, if long.is_empty() { bytes } else { &long }, place, &why);
        None
    }

    fn decode(&mut self, bytes: &[u8], now: Timestamp) -> Result<Signal, Undecodable> {
        self.decoder.set_now(now);
        let before = self.reading.year.is_none().then(|| self.decoder.clone());
        let decoder = &mut self.decoder;
        let decoded = contain(|| decoder.decode(bytes)).unwrap_or_else(|panic| {
            tracing::error!(target: "source", "panic in a decoder: {panic}");
            Err(Undecodable::Panicked(panic))
        });
        let ahead = decoded.as_ref().is_ok_and(|signal| signal.at > now + WRONG_YEAR);
        let Some(_) = before.filter(|_| ahead) else { return decoded };
        // A line of last December that is read in January, by the year of the clock.
        let year = year_of(now, &self.reading.tz) - 1;
        let options = Options { year, tz: self.reading.tz.clone() };
        let mut earlier = Decoder::new(self.reading.format, options);
        if self.arriving {
            earlier = earlier.arriving();
        }
        earlier.set_now(now);
        match contain(|| earlier.decode(bytes)) {
            Ok(Ok(signal)) if signal.at <= now + WRONG_YEAR => {
                self.decoder = earlier;
                Ok(signal)
            }
            _ => decoded,
        }
    }

    fn put_aside(&self, head: &[u8], whole: &[u8], place: &Place, why: &Undecodable) {
        {
            let mut quarantine = self.aside.quarantine.lock().unwrap_or_else(PoisonError::into_inner);
            quarantine.write(whole);
            quarantine.write(b"\n");
        }
        let mut findings = self.aside.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.bad.note(&self.account.name, place.number, why, head);
    }

    /// Everything that is there was read: writes what was put aside.
    pub fn rest(&self) {
        let finished = self.aside.quarantine.lock().unwrap_or_else(PoisonError::into_inner).finish();
        if let Err(error) = finished {
            tracing::error!(target: "source", "cannot write the quarantine file: {error}");
            let mut findings = self.aside.findings.lock().unwrap_or_else(PoisonError::into_inner);
            findings.failure.get_or_insert_with(|| format!("cannot write the quarantine file: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn decoding(now: &str, year: Option<i16>) -> (Decoding, Arc<Account>) {
        let account = Arc::new(Account::new("auth.log".to_owned(), None));
        let lateness = Span::from_secs(60);
        let reading = Reading { format: Format::Auto, year, tz: TimeZone::UTC, lateness };
        (Decoding::new(reading, Arc::clone(&account), Aside::default(), at(now)), account)
    }

    fn taken(decoding: &mut Decoding, line: &str, known: bool, now: &str) -> Option<Timestamp> {
        let place = Place { known, number: 1, ..Place::default() };
        decoding.take(Line::Bytes(line.as_bytes()), &place, at(now)).map(|signal| signal.at)
    }

    #[test]
    fn lines_without_a_year_take_that_of_the_clock() {
        for (now, year, line, expected) in [
            ("2027-06-01T00:00:00Z", None, "May 31 23:00:00", "2027-05-31T23:00:00Z"),
            ("2027-01-01T00:10:00Z", None, "Dec 31 23:59:00", "2026-12-31T23:59:00Z"),
            ("2027-06-01T00:00:00Z", Some(2024), "May 31 23:00:00", "2024-05-31T23:00:00Z"),
        ] {
            let (mut decoding, _) = decoding(now, year);
            let line = format!("{line} web sshd[1]: hello");
            assert_eq!(taken(&mut decoding, &line, false, now), Some(at(expected)), "{line}");
        }
        // And the year goes on from there.
        let (mut decoding, _) = decoding("2027-01-01T00:10:00Z", None);
        let now = "2027-01-01T00:10:00Z";
        taken(&mut decoding, "Dec 31 23:59:00 web sshd[1]: hello", false, now);
        let next = taken(&mut decoding, "Jan  1 00:01:00 web sshd[1]: hello", false, now);
        assert_eq!(next, Some(at("2027-01-01T00:01:00Z")));
    }

    #[test]
    fn c19_a_time_ahead_of_the_clock_moves_no_other() {
        let now = "2026-06-01T00:00:00Z";
        let (mut decoding, account) = decoding(now, None);
        for (time, expected) in [
            ("2099-01-01T00:00:00Z", now),
            ("2026-05-30T00:00:00Z", "2026-05-30T00:00:00Z"),
            ("2099-01-01T00:00:00Z", "2026-05-30T00:00:00Z"),
            ("2026-06-01T00:01:00Z", "2026-06-01T00:01:00Z"),
            ("2026-06-01T00:01:01Z", now),
        ] {
            let line = format!("{{\"time\":\"{time}\"}}");
            assert_eq!(taken(&mut decoding, &line, false, now), Some(at(expected)), "{time}");
        }
        let inner = account.lock();
        assert_eq!((inner.books.ahead, inner.offered), (3, 5));
    }

    #[test]
    fn c20_bad_lines_are_dropped_and_known_ones_are_deduplicated() {
        let now = "2026-06-01T00:00:00Z";
        let (mut decoding, account) = decoding(now, None);
        assert_eq!(taken(&mut decoding, "nonsense", false, now), None);
        assert_eq!(taken(&mut decoding, "nonsense", true, now), None);
        decoding.long(b"xxx");
        decoding.take(Line::TooLong(b"x"), &Place::default(), at(now));
        let books = account.lock().books;
        assert_eq!((books.received, books.deduplicated, books.undecodable, books.too_long), (3, 1, 1, 1));
        let findings = decoding.aside.findings.lock().unwrap();
        assert_eq!(findings.bad.samples.len(), 2);
    }
}
