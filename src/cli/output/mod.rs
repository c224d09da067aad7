//! Everything that leaves by stdout or `--out`: records as JSON lines, and the summary.

pub mod json;
pub mod paragraph;
pub mod progress;
pub mod settled;
pub mod summary;
pub mod table;
pub mod totals;
pub mod words;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::Error;
use crate::model::{SafeJson, SafeText};

/// Where output goes.
pub enum Sink {
    /// Stdout.
    Stdout(BufWriter<io::Stdout>),
    /// The file of `--out`.
    File(BufWriter<File>),
}

impl Sink {
    /// The file, or stdout without one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(out: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = out else { return Ok(Sink::Stdout(BufWriter::new(io::stdout()))) };
        match File::create(path) {
            Ok(file) => Ok(Sink::File(BufWriter::new(file))),
            Err(error) => {
                let error = Error::failed(format!("cannot write {}", path.display())).because(error);
                Err(error.hint("--out takes a file in a folder that exists"))
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(out) => out.write(bytes),
            Sink::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(out) => out.flush(),
            Sink::File(out) => out.flush(),
        }
    }
}

/// Prints a text on stdout: lines for people, or JSON, each as safe text (C32).
///
/// # Errors
/// Nobody reads, or the disk is full.
pub fn print(text: &str) -> Result<(), Error> {
    print_bytes(safe(text).as_bytes())
}

/// Lines with nothing in them that steers a terminal. JSON keeps its meaning.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let json = line.starts_with('{') && line.ends_with('}');
        // Writing to a `String` cannot fail.
        let _ = match json {
            true => write!(out, "{}{end}", SafeJson(line)),
            false => write!(out, "{}{end}", SafeText(line)),
        };
    }
    out
}

/// Prints bytes on stdout.
///
/// # Errors
/// As [`print`].
pub fn print_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut out = Sink::open(None)?;
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// A line for people on stderr, as safe text. That nobody sees it is no failure.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", safe(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_nothing_that_is_printed_steers_a_terminal() {
        let hostile = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{200b}\r\u{7f}";
        let json = serde_json::json!({ "text": hostile }).to_string();
        let printed = safe(&format!("a {hostile}\n{json}\n{{{hostile}}}\nend"));
        let lines: Vec<&str> = printed.split('\n').collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| SafeText(line).to_string() == *line), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(lines[1]).unwrap()["text"], hostile);
        assert_eq!(safe("plain\n"), "plain\n");
    }
}
