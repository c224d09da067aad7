//! Recorded files, or a text that is part of the program, as a stream of signals. Lines that are no
//! signals are counted, the first few kept as samples, and all of them written to a quarantine file
//! if there is one. Never fatal (S4.4).

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::gauges::BookTotals;
use super::stream::{Stream, Watch};
use crate::agent::contain::contain;
use crate::detect::{Checkpoint, Detector, Figures};
use crate::model::{Detection, Signal, Timestamp};
use crate::source::decode::{Decoder, Format, Options, Undecodable};
use crate::source::file::{Files, Line, LineReader};
use crate::source::quarantine::{BadLines, Quarantine};

/// Where the lines come from.
pub enum Lines {
    /// Files on disk, and how many bytes they have in all.
    Files(Files, u64),
    /// A text that is part of the program, under a name.
    Text(&'static str, LineReader<&'static [u8]>, u64),
}

/// What people should hear about a recording at its end, or at any time before.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The lines that were no signals.
    pub bad: BadLines,
    /// Why reading, or writing the quarantine file, ended early.
    pub failure: Option<String>,
}

/// A recording being read.
pub struct Recording {
    lines: Lines,
    format: Format,
    options: Options,
    decoder: Decoder,
    /// The file that the decoder is for: its year and its last time belong to one file.
    file: usize,
    books: BookTotals,
    bytes: u64,
    quarantine: Quarantine,
    findings: Arc<Mutex<Findings>>,
}

/// What became of a line.
enum Read {
    Signal(Box<Signal>),
    Bad,
    End,
}

impl Recording {
    /// Reads these lines. Bad ones also go to `quarantine`.
    pub fn new(lines: Lines, format: Format, options: Options, quarantine: Option<File>) -> Self {
        Recording {
            lines,
            format,
            decoder: Decoder::new(format, options.clone()),
            options,
            file: 0,
            books: BookTotals::default(),
            bytes: 0,
            quarantine: Quarantine::new(quarantine),
            findings: Arc::default(),
        }
    }

    /// What people should hear; complete once the stream has ended.
    pub fn findings(&self) -> Arc<Mutex<Findings>> {
        Arc::clone(&self.findings)
    }

    fn total(&self) -> u64 {
        match &self.lines {
            Lines::Files(_, bytes) | Lines::Text(_, _, bytes) => *bytes,
        }
    }

    fn fail(&mut self, why: String) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.failure.get_or_insert(why);
    }

    fn read(&mut self) -> Read {
        let (quarantine, mut length) = (&mut self.quarantine, 0);
        let mut long = |piece: &[u8]| {
            length += piece.len() as u64;
            quarantine.write(piece);
        };
        let next = match &mut self.lines {
            Lines::Files(files, _) => files.next_line_whole(&mut long).map_err(|error| error.to_string()),
            Lines::Text(_, reader, _) => match reader.next_line_whole(&mut long) {
                Ok(line) => Ok(line.map(|(number, line)| (0, number, line))),
                Err(error) => Err(error.to_string()),
            },
        };
        let (file, number, line) = match next {
            Ok(Some(found)) => found,
            Ok(None) => return Read::End,
            Err(why) => {
                self.fail(why);
                return Read::End;
            }
        };
        self.books.received += 1;
        if file != self.file {
            self.file = file;
            self.decoder = Decoder::new(self.format, self.options.clone());
        }
        let (bytes, decoded) = match line {
            Line::Bytes(bytes) => {
                let decoder = &mut self.decoder;
                let decoded = contain(|| decoder.decode(bytes)).unwrap_or_else(|panic| {
                    tracing::error!(target: "source", "panic in a decoder: {panic}");
                    Err(Undecodable::Panicked(panic))
                });
                (bytes, decoded)
            }
            Line::TooLong(head) => (head, Err(Undecodable::TooLong)),
        };
        self.bytes += length.max(bytes.len() as u64) + 1;
        let why = match decoded {
            Ok(signal) => return Read::Signal(Box::new(signal)),
            Err(why) => why,
        };
        match why {
            Undecodable::TooLong => self.books.too_long += 1,
            _ => self.books.undecodable += 1,
        }
        if length == 0 {
            self.quarantine.write(bytes);
        }
        self.quarantine.write(b"\n");
        let bytes = bytes.to_vec();
        let name = match &self.lines {
            Lines::Files(files, _) => files.path(file).map(Path::to_string_lossy).unwrap_or_default(),
            Lines::Text(name, _, _) => (*name).into(),
        };
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.bad.note(&name, number, &why, &bytes);
        Read::Bad
    }

    fn end(&mut self) {
        if let Err(error) = self.quarantine.finish() {
            self.fail(format!("cannot write the quarantine file: {error}"));
        }
    }
}

