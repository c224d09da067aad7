//! What a program said: the head and the tail of it.

use std::collections::VecDeque;

use crate::model::{Map, SafeText, Value};

/// Bytes of each stream that are kept, in all (C33).
pub const KEPT: usize = 64 * 1024;
const HALF: usize = KEPT / 2;
/// Characters of its last words that are shown.
const LAST_WORDS: usize = 300;

/// One stream of a program.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cut: u64,
}

impl Kept {
    /// Takes more of it.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        let room = HALF - self.head.len();
        if room > 0 {
            let (head, rest) = bytes.split_at(room.min(bytes.len()));
            self.head.extend_from_slice(head);
            bytes = rest;
        }
        // What cannot stay in the tail is not even put there.
        let skipped = bytes.len().saturating_sub(HALF);
        self.tail.extend(&bytes[skipped..]);
        let over = self.tail.len().saturating_sub(HALF);
        self.tail.drain(..over);
        self.cut += (skipped + over) as u64;
    }

    /// Bytes that were not kept.
    #[cfg(test)]
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    /// As text; a line says where how many bytes are missing.
    pub(super) fn text(&self) -> String {
        let (first, second) = self.tail.as_slices();
        if self.cut == 0 {
            return String::from_utf8_lossy(&[&self.head, first, second].concat()).into_owned();
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), [first, second].concat());
        format!("{head}\n[{} bytes were cut here]\n{}", self.cut, String::from_utf8_lossy(&tail))
    }

    /// The output of a step: the JSON object that was printed, or the text under `stdout`.
    pub(super) fn into_output(self) -> Map {
        if self.cut == 0
            && let Ok(Value::Object(object)) = serde_json::from_str(&self.text())
        {
            return object;
        }
        let text = self.text();
        if text.trim().is_empty() {
            return Map::new();
        }
        Map::from_iter([("stdout".to_owned(), Value::from(text))])
    }

    /// The last line that says something, for people.
    pub(super) fn last_words(&self) -> Option<String> {
        let text = self.text();
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(SafeText(line).cut(LAST_WORDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn kept(bytes: &[u8]) -> Kept {
        let mut kept = Kept::default();
        bytes.chunks(8_191).for_each(|chunk| kept.add(chunk));
        kept
    }

    #[test]
    fn c33_head_and_tail_are_kept_and_the_rest_is_counted() {
        let long: Vec<u8> = (0..300_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let kept = kept(&long);
        let text = kept.text();
        assert_eq!(kept.cut(), (long.len() - KEPT) as u64);
        assert!(text.starts_with("0\n1\n2\n") && text.ends_with("299998\n299999\n"));
        assert!(text.contains(&format!("\n[{} bytes were cut here]\n", long.len() - KEPT)));
        assert!(text.len() < KEPT + 100);
        assert_eq!(kept.last_words().as_deref(), Some("299999"));
    }

    #[test]
    fn what_a_program_prints_becomes_the_output() {
        let cases: [(&[u8], Value); 9] = [
            (b"", json!({})),
            (b" \n\n", json!({})),
            (b"{\"id\": 7}\n", json!({"id": 7})),
            (b"done\n", json!({"stdout": "done\n"})),
            (b"[1]", json!({"stdout": "[1]"})),
            (b"{\"a\":1}{\"b\":2}", json!({"stdout": "{\"a\":1}{\"b\":2}"})),
            (b"{\"a\":", json!({"stdout": "{\"a\":"})),
            (b"a\0b\x1b[2J", json!({"stdout": "a\0b\u{1b}[2J"})),
            (b"\xff\xfe", json!({"stdout": "\u{fffd}\u{fffd}"})),
        ];
        for (bytes, want) in cases {
            assert_eq!(Value::Object(kept(bytes).into_output()), want, "{bytes:?}");
        }
        let mut long = b"{\"a\":\"".to_vec();
        long.resize(KEPT, b'x');
        long.extend(b"\"}");
        assert!(kept(&long).into_output().contains_key("stdout"), "an object that was cut is none");
    }

    #[test]
    fn the_last_words_are_one_bounded_clean_line() {
        assert_eq!(kept(b"one\ntwo \x1b[2J\n \n").last_words().as_deref(), Some("two \\x1b[2J"));
        assert_eq!(kept(b" \n").last_words(), None);
        let long = kept(&[b'x'; 5_000]).last_words().unwrap();
        assert_eq!(long.chars().count(), LAST_WORDS + 1);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_invented(chunks in proptest::collection::vec(0..40_000_usize, 0..8)) {
            let all: Vec<u8> = (0..chunks.iter().sum::<usize>()).map(|n| b'a' + (n % 23) as u8).collect();
            let (mut kept, mut rest) = (Kept::default(), &all[..]);
            for size in chunks {
                let (chunk, after) = rest.split_at(size);
                kept.add(chunk);
                rest = after;
            }
            prop_assert_eq!(kept.cut() as usize, all.len().saturating_sub(KEPT));
            let tail: Vec<u8> = kept.tail.iter().copied().collect();
            prop_assert!(all.starts_with(&kept.head) && all.ends_with(&tail));
            prop_assert_eq!(kept.head.len() + tail.len(), all.len().min(KEPT));
        }
    }
}
