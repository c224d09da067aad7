//! Many texts in little room: one piece of memory, and a table that is looked up by hash and compares the
//! whole text. A text that is a hash in hexadecimal takes half its length.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// The shortest text of hexadecimal digits that is packed.
const SHORTEST_HEX: usize = 32;
const PLAIN: u8 = 0;
const HEX: u8 = 1;

/// A set of texts.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    arena: Vec<u8>,
    /// Where each text ends.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: FixedState,
    /// The lengths of the texts in bytes, ascending, each once.
    lengths: Vec<u32>,
}

/// Writes the form in which a text is kept: one form for each text.
fn pack(text: &str, key: &mut Vec<u8>) {
    key.clear();
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() >= SHORTEST_HEX && text.len().is_multiple_of(2) {
        key.push(HEX);
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
        if bytes.clone().all(|byte| byte.is_some()) {
            key.extend(bytes.flatten());
            return;
        }
        key.clear();
    }
    key.push(PLAIN);
    key.extend_from_slice(text.as_bytes());
}

impl Texts {
    /// Takes a text in; false if it is there already. There is room for 4 GiB.
    pub fn insert(&mut self, text: &str, buffer: &mut Vec<u8>) -> bool {
        pack(text, buffer);
        let Ok(end) = u32::try_from(self.arena.len() + buffer.len()) else { return false };
        let hash = self.hasher.hash_one(buffer.as_slice());
        if self.position(hash, buffer).is_some() {
            return false;
        }
        self.arena.extend_from_slice(buffer);
        self.ends.push(end);
        let (arena, ends, hasher) = (&self.arena, &self.ends, &self.hasher);
        let hash_of = |number: &u32| hasher.hash_one(slice(arena, ends, *number));
        self.table.insert_unique(hash, ends.len() as u32 - 1, hash_of);
        let length = text.len() as u32;
        if let Err(place) = self.lengths.binary_search(&length) {
            self.lengths.insert(place, length);
        }
        true
    }

    /// Gives back what it does not need: nothing more comes.
    pub fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.ends.shrink_to_fit();
        let (arena, ends, hasher) = (&self.arena, &self.ends, &self.hasher);
        self.table.shrink_to_fit(|number| hasher.hash_one(slice(arena, ends, *number)));
    }

    fn position(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let same = |number: &u32| slice(&self.arena, &self.ends, *number) == key;
        self.table.find(hash, same).copied()
    }

    /// Whether the text is there.
    pub fn has(&self, text: &str, buffer: &mut Vec<u8>) -> bool {
        if self.lengths.binary_search(&(text.len() as u32)).is_err() {
            return false;
        }
        pack(text, buffer);
        self.position(self.hasher.hash_one(buffer.as_slice()), buffer).is_some()
    }

    /// The lengths that texts have, in bytes, ascending.
    pub fn lengths(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.lengths.iter().map(|length| *length as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// What they take in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.arena.capacity() + self.ends.capacity() * size_of::<u32>() + self.table.allocation_size()
    }
}

/// The bytes of one text.
fn slice<'a>(arena: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or_default();
    let end = ends.get(number).copied().unwrap_or_default();
    arena.get(start as usize..end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Short texts, and such that are packed or nearly so: none is taken for another one.
        #[test]
        fn it_is_the_set_that_was_put_in(
            texts in proptest::collection::vec("[0ab]{0,3}|[0-9a-f]{31,33}|[0-9a-g]{64}|é{16}", 0..60),
            others in proptest::collection::vec("[0ab]{0,3}|[0-9a-f]{32}|é{16}", 0..60),
        ) {
            let (mut set, mut buffer) = (Texts::default(), Vec::new());
            let naive: std::collections::BTreeSet<&String> = texts.iter().collect();
            for text in &texts {
                set.insert(text, &mut buffer);
            }
            set.shrink();
            prop_assert_eq!(set.len(), naive.len());
            for text in texts.iter().chain(&others) {
                prop_assert_eq!(set.has(text, &mut buffer), naive.contains(text), "{}", text);
            }
        }
    }
}
