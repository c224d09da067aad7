//! Whole texts that are looked up by a whole value, letter case ignored. Most values are told from all of
//! them by their length and three of their bytes.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::pattern::fold_into;

/// Texts in lower case, each with what it leads to.
#[derive(Debug)]
pub struct Ends<T> {
    texts: HashMap<Box<str>, T, FixedState>,
    /// Bytes of the longest.
    longest: usize,
    /// A bit for each [`outline`] that one of them has.
    outlines: [u64; 16],
}

impl<T> Ends<T> {
    /// Of these.
    pub fn new(texts: impl IntoIterator<Item = (Box<str>, T)>) -> Ends<T> {
        let texts: HashMap<Box<str>, T, FixedState> = texts.into_iter().collect();
        let longest = texts.keys().map(|text| text.len()).max().unwrap_or_default();
        let mut outlines = [0; 16];
        for text in texts.keys() {
            let (word, bit) = outline(text.as_bytes());
            if let Some(word) = outlines.get_mut(word) {
                *word |= bit;
            }
        }
        Ends { texts, longest, outlines }
    }

    /// What the text leads to that the value is.
    #[inline]
    pub fn get(&self, value: &str, folded: &mut String) -> Option<&T> {
        // No character has a lower case of less than a third of its bytes.
        if value.len() / 3 > self.longest {
            return None;
        }
        let (word, bit) = outline(value.as_bytes());
        let known = self.outlines.get(word).is_some_and(|word| word & bit != 0);
        // Beyond ASCII a character may have a lower case of another length.
        if !known && value.is_ascii() {
            return None;
        }
        self.texts.get(fold_into(value, folded))
    }

    /// What they lead to.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.texts.values()
    }
}

/// A place among 1,024 that a text of ASCII has whatever its letter case.
#[inline(always)]
fn outline(text: &[u8]) -> (usize, u64) {
    let at = |index: usize| u32::from(text.get(index).copied().unwrap_or_default() | 0x20);
    let len = text.len();
    let word = at(0) | at(len / 2) << 8 | at(len.wrapping_sub(1)) << 16 | (len as u32) << 24;
    let hash = word.wrapping_mul(0x9e37_79b1) >> 22;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pattern::fold;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_leads_where_its_lower_case_does(
            texts in proptest::collection::btree_set("[abk@é]{0,4}", 0..40),
            value in "[aAbBkK@`éÉ\u{212a}\u{130}]{0,4}",
        ) {
            let ends = Ends::new(texts.iter().map(|text| (text.as_str().into(), text.clone())));
            let folded = fold(&value, false, false);
            prop_assert_eq!(ends.get(&value, &mut String::new()), texts.get(&*folded));
        }
    }
}
