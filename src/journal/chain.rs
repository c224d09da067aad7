//! The hash of each record over itself and the one before: a change anywhere shows from there on (C7, C24).
//!
//! SHA-256 over the hash of the record before (32 zero bytes for the first), its number and its codec
//! (each 8 bytes, little endian), and its body. This tells tampering from truth only for who kept a
//! hash elsewhere: who may write the journal and the anchor may also write both anew.

use sha2::{Digest as _, Sha256};

use crate::model::{Digest, Seq};

/// What the first record follows.
pub const START: Digest = Digest([0; 32]);

/// The hash of a record that follows one with the hash `before`.
pub fn link(before: &Digest, seq: Seq, codec: i64, body: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(before.0);
    hash.update(seq.to_le_bytes());
    hash.update(codec.to_le_bytes());
    hash.update(body);
    Digest(hash.finalize().into())
}

/// Checks one record after the other.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    head: Digest,
}

impl Chain {
    /// After a record with this hash.
    pub fn after(head: Digest) -> Self {
        Chain { head }
    }

    /// The hash of the last record.
    pub fn head(&self) -> Digest {
        self.head
    }

    /// Takes the next record. One without a hash is older than the chain, which it may be only as long
    /// as no record had one.
    ///
    /// # Errors
    /// It is not what it was when it was written, or not where it was.
    pub fn take(
        &mut self,
        seq: Seq,
        codec: i64,
        body: &[u8],
        stored: Option<Digest>,
    ) -> Result<(), &'static str> {
        match stored {
            None if self.head == START => Ok(()),
            None => Err("it has no hash, and those before it have one"),
            Some(stored) => {
                let head = link(&self.head, seq, codec, body);
                if head != stored {
                    return Err("it does not match its hash: it, or the one before it, was changed");
                }
                self.head = head;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_record_counts() {
        let first = link(&START, 1, 1, b"one");
        for other in [
            link(&first, 1, 1, b"one"),
            link(&START, 2, 1, b"one"),
            link(&START, 1, 2, b"one"),
            link(&START, 1, 1, b"two"),
        ] {
            assert_ne!(first, other);
        }
    }

    /// As sha256sum has it, of 32 zero bytes, 1 and 1 in 8 bytes each, and `one`.
    #[test]
    fn it_is_what_other_tools_compute() {
        let expected = "2ddf7a5cd98a1a6e6486a5aff9cf1b1092845cdd20447080da70ce7b632b8749";
        assert_eq!(link(&START, 1, 1, b"one").to_string(), expected);
    }

    #[test]
    fn a_changed_a_moved_and_a_stripped_record_show() {
        let one = link(&START, 1, 1, b"one");
        let two = link(&one, 2, 1, b"two");
        let mut chain = Chain::after(START);
        assert_eq!(chain.take(1, 1, b"one", Some(one)), Ok(()));
        for (seq, body, stored) in [(2, "TWO", Some(two)), (3, "two", Some(two)), (2, "two", None)] {
            assert!(chain.clone().take(seq, 1, body.as_bytes(), stored).is_err(), "{seq} {body}");
        }
        assert_eq!(chain.take(2, 1, b"two", Some(two)), Ok(()));
        assert_eq!(chain.head(), two);
    }

    #[test]
    fn records_from_before_the_chain_are_taken_as_they_are() {
        let mut chain = Chain::after(START);
        assert_eq!(chain.take(1, 1, b"one", None), Ok(()));
        let two = link(&START, 2, 1, b"two");
        assert_eq!(chain.take(2, 1, b"two", Some(two)), Ok(()));
        assert!(chain.take(3, 1, b"three", None).is_err());
    }
}
