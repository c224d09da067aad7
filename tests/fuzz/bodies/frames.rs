//! The control socket: bytes in any pieces are the same frames, a frame has a limit, and a message is what
//! it was when it is sent on.

use quell::control::codec::{FrameError, Frames, REPLY_BYTES, decode, encode};
use quell::control::message::{ToClient, ToServer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bytes::Bytes;

pub fn run(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    if bytes.rarely(2) {
        // The bytes are one message, without its length.
        message(bytes.0);
        return;
    }
    let limit = 1 << bytes.below(17);
    let sizes = [1 + bytes.below(256), 1 + bytes.below(256), 1 + bytes.below(256)];
    let whole = cut([bytes.0].into_iter(), limit);
    let mut rest = bytes.0;
    let pieces = sizes.into_iter().cycle().map_while(|size| {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(cut(pieces, limit), whole);
    for frame in &whole.0 {
        assert!(!frame.is_empty() && frame.len() <= limit);
        message(frame);
    }
}

/// The frames in pieces of bytes, and the error after them.
fn cut<'a>(pieces: impl Iterator<Item = &'a [u8]>, limit: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let (mut frames, mut found) = (Frames::new(limit), vec![]);
    for piece in pieces {
        frames.push(piece);
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn message(frame: &[u8]) {
    same_again::<ToServer>(frame);
    same_again::<ToClient>(frame);
}

/// Compared as text: not every message can be compared by itself.
fn same_again<T: Serialize + DeserializeOwned>(frame: &[u8]) {
    let Ok(message) = decode::<T>(frame) else { return };
    let sent = encode(&message, REPLY_BYTES).expect("what was read can be sent");
    let mut frames = Frames::new(REPLY_BYTES);
    frames.push(&sent);
    let body = frames.next_frame().expect("a frame").expect("a whole one");
    assert!(frames.is_empty());
    let again = decode::<T>(&body).expect("what was sent can be read");
    assert_eq!(encode(&again, REPLY_BYTES), Ok(sent));
}
