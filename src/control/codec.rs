//! Frames: four bytes of length, big-endian, then as many bytes of JSON. Pure.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest frame from a client.
pub const REQUEST_BYTES: usize = 256 * 1024;
/// The longest frame to a client.
pub const REPLY_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of the length in front.
const HEAD: usize = 4;

/// Why bytes are no frame, or a message does not become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// A frame has at least one byte.
    Empty,
    /// It is longer than the limit.
    TooLong {
        /// Bytes that it has, or says to have.
        bytes: u64,
        /// Bytes that it may have.
        limit: usize,
    },
    /// It is not the JSON of a message.
    Json(String),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Empty => f.write_str("an empty frame"),
            FrameError::TooLong { bytes, limit } => {
                write!(f, "a frame of {bytes} bytes; at most {limit} are taken")
            }
            FrameError::Json(why) => write!(f, "a frame that cannot be read: {why}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// A message as a frame.
///
/// # Errors
/// It is longer than `limit`.
pub fn encode(message: &impl Serialize, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; HEAD];
    serde_json::to_writer(&mut frame, message).map_err(|error| FrameError::Json(error.to_string()))?;
    let bytes = frame.len() - HEAD;
    match u32::try_from(bytes) {
        Ok(length) if bytes <= limit => {
            frame[..HEAD].copy_from_slice(&length.to_be_bytes());
            Ok(frame)
        }
        _ => Err(FrameError::TooLong { bytes: bytes as u64, limit }),
    }
}

/// The message in a frame's bytes.
///
/// # Errors
/// They are something else.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(bytes).map_err(|error| FrameError::Json(error.to_string()))
}

/// Cuts bytes as they arrive into frames. It never holds more than one frame and what came with it.
#[derive(Debug)]
pub struct Frames {
    bytes: Vec<u8>,
    limit: usize,
}

impl Frames {
    /// Frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Frames { bytes: Vec::new(), limit }
    }

    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    /// What comes next cannot be a frame. Nothing after it can be read.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(head) = self.bytes.first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head);
        if length == 0 {
            return Err(FrameError::Empty);
        }
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes > self.limit {
            return Err(FrameError::TooLong { bytes: u64::from(length), limit: self.limit });
        }
        if self.bytes.len() < HEAD + bytes {
            return Ok(None);
        }
        let rest = self.bytes.split_off(HEAD + bytes);
        let mut frame = std::mem::replace(&mut self.bytes, rest);
        frame.drain(..HEAD);
        Ok(Some(frame))
    }

    /// Whether nothing has arrived that is not a whole frame yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{Hello, ToClient, ToServer};
    use proptest::prelude::*;

    /// Frames, each as text, and the error after them.
    fn cut(pieces: &[&[u8]], limit: usize) -> (Vec<String>, Option<FrameError>) {
        let (mut frames, mut found) = (Frames::new(limit), vec![]);
        for piece in pieces {
            frames.push(piece);
            loop {
                match frames.next_frame() {
                    Ok(Some(frame)) => found.push(String::from_utf8_lossy(&frame).into_owned()),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    }

    /// Pieces as they arrive, the frames in them, and the error after those.
    type Case<'a> = (&'a [&'a [u8]], &'a [&'a str], Option<FrameError>);

    #[test]
    fn frames_are_cut_wherever_the_bytes_are_cut() {
        let too_long = |bytes| Some(FrameError::TooLong { bytes, limit: 8 });
        let cases: &[Case<'_>] = &[
            (&[], &[], None),
            (&[b"\0\0\0"], &[], None),
            (&[b"\0\0\0\x02ab"], &["ab"], None),
            (&[b"\0", b"\0\0\x02", b"a", b"b"], &["ab"], None),
            (&[b"\0\0\0\x02ab\0\0\0\x01c\0\0"], &["ab", "c"], None),
            (&[b"\0\0\0\x03ab"], &[], None),
            (&[b"\0\0\0\x08abcdefgh"], &["abcdefgh"], None),
            (&[b"\0\0\0\x09"], &[], too_long(9)),
            (&[b"\xff\xff\xff\xff"], &[], too_long(u64::from(u32::MAX))),
            (&[b"\0\0\0\x01a\0\0\0\0"], &["a"], Some(FrameError::Empty)),
            (&[b"GET / HTTP/1.1\r\n"], &[], too_long(0x4745_5420)),
        ];
        for (pieces, frames, error) in cases {
            let (found, wrong) = cut(pieces, 8);
            assert_eq!(
                (found.iter().map(String::as_str).collect::<Vec<_>>(), &wrong),
                (frames.to_vec(), error)
            );
        }
    }

    #[test]
    fn a_message_is_what_it_was() {
        let hello = ToServer::Hello(Hello { protocol: 1, version: "0.1.0".into(), kind: None });
        let frame = encode(&hello, 100).unwrap();
        assert_eq!(decode::<ToServer>(&frame[4..]).unwrap(), hello);
        assert!(matches!(encode(&hello, 10), Err(FrameError::TooLong { limit: 10, .. })));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let deep = "[".repeat(100_000);
        for text in
            ["", "{", "null", "{\"request\":{}}", "{\"hello\":{\"protocol\":-1}}", "{\"no\":1}", &deep]
        {
            assert!(matches!(decode::<ToServer>(text.as_bytes()), Err(FrameError::Json(_))), "{text:.40}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_an_error(bytes: Vec<u8>, cuts: Vec<u8>) {
            let (mut frames, mut rest) = (Frames::new(64), bytes.as_slice());
            for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                frames.push(piece);
                loop {
                    match frames.next_frame() {
                        Ok(Some(frame)) => {
                            prop_assert!(!frame.is_empty() && frame.len() <= 64);
                            let _ = decode::<ToServer>(&frame);
                            let _ = decode::<ToClient>(&frame);
                        }
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
                // Nothing is set aside for what a length only promises.
                prop_assert!(frames.bytes.capacity() <= 2 * bytes.len() + 16);
            }
        }

        #[test]
        fn frames_come_out_as_they_went_in(texts in prop::collection::vec("[a-z]{1,20}", 0..8), at in 0usize..200) {
            let all: Vec<u8> = texts.iter().flat_map(|text| encode(text, 64).unwrap()).collect();
            let (head, tail) = all.split_at(at.min(all.len()));
            let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
            prop_assert_eq!(cut(&[head, tail], 64), (quoted, None));
        }
    }
}
