//! One kind of error for every verb: what failed, why, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use super::output::tell;
use crate::journal::{FolderError, JournalError};
use crate::model::Mistake;
use crate::runtime::start::StartError;
use crate::runtime::virtual_time::RunError;

/// What kind of failure it is: decides the exit code (S12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// quell failed: a source, a journal, the system.
    Failed,
    /// What was asked or set up is wrong.
    Usage,
    /// The reader of the output is gone.
    Unread,
}

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            // As shells show a program that ended because nobody reads it: 128 + SIGPIPE.
            Kind::Unread => 141,
        }
    }
}

/// An error of a verb.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    what: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
}

impl Error {
    /// quell failed.
    pub fn failed(what: impl Into<String>) -> Self {
        Error { kind: Kind::Failed, what: what.into(), source: None, hints: Vec::new() }
    }

    /// What was asked or set up is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Error { kind: Kind::Usage, ..Error::failed(what) }
    }

    /// Why.
    pub fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The mistakes of a setup.
    pub fn mistakes(setup: &str, mistakes: &[Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let count = match mistakes.len() {
            1 => "1 mistake".to_owned(),
            n => format!("{n} mistakes"),
        };
        Error::usage(format!("the setup {setup} has {count}\n{}", lines.join("\n")))
            .hint("`quell check DIR` looks at a setup without running it")
    }

    /// Says it on stderr, once, and gives the exit code. A reader that is gone needs no words.
    pub fn report(&self) -> ExitCode {
        if self.kind != Kind::Unread {
            tell(&self.to_string());
        }
        ExitCode::from(self.kind.code())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quell: {}", self.what)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

impl StdError for Error {}

impl From<FolderError> for Error {
    fn from(error: FolderError) -> Self {
        let hint = match &error {
            FolderError::NotAFolder(_) => "give a folder with --state, or one that does not exist yet",
            FolderError::InUse { .. } => "wait until it ends, or give another folder with --state",
            FolderError::Io { .. } => "the folder must be readable and writable, and its disk not full",
        };
        // The message has its cause already: a folder error is shown in one piece.
        Error::failed(error.to_string()).hint(hint)
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        let failed = Error::failed(error.to_string());
        match error {
            JournalError::Kind { .. } => failed.hint("give another folder with --state"),
            JournalError::Damaged { .. } => {
                failed.hint("nothing is guessed: keep a copy of the folder, and start in another one")
            }
            JournalError::NotAJournal { .. } => failed.hint("give another folder with --state"),
            _ => failed,
        }
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Journal(error) => error.into(),
            other => Error::failed(other.to_string()).hint("give another folder with --state"),
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Journal(error) => error.into(),
            other => Error::failed(other.to_string()),
        }
    }
}

/// A failed write to stdout or `--out`.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Error { kind: Kind::Unread, ..Error::failed("nobody reads") },
            _ => Error::failed("cannot write the output").because(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_its_hints() {
        let cause = std::io::Error::other("no space left");
        let error = Error::failed("cannot write").because(cause).hint("make room");
        assert_eq!(error.to_string(), "quell: cannot write: no space left\n  hint: make room");
    }

    #[test]
    fn kinds_have_codes() {
        let pipe: Error = std::io::Error::from(std::io::ErrorKind::BrokenPipe).into();
        assert_eq!(pipe.kind.code(), 141);
        assert_eq!((Error::failed("").kind.code(), Error::usage("").kind.code()), (1, 2));
    }
}
