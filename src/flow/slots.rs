//! A map from sequential numbers to values: a deque and the number of its first slot. Ordered,
//! and half the work of a tree.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values under numbers that are handed out in order and mostly leave in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Slots<T> {
    base: u64,
    slots: VecDeque<Option<T>>,
    filled: usize,
}

impl<T> Slots<T> {
    /// Empty; the first number is `base`.
    pub fn starting_at(base: u64) -> Self {
        Slots { base, slots: VecDeque::new(), filled: 0 }
    }

    /// The number that the next [`Slots::push`] gets.
    pub fn next(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    /// Stores a value under the next number.
    pub fn push(&mut self, value: T) -> u64 {
        let number = self.next();
        self.slots.push_back(Some(value));
        self.filled += 1;
        number
    }

    fn slot(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.base).and_then(|i| usize::try_from(i).ok())
    }

    /// The value under a number.
    pub fn get(&self, number: u64) -> Option<&T> {
        self.slots.get(self.slot(number)?)?.as_ref()
    }

    /// The value under a number, to change.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let i = self.slot(number)?;
        self.slots.get_mut(i)?.as_mut()
    }

    /// Takes a value out.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let i = self.slot(number)?;
        let value = self.slots.get_mut(i)?.take()?;
        self.filled -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.base += 1;
        }
        Some(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Every value, in order of number; from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.slots.iter().flatten()
    }
}

/// Stored as its first number and its slots.
impl<T: Serialize> Serialize for Slots<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.base, &self.slots).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slots<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (base, slots) = <(u64, VecDeque<Option<T>>)>::deserialize(deserializer)?;
        let filled = slots.iter().flatten().count();
        Ok(Slots { base, slots, filled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_reused() {
        let mut slots = Slots::starting_at(1);
        assert_eq!((slots.push('a'), slots.push('b'), slots.push('c')), (1, 2, 3));
        assert_eq!(slots.remove(2), Some('b'));
        assert_eq!(slots.remove(2), None);
        assert_eq!(slots.remove(1), Some('a'));
        assert_eq!((slots.get(3), slots.get(1), slots.get(99)), (Some(&'c'), None, None));
        assert_eq!(slots.remove(3), Some('c'));
        assert!(slots.is_empty());
        assert_eq!(slots.push('d'), 4);
        assert_eq!(slots.iter().collect::<String>(), "d");
    }
}
