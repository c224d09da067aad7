//! Everything that leaves by stdout or `--out`: records as JSON lines, and the summary.

pub mod json;
pub mod paragraph;
pub mod progress;
pub mod settled;
pub mod summary;
pub mod table;
pub mod totals;
pub mod words;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::Error;

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

/// Prints a text on stdout.
///
/// # Errors
/// Nobody reads, or the disk is full.
pub fn print(text: &str) -> Result<(), Error> {
    print_bytes(text.as_bytes())
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

/// A line for people on stderr. That nobody sees it is no failure.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
