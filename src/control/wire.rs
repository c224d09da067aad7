//! Frames over a stream, each within its time: a peer that sends or takes half of one is given up.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::codec::{FrameError, Frames};
use crate::runtime::clock::instant;

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// Why nothing more is read or written.
#[derive(Debug)]
pub enum WireError {
    /// The other end is gone.
    Closed,
    /// Nothing came for too long.
    Idle,
    /// A frame was not whole, or not taken, in time.
    Slow,
    /// It sends what is no frame.
    Frame(FrameError),
    /// The system refused.
    Io(io::Error),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Closed => f.write_str("the connection has ended"),
            WireError::Idle => f.write_str("nothing came in time"),
            WireError::Slow => f.write_str("a frame was not done in time"),
            WireError::Frame(error) => error.fmt(f),
            WireError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WireError {}

impl From<FrameError> for WireError {
    fn from(error: FrameError) -> Self {
        WireError::Frame(error)
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::*;
        match error.kind() {
            UnexpectedEof | BrokenPipe | ConnectionReset | ConnectionAborted | NotConnected => {
                WireError::Closed
            }
            _ => WireError::Io(error),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What is left until `until`, as sockets take it: never zero.
fn left(until: Instant) -> Option<Duration> {
    let left = until.saturating_duration_since(instant());
    (!left.is_zero()).then(|| left.max(Duration::from_millis(1)))
}

/// The reading side of a connection.
#[derive(Debug)]
pub struct Incoming {
    stream: UnixStream,
    frames: Frames,
}

impl Incoming {
    /// Frames of at most `limit` bytes.
    pub fn new(stream: UnixStream, limit: usize) -> Self {
        Incoming { stream, frames: Frames::new(limit) }
    }

    /// The next frame: its first byte within `idle`, the rest within `whole` after that.
    ///
    /// # Errors
    /// What [`WireError`] says. After [`WireError::Idle`] one may go on, else not.
    pub fn next_frame(&mut self, idle: Duration, whole: Duration) -> Result<Vec<u8>, WireError> {
        let mut chunk = [0; CHUNK];
        let mut until = instant() + if self.frames.is_empty() { idle } else { whole };
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(frame);
            }
            let late = if self.frames.is_empty() { WireError::Idle } else { WireError::Slow };
            let Some(patience) = left(until) else { return Err(late) };
            self.stream.set_read_timeout(Some(patience))?;
            let begun = !self.frames.is_empty();
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(WireError::Closed),
                Ok(n) => self.frames.push(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted || is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
            if !begun && !self.frames.is_empty() {
                until = instant() + whole;
            }
        }
    }
}

/// Writes a frame within `within`.
///
/// # Errors
/// The other end is gone, or does not take it in time: nothing more can be written.
pub fn send(mut stream: &UnixStream, frame: &[u8], within: Duration) -> Result<(), WireError> {
    let until = instant() + within;
    let mut rest = frame;
    while !rest.is_empty() {
        let Some(patience) = left(until) else { return Err(WireError::Slow) };
        stream.set_write_timeout(Some(patience))?;
        match stream.write(rest) {
            Ok(0) => return Err(WireError::Closed),
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted || is_timeout(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