impl Stream for Recording {
    fn next(&mut self) -> Option<Signal> {
        loop {
            match self.read() {
                Read::Signal(signal) => return Some(*signal),
                Read::Bad => {}
                Read::End => {
                    self.end();
                    return None;
                }
            }
        }
    }

    fn books(&self) -> BookTotals {
        self.books
    }

    fn progress(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| (self.bytes as f64 / total as f64).min(1.0))
    }
}

impl Watch for Detector {
    fn figures(&self) -> Option<Figures> {
        Some(Detector::figures(self))
    }

    fn renew(&mut self, detector: Detector) {
        let before = std::mem::replace(self, detector);
        self.succeed(before);
    }

    fn observe(&mut self, signal: &Signal, found: &mut Vec<Detection>) {
        Detector::observe(self, signal, found);
    }

    fn settle(&mut self, now: Timestamp, found: &mut Vec<Detection>) {
        Detector::settle(self, now, found);
    }

    fn next_due(&self) -> Option<Timestamp> {
        Detector::next_due(self)
    }

    fn finish(&mut self, found: &mut Vec<Detection>) {
        Detector::finish(self, found);
    }

    fn late(&self) -> u64 {
        self.stats().late
    }

    fn prime(&mut self, signal: &Signal) {
        Detector::prime(self, signal);
    }

    fn checkpoint(&self) -> Checkpoint {
        Detector::checkpoint(self)
    }

    fn horizon(&self) -> Timestamp {
        Detector::horizon(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn open(paths: Vec<PathBuf>, quarantine: Option<File>) -> Recording {
        let bytes = paths.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len()).sum();
        let files = Files::open(paths).unwrap_or_else(|errors| panic!("{errors:?}"));
        Recording::new(Lines::Files(files, bytes), Format::Auto, Options::default(), quarantine)
    }

    #[test]
    fn good_lines_around_bad_ones_are_signals() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mixed.json");
        let good = |n: u32| {
            format!(
                "{{\"timestamp\":\"2026-01-01T00:00:0{n}Z\",\"event_type\":\"flow\",\"src_ip\":\"192.0.2.1\"}}\n"
            )
        };
        let mut text = good(1).into_bytes();
        let first = text.len();
        text.extend(b"{\"half\": \n\xff\xfe not text\nbinary \0 data\n");
        text.extend(vec![b'x'; 2 * 1024 * 1024]);
        text.extend(b"\r\n");
        let blank = text.len();
        text.extend(b"\n");
        text.extend(good(2).into_bytes());
        std::fs::write(&path, &text).unwrap();
        let out = folder.path().join("bad");
        let mut recording = open(vec![path], Some(File::create(&out).unwrap()));
        let findings = recording.findings();
        let times: Vec<_> = std::iter::from_fn(|| recording.next()).map(|signal| signal.at.clock()).collect();
        assert_eq!(times, ["00:00:01", "00:00:02"]);
        let books = recording.books();
        assert_eq!((books.received, books.undecodable, books.too_long), (6, 3, 1));
        assert!(recording.progress().unwrap() > 0.99);
        let findings = findings.lock().unwrap();
        assert_eq!(findings.bad.samples.iter().map(|s| s.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(findings.failure, None);
        let reasons: Vec<_> = findings.bad.reasons.iter().map(|(reason, n)| (*reason, *n)).collect();
        assert_eq!(reasons, [("binary", 1), ("not_json", 1), ("not_utf8", 1), ("too_long", 1)]);
        assert!(std::fs::read(&out).unwrap() == text[first..blank], "byte for byte");
    }
}
