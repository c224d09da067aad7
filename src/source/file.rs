//! Recorded files, line by line, in bounded memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::lines::Assembler;

/// The longest line, in bytes, unless another limit is set.
pub const LINE_BYTES: usize = 1024 * 1024;

/// What is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// One line of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its bytes, without the line feed.
    Bytes(&'a [u8]),
    /// Longer than the reader's limit; with how it begins.
    TooLong(&'a [u8]),
}

/// Splits a stream of bytes into lines. Blank lines are counted, but not given out.
pub struct LineReader<R> {
    input: R,
    assembler: Assembler,
    number: u64,
}

impl<R: BufRead> LineReader<R> {
    /// A reader at the start of the input.
    pub fn new(input: R) -> Self {
        LineReader { input, assembler: Assembler::new(LINE_BYTES), number: 0 }
    }

    /// The same with another limit for lines, in bytes.
    pub fn limited(mut self, bytes: usize) -> Self {
        self.assembler.limit(bytes);
        self
    }

    /// The next line that is not blank, with its number from 1. `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.next_line_whole(&mut |_| ())
    }

    /// The same; `long` is given every byte of a line that is too long, in pieces, as it is read.
    pub fn next_line_whole(&mut self, long: &mut dyn FnMut(&[u8])) -> io::Result<Option<(u64, Line<'_>)>> {
        Ok(if self.advance(long)? { Some(self.current()) } else { None })
    }

    /// Goes to the next line that is not blank. False at the end.
    fn advance(&mut self, long: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        while self.read(long)? {
            self.number += 1;
            if !self.assembler.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn current(&self) -> (u64, Line<'_>) {
        (self.number, self.assembler.line())
    }

    /// Reads up to the next line feed. False at the end.
    fn read(&mut self, long: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(self.assembler.finish(long));
            }
            let (taken, whole) = self.assembler.push(buffer, long);
            self.input.consume(taken);
            if whole {
                return Ok(true);
            }
        }
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    why: io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        write!(f, "cannot read {}: {}", crate::model::SafeText(&path), self.why)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// Several recorded files as one stream, in the order given.
pub struct Files {
    paths: Vec<PathBuf>,
    /// The file being read, by index, and its lines.
    current: Option<(usize, LineReader<BufReader<File>>)>,
    next: usize,
    limit: usize,
}

impl Files {
    /// Checks every file, so that a wrong name is known before the first line is read.
    pub fn open(paths: Vec<PathBuf>) -> Result<Files, Vec<FileError>> {
        let errors: Vec<_> = paths.iter().filter_map(|path| open(path).err()).collect();
        if errors.is_empty() {
            Ok(Files { paths, current: None, next: 0, limit: LINE_BYTES })
        } else {
            Err(errors)
        }
    }

    /// The same with another limit for lines, in bytes. It counts from the next file on.
    pub fn limited(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// The next line of the stream, with the index of its file and its number there.
    pub fn next_line(&mut self) -> Result<Option<(usize, u64, Line<'_>)>, FileError> {
        self.next_line_whole(&mut |_| ())
    }

    /// The same; `long` is given every byte of a line that is too long, in pieces, as it is read.
    pub fn next_line_whole(
        &mut self,
        long: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<(usize, u64, Line<'_>)>, FileError> {
        loop {
            if self.current.is_none() {
                let Some(path) = self.paths.get(self.next) else { return Ok(None) };
                let reader =
                    LineReader::new(BufReader::with_capacity(BUFFER_BYTES, open(path)?)).limited(self.limit);
                self.current = Some((self.next, reader));
                self.next += 1;
            }
            let Some((index, reader)) = &mut self.current else { return Ok(None) };
            let index = *index;
            let failed = |why| FileError { path: self.paths.get(index).cloned().unwrap_or_default(), why };
            if !reader.advance(long).map_err(failed)? {
                self.current = None;
                continue;
            }
            break;
        }
        Ok(self.current.as_ref().map(|(index, reader)| {
            let (number, line) = reader.current();
            (*index, number, line)
        }))
    }

    /// The path of a file of the stream.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.paths.get(index).map(PathBuf::as_path)
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    let failed = |why| FileError { path: path.to_path_buf(), why };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        let why = io::Error::new(io::ErrorKind::IsADirectory, "it is a directory; name the files in it");
        return Err(failed(why));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(bytes: &[u8], capacity: usize) -> Vec<String> {
        let mut reader = LineReader::new(BufReader::with_capacity(capacity, bytes));
        let mut lines = Vec::new();
        while let Some((number, line)) = reader.next_line().unwrap() {
            lines.push(match line {
                Line::Bytes(bytes) => format!("{number}:{}", String::from_utf8_lossy(bytes)),
                Line::TooLong(bytes) => format!("{number}:too long, {}", bytes.len()),
            });
        }
        lines
    }

    #[test]
    fn lines_are_split_and_blank_ones_skipped() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["1:a"]),
            ("a\nb\n", vec!["1:a", "2:b"]),
            ("a\r\nb\r\n", vec!["1:a\r", "2:b\r"]),
            ("\n\na\n \t\r\n\nb", vec!["3:a", "6:b"]),
            ("\n", vec![]),
            ("\r\n \n\r", vec![]),
        ] {
            for capacity in [1, 2, 3, 1000] {
                assert_eq!(lines(text.as_bytes(), capacity), expected, "{text:?} by {capacity}");
            }
        }
    }

    #[test]
    fn a_line_too_long_is_one_line_and_the_next_is_whole() {
        let mut text = vec![b'x'; LINE_BYTES];
        text.extend(b"\r\n");
        text.extend(vec![b'y'; LINE_BYTES + 1]);
        text.extend(b"\nz\n");
        text.extend(vec![b'w'; 3 * LINE_BYTES]);
        let lines = lines(&text, 64 * 1024);
        assert_eq!(lines[0].len(), LINE_BYTES + 3);
        let long = format!("too long, {}", LINE_BYTES + 1);
        assert_eq!(&lines[1..], [format!("2:{long}"), "3:z".into(), format!("4:{long}")]);
    }

    #[test]
    fn the_limit_can_be_set() {
        for (text, expected) in [
            ("12345", false),
            ("123456", true),
            ("12345\r", false),
            ("123456\r", true),
            ("1234567", true),
            ("12345678901234567890", true),
        ] {
            for (end, capacity) in [("", 1), ("\n", 1), ("\n", 3), ("", 100), ("\nnext\n", 100)] {
                let text_and_end = format!("{text}{end}");
                let input = BufReader::with_capacity(capacity, text_and_end.as_bytes());
                let (mut whole, mut reader) = (Vec::new(), LineReader::new(input).limited(5));
                let line = reader.next_line_whole(&mut |piece| whole.extend_from_slice(piece)).unwrap();
                let too_long = matches!(line, Some((1, Line::TooLong(_))));
                assert_eq!(too_long, expected, "{text_and_end:?} by {capacity}");
                assert_eq!(
                    whole,
                    if expected { text.as_bytes() } else { b"" },
                    "{text_and_end:?} by {capacity}"
                );
            }
        }
    }

    #[test]
    fn files_follow_each_other_and_bad_names_are_all_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let path = dir.path().join(name);
            File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            path
        };
        let paths = vec![path("one", "a\nb"), path("empty", ""), path("two", "\nc\n")];
        let mut files = Files::open(paths).unwrap();
        let mut seen = Vec::new();
        while let Some((file, number, line)) = files.next_line().unwrap() {
            let Line::Bytes(bytes) = line else { panic!() };
            seen.push(format!("{file}:{number}:{}", String::from_utf8_lossy(bytes)));
        }
        assert_eq!(seen, ["0:1:a", "0:2:b", "2:2:c"]);
        assert!(files.path(2).unwrap().ends_with("two"));

        let errors = Files::open(vec![dir.path().to_path_buf(), dir.path().join("missing")]).err().unwrap();
        assert!(errors[0].to_string().ends_with("it is a directory; name the files in it"), "{}", errors[0]);
        assert!(errors[1].to_string().contains("No such file"), "{}", errors[1]);
    }
}
